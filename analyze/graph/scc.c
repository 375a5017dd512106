/*
 * Tarjan, "Depth-first search and linear graph algorithms" (1972), with an
 * explicit stack of (vertex, next edge). Members get dense numbers, by rank in their set, so
 * that a few leaks in a large heap cost little.
 *
 *	low[v] = the smallest order number reachable from v's subtree by one edge back
 *	low[v] = order[v]  ⇔  v is the first of its component; the component is on the stack above it
 */
#include <stdlib.h>

#include "analyze/graph/scc.h"
#include "base/vec.h"
#include "base/big_array.h"

struct frame_at {
	uint32_t m; /* member */
	uint64_t e; /* next edge of it to look at */
};

struct tarjan {
	const struct graph *g;
	const struct bitset *members, *edges;
	uint32_t *rank; /* per word of members: how many are in the words before it */
	obj_id *object; /* by member */
	uint32_t *order, *low, *component; /* by member; order 0: not seen */
	uint32_t *stack;
	uint32_t n, n_stack, n_seen, n_components;
	VEC(struct frame_at) calls;
};

static uint32_t member_of(const struct tarjan *t, obj_id o)
{
	uint64_t below = t->members->words[o >> 6] & ((1ull << (o & 63)) - 1);

	return t->rank[o >> 6] + (uint32_t)__builtin_popcountll(below);
}

/* The member an edge leads to, or INDEX_NONE. */
static uint32_t target(const struct tarjan *t, uint64_t e)
{
	obj_id o = graph_obj(t->g, t->g->out[e]);

	if (o == OBJ_NONE || !bitset_has(t->members, o) || (t->edges && !bitset_has(t->edges, e)))
		return INDEX_NONE;
	return member_of(t, o);
}

static int enter(struct tarjan *t, uint32_t m)
{
	struct frame_at f = {m, graph_out_begin(t->g, graph_object(t->g, t->object[m]))};

	t->order[m] = t->low[m] = ++t->n_seen;
	t->stack[t->n_stack++] = m;
	return vec_push(&t->calls, f);
}

static void leave(struct tarjan *t, uint32_t m)
{
	t->calls.n--;
	if (t->calls.n) {
		uint32_t up = t->calls.v[t->calls.n - 1].m;

		if (t->low[m] < t->low[up])
			t->low[up] = t->low[m];
	}
	if (t->low[m] != t->order[m])
		return;
	while (t->component[m] == INDEX_NONE)
		t->component[t->stack[--t->n_stack]] = t->n_components;
	t->n_components++;
}

static int visit_from(struct tarjan *t, uint32_t start)
{
	if (enter(t, start) < 0)
		return -1;
	while (t->calls.n) {
		struct frame_at *f = &t->calls.v[t->calls.n - 1];
		uint32_t m = f->m, next = INDEX_NONE;
		uint64_t end = graph_out_end(t->g, graph_object(t->g, t->object[m]));

		while (f->e < end && next == INDEX_NONE) {
			uint32_t w = target(t, f->e++);

			if (w == INDEX_NONE)
				continue;
			if (!t->order[w])
				next = w;
			else if (t->component[w] == INDEX_NONE && t->order[w] < t->low[m])
				t->low[m] = t->order[w];
		}
		if (next == INDEX_NONE)
			leave(t, m);
		else if (enter(t, next) < 0)
			return -1;
	}
	return 0;
}

/* The lowest member of each component without an edge in from another one. */
static int mark_heads(const struct tarjan *t, struct bitset *heads)
{
	struct bitset entered;

	if (bitset_init(&entered, t->n_components) < 0)
		return -1;
	for (uint32_t m = 0; m < t->n; m++) {
		vertex_id v = graph_object(t->g, t->object[m]);

		for (uint64_t e = graph_out_begin(t->g, v); e < graph_out_end(t->g, v); e++) {
			uint32_t w = target(t, e);

			if (w != INDEX_NONE && t->component[w] != t->component[m])
				bitset_add(&entered, t->component[w]);
		}
	}
	/* members ascend: the first seen of a component is its lowest */
	for (uint32_t m = 0; m < t->n; m++)
		if (bitset_add_new(&entered, t->component[m]))
			bitset_add(heads, t->object[m]);
	bitset_deinit(&entered);
	return 0;
}

static int number_members(struct tarjan *t)
{
	uint64_t n = bitset_count(t->members);

	t->rank = big_array(t->g->n_objects / 64 + 1, sizeof(*t->rank), 0);
	t->object = big_array(n, sizeof(*t->object), 0);
	t->order = big_array(n, sizeof(*t->order), 1);
	t->low = big_array(n, sizeof(*t->low), 0);
	t->component = big_array(n, sizeof(*t->component), 0);
	t->stack = big_array(n, sizeof(*t->stack), 0);
	if (!t->rank || !t->object || !t->order || !t->low || !t->component || !t->stack)
		return -1;
	for (obj_id o = 0; o < t->g->n_objects; o++) {
		if (!(o & 63))
			t->rank[o >> 6] = t->n;
		if (bitset_has(t->members, o)) {
			t->component[t->n] = INDEX_NONE;
			t->object[t->n++] = o;
		}
	}
	return 0;
}

int scc_heads(const struct graph *g, const struct bitset *members, const struct bitset *edges,
	      struct bitset *heads, struct err *err)
{
	struct tarjan t = {.g = g, .members = members, .edges = edges};
	int rc = number_members(&t);

	for (uint32_t m = 0; rc == 0 && m < t.n; m++)
		if (!t.order[m])
			rc = visit_from(&t, m);
	if (rc == 0)
		rc = mark_heads(&t, heads);
	free(t.rank);
	free(t.object);
	free(t.order);
	free(t.low);
	free(t.component);
	free(t.stack);
	vec_deinit(&t.calls);
	return rc < 0 ? err_nomem(err) : 0;
}
