/*
 * The table of objects: order, overlaps, lookup.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "analyze/heap/objects.h"

static void add(struct objects *o, addr_t addr, uint64_t size, enum object_kind kind)
{
	struct err e = {0};

	assert_int_equal(objects_add(o, addr, size, kind, &e), 0);
}

static uint64_t seal(struct objects *o)
{
	struct err e = {0};
	uint64_t n_dropped = 99;

	assert_int_equal(objects_seal(o, &n_dropped, &e), 0);
	objects_check(o);
	return n_dropped;
}

static void objects_are_numbered_by_address(void **state)
{
	struct objects o = {0};

	add(&o, 0x3000, 24, OBJECT_ARENA);
	add(&o, 0x1000, 40, OBJECT_ARENA);
	add(&o, 0x2000, 8192 - 16, OBJECT_MAPPING);
	assert_int_equal(seal(&o), 1);
	assert_int_equal(objects_count(&o), 2);
	assert_int_equal(objects_addr(&o, 0), 0x1000);
	assert_int_equal(objects_addr(&o, 1), 0x2000);
	assert_int_equal(objects_kind(&o, 1), OBJECT_MAPPING);
	assert_int_equal(o.bytes, 40);
	assert_int_equal(o.n_mappings, 1);
	objects_deinit(&o);
}

static void of_two_at_one_address_the_first_added_stays(void **state)
{
	struct objects o = {0};

	add(&o, 0x2000, 16, OBJECT_ARENA);
	add(&o, 0x1000, 24, OBJECT_MMAPPED);
	add(&o, 0x1000, 32, OBJECT_ARENA);
	assert_int_equal(seal(&o), 1);
	assert_int_equal(objects_size(&o, 0), 24);
	assert_int_equal(objects_kind(&o, 0), OBJECT_MMAPPED);
	objects_deinit(&o);
}

static void an_object_that_wraps_the_address_space_is_dropped(void **state)
{
	struct objects o = {0};

	add(&o, UINT64_MAX - 15, 64, OBJECT_ARENA);
	add(&o, 0x1000, UINT64_MAX, OBJECT_ARENA);
	assert_int_equal(seal(&o), 1);
	assert_int_equal(objects_count(&o), 1);
	objects_deinit(&o);
}

static void an_address_finds_its_object(void **state)
{
	struct objects o = {0};

	add(&o, 0x1000, 32, OBJECT_ARENA);
	add(&o, 0x1020, 32, OBJECT_ARENA);
	add(&o, 0x1100, 32, OBJECT_ARENA);
	seal(&o);
	assert_int_equal(objects_find(&o, 0xfff), OBJ_NONE);
	assert_int_equal(objects_find(&o, 0x1000), 0);
	assert_int_equal(objects_find(&o, 0x101f), 0);
	assert_int_equal(objects_find(&o, 0x1020), 1); /* its end, but another's start */
	assert_int_equal(objects_find(&o, 0x1040), 1); /* one past the end */
	assert_int_equal(objects_find(&o, 0x1041), OBJ_NONE);
	assert_int_equal(objects_find(&o, 0x1120), 2);
	objects_deinit(&o);
}

static void an_empty_table_finds_nothing(void **state)
{
	struct objects o = {0};

	assert_int_equal(seal(&o), 0);
	assert_int_equal(objects_find(&o, 0), OBJ_NONE);
	assert_int_equal(objects_find(&o, UINT64_MAX), OBJ_NONE);
	objects_deinit(&o);
}

