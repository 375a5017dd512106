/*
 * The arrays of the graph: from an edge list (tests, exact dumps), reversed, checked.
 *
 *	out_off[v] … out_off[v+1]      Σ out degrees = n_edges = Σ in degrees
 *	in[] of a target ascends       (u, v) ∈ out  ⇔  (v, u) ∈ in
 */
#include <assert.h>
#include <string.h>

#include "analyze/graph/graph.h"
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
	g->out_off = calloc((uint64_t)graph_vertices(g) + 1, sizeof(*g->out_off));
	g->out = malloc((n_edges + 1) * sizeof(*g->out));
	g->out_class = malloc(n_edges + 1);
	if (!sorted || !g->out_off || !g->out || !g->out_class) {
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
			g->out_off[++v] = g->n_edges;
		g->out[g->n_edges] = e->to;
		g->out_class[g->n_edges++] = (uint8_t)e->class;
	}
	while (v < graph_vertices(g))
		g->out_off[++v] = g->n_edges;
	free(sorted);
	return 0;
}

int graph_make_reverse(struct graph *g, struct err *err)
{
	uint64_t n = graph_vertices(g);
	uint64_t *off = big_array(n + 2, sizeof(*off), 1);
	vertex_id *in = big_array(g->n_edges, sizeof(*in), 0);

	if (!off || !in) {
		free(off);
		free(in);
		return err_nomem(err);
	}
	/* Counted two places up, so that filling leaves each offset where it belongs. */
	for (uint64_t e = 0; e < g->n_edges; e++)
		off[g->out[e] + 2]++;
	for (uint64_t v = 2; v < n + 2; v++)
		off[v] += off[v - 1];
	for (vertex_id v = 0; v < n; v++)
		for (uint64_t e = g->out_off[v]; e < g->out_off[v + 1]; e++)
			in[off[g->out[e] + 1]++] = v;
	g->in_off = off;
	g->in = in;
	return 0;
}

void graph_deinit(struct graph *g)
{
	free(g->out_off);
	free(g->out);
	free(g->out_class);
	free(g->in_off);
	free(g->in);
	*g = (struct graph){0};
}

void graph_check(const struct graph *g)
{
	uint64_t n = graph_vertices(g);

	assert(g->out_off[0] == 0 && g->out_off[n] == g->n_edges);
	for (vertex_id v = 0; v < n; v++) {
		assert(g->out_off[v] <= g->out_off[v + 1]);
		for (uint64_t e = g->out_off[v]; e < g->out_off[v + 1]; e++) {
			assert(g->out[e] > g->n_roots && g->out[e] < n && g->out[e] != v);
			assert(g->out_class[e] < N_EDGE_CLASSES);
		}
	}
	if (!g->in_off)
		return;
	assert(g->in_off[0] == 0 && g->in_off[n] == g->n_edges);
	for (vertex_id v = 0; v < n; v++)
		for (uint64_t e = g->in_off[v] + 1; e < g->in_off[v + 1]; e++)
			assert(g->in[e - 1] < g->in[e]);
}
