/*
 * Paths are read off reach's parents. Other ways in are searched backwards
 * from the vertex, breadth-first over the reverse edges, each search avoiding
 * the objects that earlier paths went through (greedy, internally
 * vertex-disjoint: Menger's theorem bounds their number, greed may find fewer).
 *
 *	found: a root        avoided: inner objects of earlier paths, and direct edges already shown
 */
#include <stdlib.h>

#include "analyze/graph/paths.h"

/* One vertex of the backward search: how it leads on towards the target. */
struct visited {
	vertex_id v;
	uint32_t next; /* index of the one it was found from */
};

struct detour {
	const struct graph *g;
	vertex_id target;
	struct bitset seen;   /* of this search */
	struct bitset closed; /* objects of earlier paths; roots that hold the target directly */
	uint64_t budget;
	bool cut;
	VEC(struct visited) queue;
};

int paths_shortest(struct path *p, const struct reach *r, vertex_id v, struct err *err)
{
	struct path out = {0};
	vertex_id at = v;

	if (r->parent[v] == VERTEX_NONE)
		return err_set(err, ERR_ABSENT, "nothing reaches it");
	for (; at; at = r->parent[at])
		if (vec_push(&out.at, at) < 0) {
			paths_deinit(&out);
			return err_nomem(err);
		}
	for (size_t i = 0; i < out.at.n / 2; i++) {
		vertex_id swap = out.at.v[i];

		out.at.v[i] = out.at.v[out.at.n - 1 - i];
		out.at.v[out.at.n - 1 - i] = swap;
	}
	*p = out;
	return 0;
}

enum edge_class paths_edge(const struct graph *g, vertex_id from, vertex_id to)
{
	for (uint64_t e = graph_out_begin(g, from); e < graph_out_end(g, from); e++)
		if (g->out[e] == to)
			return graph_class(g, e);
	return N_EDGE_CLASSES;
}

/* Closes what a shown path used. */
static void close_path(struct detour *d, const struct path *p)
{
	for (size_t i = 0; i + 1 < p->at.n; i++)
		if (!graph_is_root(d->g, p->at.v[i]) || p->at.n == 2)
			bitset_add(&d->closed, p->at.v[i]);
}

/* Follows the links from the root that was found to the target. */
static int take_path(const struct detour *d, uint32_t i, struct path *out)
{
	for (;;) {
		if (vec_push(&out->at, d->queue.v[i].v) < 0)
			return -1;
		if (!i)
			return 0;
		i = d->queue.v[i].next;
	}
}

/*
 * One search. 1: found; 0: none, or cut; −1: out of memory. A root that is closed holds the target
 * directly and was shown doing so: it still may hold it through others, but not by that edge.
 */
static int search(struct detour *d, struct path *out)
{
	const struct graph *g = d->g;
	struct visited first = {d->target, 0};

	d->queue.n = 0;
	if (vec_push(&d->queue, first) < 0)
		return -1;
	for (uint32_t i = 0; i < d->queue.n; i++) {
		vertex_id v = d->queue.v[i].v;

		for (uint64_t e = graph_in_begin(g, v); e < graph_in_end(g, v); e++) {
			struct visited next = {g->in[e], i};
			bool root = graph_is_root(g, next.v);

			if (!d->budget--) {
				d->budget = 0;
				d->cut = true;
				return 0;
			}
			if (bitset_has(&d->closed, next.v) && (!root || v == d->target))
				continue;
			if (!bitset_add_new(&d->seen, next.v))
				continue;
			if (vec_push(&d->queue, next) < 0)
				return -1;
			if (root)
				return take_path(d, (uint32_t)d->queue.n - 1, out) < 0 ? -1 : 1;
		}
	}
	return 0;
}

/* Forgets what the search has seen, at the cost of what it saw. */
static void forget(struct detour *d)
{
	for (size_t i = 1; i < d->queue.n; i++)
		bitset_remove(&d->seen, d->queue.v[i].v);
}

int paths_others(struct path *out, size_t max, size_t *n, bool *cut, const struct graph *g,
		 const struct path *first, uint64_t budget, struct err *err)
{
	struct detour d = {.g = g, .target = first->at.v[first->at.n - 1]};
	int found = 1;

	*n = 0;
	*cut = false;
	if (bitset_init(&d.seen, graph_vertices(g)) < 0 ||
	    bitset_init(&d.closed, graph_vertices(g)) < 0)
		found = -1;
	else
		bitset_add(&d.seen, d.target);
	if (found > 0)
		close_path(&d, first);
	while (found > 0 && *n < max) {
		d.budget = budget;
		out[*n] = (struct path){0};
		found = search(&d, &out[*n]);
		forget(&d);
		if (found > 0)
			close_path(&d, &out[(*n)++]);
	}
	*cut = d.cut;
	bitset_deinit(&d.seen);
	bitset_deinit(&d.closed);
	vec_deinit(&d.queue);
	return found < 0 ? err_nomem(err) : 0;
}

void paths_deinit(struct path *p)
{
	vec_deinit(&p->at);
}
