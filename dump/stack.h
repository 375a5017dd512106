/*
 * The call stack of the calling thread, as return addresses. Owner of libunwind.
 *
 * By unwind tables: frame pointers alone see 3 frames of stock Debian's python. A table of compiled rules, one per
 * return address, shared by all threads and read without a lock, gives a frame in some nanoseconds; where a rule
 * cannot be compiled, libunwind (loaded apart, if it is there) takes the whole stack.
 *
 * Neither allocates by malloc nor takes a lock that the program could hold, but where libunwind serves.
 */
#ifndef HEAPDUMP_DUMP_STACK_H
#define HEAPDUMP_DUMP_STACK_H

#include <stdbool.h>
#include <stdint.h>

enum hd_unwinder {
	HD_UNWIND_AUTO,	     /* rules, else libunwind */
	HD_UNWIND_LIBUNWIND, /* unw_backtrace alone */
	HD_UNWIND_FRAMES,    /* frame pointers alone */
};

/*
 * Once, from the library's constructor: allocates the rule table, loads libunwind with RTLD_LOCAL. What cannot be had
 * is done without. Before it, captures have one frame.
 */
void hd_stack_init(enum hd_unwinder how);

/* What a thread knows of its stack: all zero at first, filled by its captures, copied by fork. */
struct hd_stack_bounds {
	uint64_t lo, hi; /* its own stack: readable from lo on, ends at hi; 0, 0: not known yet */
	uint64_t hole;	 /* an address below that could not be read; 0: none was met */
};

/* A capture by libunwind has at most so many frames. */
enum { HD_STACK_LIBUNWIND_MAX = 128 };

/*
 * Fills up to max return addresses, leaf first: the first is the one that returns into the caller of the function whose
 * frame is given (__builtin_frame_address(0) of the hook is not needed: pc and sp, fp of the hook's own caller are
 * taken by HD_STACK_HERE in the hook). Returns how many; *cut: the stack goes on, but could not be followed or is
 * longer than max. often: captures on this stack follow each other closely, so that it pays to remember the last one.
 * *hash: of the frames, by stack_hash.h.
 */
struct hd_stack_context {
	uint64_t pc, sp, fp;
};
unsigned hd_stack_capture(const struct hd_stack_context *from, struct hd_stack_bounds *bounds,
			  bool often, uint64_t *frames, unsigned max, bool *cut, uint64_t *hash);

/*
 * The state of the calling function's caller right after it will have returned; in a hook built with
 * -fno-omit-frame-pointer.
 */
#define HD_STACK_HERE()                                                                            \
	((struct hd_stack_context){                                                                \
		.pc = (uint64_t)(uintptr_t)__builtin_return_address(0),                            \
		.sp = (uint64_t)(uintptr_t)__builtin_frame_address(0) + 16,                        \
		.fp = *(const uint64_t *)__builtin_frame_address(0),                               \
	})

/*
 * Modules were mapped or unmapped since: forgets the rules of older generations. Behind each dlopen and dlclose that
 * changed something, outside of captures: may take the loader's lock. Some 50 µs.
 */
void hd_stack_new_generation(uint64_t generation);

#endif
