/*
 * The address index against a bisection of the object table, on random and adversarial layouts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "analyze/graph/index.h"

static uint64_t random_state;

static uint64_t random_word(void)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return random_state >> 16;
}

/* The index must agree at every edge of every object, and between, in both forms of the question. */
static void check_layout(const struct objects *o)
{
	struct index *x;
	struct err err;
	uint32_t n = objects_count(o);

	assert_int_equal(index_new(&x, o, &err), 0);
	for (uint32_t i = 0; i < n; i++) {
		addr_t lo = objects_addr(o, i), hi = lo + objects_size(o, i);
		addr_t at[] = {lo - 17,
			       lo - 1,
			       lo,
			       lo + 1,
			       lo + (hi - lo) / 2,
			       hi - 1,
			       hi,
			       hi + 1,
			       hi + 16,
			       hi + 1024,
			       hi + 4096,
			       hi + (1 << 20),
			       hi + (1ull << 30),
			       random_word()};
		obj_id batch[ARRAY_LEN(at)];
		size_t n_in = 0;

		for (size_t k = 0; k < ARRAY_LEN(at); k++) {
			assert_int_equal(index_find(x, at[k]), objects_find(o, at[k]));
			if (at[k] >= index_span(x).lo && at[k] <= index_span(x).hi)
				at[n_in++] = at[k];
		}
		index_find_batch(x, at, n_in, batch);
		for (size_t k = 0; k < n_in; k++)
			assert_int_equal(batch[k], objects_find(o, at[k]));
	}
	index_free(x);
}

static void add(struct objects *o, addr_t addr, uint64_t size)
{
	struct err err;

	assert_int_equal(objects_add(o, addr, size, OBJECT_ARENA, &err), 0);
}

static void seal(struct objects *o)
{
	struct err err;
	uint64_t dropped;

	assert_int_equal(objects_seal(o, &dropped, &err), 0);
}

static void random_heaps_are_indexed_as_bisection_finds_them(void **state)
{
	for (uint64_t seed = 0; seed < 300; seed++) {
		struct objects o = {0};
		addr_t at = 0x550000000000ull;

		random_state = seed * 977 + 1;
		for (int i = 0; i < 300; i++) {
			uint64_t size = 8 + random_word() % (i % 7 ? 200 : 5000);

			add(&o, at, size);
			/* mostly packed, sometimes a hole of a page, a MiB, a GiB, a TiB */
			at = (at + size + 15 + random_word() % 48) & ~15ull;
			at += random_word() % 9 ? 0 : 1ull << (12 + random_word() % 29);
		}
		seal(&o);
		check_layout(&o);
		objects_deinit(&o);
	}
}

static void objects_larger_than_a_gibibyte_are_found_inside(void **state)
{
	struct objects o = {0};

	add(&o, 0x10000, 32);
	add(&o, 0x20000000, 5ull << 30);
	add(&o, 0x700000000000ull, 3ull << 40);
	seal(&o);
	check_layout(&o);
	objects_deinit(&o);
}

static void objects_that_share_a_granule_are_still_told_apart(void **state)
{
	struct objects o = {0};

	for (addr_t a = 0x5000; a < 0x6000; a += 8)
		add(&o, a, a % 24 ? 8 : 4);
	seal(&o);
	check_layout(&o);
	objects_deinit(&o);
}

static void addresses_beyond_48_bits_are_found(void **state)
{
	struct objects o = {0};

	add(&o, 0x1000, 16);
	add(&o, 0xffff000000001000ull, 64);
	seal(&o);
	check_layout(&o);
	objects_deinit(&o);
}

static void an_object_that_starts_off_the_granule_is_not_mixed_up_with_its_neighbour(void **state)
{
	struct objects o = {0};

	add(&o, 0x5000, 8);
	add(&o, 0x5018, 100);
	add(&o, 0x5088, 8);
	seal(&o);
	check_layout(&o);
	objects_deinit(&o);
}

static void objects_each_in_a_gibibyte_of_its_own_are_found(void **state)
{
	struct objects o = {0};

	for (addr_t i = 1; i < 20000; i++)
		add(&o, i << 30 | (i % 1024) << 20, 64);
	seal(&o);
	check_layout(&o);
	objects_deinit(&o);
}

static void an_empty_heap_holds_nothing(void **state)
{
	struct objects o = {0};
	struct index *x;
	struct err err;

	seal(&o);
	assert_int_equal(index_new(&x, &o, &err), 0);
	assert_int_equal(index_find(x, 0x5000), OBJ_NONE);
	index_free(x);
	objects_deinit(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_heaps_are_indexed_as_bisection_finds_them),
		cmocka_unit_test(objects_larger_than_a_gibibyte_are_found_inside),
		cmocka_unit_test(objects_that_share_a_granule_are_still_told_apart),
		cmocka_unit_test(addresses_beyond_48_bits_are_found),
		cmocka_unit_test(
			an_object_that_starts_off_the_granule_is_not_mixed_up_with_its_neighbour),
		cmocka_unit_test(objects_each_in_a_gibibyte_of_its_own_are_found),
		cmocka_unit_test(an_empty_heap_holds_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
