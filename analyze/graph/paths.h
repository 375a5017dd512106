/*
 * Paths from a root to a vertex, as vertex lists.
 */
#ifndef HEAPDUMP_GRAPH_PATHS_H
#define HEAPDUMP_GRAPH_PATHS_H

#include "analyze/graph/reach.h"
#include "base/vec.h"

struct path {
	VEC(vertex_id) at; /* from the root (not the super-root) to the vertex, both included */
};

/* The path of reach's parents. ERR_ABSENT when v is not reachable. O(length). */
WARN_UNUSED int paths_shortest(struct path *p, const struct reach *r, vertex_id v, struct err *err);

/* The class of the stored edge from → to; N_EDGE_CLASSES if there is none. O(out degree). */
enum edge_class paths_edge(const struct graph *g, vertex_id from, vertex_id to);

/*
 * Other ways in: up to max further paths that share no object with earlier ones but the target
 * (greedy, internally vertex-disjoint). budget bounds the vertices visited per search; *cut is set
 * when it ended a search, so that "no more" is never said for "stopped". Needs the reverse edges.
 */
WARN_UNUSED int paths_others(struct path *out, size_t max, size_t *n, bool *cut,
			     const struct graph *g, const struct path *first, uint64_t budget,
			     struct err *err);
void paths_deinit(struct path *p);

#endif
