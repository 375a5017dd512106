/*
 * The objects of the heap: sorted by address, disjoint, numbered by rank.
 * Walkers add them in any order; objects_seal() sorts and checks.
 *
 *	∀ i:  addr(i) + size(i) ≤ addr(i+1)         Σ size(i) = objects.bytes
 *
 * Storage is behind the accessors. While they are added an object takes 16 bytes; sealed, 8.
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

/* One that the packed form cannot say: an odd address or size, or a large one. */
struct odd_object {
	obj_id id;
	struct object is;
};

struct objects {
	VEC(struct object) list;    /* what was added; once sealed only where packed is NULL */
	uint64_t *packed;	    /* by id, see objects_pack(); NULL: too many are odd */
	VEC(struct odd_object) odd; /* by id */
	uint32_t n;		    /* once sealed */
	uint64_t bytes;		    /* Σ usable size of all but mappings */
	uint64_t n_mappings;
	bool sealed;
};

/*
 * A packed object, all of it in one word: kind 2 bits, size / 8 17 bits, address / 8 45 bits. All bits of
 * the size set: it is odd, and its address is what it is rounded down to, cut at 2^48 − 8.
 */
enum { PACKED_SIZE_SHIFT = 2, PACKED_ADDR_SHIFT = 19, PACKED_GRANULE_SHIFT = 3 };
#define PACKED_SIZE_MAX 0x1ffffull

void objects_deinit(struct objects *o);

/*
 * Room for so many before the first is added, untouched until it is used: the table then need not move
 * and lies in huge pages. Best effort.
 */
void objects_expect(struct objects *o, uint64_t n);

/* Adds one; size is the usable size, > 0. ERR_NOMEM, ERR_LIMIT. */
WARN_UNUSED int objects_add(struct objects *o, addr_t addr, uint64_t size, enum object_kind kind,
			    struct err *err);

/*
 * Sorts by address if needed and drops what overlaps the object before it; *n_dropped says how many
 * (a damaged heap). After this the ids are fixed.
 */
WARN_UNUSED int objects_seal(struct objects *o, uint64_t *n_dropped, struct err *err);

/* All of what follows is for sealed tables. */
static inline uint32_t objects_count(const struct objects *o)
{
	return o->n;
}

/* One that is not in packed as it is. O(log of how many there are). */
const struct object *objects_unpacked(const struct objects *o, obj_id i);

static inline bool objects_is_packed(const struct objects *o, obj_id i)
{
	return o->packed &&
	       (o->packed[i] >> PACKED_SIZE_SHIFT & PACKED_SIZE_MAX) != PACKED_SIZE_MAX;
}

static inline addr_t objects_addr(const struct objects *o, obj_id i)
{
	if (!objects_is_packed(o, i))
		return objects_unpacked(o, i)->addr;
	return o->packed[i] >> PACKED_ADDR_SHIFT << PACKED_GRANULE_SHIFT;
}

static inline uint64_t objects_size(const struct objects *o, obj_id i)
{
	if (!objects_is_packed(o, i))
		return objects_unpacked(o, i)->size_kind >> 2;
	return (o->packed[i] >> PACKED_SIZE_SHIFT & PACKED_SIZE_MAX) << PACKED_GRANULE_SHIFT;
}

static inline enum object_kind objects_kind(const struct objects *o, obj_id i)
{
	return (enum object_kind)((o->packed ? o->packed[i] : o->list.v[i].size_kind) & 3);
}

/* Asks for the memory of what the accessors read. */
static inline void objects_prefetch(const struct objects *o, obj_id i)
{
	if (o->packed)
		__builtin_prefetch(&o->packed[i]);
	else
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
