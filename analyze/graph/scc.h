/*
 * Strongly connected components of a set of objects, and which components nothing else in the set
 * points into. Private to reach.c.
 */
#ifndef HEAPDUMP_GRAPH_SCC_H
#define HEAPDUMP_GRAPH_SCC_H

#include "analyze/graph/graph.h"

/*
 * members: the set, by object id. edges: bit per out-edge to follow (NULL: all). heads (initialised,
 * by object id) gets the lowest member of each component that no other component points into.
 * No recursion; O(members + their edges), and 1/16 byte per object of the graph.
 */
WARN_UNUSED int scc_heads(const struct graph *g, const struct bitset *members,
			  const struct bitset *edges, struct bitset *heads, struct err *err);

#endif
