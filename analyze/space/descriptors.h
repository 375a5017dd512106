/*
 * glibc's thread descriptors (struct pthread) in the dump: their shape, size
 * and the stack block they name. Private to threads.c.
 */
#ifndef HEAPDUMP_SPACE_DESCRIPTORS_H
#define HEAPDUMP_SPACE_DESCRIPTORS_H

#include "analyze/space/symbols.h"

/* What can be learned once for the process. */
struct descriptors {
	const struct space *space;
	uint64_t
		size; /* of struct pthread, from the thread pointer (x86-64) or up to it (aarch64) */
	uint64_t tid_off; /* of the thread id in it; UINT64_MAX: unknown */
};

/* Learns size (by libc's own debugging symbols, else by the living threads' stacks) and tid_off. */
void descriptors_learn(struct descriptors *d, const struct space *s, const struct modules *modules,
		       struct symbols *symbols);

/* Whether the words at tp are a thread control block of this machine's libc. */
bool descriptors_at(const struct space *s, addr_t tp);

/* Where the descriptor of that thread pointer lies. */
struct range descriptors_range(const struct descriptors *d, addr_t tp);

/* The thread's stack block as mapped by libc, guard and descriptor included; false: not libc's. */
bool descriptors_stack(const struct space *s, addr_t tp, struct range *block);

/* The dtv array, its length word included; empty if there is none. O(1). */
struct range descriptors_dtv(const struct space *s, addr_t tp);

/* The thread id a descriptor holds (0: exited); false: its place is not known. */
bool descriptors_tid(const struct descriptors *d, addr_t tp, uint32_t *tid);

#endif
