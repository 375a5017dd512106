/*
 * The objects of the heap: sorted by address, disjoint, numbered by rank.
 * Walkers add them in any order; objects_seal() sorts and checks.
 *
 *	∀ i:  addr(i) + size(i) ≤ addr(i+1)         Σ size(i) = objects.bytes
 *
 * Storage is behind the accessors so that it can be made smaller without
 * touching a caller. 16 bytes an object today.
 */
#ifndef HEAPDUMP_HEAP_OBJECTS_H
#define HEAPDUMP_HEAP_OBJECTS_H

#include "base/err.h"
#include "base/ids.h"
#include "base/vec.h"

enum object_kind {
	OBJECT_ARENA,	/* carved from an allocator's arena */
	OBJECT_MMAPPED, /* a mapping of its own, made by the allocator (glibc's mmapped chunk) */
	OBJECT_MAPPING, /* an unknown anonymous or shared mapping: not allocated by a walker's allocator */
	OBJECT_ANNOUNCED, /* a part of one of these that the program gave out itself, and said so */
};

struct object {
	addr_t addr;	    /* what malloc returned */
	uint64_t size_kind; /* usable size << 2 | kind */
};

struct objects {
	VEC(struct object) list;
	uint64_t bytes; /* Σ usable size of all but mappings */
	uint64_t n_mappings;
	bool sealed;
};

void objects_deinit(struct objects *o);

/* Adds one; size is the usable size, > 0. ERR_NOMEM, ERR_LIMIT. */
WARN_UNUSED int objects_add(struct objects *o, addr_t addr, uint64_t size, enum object_kind kind,
			    struct err *err);

/*
 * Sorts by address if needed and drops what overlaps the object before it; *n_dropped says how many
 * (a damaged heap). After this the ids are fixed.
 */
WARN_UNUSED int objects_seal(struct objects *o, uint64_t *n_dropped, struct err *err);

static inline uint32_t objects_count(const struct objects *o)
{
	return (uint32_t)o->list.n;
}

static inline addr_t objects_addr(const struct objects *o, obj_id i)
{
	return o->list.v[i].addr;
}

static inline uint64_t objects_size(const struct objects *o, obj_id i)
{
	return o->list.v[i].size_kind >> 2;
}

static inline enum object_kind objects_kind(const struct objects *o, obj_id i)
{
	return (enum object_kind)(o->list.v[i].size_kind & 3);
}

/* Asks for the memory of what the accessors read. */
static inline void objects_prefetch(const struct objects *o, obj_id i)
{
	__builtin_prefetch(&o->list.v[i]);
}

/*
 * The object whose [addr, addr + size] holds a (its end too, when nothing starts there), or
 * OBJ_NONE. O(log n): for single questions; the scan has its own index.
 */
obj_id objects_find(const struct objects *o, addr_t a);

/* Asserts the invariants above; for tests. */
void objects_check(const struct objects *o);

#endif
