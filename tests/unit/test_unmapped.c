/*
 * The log of modules by place and time, against looking at every entry.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "analyze/space/unmapped.h"

enum { N = 60, SPACE = 40, TIME = 20 };

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	return *s ^= *s << 17;
}

static bool holds(const struct heapimage_module *m, addr_t addr, uint32_t generation)
{
	return addr >= m->lo && addr < m->hi && generation >= m->generation_first &&
	       generation <= m->generation_last;
}

static bool overlap(const struct heapimage_module *a, const struct heapimage_module *b)
{
	return a->lo < b->hi && b->lo < a->hi && a->generation_first <= b->generation_last &&
	       b->generation_first <= a->generation_last;
}

static struct heapimage_module random_module(uint64_t *s)
{
	struct heapimage_module m = {.lo = next_random(s) % SPACE,
				     .generation_first = next_random(s) % TIME};

	m.hi = m.lo + 1 + next_random(s) % 10;
	m.generation_last =
		next_random(s) % 5 ? m.generation_first + next_random(s) % 6 : UINT32_MAX;
	return m;
}

/* As logs are: what one address was at one time is one module's. */
static size_t make_log(struct heapimage_module *v, uint64_t *s)
{
	size_t n = 0;

	for (int i = 0; i < N; i++) {
		bool fits = true;

		v[n] = random_module(s);
		for (size_t k = 0; k < n; k++)
			fits = fits && !overlap(&v[k], &v[n]);
		n += fits;
	}
	return n;
}

static void check(const struct heapimage_module *v, size_t n, bool is_disjoint)
{
	struct unmapped u;

	assert_int_equal(unmapped_init(&u, v, n, &(struct err){0}), 0);
	for (addr_t a = 0; a < SPACE + 15; a++)
		for (uint32_t g = 0; g < TIME + 10; g++) {
			uint32_t got = unmapped_find(&u, a, g), want = INDEX_NONE;

			for (uint32_t i = 0; i < n && want == INDEX_NONE; i++)
				want = holds(&v[i], a, g) ? i : INDEX_NONE;
			if (is_disjoint)
				assert_int_equal(got, want);
			assert_int_equal(got == INDEX_NONE, want == INDEX_NONE);
			assert_true(got == INDEX_NONE || holds(&v[got], a, g));
		}
	unmapped_deinit(&u);
}

static void the_module_that_was_there_then_is_found(void **state)
{
	struct heapimage_module v[N];
	uint64_t s = 12345;

	for (int round = 0; round < 200; round++) {
		size_t n = make_log(v, &s);

		check(v, n, true);
	}
}

static void of_modules_that_were_there_together_one_is_found(void **state)
{
	struct heapimage_module v[N];
	uint64_t s = 54321;

	for (int round = 0; round < 200; round++) {
		for (size_t i = 0; i < N; i++)
			v[i] = random_module(&s);
		check(v, 1 + next_random(&s) % N, false);
	}
}

/* As when a module goes and another comes in one generation. */
static void of_two_the_first_of_the_log_or_the_older_one_is_found(void **state)
{
	const struct heapimage_module nested[] = {{.lo = 0, .hi = 10, .generation_last = 5},
						  {.lo = 2, .hi = 3, .generation_last = 5}};
	const struct heapimage_module turned[] = {nested[1], nested[0]};
	const struct heapimage_module after[] = {
		{.lo = 0, .hi = 10, .generation_first = 3, .generation_last = 9},
		{.lo = 0, .hi = 10, .generation_first = 1, .generation_last = 3}};
	struct unmapped u;

	assert_int_equal(unmapped_init(&u, nested, 2, &(struct err){0}), 0);
	assert_int_equal(unmapped_find(&u, 2, 5), 0);
	unmapped_deinit(&u);
	assert_int_equal(unmapped_init(&u, turned, 2, &(struct err){0}), 0);
	assert_int_equal(unmapped_find(&u, 2, 5), 0);
	assert_int_equal(unmapped_find(&u, 3, 5), 1);
	unmapped_deinit(&u);
	assert_int_equal(unmapped_init(&u, after, 2, &(struct err){0}), 0);
	assert_int_equal(unmapped_find(&u, 2, 3), 1);
	assert_int_equal(unmapped_find(&u, 2, 4), 0);
	unmapped_deinit(&u);
}

static void an_empty_log_has_no_module(void **state)
{
	struct unmapped u;

	assert_int_equal(unmapped_init(&u, NULL, 0, &(struct err){0}), 0);
	assert_int_equal(unmapped_find(&u, 0, 0), INDEX_NONE);
	assert_int_equal(unmapped_find(&u, UINT64_MAX, UINT32_MAX), INDEX_NONE);
	unmapped_deinit(&u);
}

/* A lookup per frame, and a log of as many modules: a number of steps that no scan would end in. */
static void modules_over_each_other_cost_a_logarithm(void **state)
{
	enum { MANY = 30000 };
	struct heapimage_module *v = calloc(MANY, sizeof(*v));
	struct unmapped u;

	assert_non_null(v);
	for (uint32_t i = 0; i < MANY; i++)
		v[i] = (struct heapimage_module){
			.lo = i, .hi = UINT64_MAX - i, .generation_first = i, .generation_last = i};
	assert_int_equal(unmapped_init(&u, v, MANY, &(struct err){0}), 0);
	assert_true(u.entries.n < (size_t)MANY * 40);
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(unmapped_find(&u, 1ull << 40, i), i);
	unmapped_deinit(&u);
	free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_module_that_was_there_then_is_found),
		cmocka_unit_test(of_modules_that_were_there_together_one_is_found),
		cmocka_unit_test(of_two_the_first_of_the_log_or_the_older_one_is_found),
		cmocka_unit_test(an_empty_log_has_no_module),
		cmocka_unit_test(modules_over_each_other_cost_a_logarithm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
