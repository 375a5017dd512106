/*
 * Ranges cut into roots, against a map of words: every whole word that the dump has and that is not
 * the allocator's own is in exactly one root, under the name of the first symbol on it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/space/roots_build.h"

enum { SPAN = 1024, BASE = 0x100000, N_NAMES = 12 };

static const char *const names[N_NAMES] = {"a", "b", "c", "d", "e", "f",
					   "g", "h", "i", "j", "k", "l"};

struct rig {
	uint8_t bytes[SPAN];
	bool known[SPAN], state[SPAN];
	const char *name[SPAN]; /* of the first symbol on the byte */
	VEC(struct symbol) symbols;
	struct space space;
	struct claims claims;
	struct roots roots;
	struct roots_builder builder;
	uint32_t seed;
};

static uint32_t next_random(struct rig *r, uint32_t below)
{
	r->seed = r->seed * 1664525u + 1013904223u;
	return (r->seed >> 8) % below;
}

static void make_runs(struct rig *r, bool whole)
{
	for (uint32_t at = 0; at < SPAN;) {
		uint32_t n = whole ? SPAN : 1 + next_random(r, 200);
		struct space_run run = {BASE + at, n < SPAN - at ? n : SPAN - at, r->bytes + at,
					RUN_DUMPED};

		assert_int_equal(vec_push(&r->space.runs, run), 0);
		memset(r->known + at, 1, run.size);
		at += n + next_random(r, 3) * next_random(r, 30);
	}
}

static void make_states(struct rig *r, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t lo = next_random(r, SPAN - 64), hi = lo + 1 + next_random(r, 63);

		assert_int_equal(
			claims_add_state(&r->claims, (struct range){BASE + lo, BASE + hi}, NULL),
			0);
		memset(r->state + lo, 1, hi - lo);
	}
}

static void make_symbols(struct rig *r)
{
	for (uint32_t at = next_random(r, 40), i = 0; i < N_NAMES && at < SPAN; i++) {
		uint32_t n = 1 + next_random(r, 100);
		struct symbol s = {.addr = at, .size = n, .name = names[i]};

		assert_int_equal(vec_push(&r->symbols, s), 0);
		for (uint32_t k = at; k < at + n && k < SPAN; k++)
			r->name[k] = names[i];
		at += n + next_random(r, 2) * next_random(r, 40);
	}
}

static void open(struct rig *r, uint32_t seed)
{
	*r = (struct rig){.seed = seed};
	r->builder = (struct roots_builder){
		.roots = &r->roots, .space = &r->space, .claims = &r->claims};
	for (size_t i = 0; i < SPAN; i++)
		r->bytes[i] = (uint8_t)i;
}

static void close(struct rig *r)
{
	roots_deinit(&r->roots);
	claims_deinit(&r->claims);
	space_deinit(&r->space);
	vec_deinit(&r->symbols);
}

/* The root that has the word, which is in one at most. */
static const struct root *root_with(const struct rig *r, addr_t word)
{
	const struct root *found = NULL;

	for (size_t i = 0; i < r->roots.list.n; i++) {
		const struct root *x = &r->roots.list.v[i];

		if (word - x->addr < x->size) {
			assert_null(found);
			found = x;
		}
	}
	return found;
}

/* The name of a word: of the first byte of it that a symbol covers. */
static const char *name_of_word(const struct rig *r, uint32_t at)
{
	for (uint32_t i = at; i < at + 8; i++)
		if (r->name[i])
			return r->name[i];
	return NULL;
}

