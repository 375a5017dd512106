/*
 * The memo against walks without it, on a stack that is played: calls and returns at random of functions of every kind, so
 * that rbp is a frame pointer here and a number there. A real compiler's code is in test_stack.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dump/stack_hash.h"
#include "dump/stack_memo.h"

enum { WORDS = 4096, DEEP = 150, KINDS = 4, CAPTURES = 200000, MAX = 64 };

/* What a function does with rbp. */
enum kind { LEAVES_IT, SAVES_IT, SAVES_LATE, BY_IT };

static uint64_t words[WORDS];

/* The played machine, and where each caller's state is. */
static struct machine {
	uint64_t sp, fp, pc;
	uint32_t depth;
} now, below[DEEP];

static uint64_t habit[DEEP]; /* what was called last at that depth, and will mostly be again */
static uint64_t seed = 1;
static uint64_t n_to_root; /* walks that ended with what the memo knew */

static uint32_t random_below(uint32_t n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % n;
}

/* A return address says all of its function: kind, size of the frame in words, which call. */
static uint64_t pc_of(enum kind kind, uint32_t size, uint32_t call)
{
	return 0x400000 + (uint64_t)kind * 0x10000 + size * 0x100 + call;
}

static enum kind kind_of(uint64_t pc)
{
	return (enum kind)((pc - 0x400000) >> 16);
}

static uint64_t frame_bytes(uint64_t pc)
{
	return ((pc - 0x400000) >> 8 & 255) * 8;
}

static uint64_t *word_at(uint64_t addr)
{
	return (uint64_t *)(uintptr_t)addr;
}

/* Calls a function, which has come to a call of its own: its frame ends below the return address into its caller. */
static void call(void)
{
	uint64_t pc = habit[now.depth], cfa = now.sp;
	enum kind kind;

	if (!pc || !random_below(8))
		pc = pc_of((enum kind)random_below(KINDS), 3 + random_below(2), random_below(2));
	habit[now.depth] = pc;
	kind = kind_of(pc);
	below[now.depth] = now;
	*word_at(cfa - 8) = now.pc;
	if (kind != LEAVES_IT)
		*word_at(cfa - 16 - 8 * (kind == SAVES_LATE)) = now.fp;
	if (kind == BY_IT)
		now.fp = cfa - 16;
	else if (kind != LEAVES_IT)
		now.fp = random_below(3); /* a number */
	now.pc = pc;
	now.sp = cfa - frame_bytes(pc);
	if (kind == BY_IT)
		now.sp -= 8 * random_below(2); /* as alloca does */
	now.depth++;
}

/* The caller goes on to another call of its own. */
static void come_back(void)
{
	now = below[now.depth - 1];
	now.pc = (now.pc & ~255ull) + random_below(2);
}

/* One step of a walk: false at the root, whose return address is 0. */
static bool step(struct hd_memo_state *s, uint64_t *fp_at, bool *by_fp)
{
	enum kind kind = kind_of(s->pc);
	uint64_t cfa = kind == BY_IT ? s->fp + 16 : s->sp + frame_bytes(s->pc);

	if (!*word_at(cfa - 8))
		return false;
	*by_fp = kind == BY_IT;
	*fp_at = kind == LEAVES_IT ? 0 : cfa - 16 - 8 * (kind == SAVES_LATE);
	s->pc = *word_at(cfa - 8);
	s->sp = cfa;
	if (*fp_at)
		s->fp = *word_at(*fp_at);
	return true;
}

static unsigned walk(struct hd_memo *memo, const struct hd_reach *reach, uint64_t *frames)
{
	struct hd_memo_state s = {now.pc, now.sp, now.fp};
	uint64_t fp_at;
	unsigned n = 0;
	bool by_fp, root = false;

	frames[n++] = s.pc;
	while (n < MAX) {
		root = !step(&s, &fp_at, &by_fp);
		if (root)
			break;
		frames[n++] = s.pc;
		if (!memo || memo->stopped)
			continue;
		hd_memo_note(memo, s.pc, s.sp, s.fp, fp_at, by_fp);
		if (hd_memo_may_know(memo, s.pc, s.sp, s.fp))
			n += hd_memo_known(memo, &s, reach, frames + n, MAX - n);
		if (memo->to_root) {
			n_to_root++;
			return n;
		}
	}
	if (memo && root)
		hd_memo_note_root(memo);
	return n;
}

