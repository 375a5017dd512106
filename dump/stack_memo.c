/*
 * The memos: memory of this library that only its holder touches.
 *
 *	before   at:    r r r r a a a          n
 *	match               ▲ j                (the walk met the frame at[j]; it is among the fresh ones)
 *	after    at:    r r r r x y            kept = j; the fresh frames from the one that matched down to the leaf
 *
 * Where only some of the frames above the match are as they were, they become fresh ones and the walk goes on above them;
 * nothing of the old row is kept then.
 */
#include "dump/stack_memo.h"

#include <stddef.h>

enum { MEMO_BITS = 6 };

static struct hd_memo memos[1 << MEMO_BITS];

struct hd_memo *hd_memo_begin(uint64_t stack_end, uint64_t generation)
{
	struct hd_memo *m = &memos[(stack_end >> 12) * 0x9e3779b97f4a7c15ull >> (64 - MEMO_BITS)];

	if (__atomic_exchange_n(&m->lock, 1, __ATOMIC_ACQUIRE))
		return NULL;
	if (m->generation != generation)
		m->n = 0;
	m->generation = generation;
	m->j = m->n;
	m->n_fresh = m->kept = 0;
	m->stopped = false;
	return m;
}

void hd_memo_end(struct hd_memo *m)
{
	uint32_t kept = m->kept;

	/* too deep for both: the part next to the leaf is what will be met again */
	if (kept + m->n_fresh > HD_MEMO_FRAMES)
		kept = 0;
	for (uint32_t i = 0; i < m->n_fresh; i++)
		m->at[kept + i] = m->fresh[m->n_fresh - 1 - i];
	m->n = kept + m->n_fresh;
	__atomic_store_n(&m->lock, 0, __ATOMIC_RELEASE);
}

/* Whether the words that led to the frame are still there. */
static bool still_holds(const struct hd_memo_frame *f, const struct hd_reach *reach)
{
	if (!hd_reach_within(reach, f->sp - 8) || hd_reach_word(f->sp - 8) != f->pc)
		return false;
	return !f->fp_at || (hd_reach_within(reach, f->fp_at) && hd_reach_word(f->fp_at) == f->fp);
}

/* The frames above at[j] become fresh; what lies above them is walked anew. */
static void refresh(struct hd_memo *m, uint32_t known)
{
	for (uint32_t i = 0; i < known; i++)
		hd_memo_note(m, &m->at[m->j - 1 - i]);
	m->j = 0;
}

unsigned hd_memo_known(struct hd_memo *m, struct hd_memo_frame *f, const struct hd_reach *reach,
		       uint64_t *frames, unsigned max)
{
	const struct hd_memo_frame *at;
	uint32_t known = 0;

	/* what is below the walk is behind us for good */
	while (m->j && m->at[m->j - 1].sp < f->sp)
		m->j--;
	at = m->j ? &m->at[m->j - 1] : NULL;
	if (m->stopped || !at || at->sp != f->sp || at->pc != f->pc || at->fp != f->fp)
		return 0;
	m->j--;
	while (known < m->j && known < max && still_holds(&m->at[m->j - 1 - known], reach)) {
		frames[known] = m->at[m->j - 1 - known].pc;
		known++;
	}
	if (known)
		*f = m->at[m->j - known];
	if (known == m->j || known == max) {
		m->kept = m->j;
		m->j = 0;
		m->stopped = true;
	} else {
		refresh(m, known);
	}
	return known;
}
