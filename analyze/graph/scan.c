/*
 * The scan in parts, one a thread: sources are split by bytes, each part finds its own edges
 * (scan_part.c), and the parts' edges follow each other.
 *
 *	vertices  │ 0 │ roots │ objects … │ … objects … │ … objects │
 *	parts     │ 0                     │ 1           │ 2         │      edges: of 0, then of 1, then of 2
 *
 * A source is in one part with all of its words, so its edges, their order and their classes are those that
 * one thread finds; only where they begin is put right when the parts are joined. The join takes less than
 * a nanosecond an object.
 *
 * Limits: 2^32 − 2 vertices. One object is never split: where it is most of the heap, one thread has most of
 * the work.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/graph/parallel.h"
#include "analyze/graph/scan_part.h"
#include "base/big_array.h"

/* What scanning an object costs beside its bytes, in bytes. */
enum { OBJECT_COST = 32 };

struct scan_run {
	struct scan_input in;
	struct scan_part parts[PARALLEL_MAX];
	unsigned n_parts;
	struct offsets off;
};

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

/* Which words of objects are roots. */
static int find_rooted(struct scan_input *in)
{
	const struct roots *roots = in->roots;

	for (uint32_t r = 0; r < roots->list.n; r++) {
		const struct root *root = &roots->list.v[r];
		struct range at = {root->addr, root->addr + root->size};

		if (root->class != ROOT_REGISTER && root->size &&
		    index_find(in->index, root->addr) != OBJ_NONE && vec_push(&in->rooted, at) < 0)
			return -1;
	}
	if (in->rooted.n)
		qsort(in->rooted.v, in->rooted.n, sizeof(*in->rooted.v), by_start);
	return 0;
}

/* An empty heap has no span: nothing then passes the test. */
static struct range span_of(const struct index *index, const struct objects *objects)
{
	return objects_count(objects) ? index_span(index) : (struct range){UINT64_MAX, UINT64_MAX};
}

static uint64_t cost_of(const struct objects *o, obj_id i)
{
	return objects_size(o, i) + OBJECT_COST;
}

/* Divides the objects among at most n parts, none of which is empty but the only one. */
static void split(struct scan_run *run, unsigned n)
{
	const struct objects *o = run->in.objects;
	struct scan_part *part = run->parts;
	uint64_t total = 0, sum = 0;
	obj_id end = objects_count(o), i = 0;

	*part = (struct scan_part){.with_roots = true, .end = end};
	run->n_parts = 1;
	if (n <= 1)
		return;
	for (obj_id k = 0; k < end; k++)
		total += cost_of(o, k);
	for (unsigned k = 1; k < n; k++) {
		for (; i < end && sum < total / n * k; i++)
			sum += cost_of(o, i);
		if (i <= part->first || i >= end)
			continue;
		part->end = i;
		*++part = (struct scan_part){.first = i, .end = end};
		run->n_parts++;
	}
}

static int run_part(void *arg, unsigned i, struct err *err)
{
	struct scan_run *run = arg;

	return scan_part_run(&run->parts[i], &run->in, &run->off, err);
}

static void add_account(struct scan_account *to, const struct scan_account *a)
{
	to->words += a->words;
	to->dismissed += a->dismissed;
	to->missed += a->missed;
	to->duplicate += a->duplicate;
	to->followed += a->followed;
	to->absent_bytes += a->absent_bytes;
	for (size_t i = 0; i < N_EDGE_CLASSES; i++)
		to->by_class[i] += a->by_class[i];
}

/* Appends the part's edges to the graph's, which have room for them. */
static void append(struct graph *g, const struct scan_part *part, vertex_id first, vertex_id end)
{
	uint64_t base = g->n_edges;
	const struct graph of_part = {.out_class = part->out_class};

	memcpy(g->out + base, part->out, part->n_edges * sizeof(*g->out));
	for (uint64_t e = 0; e < part->n_edges; e++)
		graph_put_class(g->out_class, base + e, graph_class(&of_part, e));
	for (uint64_t v = first; v < end; v++)
		offsets_set(&g->out_off, v, offsets_at(&g->out_off, v) + base);
	g->n_edges += part->n_edges;
}

