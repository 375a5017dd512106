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
 * needed. semi and label share their beginning (both i), idom starts as the depth-first parent.
 *
 * Invariants: semi[w] ≤ parent[w] < w; idom[w] ≤ semi[w]. All stacks are explicit arrays.
 *
 * The predecessors are kept as a CSR of their own, in preorder numbers: sources are visited in
 * preorder, so that neighbours in the arrays are neighbours in the search.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/graph/big_array.h"
#include "analyze/graph/dominators.h"
#include "base/vec.h"

struct work {
	const struct graph *g;
	const struct bitset *edges;
	uint32_t n;	  /* vertices reached */
	vertex_id *order; /* by number: the vertex */
	uint32_t *number; /* by vertex: its number, VERTEX_NONE unreached */
	uint32_t *parent; /* by number: depth-first parent; becomes the ancestor forest */
	uint64_t *pred_off;
	uint32_t *pred;
	uint32_t *semi, *label, *idom;
	VEC(uint32_t) path;
};

/* A vertex on the depth-first stack and the next of its edges. */
struct branch_at {
	vertex_id v;
	uint64_t e;
};

static bool may_follow(const struct work *w, uint64_t e)
{
	return !w->edges || bitset_has(w->edges, e);
}

static void number_vertex(struct work *w, vertex_id v, uint32_t parent)
{
	w->number[v] = w->n;
	w->order[w->n] = v;
	w->parent[w->n++] = parent;
}

/* Depth-first from one root. */
static int search_from(struct work *w, vertex_id root)
{
	VEC(struct branch_at) stack = {0};
	struct branch_at first = {root, w->g->out_off[root]};
	int rc = vec_push(&stack, first);

	number_vertex(w, root, 0);
	while (rc == 0 && stack.n) {
		struct branch_at *b = &stack.v[stack.n - 1];
		uint64_t end = w->g->out_off[b->v + 1];
		vertex_id next = VERTEX_NONE;

		for (; b->e < end && next == VERTEX_NONE; b->e++)
			if (w->number[w->g->out[b->e]] == VERTEX_NONE && may_follow(w, b->e))
				next = w->g->out[b->e];
		if (next == VERTEX_NONE) {
			stack.n--;
			continue;
		}
		number_vertex(w, next, w->number[b->v]);
		rc = vec_push(&stack, ((struct branch_at){next, w->g->out_off[next]}));
	}
	vec_deinit(&stack);
	return rc;
}

static int number_all(struct work *w)
{
	uint64_t n = graph_vertices(w->g);
	int rc = 0;

	w->number = big_array(n, sizeof(*w->number), 0);
	w->order = big_array(n, sizeof(*w->order), 0);
	w->parent = big_array(n, sizeof(*w->parent), 0);
	if (!w->number || !w->order || !w->parent)
		return -1;
	memset(w->number, 0xff, n * sizeof(*w->number));
	number_vertex(w, 0, 0);
	for (uint32_t r = 0; rc == 0 && r < w->g->n_roots; r++)
		rc = search_from(w, graph_root(r));
	return rc;
}

/* Calls for each edge between reached vertices, by source in preorder: pass 0 counts, pass 1 fills. */
static void each_edge(struct work *w, bool fill)
{
	for (uint32_t i = 1; i < w->n; i++) {
		vertex_id v = w->order[i];

		for (uint64_t e = w->g->out_off[v]; e < w->g->out_off[v + 1]; e++) {
			uint32_t to = w->number[w->g->out[e]];

			if (!may_follow(w, e))
				continue;
			if (fill)
				w->pred[w->pred_off[to + 1]++] = i;
			else
				w->pred_off[to + 2]++;
		}
	}
}

/* The edges super-root → root are implied: a root's depth-first parent is 0, which suffices. */
static int make_predecessors(struct work *w)
{
	w->pred_off = big_array((uint64_t)w->n + 2, sizeof(*w->pred_off), 1);
	if (!w->pred_off)
		return -1;
	each_edge(w, false);
	for (uint64_t i = 2; i < (uint64_t)w->n + 2; i++)
		w->pred_off[i] += w->pred_off[i - 1];
	w->pred = big_array(w->pred_off[w->n + 1], sizeof(*w->pred), 0);
	if (!w->pred)
		return -1;
	each_edge(w, true);
	return 0;
}

/* The vertex of smallest semi on v's path to the root of its linked tree, which is compressed. */
static uint32_t eval(struct work *w, uint32_t v, uint32_t last, int *rc)
{
	uint32_t *anc = w->parent, *label = w->label, *semi = w->semi;
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

static int find_idoms(struct work *w)
{
	int rc = 0;

	w->semi = big_array(w->n, sizeof(*w->semi), 0);
	w->label = big_array(w->n, sizeof(*w->label), 0);
	w->idom = big_array(w->n, sizeof(*w->idom), 0);
	if (!w->semi || !w->label || !w->idom)
		return -1;
	for (uint32_t i = 0; i < w->n; i++) {
		w->semi[i] = w->label[i] = i;
		w->idom[i] = w->parent[i];
	}
	for (uint32_t i = w->n - 1; i > 0 && rc == 0; i--) {
		uint32_t best = w->idom[i];

		for (uint64_t k = w->pred_off[i]; k < w->pred_off[i + 1]; k++) {
			uint32_t v = w->pred[k];
			uint32_t c = v <= i ? v : w->semi[eval(w, v, i, &rc)];

			best = c < best ? c : best;
		}
		w->semi[i] = best;
	}
	for (uint32_t i = 1; i < w->n; i++) {
		uint32_t d = w->idom[i];

		while (d > w->semi[i])
			d = w->idom[d];
		w->idom[i] = d;
	}
	return rc;
}

/* Retained sizes: children have higher numbers than their dominators, so one fold downwards does. */
static int fold(struct dominators *d, struct work *w, const uint64_t *sizes)
{
	uint64_t n = graph_vertices(w->g);

	d->idom = big_array(n, sizeof(*d->idom), 0);
	d->retained = big_array(n, sizeof(*d->retained), 1);
	d->dominated = big_array(n, sizeof(*d->dominated), 1);
	if (!d->idom || !d->retained || !d->dominated)
		return -1;
	memset(d->idom, 0xff, n * sizeof(*d->idom));
	for (uint32_t i = w->n - 1; i > 0; i--) {
		vertex_id v = w->order[i], up = w->order[w->idom[i]];
		obj_id o = graph_obj(w->g, v);

		if (o != OBJ_NONE) {
			d->retained[v] += sizes[o];
			d->dominated[v]++;
		}
		d->idom[v] = up;
		d->retained[up] += d->retained[v];
		d->dominated[up] += d->dominated[v];
	}
	d->n = w->n;
	return 0;
}

int dominators_init(struct dominators *d, const struct graph *g, const uint64_t *sizes,
		    const struct bitset *edges, struct err *err)
{
	struct work w = {.g = g, .edges = edges};
	int rc;

	*d = (struct dominators){0};
	rc = number_all(&w);
	if (rc == 0)
		rc = make_predecessors(&w);
	if (rc == 0)
		rc = find_idoms(&w);
	free(w.pred);
	free(w.pred_off);
	free(w.semi);
	free(w.label);
	free(w.parent);
	if (rc == 0)
		rc = fold(d, &w, sizes);
	free(w.number);
	free(w.order);
	free(w.idom);
	vec_deinit(&w.path);
	if (rc < 0) {
		dominators_deinit(d);
		return err_nomem(err);
	}
	return 0;
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
