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
 * Locality is the cost (facts/analysis.md §1), so there are three numberings, each made from the one
 * before by a pass whose random accesses do not wait for each other:
 *
 *	vertex    the graph's own: address order
 *	place     breadth-first order, as reach found them: the depth-first search runs on these
 *	number    depth-first preorder: everything else runs on these
 *
 * Fresh memory is the other cost: an array that has served hands its memory on to a later one.
 *
 *	place of a vertex → number of a place → idom          off → semi, label → counts
 *	pred_off → retained by number                         parent → ancestors → depth → idom by vertex
 *
 * Peak: 28 bytes a vertex and 8 an edge.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/graph/dominators.h"
#include "base/big_array.h"
#include "base/vec.h"

/* How many places ahead memory is asked for. */
enum { AHEAD = 16 };

/* Steps up the tree that a vertex may cost on average before jumps are made. */
enum { CLIMB_STEPS = 4 };

struct work {
	const struct graph *g;
	const struct bitset *edges;
	const vertex_id *at; /* by place − 1: the vertex; place 0 is the super-root */
	uint32_t n_places;   /* the super-root included */
	uint64_t *off;	     /* by place: its edges in to */
	uint32_t *to;	     /* places */
	uint32_t *root;	     /* places of the roots */
	uint32_t n;	     /* vertices reached */
	uint32_t *order;     /* by number: the place; in the end the vertex */
	uint32_t *
		number; /* by place: its number, VERTEX_NONE unreached; before: by vertex, its place */
	uint32_t *parent; /* by number: depth-first parent; becomes the ancestor forest */
	uint64_t *pred_off;
	uint32_t *pred;
	uint32_t *semi, *label, *idom;
	VEC(uint32_t) path;
};

/* A place on the depth-first stack and the next of its edges. */
struct branch_at {
	uint32_t place;
	uint64_t e;
};

/* Finds each vertex's place, VERTEX_NONE for those that have none. */
static int invert(struct work *w)
{
	uint64_t n = graph_vertices(w->g);

	w->number = big_array(n, sizeof(*w->number), 0);
	if (!w->number)
		return -1;
	memset(w->number, 0xff, n * sizeof(*w->number));
	for (uint32_t p = 1; p < w->n_places; p++) {
		if (p + AHEAD < w->n_places)
			__builtin_prefetch(&w->number[w->at[p + AHEAD - 1]], 1);
		w->number[w->at[p - 1]] = p;
	}
	return 0;
}

/* Asks for what the places further on will touch. */
static void look_ahead(const struct work *w, uint32_t p)
{
	const struct graph *g = w->g;
	const vertex_id *at = w->at + p - 1;

	if (p + 3 * AHEAD >= w->n_places)
		return;
	__builtin_prefetch(&g->out_off[at[3 * AHEAD]]);
	__builtin_prefetch(&g->out[g->out_off[at[2 * AHEAD]]]);
	if (g->out_off[at[AHEAD]] < g->n_edges)
		__builtin_prefetch(&w->number[g->out[g->out_off[at[AHEAD]]]]);
}

/* Copies the edges of vertex v behind the n that there are; the sum. */
static uint64_t renumber_vertex(struct work *w, vertex_id v, uint64_t n)
{
	const struct graph *g = w->g;
	uint64_t end = g->out_off[v + 1];

	for (uint64_t e = g->out_off[v]; e < end; e++) {
		uint32_t p = w->number[g->out[e]];

		if (e + AHEAD < end)
			__builtin_prefetch(&w->number[g->out[e + AHEAD]]);
		if (p != VERTEX_NONE && (!w->edges || bitset_has(w->edges, e)))
			w->to[n++] = p;
	}
	return n;
}

