/*
 * Stack frames of every dumped thread, unwound by libdw from .eh_frame and
 * .debug_frame. A frame owns the stack words [cfa of the one it called, its own cfa).
 */
#ifndef HEAPDUMP_SPACE_FRAMES_H
#define HEAPDUMP_SPACE_FRAMES_H

#include "analyze/space/debuginfo.h"
#include "analyze/space/lines.h"
#include "analyze/space/threads.h"

struct frame {
	uint32_t thread; /* index into threads.list */
	uint32_t depth;	 /* 0: innermost */
	addr_t pc;	 /* the return address; depth 0: the program counter */
	bool is_activation; /* pc is exact (innermost or signal frame): look it up as is, else as pc − 1 */
	struct range words; /* the stack words that are its own */
	uint32_t known;	    /* registers whose values are known in it, 1 << DWARF number */
	uint32_t registers; /* where they begin in frames.registers, ascending by number */
};

struct frames {
	VEC(struct frame) list; /* by thread, then depth */
	VEC(uint32_t) first;	/* per thread index: its first frame in list; one more at the end */
	VEC(struct range)
	rest; /* per thread: live stack words above the last frame unwound; may be empty */
	VEC(uint64_t) registers; /* values, of the frames in their order */
};

#define MAX_FRAMES 4096 /* per thread; deeper ones are cut, and the rest is one root */

/* Unwinds every dumped thread; where unwinding stops early the rest of the stack stays one range. */
WARN_UNUSED int frames_init(struct frames *f, struct debuginfo *debuginfo,
			    const struct threads *threads, const struct space *space,
			    struct warnings *warnings, struct err *err);
void frames_deinit(struct frames *f);

/*
 * A general register as the frame has it: in the innermost the thread's own, in others what unwinding
 * restored. False: not known, as for all that a call may change.
 */
bool frames_register(const struct frames *f, uint32_t frame, uint32_t number, uint64_t *value);

/*
 * The register of its caller that the frame has saved in the word at the address, by its DWARF number.
 * O(log functions) for each register that calls preserve.
 */
bool frames_saved(const struct frames *f, struct debuginfo *d, const struct parts *parts,
		  uint32_t frame, addr_t word, uint32_t *number);

/* Whether the caller's register still is in the same place in this frame: it has not been saved. */
bool frames_leaves(const struct frames *f, struct debuginfo *d, uint32_t frame, uint32_t number);

/* The frame's canonical frame address: the stack pointer of the frame that called it. */
bool frames_cfa(const struct frames *f, uint32_t frame, const struct parts *parts, addr_t *cfa);

#endif