/* The first part's arrays become the graph's. */
static int join(struct scan_run *run, struct graph *g)
{
	uint64_t n = 0, first = graph_class_bytes(run->parts[0].n_edges), bytes;
	void *out, *class;

	for (unsigned i = 0; i < run->n_parts; i++)
		n += run->parts[i].n_edges;
	bytes = graph_class_bytes(n);
	out = realloc(run->parts[0].out, (n + 1) * sizeof(*g->out));
	if (out)
		run->parts[0].out = out;
	class = realloc(run->parts[0].out_class, bytes + 1);
	if (class)
		run->parts[0].out_class = class;
	if (!out || !class)
		return -1;
	g->out = out;
	g->out_class = class;
	g->n_edges = run->parts[0].n_edges;
	run->parts[0].out = NULL;
	run->parts[0].out_class = NULL;
	memset(g->out_class + first, 0, bytes - first);
	for (unsigned i = 1; i < run->n_parts; i++) {
		append(g, &run->parts[i], graph_object(g, run->parts[i].first),
		       graph_object(g, run->parts[i].end));
		scan_part_deinit(&run->parts[i]);
	}
	offsets_set(&g->out_off, graph_vertices(g), g->n_edges);
	return offsets_narrow(&g->out_off, (uint64_t)graph_vertices(g) + 1);
}

/* Every word that the dump has is an edge at most. */
static uint64_t most_edges(const struct space *space, const struct roots *roots)
{
	uint64_t words = 0;

	for (size_t i = 0; i < space->runs.n; i++)
		words += space->runs.v[i].size / 8;
	for (size_t i = 0; i < roots->list.n; i++)
		words += roots->list.v[i].size / 8;
	return words;
}

static int scan(struct scan_run *run, struct graph *g, struct scan_account *account,
		struct err *err)
{
	int rc;

	if (offsets_init(&run->off, (uint64_t)graph_vertices(g) + 1,
			 most_edges(run->in.space, run->in.roots), 0) < 0 ||
	    find_rooted(&run->in) < 0)
		return err_nomem(err);
	split(run,
	      run->in.options->threads < PARALLEL_MAX ? run->in.options->threads : PARALLEL_MAX);
	rc = parallel_run(run->n_parts, run_part, run, err);
	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < run->n_parts; i++)
		add_account(account, &run->parts[i].account);
	g->out_off = run->off;
	run->off = (struct offsets){0};
	return join(run, g) < 0 ? err_nomem(err) : 0;
}

int scan_graph(struct graph *g, struct scan_account *account, const struct space *space,
	       const struct objects *objects, const struct index *index, const struct roots *roots,
	       const struct scan_options *options, struct err *err)
{
	struct scan_run run = {.in = {.space = space,
				      .objects = objects,
				      .index = index,
				      .roots = roots,
				      .options = options,
				      .span = span_of(index, objects)}};
	uint64_t n = 1 + (uint64_t)roots->list.n + objects_count(objects);
	int rc;

	*g = (struct graph){0};
	*account = (struct scan_account){0};
	if (n >= VERTEX_NONE)
		return err_set(err, ERR_LIMIT, "more than 2^32 − 2 roots and objects");
	g->n_roots = (uint32_t)roots->list.n;
	g->n_objects = objects_count(objects);
	rc = scan(&run, g, account, err);
	for (unsigned i = 0; i < run.n_parts; i++)
		scan_part_deinit(&run.parts[i]);
	offsets_deinit(&run.off);
	vec_deinit(&run.in.rooted);
	if (rc < 0)
		graph_deinit(g);
	return rc;
}
