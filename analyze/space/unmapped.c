/*
 * A log of modules is rectangles: addresses × generations. Who holds the point?
 *
 * The edges of all modules cut the addresses into slots. Over these stands a segment tree (Bentley
 * 1977), without pointers: node i has the children 2i and 2i + 1, slot k is node n + k.
 *
 *	                   1               a module is kept at the fewest nodes that make it up;
 *	             2           3         the nodes above a slot are all that hold an address in it
 *	          4     5     6     7
 *
 * So at each node all modules have all its addresses, and only generations tell them apart: a sorted
 * list. Where two share one there, the one that begins earlier has it.
 */
#include <stdlib.h>

#include "analyze/space/unmapped.h"

static int by_number(const void *a, const void *b)
{
	addr_t x = *(const addr_t *)a, y = *(const addr_t *)b;

	return x < y ? -1 : x > y;
}

static int by_node(const void *a, const void *b)
{
	const struct unmapped_entry *x = a, *y = b;

	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->module < y->module ? -1 : x->module > y->module;
}

static size_t slots(const struct unmapped *u)
{
	return u->edges.n ? u->edges.n - 1 : 0;
}

/* The slot that begins at addr or holds it; slots(): none. */
static size_t slot_of(const struct unmapped *u, addr_t addr)
{
	size_t above = vec_bisect(&u->edges, e, *e <= addr);

	return above ? above - 1 : slots(u);
}

static int find_edges(struct unmapped *u, const struct heapimage_module *modules, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (vec_push(&u->edges, modules[i].lo) < 0 ||
		    vec_push(&u->edges, modules[i].hi) < 0)
			return -1;
	if (u->edges.n)
		qsort(u->edges.v, u->edges.n, sizeof(*u->edges.v), by_number);
	for (size_t i = 0; i < u->edges.n; i++)
		if (!kept || u->edges.v[kept - 1] != u->edges.v[i])
			u->edges.v[kept++] = u->edges.v[i];
	u->edges.n = kept;
	return 0;
}

static int add_at(struct unmapped *u, size_t node, const struct heapimage_module *m, uint32_t index)
{
	return vec_push(&u->entries, ((struct unmapped_entry){(uint32_t)node, m->generation_first,
							      m->generation_last, index}));
}

static int add(struct unmapped *u, const struct heapimage_module *m, uint32_t index)
{
	size_t lo = slots(u) + slot_of(u, m->lo), hi = slots(u) + slot_of(u, m->hi);
	int rc = 0;

	for (; rc == 0 && lo < hi; lo /= 2, hi /= 2) {
		if (lo & 1)
			rc = add_at(u, lo++, m, index);
		if (rc == 0 && hi & 1)
			rc = add_at(u, --hi, m, index);
	}
	return rc;
}

/* In each node no generation is two modules'. */
static void separate(struct unmapped *u)
{
	struct unmapped_entry *v = u->entries.v;
	size_t kept = 0;

	for (size_t i = 0; i < u->entries.n; i++) {
		struct unmapped_entry e = v[i];

		if (kept && v[kept - 1].node == e.node && v[kept - 1].last >= e.first) {
			if (v[kept - 1].last >= e.last)
				continue;
			e.first = v[kept - 1].last + 1;
		}
		if (e.first <= e.last)
			v[kept++] = e;
	}
	u->entries.n = kept;
}

int unmapped_init(struct unmapped *u, const struct heapimage_module *modules, size_t n,
		  struct err *err)
{
	int rc;

	*u = (struct unmapped){0};
	rc = find_edges(u, modules, n);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = add(u, &modules[i], (uint32_t)i);
	if (rc < 0) {
		unmapped_deinit(u);
		return err_nomem(err);
	}
	if (u->entries.n)
		qsort(u->entries.v, u->entries.n, sizeof(*u->entries.v), by_node);
	separate(u);
	return 0;
}

void unmapped_deinit(struct unmapped *u)
{
	vec_deinit(&u->edges);
	vec_deinit(&u->entries);
}

/* The module of that generation at a node. */
static uint32_t find_at(const struct unmapped *u, size_t node, uint32_t generation)
{
	size_t above = vec_bisect(&u->entries, e,
				  e->node < node || (e->node == node && e->first <= generation));
	const struct unmapped_entry *e = above ? &u->entries.v[above - 1] : NULL;

	return e && e->node == node && e->last >= generation ? e->module : INDEX_NONE;
}

uint32_t unmapped_find(const struct unmapped *u, addr_t addr, uint32_t generation)
{
	size_t slot = slot_of(u, addr);
	uint32_t found = INDEX_NONE;

	if (slot >= slots(u))
		return INDEX_NONE;
	for (size_t node = slots(u) + slot; node; node /= 2) {
		uint32_t module = find_at(u, node, generation);

		if (module < found)
			found = module;
	}
	return found;
}
