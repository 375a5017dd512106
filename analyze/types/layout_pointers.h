/*
 * The words of a type that hold pointers: what an edge's class and name are
 * decided by, and what a scan that knows types needs.
 */
#ifndef HEAPDUMP_TYPES_LAYOUT_POINTERS_H
#define HEAPDUMP_TYPES_LAYOUT_POINTERS_H

#include "analyze/types/type_table.h"

/* count pointers, the first at off, each stride bytes behind the one before. */
struct layout_pointer {
	uint64_t off, stride, count;
	type_id target; /* what is pointed to, as declared; TYPE_VOID: untyped */
	bool is_shared; /* in a union or variant: perhaps something else is there */
	bool is_code;	/* a function's address */
	bool is_open; /* in an array without a count: count is 0, it goes on to the object's end */
};

struct layout_pointers {
	VEC(struct layout_pointer) list; /* by off */
	bool is_cut; /* more than LAYOUT_POINTERS_MAX, or members of unknown place or type */
};

enum { LAYOUT_POINTERS_MAX = 1 << 16 };

/*
 * Fills p (zeroed, or used before). Pointers to members are none; uintptr_t is none. ERR_NOMEM.
 * O(members), arrays counted once.
 */
WARN_UNUSED int layout_pointers_of(const struct type_table *t, type_id id,
				   struct layout_pointers *p, struct err *err);
void layout_pointers_deinit(struct layout_pointers *p);

#endif
