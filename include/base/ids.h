/*
 * The scalar words that cross room borders. Ids and addresses, never host
 * pointers: a number that names something in the dumped process cannot be
 * dereferenced by mistake.
 */
#ifndef HEAPDUMP_BASE_IDS_H
#define HEAPDUMP_BASE_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address in the dumped process. */
typedef uint64_t addr_t;

/* An object by its rank in address order: 0 … n−1, at most 2^32−2 of them. */
typedef uint32_t obj_id;
#define OBJ_NONE UINT32_MAX

/* A vertex of the graph: 0 the super-root, 1 … R the roots, then the objects. */
typedef uint32_t vertex_id;
#define VERTEX_NONE UINT32_MAX

/* "No such index" in every 32-bit index that may be absent (module, symbol, thread, frame). */
#define INDEX_NONE UINT32_MAX

/* Half-open: lo is inside, hi is not. */
struct range {
	addr_t lo, hi;
};

static inline uint64_t range_size(struct range r)
{
	return r.hi - r.lo;
}

static inline bool range_has(struct range r, addr_t a)
{
	return a >= r.lo && a < r.hi;
}

/* An array's element count, for arrays whose size the compiler knows. */
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define WARN_UNUSED	       __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

#endif
