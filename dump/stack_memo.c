/*
 * The memos: memory of this library that only its holder touches.
 *
 *	before   at:    r r r r a a a          n
 *	match               ▲ j                (the walk met the frame at[j]; it is among the fresh ones)
 *	after    at:    r r r r x y            kept = j; the fresh frames from the one that matched down to the leaf
 *
 * Where only some of the frames above the match are as they were, they become fresh ones and the walk goes on above them,
 * where it may meet the rest of the row again.
 *
 *	of[i].counts = of[i − 1].by_fp ∨ (of[i − 1].fp_at = 0 ∧ of[i − 1].counts)        of[0].counts = false
 *	of[i].hash   = of[i − 1].hash × B + mix(at[i].pc)
 *
 * Both depend on outer frames only, so they hold as long as those are kept. The outermost frame's fp does not count, as
 * whoever goes on above it has the present one: it is read anew where the match ends.
 */
#include "dump/stack_memo.h"

#include <stddef.h>

#include "dump/alone.h"
#include "dump/stack_hash.h"

enum { MEMO_BITS = 6, SPARE = HD_MEMO_FRAMES / 4 };

static struct hd_memo memos[1 << MEMO_BITS];

/* Whether the memo was free; it is not any more. */
static bool lock(struct hd_memo *m)
{
	if (!hd_alone())
		return !__atomic_exchange_n(&m->lock, 1, __ATOMIC_ACQUIRE);
	if (m->lock)
		return false;
	m->lock = 1;
	return true;
}

struct hd_memo *hd_memo_begin(uint64_t stack_end, uint64_t generation)
{
	struct hd_memo *m = &memos[(stack_end >> 12) * 0x9e3779b97f4a7c15ull >> (64 - MEMO_BITS)];

	if (!lock(m))
		return NULL;
	if (m->generation != generation || m->stack_end != stack_end)
		m->n = 0;
	m->generation = generation;
	m->stack_end = stack_end;
	m->n_fresh = m->kept = 0;
	m->stopped = m->met_root = m->to_root = false;
	hd_memo_aim(m, m->n);
	return m;
}

/* Frames, the outermost first, as at[i], … next to the frames outside of them. */
struct settling {
	struct hd_memo *m;
	uint64_t hash; /* of at[0 … i) */
	uint32_t i;
	bool counts; /* the next one's fp does */
};

static inline void begin_settling(struct settling *s, struct hd_memo *m, uint32_t i)
{
	*s = (struct settling){.m = m, .i = i};
	if (i < HD_MEMO_FRAMES)
		m->checked &= (UINT64_C(1) << i) - 1;
	if (!i)
		return;
	s->hash = m->of[i - 1].hash;
	s->counts = m->of[i - 1].by_fp || (!m->of[i - 1].fp_at && m->of[i - 1].counts);
}

static inline void settle(struct settling *s, const struct hd_memo_frame *f)
{
	struct hd_memo_place *at = &s->m->at[s->i];
	struct hd_memo_origin *of = &s->m->of[s->i];
	bool by_fp = f->by_fp;

	s->hash = hd_stack_hash_add(s->hash, f->pc);
	at->pc = f->pc;
	at->sp = f->sp;
	of->fp = f->fp;
	of->fp_at = f->fp_at;
	of->hash = s->hash;
	of->by_fp = by_fp;
	of->counts = s->counts;
	if (s->counts && f->fp_at)
		s->m->checked |= UINT64_C(1) << s->i;
	s->counts = by_fp || (!f->fp_at && s->counts);
	s->i++;
}

/* Too deep for all: what is next to the leaf will be met again, the outermost frames go, a few more than they must. */
static void drop_outermost(struct hd_memo *m)
{
	uint32_t room = HD_MEMO_FRAMES - m->n_fresh;
	uint32_t keep = room > SPARE ? room - SPARE : 0, from = m->kept - keep;
	struct settling s;

	begin_settling(&s, m, 0);
	m->rooted = false;
	for (uint32_t i = 0; i < keep; i++) {
		struct hd_memo_frame f = {.pc = m->at[from + i].pc,
					  .sp = m->at[from + i].sp,
					  .fp = m->of[from + i].fp,
					  .fp_at = m->of[from + i].fp_at,
					  .by_fp = m->of[from + i].by_fp};

		settle(&s, &f);
	}
	m->kept = keep;
}