static int by_value(const void *a, const void *b)
{
	const addr_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void any_order_of_adding_gives_the_same_table(void **state)
{
	uint32_t s = 1;

	for (uint32_t round = 0; round < 300; round++) {
		struct objects o = {0};
		addr_t all[200], last = 0;
		uint32_t n = 1 + round % 200, n_distinct = 0, k = 0;

		for (uint32_t i = 0; i < n; i++) {
			s = s * 1664525 + 1013904223;
			all[i] = round % 3 ? 16 + (s >> 16) % 5000 * 16 : 16 * (i % 37 + 1);
			add(&o, all[i], 16, OBJECT_ARENA);
		}
		qsort(all, n, sizeof(*all), by_value);
		seal(&o);
		for (uint32_t i = 0; i < n; last = all[i++])
			n_distinct += all[i] != last;
		assert_int_equal(objects_count(&o), n_distinct);
		for (uint32_t i = 0; i < n; i++) {
			k += i && all[i] != all[i - 1];
			assert_int_equal(objects_addr(&o, k), all[i]);
		}
		objects_deinit(&o);
	}
}

/* Whatever does not fit in a word comes out as it went in, whether it is rare or most of the heap. */
static void odd_objects_are_what_they_were(void **state)
{
	static const addr_t offs[] = {0, 8, 4, 1};
	static const uint64_t sizes[] = {
		8, 24, 12, 1, (1 << 20) - 16, (1 << 20) - 8, 1 << 20, 1 << 24, 3ull << 40};
	uint64_t n_packed = 0;

	for (uint64_t seed = 0; seed < 400; seed++) {
		struct objects o = {0};
		struct object want[300];
		addr_t at = seed % 7 ? 0x1000 : (1ull << 48) - 4096;
		uint32_t n = 1 + (uint32_t)(seed % ARRAY_LEN(want)), common = 2 + seed % 60;

		for (uint32_t i = 0; i < n; i++) {
			uint64_t h = (seed << 20 ^ i) * 0x9e3779b97f4a7c15ull;
			bool odd = (h >> 40) % common == 0;
			uint64_t size = odd ? sizes[(h >> 20) % ARRAY_LEN(sizes)] : 24;

			at += odd ? offs[h >> 60 & 3] : 0;
			add(&o, at, size, (h >> 58) & 3);
			want[i] = (struct object){at, size << 2 | (h >> 58 & 3)};
			at = (at + size + 15) & ~15ull;
		}
		assert_int_equal(seal(&o), 0);
		assert_int_equal(objects_count(&o), n);
		n_packed += o.packed && o.odd.n;
		for (uint32_t i = 0; i < n; i++) {
			assert_int_equal(objects_addr(&o, i), want[i].addr);
			assert_int_equal(objects_size(&o, i), want[i].size_kind >> 2);
			assert_int_equal(objects_kind(&o, i), want[i].size_kind & 3);
			assert_int_equal(objects_find(&o, want[i].addr), i);
		}
		objects_deinit(&o);
	}
	assert_true(n_packed > 100 && n_packed < 390);
}

static void a_usual_object_takes_one_word(void **state)
{
	struct objects o = {0};

	objects_expect(&o, 10);
	for (uint32_t i = 0; i < 1000; i++)
		add(&o, 0x7fff00000010 + 32 * i, 24, OBJECT_ARENA);
	add(&o, 0x1000, 1 << 30, OBJECT_MMAPPED);
	assert_int_equal(seal(&o), 0);
	assert_non_null(o.packed);
	assert_int_equal(o.odd.n, 1);
	assert_int_equal(objects_size(&o, 0), 1 << 30);
	assert_int_equal(objects_addr(&o, 1000), 0x7fff00000010 + 32 * 999);
	objects_deinit(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_numbered_by_address),
		cmocka_unit_test(of_two_at_one_address_the_first_added_stays),
		cmocka_unit_test(an_object_that_wraps_the_address_space_is_dropped),
		cmocka_unit_test(an_address_finds_its_object),
		cmocka_unit_test(an_empty_table_finds_nothing),
		cmocka_unit_test(any_order_of_adding_gives_the_same_table),
		cmocka_unit_test(odd_objects_are_what_they_were),
		cmocka_unit_test(a_usual_object_takes_one_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
