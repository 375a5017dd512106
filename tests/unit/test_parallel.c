/*
 * Threads of a pass, and the offsets that passes share.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "analyze/graph/offsets.h"
#include "analyze/graph/parallel.h"

/* What the parts did. */
struct record {
	unsigned calls[PARALLEL_MAX];
	uint64_t failing; /* bit per part */
};

static int part(void *arg, unsigned i, struct err *err)
{
	struct record *r = arg;

	r->calls[i]++;
	return r->failing >> i & 1 ? err_set(err, ERR_LIMIT, "part %u", i) : 0;
}

static void every_part_runs_once(void **state)
{
	for (unsigned n = 1; n <= PARALLEL_MAX; n = n * 2 + n % 3) {
		struct record r = {0};
		struct err err;

		assert_int_equal(parallel_run(n, part, &r, &err), 0);
		for (unsigned i = 0; i < PARALLEL_MAX; i++)
			assert_int_equal(r.calls[i], i < n);
	}
}

static void the_first_failure_by_number_is_told_and_all_parts_ran(void **state)
{
	struct record r = {.failing = 1 << 5 | 1 << 3 | 1 << 6};
	struct err err;

	assert_int_equal(parallel_run(8, part, &r, &err), ERR_LIMIT);
	assert_string_equal(err.text, "part 3");
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(r.calls[i], 1);
	assert_int_equal(parallel_run(8, part, &r, NULL), ERR_LIMIT);
}

static void parts_run_where_no_thread_can_be_had(void **state)
{
	struct rlimit before, tight;
	struct record r = {0};
	struct err err;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip(); /* the sanitizer itself needs room */
#endif
	/* no room for a thread's stack */
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	tight = (struct rlimit){1 << 20, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_AS, &tight), 0);
	assert_int_equal(parallel_run(4, part, &r, &err), 0);
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(r.calls[i], 1);
}

static void the_default_is_the_processors_of_this_process_and_at_most_eight(void **state)
{
	cpu_set_t before, one;

	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	assert_true(parallel_default() >= 1 && parallel_default() <= 8);
	if (CPU_COUNT(&before) <= 8)
		assert_int_equal(parallel_default(), CPU_COUNT(&before));
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
		if (CPU_ISSET(i, &before))
			CPU_SET(i, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(parallel_default(), 1);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

static void offsets_are_as_wide_as_the_largest_needs(void **state)
{
	struct offsets o;

	assert_int_equal(offsets_init(&o, 3, UINT32_MAX, 1), 0);
	assert_non_null(o.narrow);
	offsets_set(&o, 1, UINT32_MAX);
	assert_int_equal(offsets_at(&o, 0), 0);
	assert_int_equal(offsets_at(&o, 1), UINT32_MAX);
	offsets_deinit(&o);
	assert_int_equal(offsets_init(&o, 3, UINT32_MAX + 1ull, 1), 0);
	assert_non_null(o.wide);
	offsets_set(&o, 1, UINT32_MAX + 1ull);
	assert_int_equal(offsets_count(&o, 1), UINT32_MAX + 1ull);
	assert_int_equal(offsets_at(&o, 1), UINT32_MAX + 2ull);
	assert_int_equal(offsets_at(&o, 2), 0);
	offsets_deinit(&o);
	assert_false(offsets_there(&o));
}

static void counts_become_offsets_in_both_widths(void **state)
{
	static const uint64_t counts[] = {0, 3, 0, 5, 1}, sums[] = {0, 3, 3, 8, 9};

	for (unsigned wide = 0; wide < 2; wide++) {
		struct offsets o;

		assert_int_equal(offsets_init(&o, 5, wide ? UINT64_MAX : 9, 1), 0);
		for (uint64_t i = 0; i < 5; i++)
			for (uint64_t k = 0; k < counts[i]; k++)
				assert_int_equal(offsets_count(&o, i), k);
		offsets_sum(&o, 5);
		for (uint64_t i = 0; i < 5; i++)
			assert_int_equal(offsets_at(&o, i), sums[i]);
		offsets_deinit(&o);
	}
}

static void wide_offsets_become_narrow_only_where_they_fit(void **state)
{
	enum { N = 5000 };

	for (uint64_t last = UINT32_MAX; last <= UINT32_MAX + 1ull; last++) {
		struct offsets o;

		assert_int_equal(offsets_init(&o, N, UINT64_MAX, 0), 0);
		for (uint64_t i = 0; i < N; i++)
			offsets_set(&o, i, i + 1 < N ? i * 7 : last);
		assert_int_equal(offsets_narrow(&o, N), 0);
		assert_int_equal(o.narrow != NULL, last == UINT32_MAX);
		for (uint64_t i = 0; i + 1 < N; i++)
			assert_int_equal(offsets_at(&o, i), i * 7);
		assert_int_equal(offsets_at(&o, N - 1), last);
		assert_int_equal(offsets_narrow(&o, N), 0);
		offsets_deinit(&o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_part_runs_once),
		cmocka_unit_test(the_first_failure_by_number_is_told_and_all_parts_ran),
		cmocka_unit_test(parts_run_where_no_thread_can_be_had),
		cmocka_unit_test(the_default_is_the_processors_of_this_process_and_at_most_eight),
		cmocka_unit_test(offsets_are_as_wide_as_the_largest_needs),
		cmocka_unit_test(counts_become_offsets_in_both_widths),
		cmocka_unit_test(wide_offsets_become_narrow_only_where_they_fit),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
