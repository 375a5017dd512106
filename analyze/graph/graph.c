/*
 * The arrays of the graph: from an edge list (tests, exact dumps), reversed, checked.
 *
 *	out_off[v] … out_off[v+1]      Σ out degrees = n_edges = Σ in degrees
 *	in[] of a target ascends       (u, v) ∈ out  ⇔  (v, u) ∈ in
 */
#include <assert.h>
#include <string.h>

#include "analyze/graph/graph.h"
#include "analyze/graph/parallel.h"
#include "base/big_array.h"

static int by_source(const void *a, const void *b)
{
	const struct graph_edge *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	return (int)x->class - (int)y->class;
}

int graph_from_edges(struct graph *g, uint32_t n_roots, uint32_t n_objects,
		     const struct graph_edge *edges, uint64_t n_edges, struct err *err)
{
	struct graph_edge *sorted = malloc((n_edges + 1) * sizeof(*sorted));
	vertex_id v = 0;

	*g = (struct graph){.n_roots = n_roots, .n_objects = n_objects};
	g->out = malloc((n_edges + 1) * sizeof(*g->out));
	g->out_class = calloc(1, graph_class_bytes(n_edges) + 1);
	if (offsets_init(&g->out_off, (uint64_t)graph_vertices(g) + 1, n_edges, 1) < 0 || !sorted ||
	    !g->out || !g->out_class) {
		free(sorted);
		graph_deinit(g);
		return err_nomem(err);
	}
	if (n_edges)
		memcpy(sorted, edges, n_edges * sizeof(*sorted));
	qsort(sorted, n_edges, sizeof(*sorted), by_source);
	for (uint64_t i = 0; i < n_edges; i++) {
		const struct graph_edge *e = &sorted[i];

		if (e->from == e->to ||
		    (i && sorted[i - 1].from == e->from && sorted[i - 1].to == e->to))
			continue;
		while (v < e->from)
			offsets_set(&g->out_off, ++v, g->n_edges);
		graph_put_class(g->out_class, g->n_edges, e->class);
		g->out[g->n_edges++] = e->to;
	}
	while (v < graph_vertices(g))
		offsets_set(&g->out_off, ++v, g->n_edges);
	free(sorted);
	return 0;
}

/* The reverse edges in the making. Each part has a range of the targets to itself. */
struct reversal {
	const struct graph *g;
	struct offsets
		off; /* counted two places up, so that filling leaves each where it belongs */
	vertex_id *in;
	unsigned n_parts;
};

static vertex_id part_begin(const struct reversal *r, unsigned part)
{
	return (vertex_id)((uint64_t)graph_vertices(r->g) * part / r->n_parts);
}

static int count_part(void *arg, unsigned part, struct err *err)
{
	struct reversal *r = arg;
	vertex_id lo = part_begin(r, part), size = part_begin(r, part + 1) - lo;

	for (uint64_t e = 0; e < r->g->n_edges; e++)
		if (r->g->out[e] - lo < size)
			offsets_count(&r->off, (uint64_t)r->g->out[e] + 2);
	return 0;
}

static int fill_part(void *arg, unsigned part, struct err *err)
{
	struct reversal *r = arg;
	const struct graph *g = r->g;
	vertex_id lo = part_begin(r, part), size = part_begin(r, part + 1) - lo;
	uint64_t e = 0;

	for (vertex_id v = 0; v < graph_vertices(g); v++)
		for (uint64_t end = graph_out_end(g, v); e < end; e++)
			if (g->out[e] - lo < size)
				r->in[offsets_count(&r->off, (uint64_t)g->out[e] + 1)] = v;
	return 0;
}

int graph_make_reverse(struct graph *g, unsigned threads, struct err *err)
{
	uint64_t n = graph_vertices(g);
	struct reversal r = {.g = g,
			     .in = big_array(g->n_edges, sizeof(*r.in), 0),
			     .n_parts = threads < 1		 ? 1
					: threads > PARALLEL_MAX ? PARALLEL_MAX
								 : threads};
	int rc = offsets_init(&r.off, n + 2, g->n_edges, 1) < 0 || !r.in ? err_nomem(err) : 0;

	if (rc == 0)
		rc = parallel_run(r.n_parts, count_part, &r, err);
	if (rc == 0) {
		offsets_sum(&r.off, n + 2);
		rc = parallel_run(r.n_parts, fill_part, &r, err);
	}
	if (rc < 0) {
		offsets_deinit(&r.off);
		free(r.in);
		return rc;
	}
	g->in_off = r.off;
	g->in = r.in;
	return 0;
}

void graph_deinit(struct graph *g)
{
	offsets_deinit(&g->out_off);
	free(g->out);
	free(g->out_class);
	offsets_deinit(&g->in_off);
	free(g->in);
	*g = (struct graph){0};
}

void graph_check(const struct graph *g)
{
	uint64_t n = graph_vertices(g);

	assert(graph_out_begin(g, 0) == 0 && offsets_at(&g->out_off, n) == g->n_edges);
	for (vertex_id v = 0; v < n; v++) {
		assert(graph_out_begin(g, v) <= graph_out_end(g, v));
		for (uint64_t e = graph_out_begin(g, v); e < graph_out_end(g, v); e++) {
			assert(g->out[e] > g->n_roots && g->out[e] < n && g->out[e] != v);
			assert(graph_class(g, e) < N_EDGE_CLASSES);
		}
	}
	if (!offsets_there(&g->in_off))
		return;
	assert(graph_in_begin(g, 0) == 0 && offsets_at(&g->in_off, n) == g->n_edges);
	for (vertex_id v = 0; v < n; v++)
		for (uint64_t e = graph_in_begin(g, v) + 1; e < graph_in_end(g, v); e++)
			assert(g->in[e - 1] < g->in[e]);
}
