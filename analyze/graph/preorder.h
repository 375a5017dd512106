/*
 * Depth-first preorder numbers of what the super-root reaches, and every edge that is not of the
 * tree, found in the same search. Private to dominators.c.
 */
#ifndef HEAPDUMP_GRAPH_PREORDER_H
#define HEAPDUMP_GRAPH_PREORDER_H

#include "analyze/graph/graph.h"
#include "analyze/graph/offsets.h"
#include "base/vec.h"

/* An edge beside the tree, in numbers. */
struct preorder_edge {
	uint32_t to, from;
};

/* V: vertices of the graph. */
struct preorder {
	uint32_t n;	  /* vertices reached; the super-root is number 0 */
	vertex_id *order; /* by number, n elements */
	uint32_t *
		parent; /* by number: the depth-first parent; behind number in its block, V elements */
	VEC(struct preorder_edge) extra;
	/* what has served, for whoever comes next, and is freed with the rest: */
	uint32_t *number;   /* V + 2 elements (a multiple of 2), then parent's V */
	uint32_t *at;	    /* n elements */
	uint32_t *to;	    /* V elements at least */
	struct offsets off; /* V + 1 entries */
};

/* edges: bit per out-edge to follow (NULL: all). -1: out of memory. O(V + E), no recursion. */
WARN_UNUSED int preorder_init(struct preorder *p, const struct graph *g,
			      const struct bitset *edges);
void preorder_deinit(struct preorder *p);

#endif
