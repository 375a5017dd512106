/*
 * What the last capture on a stack found, so that the next one need not find it again: where every object is tracked, a
 * stack differs from the one before in its first few frames.
 *
 *	root ─ at[0] ─ at[1] ─ … ─ at[n − 1] ─ leaf        sp falls
 *	                  ▲
 *	a frame of the walk with this pc, sp, fp: from here on only the words that the walk had read are compared
 *
 * The caller's state follows from a frame's state and two words of memory (the return address, the saved frame pointer);
 * so a frame that is met again in the same state, with the same words above it, has the same frames above it. The rest of
 * the stack then costs two comparisons a frame instead of two look-ups.
 *
 * A memo serves one stack at a time, chosen by where the stack ends; stacks share memos by hash, which costs hits and never
 * truth. Its notes must be of steps in a row by rules of the common kind: hd_memo_stop ends them.
 */
#ifndef HEAPDUMP_DUMP_STACK_MEMO_H
#define HEAPDUMP_DUMP_STACK_MEMO_H

#include <stdbool.h>
#include <stdint.h>

#include "dump/unwind_reach.h"

enum { HD_MEMO_FRAMES = 64 };

/* The state of one frame, and where its frame pointer was read; 0: it is its callee's. */
struct hd_memo_frame {
	uint64_t pc, sp, fp, fp_at;
};

struct hd_memo {
	uint32_t lock;
	uint32_t n; /* frames in at */
	uint32_t n_fresh;
	uint32_t j;    /* candidates for a match are at[0 … j) */
	uint32_t kept; /* at[0 … kept) was found again */
	bool stopped;
	uint64_t generation;
	struct hd_memo_frame at[HD_MEMO_FRAMES];    /* of the last capture, root first */
	struct hd_memo_frame fresh[HD_MEMO_FRAMES]; /* of this one, leaf first */
};

/* The stack's memo, or NULL: somebody else has it. Give it back with hd_memo_end, which keeps what was noted. */
struct hd_memo *hd_memo_begin(uint64_t stack_end, uint64_t generation);
void hd_memo_end(struct hd_memo *m);

/* No more notes and matches in this capture. */
static inline void hd_memo_stop(struct hd_memo *m)
{
	m->stopped = true;
}

/* Whether a frame at sp may be one of the last capture's: cheap, to be asked before hd_memo_known. */
static inline bool hd_memo_may_know(const struct hd_memo *m, uint64_t sp)
{
	return m->j && m->at[m->j - 1].sp <= sp;
}

static inline void hd_memo_note(struct hd_memo *m, const struct hd_memo_frame *f)
{
	if (!m->stopped && m->n_fresh < HD_MEMO_FRAMES)
		m->fresh[m->n_fresh++] = *f;
	else
		m->stopped = true;
}

/*
 * After f was noted: writes the pcs of the frames above it that are as they were, up to max, and makes f the last of them.
 * Returns how many; 0: f is not known. The walk goes on from there.
 */
unsigned hd_memo_known(struct hd_memo *m, struct hd_memo_frame *f, const struct hd_reach *reach,
		       uint64_t *frames, unsigned max);

#endif