/* From an empty stack; deepest: how deep it gets. Returns how many frames were not walked. */
static uint64_t play(uint32_t deepest, unsigned *longest)
{
	struct hd_reach reach = {(uintptr_t)words, (uintptr_t)(words + WORDS), true};
	uint64_t known = 0, plain[MAX], with[MAX];

	memset(words, 0, sizeof(words));
	now = (struct machine){.sp = reach.hi - 64, .fp = 0, .pc = pc_of(SAVES_IT, 3, 0)};
	for (int i = 0; i < CAPTURES; i++) {
		struct hd_memo *memo;
		unsigned n, m;

		for (uint32_t steps = random_below(12) + 1; steps; steps--) {
			if (!now.depth || (now.depth < deepest && random_below(2)))
				call();
			else
				come_back();
		}
		memo = hd_memo_begin(reach.hi, 0);
		assert_non_null(memo);
		n = walk(NULL, &reach, plain);
		m = walk(memo, &reach, with);
		assert_int_equal(m, n);
		assert_memory_equal(with, plain, n * sizeof(plain[0]));
		known += n - memo->n_fresh;
		assert_int_equal(hd_memo_end(memo, with, m), hd_stack_hash(plain, n));
		*longest = n > *longest ? n : *longest;
	}
	return known;
}

static void a_walk_with_the_memo_finds_what_one_without_finds(void **state)
{
	unsigned longest = 0;

	for (uint32_t deepest = 1; deepest <= 40; deepest += 13)
		assert_true(play(deepest, &longest) > CAPTURES / 2);
	assert_true(longest > 30);
	assert_true(n_to_root > CAPTURES);
}

static void deeper_stacks_than_the_memo_holds_are_found_whole(void **state)
{
	unsigned longest = 0;

	assert_true(play(DEEP, &longest) > CAPTURES * 16);
	assert_int_equal(longest, MAX);
}

/* Notes two frames, and a root behind them, maybe after other steps; whether the next walk ends there. */
static bool ends_at_root(uint64_t generation, bool stop)
{
	static uint64_t stack[8] = {[3] = 3, [5] = 5};
	struct hd_reach reach = {(uintptr_t)stack, (uintptr_t)(stack + 8), true};
	uint64_t sp = (uintptr_t)(stack + 4), frames[3] = {1, 3, 5};
	struct hd_memo_state s = {3, sp, 0};
	struct hd_memo *memo = hd_memo_begin(0x7000, generation);
	bool ends;

	hd_memo_note(memo, 3, sp, 0, 0, false);
	hd_memo_note(memo, 5, sp + 16, 0, 0, false);
	if (stop)
		hd_memo_stop(memo);
	hd_memo_note_root(memo);
	hd_memo_end(memo, frames, 3);
	memo = hd_memo_begin(0x7000, generation);
	hd_memo_note(memo, 3, sp, 0, 0, false);
	assert_true(hd_memo_may_know(memo, 3, sp, 0));
	assert_int_equal(hd_memo_known(memo, &s, &reach, frames, 2), 1);
	assert_int_equal(s.pc, 5);
	ends = memo->to_root;
	hd_memo_end(memo, frames, 2);
	return ends;
}

static void a_root_behind_other_steps_is_not_that_of_the_memo(void **state)
{
	assert_true(ends_at_root(100, false));
	assert_false(ends_at_root(101, true));
}

static void another_stack_or_generation_begins_anew(void **state)
{
	struct hd_memo *memo = hd_memo_begin(0x7000, 1);
	uint64_t frames[] = {1, 2};

	hd_memo_note(memo, 2, 0x6000, 0, 0, false);
	assert_null(hd_memo_begin(0x7000, 1)); /* it is taken */
	hd_memo_end(memo, frames, 2);
	memo = hd_memo_begin(0x7000, 1);
	assert_true(hd_memo_may_know(memo, 2, 0x6000, 0));
	hd_memo_note(memo, 2, 0x6000, 0, 0, false);
	hd_memo_end(memo, frames, 2);
	memo = hd_memo_begin(0x7000, 2);
	assert_false(hd_memo_may_know(memo, 2, 0x6000, 0));
	hd_memo_end(memo, frames, 0);
	memo = hd_memo_begin(0x7008, 2); /* the same page, so the same memo */
	assert_false(hd_memo_may_know(memo, 2, 0x6000, 0));
	hd_memo_end(memo, frames, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_walk_with_the_memo_finds_what_one_without_finds),
		cmocka_unit_test(deeper_stacks_than_the_memo_holds_are_found_whole),
		cmocka_unit_test(a_root_behind_other_steps_is_not_that_of_the_memo),
		cmocka_unit_test(another_stack_or_generation_begins_anew),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
