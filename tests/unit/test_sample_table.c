/*
 * The table of live samples against a plain array: one thread at random, many threads at once, growth through every level,
 * frees that were put off, a fork in the middle.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "dump/sample_table.h"

enum { SLOTS = 200000, THREADS = 4, ROUNDS = 300000 };

static uint64_t random_of(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return *state >> 20;
}

static uint64_t addr_of(uint64_t slot)
{
	return 0x7f0000000000ull + slot * 48;
}

static bool put(uint64_t slot, uint64_t serial, struct heapimage_sample *stale)
{
	struct heapimage_sample s = {.addr = addr_of(slot),
				     .size = slot,
				     .serial = serial,
				     .site = (uint32_t)slot,
				     .weight_q16 = 65536};

	return hd_samples_put(&s, stale);
}

static int begin(void **state)
{
	return hd_tables_init() || hd_samples_init();
}

/* Live entries of the dense table, as a reader of a core counts them. */
static uint64_t count_live(void)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < heapdump_anchor->samples.n; i++)
		n += hd_sample_at(i)->state == HEAPIMAGE_LIVE;
	return n;
}

static void what_was_put_in_is_what_comes_out(void **state)
{
	uint8_t *here = calloc(SLOTS, 1);
	uint64_t random = 1, live = 0;

	assert_non_null(here);
	for (uint64_t i = 1; i < 3000000; i++) {
		/* more puts than takes at first, so that the index grows to its largest */
		uint64_t slot = random_of(&random) % SLOTS;
		struct heapimage_sample out;

		if (random_of(&random) % 3 || i < 400000) {
			assert_true(put(slot, i, &out));
			assert_int_equal(out.addr, here[slot] ? addr_of(slot) : 0);
			live += !here[slot];
			here[slot] = 1;
		} else {
			uint32_t item = hd_samples_take(addr_of(slot), UINT64_MAX, &out);

			assert_int_equal(item != UINT32_MAX, here[slot]);
			if (here[slot])
				assert_int_equal(out.size, slot);
			live -= here[slot];
			here[slot] = 0;
		}
	}
	assert_int_equal(hd_samples_live(), live);
	assert_int_equal(count_live(), live);
	for (uint64_t slot = 0; slot < SLOTS; slot++) {
		struct heapimage_sample out;

		assert_int_equal(hd_samples_take(addr_of(slot), UINT64_MAX, &out) != UINT32_MAX,
				 here[slot]);
	}
	assert_int_equal(count_live(), 0);
	free(here);
}

/* Each thread has addresses of its own; the buckets, the free list and the growth they share. */
static void *churn(void *arg)
{
	uint64_t self = (uint64_t)(uintptr_t)arg, random = self + 7, wrong = 0;
	uint8_t *here = calloc(SLOTS, 1);

	for (int i = 0; here && i < ROUNDS; i++) {
		uint64_t k = random_of(&random) % (SLOTS / THREADS), slot = k * THREADS + self;
		struct heapimage_sample out;

		if (!here[k])
			wrong += !put(slot, (uint64_t)i, &out) || out.addr;
		else
			wrong += hd_samples_take(addr_of(slot), UINT64_MAX, &out) == UINT32_MAX ||
				 out.size != slot;
		here[k] ^= 1;
	}
	for (uint64_t k = 0; here && k < SLOTS / THREADS; k++) {
		struct heapimage_sample out;

		wrong += (hd_samples_take(addr_of(k * THREADS + self), UINT64_MAX, &out) !=
			  UINT32_MAX) != here[k];
	}
	free(here);
	return (void *)(uintptr_t)wrong;
}

static void threads_do_not_lose_each_others_samples(void **state)
{
	pthread_t threads[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)i), 0);
	for (int i = 0; i < THREADS; i++) {
		void *wrong;

		pthread_join(threads[i], &wrong);
		assert_int_equal((uintptr_t)wrong, 0);
	}
	assert_int_equal(count_live(), 0);
	assert_int_equal(hd_samples_live(), 0);
}

static void a_child_of_fork_goes_on_with_a_whole_table(void **state)
{
	pthread_t threads[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)i), 0);
	for (int i = 0; i < 30; i++) {
		int status;
		pid_t child;

		hd_samples_before_fork();
		child = fork();
		hd_samples_after_fork(child == 0);
		if (child == 0) {
			struct heapimage_sample out;
			int bad = 0;

			alarm(20);
			for (uint64_t slot = 0; slot < 20000; slot++) {
				bad += !put(SLOTS + slot, slot, &out);
				bad += hd_samples_take(addr_of(SLOTS + slot), UINT64_MAX, &out) ==
				       UINT32_MAX;
			}
			for (uint64_t slot = 0; slot < SLOTS; slot++)
				(void)hd_samples_take(addr_of(slot), UINT64_MAX, &out);
			_exit(bad != 0);
		}
		assert_true(child > 0 && waitpid(child, &status, 0) == child);
		assert_int_equal(status, 0);
	}
	for (int i = 0; i < THREADS; i++) {
		void *wrong;

		pthread_join(threads[i], &wrong);
		assert_int_equal((uintptr_t)wrong, 0);
	}
}

static void a_deferred_free_spares_a_later_sample_of_its_address(void **state)
{
	struct heapimage_sample out;
	uint64_t before;

	heapdump_anchor->serial = 100;
	assert_true(put(1, 50, &out));
	assert_true(put(2, 60, &out));
	hd_samples_defer(addr_of(1));
	hd_samples_defer(addr_of(2));
	/* its address was given out and sampled again before the free was done */
	assert_true(put(2, 101, &out));
	for (int i = 0; i < 2; i++) {
		uint64_t addr = hd_samples_deferred(&before);

		assert_true(addr == addr_of(1) || addr == addr_of(2));
		assert_int_equal(hd_samples_take(addr, before, &out) != UINT32_MAX,
				 addr == addr_of(1));
	}
	assert_int_equal(hd_samples_deferred(&before), 0);
	assert_int_not_equal(hd_samples_take(addr_of(2), UINT64_MAX, &out), UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_in_is_what_comes_out),
		cmocka_unit_test(threads_do_not_lose_each_others_samples),
		cmocka_unit_test(a_child_of_fork_goes_on_with_a_whole_table),
		cmocka_unit_test(a_deferred_free_spares_a_later_sample_of_its_address),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, begin, NULL);
}
