/*
 * SEMI-NCA (Georgiadis, Tarjan, Werneck, "Finding Dominators in Practice", JGAA 10(1), 2006; the
 * algorithm is from Georgiadis' thesis, 2005) over depth-first preorder numbers, 0 the super-root.
 *
 *	for w = n−1 … 1        semi[w] = min over predecessors v of w of
 *	                                 v              if v ≤ w
 *	                                 semi[label of v's path, compressed]   if v > w
 *	for w = 1 … n−1        idom[w] = the nearest ancestor of w in the tree so far that is ≤ semi[w]
 *
 * A vertex counts as linked once its number is above the one being worked on, so no link array is
 * needed. semi and label share their beginning (both i), idom starts as the depth-first parent, which
 * is a predecessor that needs no list: only edges beside the tree are in one.
 *
 * Invariants: semi[w] ≤ parent[w] < w; idom[w] ≤ semi[w]. All stacks are explicit arrays.
 *
 * Numbers, and edges in numbers, come from preorder.c. The sums are made in the result, by vertex: that is as
 * random as putting them there afterwards would be.
 *
 * Fresh memory costs as much as working with it, so arrays of the searches hand theirs on:
 *
 *	offsets of places → semi → idom by vertex                  place of a vertex → number ┐
 *	edges of places → label → jumps → dominated                parent → ancestors → depth ┴ retained
 *	vertex of a place → idom by number
 *
 * Peak: 20 bytes a vertex, 4 an edge and 12 for each edge beside the tree.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/graph/dominators.h"
#include "analyze/graph/preorder.h"
#include "base/big_array.h"

/* How many vertices ahead memory is asked for. */
enum { AHEAD = 16 };

/* Steps up the tree that a vertex may cost on average before jumps are made. */
enum { CLIMB_STEPS = 4 };

/* All by number. */
struct work {
	struct preorder p; /* owns most of what follows; parent becomes the ancestor forest */
	uint32_t n;
	struct offsets pred_off;
	uint32_t *pred;
	uint32_t *semi, *label, *idom;
	VEC(uint32_t) path;
};

/* The edges beside the tree, by target. */
static int make_predecessors(struct work *w)
{
	const struct preorder_edge *extra = w->p.extra.v;
	size_t n = w->p.extra.n;
	int rc = 0;

	if (n <= UINT32_MAX) {
		w->pred_off.narrow = w->p.number;
		memset(w->p.number, 0, ((size_t)w->n + 2) * sizeof(*w->p.number));
	} else {
		rc = offsets_init(&w->pred_off, (uint64_t)w->n + 2, n, 1);
	}
	w->pred = big_array(n, sizeof(*w->pred), 0);
	if (rc < 0 || !w->pred)
		return -1;
	/* counted two places up, so that filling leaves each offset where it belongs */
	for (size_t i = 0; i < n; i++)
		offsets_count(&w->pred_off, (uint64_t)extra[i].to + 2);
	offsets_sum(&w->pred_off, (uint64_t)w->n + 2);
	for (size_t i = 0; i < n; i++)
		w->pred[offsets_count(&w->pred_off, (uint64_t)extra[i].to + 1)] = extra[i].from;
	vec_deinit(&w->p.extra);
	return 0;
}

/* The vertex of smallest semi on v's path to the root of its linked tree, which is compressed. */
static uint32_t eval(struct work *w, uint32_t v, uint32_t last, int *rc)
{
	uint32_t *anc = w->p.parent, *label = w->label, *semi = w->semi;
	uint32_t top;

	w->path.n = 0;
	for (top = v; anc[top] > last; top = anc[top])
		if (vec_push(&w->path, top) < 0) {
			*rc = -1;
			return v;
		}
	while (w->path.n) {
		uint32_t y = w->path.v[--w->path.n];

		if (semi[label[top]] < semi[label[y]])
			label[y] = label[top];
		anc[y] = anc[top];
		top = y;
	}
	return label[v];
}

/* The arrays of preorder.c that they lie in are long enough. */
static void borrow(struct work *w)
{
	w->semi = w->p.off.narrow ? w->p.off.narrow : (uint32_t *)(void *)w->p.off.wide;
	w->label = w->p.to;
	w->idom = w->p.at;
}

static int find_semis(struct work *w)
{
	int rc = 0;

	borrow(w);
	for (uint32_t i = 0; i < w->n; i++) {
		w->semi[i] = w->label[i] = i;
		w->idom[i] = w->p.parent[i];
	}
	for (uint32_t i = w->n - 1; i > 0 && rc == 0; i--) {
		uint32_t best = w->idom[i];

		for (uint64_t k = offsets_at(&w->pred_off, i);
		     k < offsets_at(&w->pred_off, (uint64_t)i + 1); k++) {
			uint32_t v = w->pred[k];
			uint32_t c = v <= i ? v : w->semi[eval(w, v, i, &rc)];

			best = c < best ? c : best;
		}
		w->semi[i] = best;
	}
	return rc;
}

/*
 * The plain climb, as long as it stays cheap: it is, but for lists whose far end holds much that is
 * held elsewhere too, where it would be quadratic. Returns the first number not done.
 */
static uint32_t climb(struct work *w)
{
	uint64_t steps = (uint64_t)w->n * CLIMB_STEPS;

	for (uint32_t i = 1; i < w->n; i++) {
		uint32_t d = w->idom[i];

		for (; d > w->semi[i] && steps; steps--)
			d = w->idom[d];
		if (d > w->semi[i])
			return i;
		w->idom[i] = d;
	}
	return w->n;
}

