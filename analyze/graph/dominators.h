/*
 * Immediate dominators by SEMI-NCA (Georgiadis and Tarjan; see dominators.c)
 * over the vertices reachable from the super-root, and retained sizes.
 *
 *	idom[w] < w in preorder          Σ retained of the super-root's children = reachable bytes
 */
#ifndef HEAPDUMP_GRAPH_DOMINATORS_H
#define HEAPDUMP_GRAPH_DOMINATORS_H

#include "analyze/graph/graph.h"
#include "analyze/heap/objects.h"

struct dominators {
	uint32_t n; /* vertices reached, the super-root included */
	vertex_id *
		idom; /* per vertex: its immediate dominator; 0 for children of the super-root; VERTEX_NONE unreached (and vertex 0) */
	uint64_t *retained; /* per vertex: bytes that would come back without it; 0 unreached */
	uint32_t *
		dominated; /* per vertex: objects in its subtree, itself included if it is an object */
};

/*
 * objects: the graph's, for their sizes; mappings count as 0 bytes. edges: bit per out-edge to follow
 * (NULL: all). No recursion; O((V + E) log V). ERR_NOMEM.
 */
WARN_UNUSED int dominators_init(struct dominators *d, const struct graph *g,
				const struct objects *objects, const struct bitset *edges,
				struct err *err);
void dominators_deinit(struct dominators *d);

/*
 * The children of v in the dominator tree, the largest retained first (ties: the smaller vertex), up
 * to max; returns how many there are in all. O(V) for one question.
 */
size_t dominators_children(const struct dominators *d, const struct graph *g, vertex_id v,
			   vertex_id *out, size_t max);

#endif
