/*
 * The queues of types: waves, each in ascending order, against a plain array.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/types/inference_queue.h"

/* What is above fills one word, and does not: of one level, two, three and four. */
static const uint32_t SIZES[] = {1, 63, 64, 65, 4095, 4096, 4097, 262144, 262145};

static void ends_of_each_size_come_back(void **state)
{
	for (size_t i = 0; i < sizeof(SIZES) / sizeof(*SIZES); i++) {
		struct inference_queue q = {0};
		obj_id out[INFERENCE_BATCH], n = SIZES[i];
		struct err err;

		assert_int_equal(inference_queue_init(&q, n, &err), 0);
		assert_int_equal(inference_queue_take(&q, out, INFERENCE_BATCH), 0);
		inference_queue_add(&q, n - 1);
		inference_queue_add(&q, 0);
		assert_int_equal(inference_queue_take(&q, out, INFERENCE_BATCH), 0);
		inference_queue_begin_wave(&q);
		assert_int_equal(inference_queue_take(&q, out, 1), 1);
		assert_int_equal(out[0], 0);
		assert_int_equal(inference_queue_take(&q, out, INFERENCE_BATCH), n > 1);
		assert_int_equal(n > 1 ? out[0] : n - 1, n - 1);
		inference_queue_begin_wave(&q);
		assert_int_equal(inference_queue_take(&q, out, INFERENCE_BATCH), 0);
		inference_queue_deinit(&q);
	}
}

enum { N = 20000 };

/* All of a wave, in batches of every size; meanwhile others are added to the next. */
static void take_wave(struct inference_queue *q, bool *is_in, bool *is_next, uint32_t *random)
{
	obj_id out[INFERENCE_BATCH], last = 0;
	uint32_t n;

	do {
		uint32_t max = *random % INFERENCE_BATCH + 1;

		n = inference_queue_take(q, out, max);
		for (uint32_t i = 0; i < n; i++) {
			obj_id o = *random = (*random * 1664525 + 1013904223);

			assert_true(is_in[out[i]] && out[i] >= last);
			is_in[out[i]] = false;
			last = out[i] + 1;
			o = (o >> 8) % N;
			if (o % 3) {
				is_next[o] = true;
				inference_queue_add(q, o);
			}
		}
		if (n < max)
			break;
	} while (n);
	for (uint32_t i = 0; i < N; i++)
		assert_false(is_in[i]);
}

static void waves_are_ascending_and_complete(void **state)
{
	static bool is_in[2][N];
	struct inference_queue q = {0};
	uint32_t random = 1;
	struct err err;

	assert_int_equal(inference_queue_init(&q, N, &err), 0);
	for (obj_id o = 0; o < N; o += 2) {
		is_in[0][o] = true;
		inference_queue_add(&q, o);
	}
	for (int wave = 0; wave < 30; wave++) {
		inference_queue_begin_wave(&q);
		take_wave(&q, is_in[wave % 2], is_in[(wave + 1) % 2], &random);
	}
	inference_queue_deinit(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_of_each_size_come_back),
		cmocka_unit_test(waves_are_ascending_and_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