static void check_word(const struct rig *r, uint32_t at, struct range in)
{
	const struct root *x = root_with(r, BASE + at);
	bool wanted = BASE + at >= in.lo && BASE + at + 8 <= in.hi;
	const char *name = name_of_word(r, at);

	for (uint32_t i = at; i < at + 8; i++)
		wanted = wanted && r->known[i] && !r->state[i];
	/* a word over the edge of two runs is not there as a whole in either */
	for (size_t i = 0; i < r->space.runs.n; i++)
		if (r->space.runs.v[i].addr > BASE + at && r->space.runs.v[i].addr < BASE + at + 8)
			wanted = false;
	if ((x != NULL) != wanted)
		fail_msg("seed %u: word %u is %sin a root", r->seed, at, x ? "" : "not ");
	if (!x)
		return;
	assert_ptr_equal(x->bytes + (BASE + at - x->addr), r->bytes + at);
	assert_int_equal(x->addr % 8, 0);
	if (x->name ? !name || strcmp(x->name, name) : name != NULL)
		fail_msg("word %u is called %s, not %s", at, x->name, name);
}

static void every_word_is_in_one_root_by_its_name(void **state)
{
	for (uint32_t seed = 1; seed <= 2000; seed++) {
		struct rig r;
		struct range in;

		open(&r, seed);
		make_runs(&r, seed % 2);
		make_states(&r, seed % 4);
		make_symbols(&r);
		in = (struct range){BASE + next_random(&r, 64), BASE + SPAN - next_random(&r, 64)};
		assert_int_equal(roots_add_symbols(&r.builder, root_of(ROOT_GLOBAL), in,
						   r.symbols.v, r.symbols.n, BASE, NULL),
				 0);
		for (uint32_t at = 0; at + 8 <= SPAN; at += 8)
			check_word(&r, at, in);
		close(&r);
	}
}

static void the_bytes_of_a_class_are_the_sum_of_its_roots(void **state)
{
	uint64_t sum = 0;
	struct rig r;

	open(&r, 99);
	make_runs(&r, false);
	make_states(&r, 3);
	assert_int_equal(roots_add_range(&r.builder, root_of(ROOT_STACK),
					 (struct range){BASE, BASE + SPAN}, NULL),
			 0);
	for (size_t i = 0; i < r.roots.list.n; i++)
		sum += r.roots.list.v[i].size;
	assert_true(sum > 0);
	assert_int_equal(r.roots.n_bytes[ROOT_STACK], sum);
	assert_int_equal(r.roots.n_bytes[ROOT_GLOBAL], 0);
	close(&r);
}

static void a_run_at_the_very_end_of_the_address_space_ends(void **state)
{
	struct space_run run = {UINT64_MAX - 14, 14, NULL, RUN_DUMPED};
	struct rig r;

	open(&r, 6);
	run.data = r.bytes;
	assert_int_equal(vec_push(&r.space.runs, run), 0);
	assert_int_equal(roots_add_range(&r.builder, root_of(ROOT_STACK),
					 (struct range){UINT64_MAX - 100, UINT64_MAX}, NULL),
			 0);
	assert_int_equal(r.roots.list.n, 0);
	close(&r);
}

static void ranges_at_the_ends_of_the_address_space_end(void **state)
{
	struct rig r;

	open(&r, 5);
	make_runs(&r, true);
	assert_int_equal(roots_add_range(&r.builder, root_of(ROOT_STACK),
					 (struct range){0, UINT64_MAX}, NULL),
			 0);
	assert_int_equal(r.roots.n_bytes[ROOT_STACK], SPAN);
	assert_int_equal(roots_add_range(&r.builder, root_of(ROOT_STACK),
					 (struct range){UINT64_MAX - 3, UINT64_MAX}, NULL),
			 0);
	assert_int_equal(
		roots_add_range(&r.builder, root_of(ROOT_STACK), (struct range){0x20, 0x10}, NULL),
		0);
	assert_int_equal(r.roots.n_bytes[ROOT_STACK], SPAN);
	close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_word_is_in_one_root_by_its_name),
		cmocka_unit_test(the_bytes_of_a_class_are_the_sum_of_its_roots),
		cmocka_unit_test(a_run_at_the_very_end_of_the_address_space_ends),
		cmocka_unit_test(ranges_at_the_ends_of_the_address_space_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
