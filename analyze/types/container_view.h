/*
 * One container in the dump: its words, checked, and its elements in order.
 *
 * Nothing is believed: a container whose words do not fit together (not constructed yet, destroyed, or no
 * container at all) is none, and every walk ends.
 */
#ifndef HEAPDUMP_TYPES_CONTAINER_VIEW_H
#define HEAPDUMP_TYPES_CONTAINER_VIEW_H

#include "analyze/space/space.h"
#include "analyze/types/containers.h"

struct container_view {
	const struct container_class *class;
	const struct space *space;
	addr_t at; /* of the class */
	/* vector, string: the buffer, what of it is used, and how much it has room for */
	addr_t first, last, end;
	bool is_local; /* string: no buffer */
	/* deque: pointers to chunks in use, and the whole array of them */
	addr_t map, map_end, chunks, chunks_end;
	uint64_t per_chunk, skipped; /* elements a chunk has room for; free ones before the first */
	/* the others */
	addr_t header; /* what ends a ring; the parent of a tree's root; else 0 */
	addr_t node;   /* first of a ring or a chain, root of a tree; may be the header */
	uint64_t n;    /* elements; UINT64_MAX: not said */
};

/* False: the words do not fit together. A view without elements is one. O(1). */
bool container_view(struct container_view *v, const struct container_class *k,
		    const struct space *space, addr_t at);

struct container_element {
	addr_t at;
	type_id type;
	uint64_t index; /* in order of iteration; of trees and hash tables it says nothing */
	addr_t key;	/* 0: has none */
	type_id key_type;
};

/*
 * The element that has the byte at `at`, in the object that starts at `object` (a node, a buffer, a chunk).
 * False: none has. Lists are walked up to it: O(their length), at most max_steps.
 */
bool container_element_at(const struct container_view *v, addr_t object, addr_t at,
			  uint64_t max_steps, struct container_element *out);

struct container_cursor {
	uint64_t index, steps_left;
	addr_t node;
};

/* All elements in order of iteration, at most max_steps nodes or elements visited. */
struct container_cursor container_begin(const struct container_view *v, uint64_t max_steps);
bool container_next(const struct container_view *v, struct container_cursor *c,
		    struct container_element *out);

/*
 * The next node of a ring or chain, or of a tree in order; 0: there is none, or its words are not known.
 * steps_left: of a tree, links that may be followed.
 */
addr_t container_next_node(const struct container_view *v, addr_t node, uint64_t *steps_left);

#endif
