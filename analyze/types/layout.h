/*
 * Layout: what stands at an offset of a type, and where its pointers are.
 *
 * Offsets and sizes are bytes. Everything is bounded: at most LAYOUT_STEPS
 * members are looked into for one question, whatever the type looks like.
 */
#ifndef HEAPDUMP_TYPES_LAYOUT_H
#define HEAPDUMP_TYPES_LAYOUT_H

#include "analyze/types/type_table.h"

enum { LAYOUT_PATH = 200, LAYOUT_STEPS = 4096 };

/* One reading of an offset. */
struct layout_hit {
	/*
	 * "conn.rbuf", "[3].next", "u.key"; "": the type itself is a scalar. Members without a name and
	 * base classes are passed through, as in the source. What does not fit is cut and ends in "...".
	 */
	char path[LAYOUT_PATH];
	type_id type;	    /* of what the path names */
	uint64_t off;	    /* of the asked byte within it: 0 at its start */
	type_id outer;	    /* of the outermost member or element on the path */
	uint64_t outer_off; /* of the asked byte within that */
	uint16_t bit_size;  /* 0: no bit-field */
	uint8_t bit_off;    /* bit-field: its lowest bit in the first byte it has bits in */
	bool is_shared;	    /* in a union or variant: other readings have the same bytes */
	bool is_hole; /* no member is there: padding, or members that are not known; the path names what holds it */
};

/*
 * Every reading of the byte at off, deepest each, in the order of declaration. extent: bytes that
 * are there in all, at least; where it is more than the type's size, a flexible array takes the
 * rest, and without one the memory is read as an array of the type ("[3].next"). 0: the type's own size.
 *
 * Up to max are stored; the number found is returned, 0: off is beyond the end. O(members on the way),
 * O(log members) for plain structs.
 */
size_t layout_at(const struct type_table *t, type_id id, uint64_t extent, uint64_t off,
		 struct layout_hit *out, size_t max);

/*
 * The member by its path ("conn.rbuf", "[3].next"), for a user's question: its type, offset and bits
 * (in a hit without path). False: there is none. Members of nameless members and of bases are found.
 */
bool layout_member(const struct type_table *t, type_id id, const char *path,
		   struct layout_hit *out);

#endif