static int renumber_edges(struct work *w)
{
	uint64_t n = 0;

	w->off = big_array((uint64_t)w->n_places + 1, sizeof(*w->off), 0);
	w->to = big_array(w->g->n_edges, sizeof(*w->to), 0);
	w->root = big_array(w->g->n_roots, sizeof(*w->root), 0);
	if (invert(w) < 0 || !w->off || !w->to || !w->root)
		return -1;
	w->off[0] = 0;
	for (uint32_t p = 1; p < w->n_places; p++) {
		look_ahead(w, p);
		w->off[p] = n;
		n = renumber_vertex(w, w->at[p - 1], n);
	}
	w->off[w->n_places] = n;
	for (uint32_t r = 0; r < w->g->n_roots; r++)
		w->root[r] = w->number[graph_root(r)];
	return 0;
}

static void number_place(struct work *w, uint32_t place, uint32_t parent)
{
	w->number[place] = w->n;
	w->order[w->n] = place;
	w->parent[w->n++] = parent;
}

/* Depth-first from one root. */
static int search_from(struct work *w, uint32_t root)
{
	VEC(struct branch_at) stack = {0};
	struct branch_at first = {root, w->off[root]};
	int rc = vec_push(&stack, first);

	number_place(w, root, 0);
	while (rc == 0 && stack.n) {
		struct branch_at *b = &stack.v[stack.n - 1];
		uint64_t end = w->off[b->place + 1];
		uint32_t next = VERTEX_NONE;

		for (; b->e < end && next == VERTEX_NONE; b->e++)
			if (w->number[w->to[b->e]] == VERTEX_NONE)
				next = w->to[b->e];
		if (next == VERTEX_NONE) {
			stack.n--;
			continue;
		}
		number_place(w, next, w->number[b->place]);
		rc = vec_push(&stack, ((struct branch_at){next, w->off[next]}));
	}
	vec_deinit(&stack);
	return rc;
}

static int number_all(struct work *w)
{
	int rc = 0;

	w->order = big_array(w->n_places, sizeof(*w->order), 0);
	w->parent = big_array(graph_vertices(w->g), sizeof(*w->parent), 0);
	if (!w->order || !w->parent)
		return -1;
	memset(w->number, 0xff, w->n_places * sizeof(*w->number));
	number_place(w, 0, 0);
	for (uint32_t r = 0; rc == 0 && r < w->g->n_roots; r++)
		if (w->root[r] != VERTEX_NONE)
			rc = search_from(w, w->root[r]);
	return rc;
}

