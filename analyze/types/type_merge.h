/*
 * From the types of one unit to the table of all: what has the same structure
 * and names becomes one type, so that a header's struct in 300 units is one.
 */
#ifndef HEAPDUMP_TYPES_TYPE_MERGE_H
#define HEAPDUMP_TYPES_TYPE_MERGE_H

#include "analyze/types/type_table.h"

/*
 * A reference inside a batch: TYPE_RAW | index of the batch's types, or the id of a type that is in
 * the table already, or TYPE_NONE (which has the bit, too, and no index).
 */
#define TYPE_RAW (1u << 31)

/* Types as they were read, with the table's names. `first` counts from the batch's members. */
struct type_batch {
	VEC(struct type) types;
	VEC(struct type_member) members;
	VEC(struct type_argument) arguments; /* owner: an index of types; type: a reference */
};

void type_batch_deinit(struct type_batch *b);

/*
 * Finds or adds every type of the batch; to[i] is the id of types.v[i]. O(n) in the batch but for
 * what differs deep inside under equal names, for which there is a budget: when it is used up,
 * types are added that are there already (more memory, no wrong answer). On failure the table keeps
 * what was added, and references in it may be unresolved: it must not be used.
 */
WARN_UNUSED int type_merge(struct type_table *t, struct type_batch *b, type_id *to,
			   struct err *err);

#endif