/*
 * The rest in O(log n) each: every vertex gets a second way up that skips a number of generations
 * (Myers, "An applicative random-access stack", 1983). Ancestors' numbers fall, so a jump that lands
 * above semi has passed nothing. label and parent have served and lend their memory.
 */
static void climb_by_jumps(struct work *w, uint32_t from)
{
	uint32_t *jump = w->label, *depth = w->p.parent;

	jump[0] = depth[0] = 0;
	for (uint32_t i = 1; i < w->n; i++) {
		uint32_t d = w->idom[i], j;

		while (i >= from && d > w->semi[i])
			d = jump[d] > w->semi[i] ? jump[d] : w->idom[d];
		w->idom[i] = d;
		j = jump[d];
		depth[i] = depth[d] + 1;
		jump[i] = depth[d] - depth[j] == depth[j] - depth[jump[j]] ? jump[j] : d;
	}
}

/* Bytes that count as the object's own. */
static uint64_t size_of(const struct objects *objects, obj_id o)
{
	return objects_kind(objects, o) == OBJECT_MAPPING ? 0 : objects_size(objects, o);
}

/* Hands memory on to the result: for each vertex, nothing. */
static void begin_result(struct dominators *d, struct work *w, uint64_t n_vertices)
{
	d->n = w->n;
	d->idom = w->semi;
	d->dominated = w->label;
	d->retained = (uint64_t *)(void *)w->p.number;
	w->p.off = (struct offsets){0};
	w->p.to = w->p.number = NULL;
	memset(d->idom, 0xff, n_vertices * sizeof(*d->idom));
	memset(d->dominated, 0, n_vertices * sizeof(*d->dominated));
	memset(d->retained, 0, n_vertices * sizeof(*d->retained));
}

/* Children have higher numbers than their dominators, so one fold downwards does. */
static void sum_up(struct dominators *d, const struct work *w, const struct graph *g,
		   const struct objects *objects)
{
	const vertex_id *order = w->p.order;

	for (uint32_t i = w->n - 1; i > 0; i--) {
		vertex_id v = order[i], up = order[w->idom[i]],
			  ahead = order[i > AHEAD ? i - AHEAD : 0];
		obj_id o = graph_obj(g, v);

		__builtin_prefetch(&d->idom[ahead], 1);
		__builtin_prefetch(&d->retained[ahead], 1);
		__builtin_prefetch(&d->dominated[ahead], 1);
		if (graph_obj(g, ahead) != OBJ_NONE)
			objects_prefetch(objects, graph_obj(g, ahead));
		if (o != OBJ_NONE) {
			d->retained[v] += size_of(objects, o);
			d->dominated[v]++;
		}
		d->retained[up] += d->retained[v];
		d->dominated[up] += d->dominated[v];
		d->idom[v] = up;
	}
}

static void release(struct work *w)
{
	preorder_deinit(&w->p);
	free(w->pred_off.wide);
	free(w->pred);
	vec_deinit(&w->path);
}

static int run(struct work *w, const struct graph *g, const struct bitset *edges)
{
	uint32_t rest;

	if (preorder_init(&w->p, g, edges) < 0)
		return -1;
	w->n = w->p.n;
	if (make_predecessors(w) < 0 || find_semis(w) < 0)
		return -1;
	rest = climb(w);
	if (rest < w->n)
		climb_by_jumps(w, rest);
	return 0;
}

int dominators_init(struct dominators *d, const struct graph *g, const struct objects *objects,
		    const struct bitset *edges, struct err *err)
{
	struct work w = {0};
	int rc = run(&w, g, edges);

	*d = (struct dominators){0};
	if (rc == 0) {
		begin_result(d, &w, graph_vertices(g));
		sum_up(d, &w, g, objects);
	}
	release(&w);
	return rc < 0 ? err_nomem(err) : 0;
}

void dominators_deinit(struct dominators *d)
{
	free(d->idom);
	free(d->retained);
	free(d->dominated);
	*d = (struct dominators){0};
}

/* Whether a comes before b among the children: more retained, then the smaller vertex. */
static bool comes_before(const struct dominators *d, vertex_id a, vertex_id b)
{
	if (d->retained[a] != d->retained[b])
		return d->retained[a] > d->retained[b];
	return a < b;
}

static int by_retained(const void *a, const void *b, void *arg)
{
	vertex_id x = *(const vertex_id *)a, y = *(const vertex_id *)b;

	return x == y ? 0 : comes_before(arg, x, y) ? -1 : 1;
}

size_t dominators_children(const struct dominators *d, const struct graph *g, vertex_id v,
			   vertex_id *out, size_t max)
{
	size_t n = 0, kept = 0;

	for (vertex_id c = 1; c < graph_vertices(g); c++) {
		if (d->idom[c] != v)
			continue;
		n++;
		if (kept < max) {
			out[kept++] = c;
			if (kept == max)
				qsort_r(out, kept, sizeof(*out), by_retained, (void *)d);
			continue;
		}
		if (!max || !comes_before(d, c, out[max - 1]))
			continue;
		for (kept = max - 1; kept && comes_before(d, c, out[kept - 1]); kept--)
			out[kept] = out[kept - 1];
		out[kept] = c;
		kept = max;
	}
	if (kept && kept < max)
		qsort_r(out, kept, sizeof(*out), by_retained, (void *)d);
	return n;
}