/* The edges super-root → root are implied: a root's depth-first parent is 0, which suffices. */
static int make_predecessors(struct work *w)
{
	w->pred_off = big_array((uint64_t)w->n + 2, sizeof(*w->pred_off), 1);
	w->pred = big_array(w->off[w->n_places], sizeof(*w->pred), 0);
	if (!w->pred_off || !w->pred)
		return -1;
	/* counted two places up, so that filling leaves each offset where it belongs */
	for (uint32_t i = 1; i < w->n; i++)
		for (uint64_t e = w->off[w->order[i]]; e < w->off[w->order[i] + 1]; e++)
			w->pred_off[w->number[w->to[e]] + 2]++;
	for (uint64_t i = 2; i < (uint64_t)w->n + 2; i++)
		w->pred_off[i] += w->pred_off[i - 1];
	for (uint32_t i = 1; i < w->n; i++)
		for (uint64_t e = w->off[w->order[i]]; e < w->off[w->order[i] + 1]; e++)
			w->pred[w->pred_off[w->number[w->to[e]] + 1]++] = i;
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

static int find_semis(struct work *w)
{
	int rc = 0;

	w->semi = (uint32_t *)w->off;
	w->label = w->semi + w->n;
	w->idom = w->number;
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
	uint32_t *jump = w->label, *depth = w->parent;

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

/* Makes order lead from numbers to vertices. */
static void skip_places(struct work *w)
{
	for (uint32_t i = 1; i < w->n; i++) {
		if (i + AHEAD < w->n)
			__builtin_prefetch(&w->at[w->order[i + AHEAD] - 1]);
		w->order[i] = w->at[w->order[i] - 1];
	}
}

/* Children have higher numbers than their dominators, so one fold downwards does. */
static void sum_up(struct work *w, const uint64_t *sizes, uint64_t *retained, uint32_t *count)
{
	memset(retained, 0, w->n * sizeof(*retained));
	memset(count, 0, w->n * sizeof(*count));
	for (uint32_t i = w->n - 1; i > 0; i--) {
		obj_id o = graph_obj(w->g, w->order[i]);
		obj_id ahead = graph_obj(w->g, w->order[i > AHEAD ? i - AHEAD : 0]);

		if (ahead != OBJ_NONE)
			__builtin_prefetch(&sizes[ahead]);
		if (o != OBJ_NONE) {
			retained[i] += sizes[o];
			count[i]++;
		}
		retained[w->idom[i]] += retained[i];
		count[w->idom[i]] += count[i];
	}
}

/* Puts everything in its vertex's place. */
static int scatter(struct dominators *d, struct work *w, const uint64_t *retained,
		   const uint32_t *count)
{
	uint64_t n = graph_vertices(w->g);

	d->retained = big_array(n, sizeof(*d->retained), 1);
	d->dominated = big_array(n, sizeof(*d->dominated), 1);
	if (!d->retained || !d->dominated)
		return -1;
	d->idom = w->parent;
	w->parent = NULL;
	memset(d->idom, 0xff, n * sizeof(*d->idom));
	for (uint32_t i = 1; i < w->n; i++) {
		vertex_id v = w->order[i];

		if (i + AHEAD < w->n) {
			__builtin_prefetch(&d->idom[w->order[i + AHEAD]], 1);
			__builtin_prefetch(&d->retained[w->order[i + AHEAD]], 1);
			__builtin_prefetch(&d->dominated[w->order[i + AHEAD]], 1);
		}
		d->idom[v] = w->idom[i] ? w->order[w->idom[i]] : 0;
		d->retained[v] = retained[i];
		d->dominated[v] = count[i];
	}
	d->retained[0] = retained[0];
	d->dominated[0] = count[0];
	d->n = w->n;
	return 0;
}

/* Every vertex but the super-root, ascending: the order where none is given. */
static vertex_id *plain_order(const struct graph *g)
{
	uint32_t n = graph_vertices(g);
	vertex_id *order = big_array(n, sizeof(*order), 0);

	for (vertex_id v = 1; order && v < n; v++)
		order[v - 1] = v;
	return order;
}

static void release(struct work *w)
{
	free(w->off);
	free(w->to);
	free(w->root);
	free(w->order);
	free(w->number);
	free(w->parent);
	free(w->pred_off);
	free(w->pred);
	vec_deinit(&w->path);
}

static int run(struct work *w, struct dominators *d, const uint64_t *sizes)
{
	uint32_t rest;

	if (renumber_edges(w) < 0 || number_all(w) < 0 || make_predecessors(w) < 0)
		return -1;
	free(w->to);
	w->to = NULL;
	if (find_semis(w) < 0)
		return -1;
	free(w->pred);
	w->pred = NULL;
	rest = climb(w);
	if (rest < w->n)
		climb_by_jumps(w, rest);
	skip_places(w);
	sum_up(w, sizes, w->pred_off, w->semi);
	return scatter(d, w, w->pred_off, w->semi);
}

int dominators_init(struct dominators *d, const struct graph *g, const uint64_t *sizes,
		    const struct bitset *edges, const vertex_id *order, uint32_t n_order,
		    struct err *err)
{
	vertex_id *plain = order ? NULL : plain_order(g);
	struct work w = {.g = g,
			 .edges = edges,
			 .at = order ? order : plain,
			 .n_places = order ? n_order + 1 : graph_vertices(g)};
	int rc;

	*d = (struct dominators){0};
	rc = w.at ? run(&w, d, sizes) : -1;
	release(&w);
	free(plain);
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
