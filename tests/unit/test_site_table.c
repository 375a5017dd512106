/*
 * Sites: equal stacks are one, different ones are two, whatever they differ in, and their hashes spread.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dump/module_log.h"
#include "dump/site_table.h"
#include "dump/stack_hash.h"

enum { DEPTH = 64, SHAPES = 20000, THREADS = 4 };

static uint64_t changed;

/* The log of modules, which the table asks. */
uint64_t hd_module_log_changed(const uint64_t *frames, uint32_t n)
{
	return changed;
}

void hd_module_log_note(const uint64_t *frames, uint32_t n)
{
}

static int begin(void **state)
{
	return hd_tables_init();
}

static uint32_t site_of(const uint64_t *frames, uint32_t n)
{
	return hd_sites_of(frames, n, hd_stack_hash(frames, n));
}

/* Stack i of many that differ as stacks do: depth, and some return addresses a few bytes apart. */
static uint32_t shape(uint32_t i, uint64_t *frames)
{
	uint32_t n = 1 + i % DEPTH;

	for (uint32_t k = 0; k < n; k++)
		frames[k] = 0x555555550000 + 0x100 * (uint64_t)(n - k);
	frames[n - 1] += i / DEPTH;
	if (n > 1)
		frames[i / DEPTH % (n - 1)] += 5;
	return n;
}

static void a_hash_is_the_polynomial_of_its_frames(void **state)
{
	uint64_t frames[DEPTH];

	for (uint32_t n = 0; n <= DEPTH; n++) {
		uint64_t h = 0;

		for (uint32_t i = 0; i < n; i++)
			frames[i] = 0x7f0000001000 + i * i * 16;
		for (uint32_t i = n; i-- > 0;)
			h = h * HD_STACK_HASH_BASE + hd_stack_hash_mix(frames[i]);
		assert_int_equal(hd_stack_hash(frames, n), h);
		if (n)
			assert_int_equal(
				hd_stack_hash_add(hd_stack_hash(frames + 1, n - 1), frames[0]), h);
	}
}

static void equal_stacks_are_one_site_and_different_ones_two(void **state)
{
	uint64_t frames[DEPTH], others[DEPTH];
	uint32_t first;

	for (uint32_t i = 0; i < DEPTH; i++)
		frames[i] = 0x401000 + 16 * i;
	first = site_of(frames, DEPTH);
	memcpy(others, frames, sizeof(frames));
	assert_int_equal(site_of(others, DEPTH), first);
	for (uint32_t i = 0; i < DEPTH; i++) {
		for (int bit = 0; bit < 48; bit += 5) {
			others[i] = frames[i] ^ 1ull << bit;
			assert_int_not_equal(site_of(others, DEPTH), first);
		}
		others[i] = frames[i];
		if (i) {
			others[i] = frames[i - 1];
			others[i - 1] = frames[i];
			assert_int_not_equal(site_of(others, DEPTH), first);
			assert_int_not_equal(site_of(frames, i), first);
			assert_int_not_equal(site_of(frames + i, DEPTH - i), first);
			memcpy(others, frames, sizeof(frames));
		}
	}
	assert_int_equal(site_of(frames, DEPTH), first);
}

/* As if the hash were the worst: the frames decide. */
static void stacks_of_the_same_hash_are_told_apart(void **state)
{
	uint64_t a[] = {0x1000, 0x2000}, b[] = {0x1000, 0x2001}, c[] = {0x1000, 0x2000, 0x3000};
	uint32_t one = hd_sites_of(a, 2, 7), two = hd_sites_of(b, 2, 7), three;

	three = hd_sites_of(c, 3, 7);
	assert_int_not_equal(one, two);
	assert_int_not_equal(one, three);
	assert_int_not_equal(two, three);
	assert_int_equal(hd_sites_of(a, 2, 7), one);
	assert_int_equal(hd_sites_of(b, 2, 7), two);
	assert_int_equal(hd_sites_of(c, 3, 7), three);
}

static void a_module_that_was_exchanged_makes_another_site(void **state)
{
	uint64_t frames[] = {0x401000, 0x402000};
	uint32_t before = site_of(frames, 2), after;

	changed = 3;
	after = site_of(frames, 2);
	changed = 0;
	assert_int_not_equal(before, after);
	assert_int_equal(site_of(frames, 2), before);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* No two alike; and of the upper bits, which choose a bucket, and the lower ones each value is about as frequent. */
static void hashes_of_similar_stacks_spread(void **state)
{
	static uint32_t upper[1 << 10], lower[1 << 10];
	uint64_t *hashes = calloc(SHAPES, sizeof(*hashes)), frames[DEPTH];

	for (uint32_t i = 0; i < SHAPES; i++) {
		uint32_t n = shape(i, frames);

		hashes[i] = hd_site_at(site_of(frames, n))->hash;
	}
	qsort(hashes, SHAPES, sizeof(*hashes), by_value);
	for (uint32_t i = 0; i < SHAPES; i++) {
		assert_true(!i || hashes[i] != hashes[i - 1]);
		upper[hashes[i] >> 54]++;
		lower[hashes[i] & 1023]++;
	}
	/* 19.5 is the mean, 4.4 the deviation of each */
	for (int i = 0; i < 1 << 10; i++) {
		assert_in_range(upper[i], 1, 48);
		assert_in_range(lower[i], 1, 48);
	}
	free(hashes);
}

static void *make_all(void *arg)
{
	uint32_t *sites = arg;
	uint64_t frames[DEPTH];

	for (uint32_t i = 0; i < SHAPES; i++) {
		uint32_t n = shape(i, frames);

		frames[0] += 1ull << 40;
		sites[i] = site_of(frames, n);
		hd_sites_born(sites[i], 3, 65536);
		hd_sites_gone(sites[i], 3, 65536);
	}
	return NULL;
}

static void threads_agree_on_sites_and_lose_no_sum(void **state)
{
	static uint32_t sites[THREADS][SHAPES];
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, make_all, sites[i]), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (uint32_t i = 0; i < SHAPES; i++) {
		const struct heapimage_site *s = hd_site_at(sites[0][i]);

		for (int t = 1; t < THREADS; t++)
			assert_int_equal(sites[t][i], sites[0][i]);
		assert_int_equal(s->alloc_objects_q16, THREADS * 65536);
		assert_int_equal(s->alloc_bytes, THREADS * 3);
		assert_int_equal(s->freed_bytes, THREADS * 3);
		hd_sites_back(sites[0][i], 3, 65536);
		assert_int_equal(s->freed_objects_q16, (THREADS - 1) * 65536);
		assert_int_equal(s->freed_bytes, (THREADS - 1) * 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hash_is_the_polynomial_of_its_frames),
		cmocka_unit_test(equal_stacks_are_one_site_and_different_ones_two),
		cmocka_unit_test(stacks_of_the_same_hash_are_told_apart),
		cmocka_unit_test(a_module_that_was_exchanged_makes_another_site),
		cmocka_unit_test(hashes_of_similar_stacks_spread),
		cmocka_unit_test(threads_agree_on_sites_and_lose_no_sum),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, begin, NULL);
}
