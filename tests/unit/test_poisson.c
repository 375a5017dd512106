/*
 * The sampler's arithmetic against libm's, and its promise: estimates of what is in use are unbiased, with the error
 * that is stated.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dump/poisson.h"

enum { SEEDS = 100, OBJECTS = 20000 };

static double weight_by_libm(uint64_t size, uint64_t mean)
{
	return mean <= 1 ? 1 : 1 / -expm1(-((double)size + 1) / (double)mean);
}

static void weights_are_those_of_libm(void **state)
{
	for (uint64_t mean = 1; mean < 1ull << 40; mean = mean * 3 + 1)
		for (uint64_t size = 0; size < 1ull << 44; size = size * 2 + 1) {
			double want = weight_by_libm(size, mean) * 65536;
			double got = (double)hd_poisson_weight(size, mean);

			assert_true(fabs(got - want) <= 0.5 + want * 1e-9);
		}
}

static void every_object_has_weight_one_at_interval_one(void **state)
{
	for (uint64_t size = 0; size < 100000; size++)
		assert_int_equal(hd_poisson_weight(size, 1), 65536);
}

static void gaps_have_their_mean_and_their_tail(void **state)
{
	static const uint64_t means[] = {2, 10, 4096, 524288, 1ull << 30};

	for (size_t i = 0; i < sizeof(means) / sizeof(*means); i++) {
		uint64_t random = 12345 + i, beyond = 0, n = 400000;
		double sum = 0;

		for (uint64_t k = 0; k < n; k++) {
			uint64_t gap = hd_poisson_gap(&random, means[i]);

			assert_true(gap >= 1);
			sum += (double)gap;
			beyond += gap > 2 * means[i];
		}
		/* geometric: the mean is 1 / (1 − e^(−1/m)); five standard errors */
		double mean = weight_by_libm(0, means[i]);

		assert_true(fabs(sum / (double)n - mean) < 5 * mean / sqrt((double)n));
		assert_true(fabs((double)beyond / (double)n - exp(-2)) <
			    5 * sqrt(exp(-2) / (double)n));
	}
}

/* Object sizes of a program: many small, some large, a few above the interval. */
static uint64_t size_of(uint64_t *random)
{
	uint64_t r = hd_poisson_random(random);

	if (r % 1000 == 0)
		return 200000 + r / 1000 % 2000000;
	if (r % 50 == 0)
		return r / 50 % 20000;
	return r / 50 % 300;
}

struct estimate {
	double bytes, bytes_variance, objects, objects_variance;
};

/* What a sampler with this seed would say of the objects, counting down as the library does. */
static struct estimate sample_all(uint64_t seed, uint64_t mean)
{
	struct estimate e = {0};
	uint64_t random = seed, left = hd_poisson_gap(&random, mean), sizes = 99;

	for (int i = 0; i < OBJECTS; i++) {
		uint64_t size = size_of(&sizes);
		double w = (double)hd_poisson_weight(size, mean) / 65536;

		if (size < left) {
			left -= size + 1;
			continue;
		}
		left = hd_poisson_gap(&random, mean);
		e.bytes += (double)size * w;
		e.objects += w;
		/* Horvitz–Thompson: Σ x² (1 − p) / p² */
		e.bytes_variance += (double)size * (double)size * (1 - 1 / w) * w * w;
		e.objects_variance += (1 - 1 / w) * w * w;
	}
	return e;
}

static void estimates_are_unbiased_within_their_stated_error(void **state)
{
	uint64_t sizes = 99;
	double bytes = 0, mean_bytes = 0, mean_objects = 0, variance = 0, objects_variance = 0;
	int within = 0;

	for (int i = 0; i < OBJECTS; i++)
		bytes += (double)size_of(&sizes);
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct estimate e = sample_all(seed * 7919, 65536);

		mean_bytes += e.bytes / SEEDS;
		mean_objects += e.objects / SEEDS;
		variance += e.bytes_variance / SEEDS;
		objects_variance += e.objects_variance / SEEDS;
		within += fabs(e.bytes - bytes) < 2 * sqrt(e.bytes_variance);
	}
	/* the mean of 100 lies within three of its standard errors; 95 % of them within two of their own */
	assert_true(fabs(mean_bytes - bytes) < 3 * sqrt(variance / SEEDS));
	assert_true(fabs(mean_objects - OBJECTS) < 3 * sqrt(objects_variance / SEEDS));
	assert_true(within >= 88);
	/* and the error is worth stating: a few percent, not nothing and not everything */
	assert_true(sqrt(variance) < 0.2 * bytes && sqrt(variance) > 0.001 * bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights_are_those_of_libm),
		cmocka_unit_test(every_object_has_weight_one_at_interval_one),
		cmocka_unit_test(gaps_have_their_mean_and_their_tail),
		cmocka_unit_test(estimates_are_unbiased_within_their_stated_error),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
