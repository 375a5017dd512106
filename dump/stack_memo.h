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
 * the stack then costs a comparison a frame instead of two look-ups, and its hash is known.
 *
 * A frame pointer counts only where a caller was found by it before another was read: in code without frame pointers rbp
 * is a register like others, and differs though the stack does not. One that does not count may be old.
 *
 * Where the walk ended at a root (a frame that the unwind tables say has no caller), one that comes to at[0] ends, too.
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

/* The state of a frame, and how it was found from that of its callee. */
struct hd_memo_frame {
	uint64_t pc, sp, fp;
	uint64_t fp_at; /* where fp was read; 0: it is its callee's */
	bool by_fp;	/* sp comes from its callee's fp */
};

struct hd_memo_place {
	uint64_t pc, sp;
};

/* How at[i] was found; the hash is of at[0 … i]. */
struct hd_memo_origin {
	uint64_t fp, fp_at, hash;
	bool by_fp;
	bool counts; /* fp does */
};

struct hd_memo {
	uint32_t lock;
	uint32_t n; /* frames in at */
	uint32_t n_fresh;
	uint32_t j;    /* candidates for a match are at[0 … j) */
	uint32_t kept; /* at[0 … kept) was found again */
	bool stopped;
	bool rooted;	/* at[0] has no caller: its rule says so */
	bool met_root;	/* nor has the last one of fresh */
	bool to_root;	/* all of at was found again, and is rooted: the walk is at its end */
	uint64_t sp_at; /* at[j − 1].sp; none, or stopped: UINT64_MAX */
	uint64_t generation, stack_end;
	uint64_t checked; /* bit i: the word that of[i].fp was read from is to be compared, too */
	struct hd_memo_place at[HD_MEMO_FRAMES]; /* of the last capture, root first */
	struct hd_memo_origin of[HD_MEMO_FRAMES];
	struct hd_memo_frame fresh[HD_MEMO_FRAMES]; /* of this one, leaf first */
};

/* The stack's memo, or NULL: somebody else has it. Give it back with hd_memo_end. */
struct hd_memo *hd_memo_begin(uint64_t stack_end, uint64_t generation);

/*
 * Keeps what was noted. The frames are what the capture has found, all that were noted or known behind the first; returns
 * their hash.
 */
uint64_t hd_memo_end(struct hd_memo *m, const uint64_t *frames, unsigned n);

/* No more notes and matches in this capture. */
static inline void hd_memo_stop(struct hd_memo *m)
{
	m->stopped = true;
	m->sp_at = UINT64_MAX;
}

/* The last note is of a root: its rule says so, not what memory has. Before hd_memo_stop. */
static inline void hd_memo_note_root(struct hd_memo *m)
{
	m->met_root = !m->stopped;
}

/* What was noted is not of the frames that were found in the end. */
static inline void hd_memo_drop(struct hd_memo *m)
{
	hd_memo_stop(m);
	m->n_fresh = m->kept = 0;
}

/* What is met next can only be one of at[0 … j). */
static inline void hd_memo_aim(struct hd_memo *m, uint32_t j)
{
	m->j = j;
	m->sp_at = j ? m->at[j - 1].sp : UINT64_MAX;
}

/* Whether the frame is one of the last capture's: cheap, to be asked before hd_memo_known. */
static inline bool hd_memo_may_know(struct hd_memo *m, uint64_t pc, uint64_t sp, uint64_t fp)
{
	uint32_t i;

	/* what is below the walk is behind us for good */
	while (__builtin_expect(m->sp_at < sp, 0))
		hd_memo_aim(m, m->j - 1);
	if (m->sp_at != sp)
		return false;
	i = m->j - 1;
	return m->at[i].pc == pc && (!m->of[i].counts || m->of[i].fp == fp);
}

/* Field by field: a struct that is stored so and loaded as a whole at once makes the processor wait. */
static inline void hd_memo_note(struct hd_memo *m, uint64_t pc, uint64_t sp, uint64_t fp,
				uint64_t fp_at, bool by_fp)
{
	struct hd_memo_frame *f = &m->fresh[m->n_fresh];

	if (m->stopped || m->n_fresh == HD_MEMO_FRAMES) {
		hd_memo_stop(m);
		return;
	}
	m->n_fresh++;
	f->pc = pc;
	f->sp = sp;
	f->fp = fp;
	f->fp_at = fp_at;
	f->by_fp = by_fp;
}

/* Where a walk has come to. */
struct hd_memo_state {
	uint64_t pc, sp, fp;
};

/*
 * After s was noted, and hd_memo_may_know said yes: writes the pcs of the frames above it that are as they were, up to max, and makes s the last of them.
 * Returns how many; 0: none. The walk goes on from there.
 */
unsigned hd_memo_known(struct hd_memo *m, struct hd_memo_state *s, const struct hd_reach *reach,
		       uint64_t *frames, unsigned max);

#endif
