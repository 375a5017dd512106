/*
 * Claims against a byte map: of each place the first claim stands, and the sums are those of the map.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/space/claims.h"

enum { SPAN = 512, NONE = 0xff };

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void check_list(const struct claims *c)
{
	for (size_t i = 0; i < c->list.n; i++) {
		assert_true(c->list.v[i].at.lo < c->list.v[i].at.hi);
		if (i)
			assert_true(c->list.v[i - 1].at.hi <= c->list.v[i].at.lo);
	}
}

static void check_against(const struct claims *c, const uint8_t *map)
{
	uint64_t sums[N_CLAIM_KINDS] = {0};

	for (addr_t a = 0; a < SPAN; a++) {
		const struct claim *x = claims_find(c, a);

		assert_int_equal(x ? x->kind : NONE, map[a]);
		if (map[a] != NONE)
			sums[map[a]]++;
	}
	for (enum claim_kind k = 0; k < N_CLAIM_KINDS; k++)
		assert_int_equal(claims_bytes(c, k), sums[k]);
}

static void the_first_claim_of_a_place_stands(void **state)
{
	for (uint32_t round = 1; round <= 500; round++) {
		uint32_t seed = round;
		struct claims c = {0};
		uint8_t map[SPAN];

		memset(map, NONE, sizeof(map));
		for (int i = 0; i < 40; i++) {
			addr_t lo = next_random(&seed) % SPAN;
			addr_t hi = lo + next_random(&seed) % 64;
			enum claim_kind kind = next_random(&seed) % N_CLAIM_KINDS;

			hi = hi < SPAN ? hi : SPAN;
			assert_int_equal(claims_add(&c, (struct range){lo, hi}, kind, NULL), 0);
			for (addr_t a = lo; a < hi; a++)
				if (map[a] == NONE)
					map[a] = (uint8_t)kind;
		}
		check_list(&c);
		check_against(&c, map);
		claims_deinit(&c);
	}
}

static int mark(void *arg, struct range at, const struct mapping *m)
{
	uint8_t *map = arg;

	assert_true(at.lo >= m->at.lo && at.hi <= m->at.hi);
	for (addr_t a = at.lo; a < at.hi; a++) {
		assert_int_equal(map[a], 0);
		map[a] = 1;
	}
	return 0;
}

static int stop_at_second(void *arg, struct range at, const struct mapping *m)
{
	return ++*(int *)arg == 2 ? 7 : 0;
}

static void the_free_pieces_are_the_mappings_without_the_claims(void **state)
{
	for (uint32_t round = 1; round <= 300; round++) {
		uint32_t seed = round * 7919;
		struct claims c = {0};
		struct space s = {0};
		uint8_t free_map[SPAN] = {0};
		int calls = 0;

		for (addr_t at = next_random(&seed) % 16; at < SPAN - 32;) {
			struct mapping m = {.at = {at, at + 1 + next_random(&seed) % 31}};

			assert_int_equal(vec_push(&s.mappings, m), 0);
			at = m.at.hi + next_random(&seed) % 3 * 8;
		}
		for (int i = 0; i < 12; i++) {
			addr_t lo = next_random(&seed) % SPAN;

			assert_int_equal(
				claims_add(&c, (struct range){lo, lo + next_random(&seed) % 40},
					   CLAIM_HEAP, NULL),
				0);
		}
		assert_int_equal(claims_each_free(&c, &s, mark, free_map), 0);
		for (addr_t a = 0; a < SPAN; a++)
			assert_int_equal(free_map[a], space_mapping(&s, a) && !claims_find(&c, a));
		assert_int_equal(claims_each_free(&(struct claims){0}, &s, stop_at_second, &calls),
				 7);
		assert_int_equal(calls, 2);
		claims_deinit(&c);
		space_deinit(&s);
	}
}

static void neighbours_of_one_kind_are_one_claim(void **state)
{
	struct claims c = {0};

	for (addr_t a = 0x1000; a < 0x9000; a += 0x1000)
		assert_int_equal(claims_add(&c, (struct range){a, a + 0x1000}, CLAIM_FILE, NULL),
				 0);
	assert_int_equal(c.list.n, 1);
	assert_int_equal(claims_add(&c, (struct range){0, UINT64_MAX}, CLAIM_STACK, NULL), 0);
	assert_int_equal(c.list.n, 3);
	assert_int_equal(claims_bytes(&c, CLAIM_STACK), UINT64_MAX - 0x8000);
	claims_deinit(&c);
}

static void the_allocators_state_is_known_wherever_it_lies(void **state)
{
	struct claims c = {0};

	assert_int_equal(claims_add_state(&c, (struct range){0x2000, 0x2010}, NULL), 0);
	assert_int_equal(claims_add_state(&c, (struct range){0x1000, 0x1008}, NULL), 0);
	assert_int_equal(claims_add_state(&c, (struct range){0x3000, 0x3000}, NULL), 0);
	assert_true(claims_is_state(&c, 0x1000));
	assert_true(claims_is_state(&c, 0x2008));
	assert_false(claims_is_state(&c, 0x2010));
	assert_false(claims_is_state(&c, 0x3000));
	claims_deinit(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_claim_of_a_place_stands),
		cmocka_unit_test(the_free_pieces_are_the_mappings_without_the_claims),
		cmocka_unit_test(neighbours_of_one_kind_are_one_claim),
		cmocka_unit_test(the_allocators_state_is_known_wherever_it_lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
