/*
 * Which module's code was at an address in a generation: the sampler's log by place and time.
 */
#ifndef HEAPDUMP_SPACE_UNMAPPED_H
#define HEAPDUMP_SPACE_UNMAPPED_H

#include "base/err.h"
#include "base/ids.h"
#include "base/vec.h"
#include "heapimage.h"

/* A module on a node of the tree over addresses, in these generations. */
struct unmapped_entry {
	uint32_t node, first, last, module;
};

/* All zero: an empty log. */
struct unmapped {
	VEC(addr_t) edges;		    /* where modules begin or end: sorted, each once */
	VEC(struct unmapped_entry) entries; /* by node and generation; disjoint in each node */
};

/* Of n modules (lo < hi), whose indexes it keeps. Fails only out of memory. O(n log² n). */
WARN_UNUSED int unmapped_init(struct unmapped *u, const struct heapimage_module *modules, size_t n,
			      struct err *err);
void unmapped_deinit(struct unmapped *u);

/* The index of the module there then, or INDEX_NONE. Of several the first. O(log² n). */
uint32_t unmapped_find(const struct unmapped *u, addr_t addr, uint32_t generation);

#endif
