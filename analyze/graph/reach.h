/*
 * What the roots reach, and what nobody does.
 *
 *	reachable + leaked (directly, indirectly) + mapping-held + unreached mappings = all objects
 *
 * The paths come from the same pass: parent[v] is the predecessor on the best path to v, where a path
 * is better if its root's tier is lower (globals before thread-locals before stack slots before
 * registers), then if it has fewer guessed edges, then if it is shorter.
 */
#ifndef HEAPDUMP_GRAPH_REACH_H
#define HEAPDUMP_GRAPH_REACH_H

#include "analyze/graph/graph.h"

enum verdict {
	REACHABLE,
	LEAKED_DIRECTLY, /* heads a leaked group: nothing unreached points to it, or it stands for a cycle nothing outside points to */
	LEAKED_INDIRECTLY, /* only leaked objects point to it */
	MAPPING_HELD,	   /* held only by an unknown mapping that nothing reaches */
	MAPPING_UNREACHED, /* such a mapping itself */
};

struct reach {
	vertex_id *parent; /* per vertex: VERTEX_NONE if unreached; roots: 0 */
	uint8_t *verdict;  /* per object id */
	uint64_t n[5];	   /* objects by verdict */
};

/*
 * tiers: root_tier[r] of root r, small numbers first (0 … 15): the breadth-first search exhausts a
 * tier before the next begins. NULL: one tier. is_mapping: bit per object id (may be NULL: none are).
 * edges: bit per out-edge to follow (NULL: all). No recursion; O(V + E).
 */
WARN_UNUSED int reach_init(struct reach *r, const struct graph *g, const uint8_t *root_tier,
			   const struct bitset *is_mapping, const struct bitset *edges,
			   struct err *err);
void reach_deinit(struct reach *r);

/*
 * The leaked group of a head: every leaked object reachable from it, itself included, each object
 * counted for the first head (by address) that reaches it. group[o] is the head's object id for
 * leaked objects, OBJ_NONE for others. Σ over heads = all leaked.
 */
WARN_UNUSED int reach_leak_groups(const struct reach *r, const struct graph *g, obj_id *group,
				  struct err *err);

#endif
