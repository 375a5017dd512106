/*
 * Who has explained which part of the address space. Each pass claims what it
 * understood; what writable memory nobody claims is an unknown mapping, and the
 * sums are the coverage that `info` states. A later claim never takes from an
 * earlier one: the part already claimed is left out.
 *
 *	Σ over kinds of claims_bytes + unclaimed bytes = Σ mapping sizes
 */
#ifndef HEAPDUMP_SPACE_CLAIMS_H
#define HEAPDUMP_SPACE_CLAIMS_H

#include "base/err.h"
#include "base/vec.h"
#include "analyze/space/space.h"

enum claim_kind {
	CLAIM_MODULE,	  /* text, rodata, data, bss of a module, the vdso */
	CLAIM_STACK,	  /* a living thread's stack, the dead part below it included */
	CLAIM_DEAD_STACK, /* the stack of an exited thread, kept by libc for reuse */
	CLAIM_THREAD,	  /* thread descriptors, static TLS, dtv blocks outside the heap */
	CLAIM_HEAP, /* an allocator's arenas and mapped chunks, headers and free memory included */
	CLAIM_ALLOCATOR_STATE, /* the allocator's own variables: never a root (lies inside other claims: see below) */
	CLAIM_FILE, /* file mappings that are no module (data files, locale archives), read-only */
	CLAIM_UNREADABLE, /* PROT_NONE reservations and guards */
	CLAIM_SAMPLER, /* heapdump's own tables in the process: no pointer there is the program's */
	N_CLAIM_KINDS
};

struct claim {
	struct range at;
	enum claim_kind kind;
};

struct claims {
	VEC(struct claim) list; /* sorted by address, disjoint */
	VEC(struct range)
	state; /* the allocator's own variables, wherever they lie; in no order */
};

/* Claims what is still unclaimed of the range. Empty ranges are fine. */
WARN_UNUSED int claims_add(struct claims *c, struct range at, enum claim_kind kind,
			   struct err *err);

/* Excludes a range from every scan (malloc_state, mp_): kept beside the claims, not one of them. */
WARN_UNUSED int claims_add_state(struct claims *c, struct range at, struct err *err);
void claims_deinit(struct claims *c);

/* Calls fn for each unclaimed piece of the mappings in address order; stops at and returns fn's non-zero. */
int claims_each_free(const struct claims *c, const struct space *s,
		     int (*fn)(void *arg, struct range at, const struct mapping *m), void *arg);

/* Bytes claimed as kind. O(claims). */
uint64_t claims_bytes(const struct claims *c, enum claim_kind kind);

/* The claim that holds addr, or NULL. O(log n). */
const struct claim *claims_find(const struct claims *c, addr_t addr);

/* Whether the word at addr is the allocator's own state. O(ranges), of which there are a handful. */
bool claims_is_state(const struct claims *c, addr_t addr);

#endif
