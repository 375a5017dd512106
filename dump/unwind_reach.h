/*
 * Which words of a stack may be read.
 */
#ifndef HEAPDUMP_DUMP_UNWIND_REACH_H
#define HEAPDUMP_DUMP_UNWIND_REACH_H

#include <stdbool.h>
#include <stdint.h>

#include "dump/stack.h"

/* A `how` that rt_sigprocmask does not know. */
enum { HD_REACH_NO_SUCH_HOW = 0x7fff };

struct hd_reach {
	uint64_t lo, hi; /* multiples of 8; between them all is readable */
	bool own;	 /* the thread's own stack: beyond there is nothing of it */
};

/* Where the first thread's stack ends. Once. */
void hd_reach_init(void);

/* Whether the 8 bytes at an aligned address can be read: by a system call that only says so. */
bool hd_reach_probe(uint64_t addr);

/* What can be read around sp, by the bounds that are known (fast) or by looking (fills them). */
void hd_reach_find(struct hd_reach *reach, struct hd_stack_bounds *bounds, uint64_t sp);

/*
 * Whether so many bytes may be used below sp: for certain, so only on the thread's own stack. What ends a coroutine's or a
 * signal's is not known.
 */
bool hd_reach_has_room(const struct hd_stack_bounds *bounds, uint64_t sp, uint64_t bytes);

/* Looks further, for a word that is not within. False: it cannot be read. */
bool hd_reach_widen(struct hd_reach *reach, uint64_t addr);

static inline void hd_reach_start(struct hd_reach *reach, struct hd_stack_bounds *bounds,
				  uint64_t sp)
{
	if (__builtin_expect(sp >= bounds->lo && sp < bounds->hi, 1))
		*reach = (struct hd_reach){bounds->lo, bounds->hi, true};
	else
		hd_reach_find(reach, bounds, sp);
}

/* A sanitizer's red zones on the stack are no business of its unwinder. */
__attribute__((no_sanitize_address)) static inline uint64_t hd_reach_word(uint64_t addr)
{
	return *(const uint64_t *)(uintptr_t)addr;
}

static inline bool hd_reach_within(const struct hd_reach *reach, uint64_t addr)
{
	return addr % 8 == 0 && addr >= reach->lo && addr < reach->hi;
}

static inline bool hd_reach_read(struct hd_reach *reach, uint64_t addr, uint64_t *word)
{
	if (!hd_reach_within(reach, addr) && !hd_reach_widen(reach, addr))
		return false;
	*word = hd_reach_word(addr);
	return true;
}

#endif