uint64_t hd_memo_end(struct hd_memo *m, const uint64_t *frames, unsigned n)
{
	struct settling s;
	uint64_t hash;

	if (m->kept + m->n_fresh > HD_MEMO_FRAMES)
		drop_outermost(m);
	if (!m->kept)
		m->rooted = m->met_root;
	begin_settling(&s, m, m->kept);
	for (const struct hd_memo_frame *f = m->fresh + m->n_fresh; f > m->fresh;)
		settle(&s, --f);
	m->n = s.i;
	/* as many as were found behind the first, so they are the same */
	if (s.i + 1 == n)
		hash = hd_stack_hash_add(s.hash, frames[0]);
	else
		hash = hd_stack_hash(frames, n);
	__atomic_store_n(&m->lock, 0, __ATOMIC_RELEASE);
	return hash;
}

static bool holds_fp(const struct hd_memo *m, uint32_t i, const struct hd_reach *reach)
{
	return hd_reach_within(reach, m->of[i].fp_at) &&
	       hd_reach_word(m->of[i].fp_at) == m->of[i].fp;
}

/* 0: at has its return address where it was. */
static inline uint64_t moved(const struct hd_memo_place *at)
{
	return hd_reach_word(at->sp - 8) ^ at->pc;
}

/*
 * How many of at[… j), from the inner end on, have their words where they were, up to max; writes their pcs. The stack is
 * the same and the walk below, so return addresses are within reach.
 */
static uint32_t count_same(const struct hd_memo *m, const struct hd_reach *reach, uint64_t *frames,
			   unsigned max)
{
	const struct hd_memo_place *at = m->at + m->j;
	const struct hd_memo_place *end = m->j > max ? at - max : m->at;
	/* the uppermost bit is that of at[−1] */
	uint64_t checked = m->j ? m->checked << (HD_MEMO_FRAMES - m->j) : 0, *out = frames;

	/* four at once, as nearly all are there */
	for (; at - end >= 4 && !(checked >> 60); at -= 4, checked <<= 4) {
		if (moved(at - 1) | moved(at - 2) | moved(at - 3) | moved(at - 4))
			break;
		out[0] = at[-1].pc;
		out[1] = at[-2].pc;
		out[2] = at[-3].pc;
		out[3] = at[-4].pc;
		out += 4;
	}
	for (; at > end && !moved(at - 1); checked <<= 1) {
		at--;
		if (__builtin_expect((int64_t)checked < 0, 0) &&
		    !holds_fp(m, (uint32_t)(at - m->at), reach))
			break;
		*out++ = at->pc;
	}
	return (uint32_t)(out - frames);
}

/* The present frame pointer of at[i], where that of at[end] is *fp. False: it cannot be read. */
static bool read_fp(const struct hd_memo *m, uint32_t i, uint32_t end, const struct hd_reach *reach,
		    uint64_t *fp)
{
	while (i < end && !m->of[i].fp_at)
		i++;
	if (i == end)
		return true;
	if (!hd_reach_within(reach, m->of[i].fp_at))
		return false;
	*fp = hd_reach_word(m->of[i].fp_at);
	return true;
}

/* at[i … end) become fresh, with their present frame pointers; what lies above them is walked on. */
static void refresh(struct hd_memo *m, uint32_t i, uint32_t end, const struct hd_reach *reach,
		    uint64_t fp)
{
	for (uint32_t at = end; at-- > i;) {
		if (!read_fp(m, at, at + 1, reach, &fp))
			hd_memo_stop(m);
		hd_memo_note(m, m->at[at].pc, m->at[at].sp, fp, m->of[at].fp_at, m->of[at].by_fp);
	}
	hd_memo_aim(m, m->stopped ? 0 : i);
}

unsigned hd_memo_known(struct hd_memo *m, struct hd_memo_state *s, const struct hd_reach *reach,
		       uint64_t *frames, unsigned max)
{
	uint32_t known, met = m->j - 1, last;
	uint64_t fp = s->fp;

	hd_memo_aim(m, met);
	known = count_same(m, reach, frames, max);
	last = met - known;
	if (!known || !read_fp(m, last, met, reach, &fp))
		return 0;
	if (!last || known == max) {
		m->kept = met;
		m->to_root = !last && m->rooted;
		hd_memo_stop(m);
	} else {
		refresh(m, last, met, reach, s->fp);
	}
	s->pc = m->at[last].pc;
	s->sp = m->at[last].sp;
	s->fp = fp;
	return known;
}
