/*
 * Objects that the program carved from pools of its own and announced (heapdump_announce): they take
 * the place of the pool's block.
 */
#ifndef HEAPDUMP_HEAP_ANNOUNCED_H
#define HEAPDUMP_HEAP_ANNOUNCED_H

#include "analyze/heap/objects.h"
#include "analyze/space/sampled.h"

/* A block that was split, as the allocator gave it out. */
struct split_block {
	addr_t addr;
	uint64_t size;
};

/* What became of them; bytes of blocks are usable sizes. */
struct announced {
	uint64_t n, bytes;		 /* sub-objects that are objects now */
	uint64_t mapped_n, mapped_bytes; /* of these, in unknown mappings: in no allocator's sums */
	uint64_t blocks, block_bytes;	 /* allocator's blocks they were carved from */
	uint64_t rest_bytes;		 /* of those blocks, in no object any more */
	uint64_t n_stray;		 /* left out: in no object, or across an object's end */
	uint64_t n_overlap;		 /* left out: they overlap others */
	VEC(struct split_block) split;	 /* the allocator\'s blocks, by address */
};

/*
 * Splits sealed objects at the announced regions; ids change. Without any, nothing is done. Fails out
 * of memory or ids. O(objects + regions).
 */
WARN_UNUSED int announced_split(struct objects *objects, const struct sampled *sampled,
				struct announced *out, struct warnings *warnings, struct err *err);
void announced_deinit(struct announced *a);

/* The block of that address, if it was split, or NULL. O(log blocks). */
const struct split_block *announced_block(const struct announced *a, addr_t addr);

#endif
