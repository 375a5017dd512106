/*
 * Mangled names: what they mean, and those that are made to harm. The latter are told on a thread with
 * little stack.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/space/demangle.h"

static void expect(const char *name, const char *plain)
{
	char *got = demangle(name);

	if (plain ? !got || strcmp(got, plain) : got != NULL)
		fail_msg("%s is %s", name, got ? got : "not told");
	free(got);
}

static void names_are_told_as_the_source_has_them(void **state)
{
	expect("_ZN2ns7g_tableE", "ns::g_table");
	expect("_ZTV4Conn", "vtable for Conn");
	expect("_ZN12_GLOBAL__N_15cacheE", "(anonymous namespace)::cache");
	expect("_ZZN2ns1fEiE5cache", "ns::f(int)::cache");
	expect("_ZNKSt6vectorIiSaIiEE4sizeEv",
	       "std::vector<int, std::allocator<int> >::size() const");
	expect("_Z3fooIiEvT_", "foo<int>(int)");
	expect("_ZN1A3runEv.isra.0", "A::run() [clone .isra.0]");
	expect("_Z3sumIJidEEvDpT_", "sum<int, double>(int, double)");
}

static void rust_names_lose_their_hash(void **state)
{
	expect("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE", "core::fmt::Write::write_fmt");
	expect("_RNvCs1234_7mycrate3run", "mycrate::run");
	/* a crate without a name: the library hands out an empty piece that is NULL */
	expect("_RNvNtC0s1234_7mycrate3foo3bar", NULL);
}

static void other_names_are_their_own(void **state)
{
	expect("main", NULL);
	expect("", NULL);
	expect("_", NULL);
	expect("_Z", NULL);
	expect("_Zebra", NULL);
	expect("_R", NULL);
	expect("_Restart", NULL);
	expect("_ZN2ns7g_tableE_and_more", NULL);
}

/* Room for a name of any length, and what is in it. */
struct text {
	char *v;
	size_t n;
};

static void add(struct text *t, const char *s)
{
	size_t n = strlen(s);

	t->v = realloc(t->v, t->n + n + 1);
	if (!t->v)
		abort();
	memcpy(t->v + t->n, s, n + 1);
	t->n += n;
}

static void add_times(struct text *t, const char *s, unsigned times)
{
	while (times--)
		add(t, s);
}

/* The i-th substitution. */
static void add_again(struct text *t, unsigned i)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char s[8];

	if (!i)
		snprintf(s, sizeof(s), "S_");
	else if (i <= 36)
		snprintf(s, sizeof(s), "S%c_", digits[i - 1]);
	else
		snprintf(s, sizeof(s), "S%c%c_", digits[(i - 1) / 36], digits[(i - 1) % 36]);
	add(t, s);
}

/* pair<pair<…>, the same>: 2ⁿ ints. */
static void add_doubled(struct text *t, unsigned n)
{
	add(t, "St4pairI");
	add_times(t, "S_I", n - 1);
	add(t, "iiE");
	for (unsigned i = 1; i < n; i++) {
		add_again(t, i);
		add(t, "E");
	}
}

static void *tell(void *name)
{
	return demangle(name);
}

/* Told on a stack of 1 MiB: whether anything came of it. */
static bool is_told(struct text *t)
{
	pthread_attr_t attr;
	pthread_t thread;
	void *plain;
	bool told;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 1 << 20);
	assert_int_equal(pthread_create(&thread, &attr, tell, t->v), 0);
	pthread_attr_destroy(&attr);
	pthread_join(thread, &plain);
	told = plain != NULL;
	free(plain);
	free(t->v);
	*t = (struct text){0};
	return told;
}

static void what_doubles_is_told_only_as_far_as_it_is_small(void **state)
{
	struct text t = {0};

	add(&t, "_Z1f");
	add_doubled(&t, 6);
	assert_true(is_told(&t));
	add(&t, "_Z1f");
	add_doubled(&t, 60);
	assert_false(is_told(&t));
	/* nothing would come of this one, after 2⁶⁰ steps */
	add(&t, "_Z1fDp");
	add_doubled(&t, 60);
	assert_false(is_told(&t));
	/* the same, behind a template argument */
	add(&t, "_Z1fIJEDp");
	add_doubled(&t, 60);
	add(&t, "EvT_T0_");
	assert_false(is_told(&t));
}

/* f<&f<&f<…>(T_, T_, T_, T_)>(T_, T_, T_, T_): n of them. */
static void add_scopes(struct text *t, unsigned n)
{
	add(t, "_Z1f");
	add_times(t, "IXadL_Z1f", n);
	add(t, "IiEvT_T_T_T_");
	add_times(t, "EEEvT_T_T_T_", n);
}

static void arguments_of_arguments_are_not_multiplied_forever(void **state)
{
	struct text t = {0};

	add_scopes(&t, 1);
	assert_true(is_told(&t));
	add_scopes(&t, 30);
	assert_false(is_told(&t));
}

/* (T, T) with T the tuple before, by its place in base 62, less one: 2ⁿ integers. */
static void add_doubled_in_rust(struct text *t, unsigned n)
{
	static const char digits[] =
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t start = t->n, before = 0;
	char s[16];

	add(t, "_RINvC1a1b");
	for (unsigned i = 0; i < n; i++) {
		size_t here = t->n - start - 2, back = before - 1;

		if (!i)
			snprintf(s, sizeof(s), "TjjE");
		else if (back < 62)
			snprintf(s, sizeof(s), "TB%c_B%c_E", digits[back], digits[back]);
		else
			snprintf(s, sizeof(s), "TB%c%c_B%c%c_E", digits[back / 62 - 1],
				 digits[back % 62], digits[back / 62 - 1], digits[back % 62]);
		add(t, s);
		before = here;
	}
	add(t, "E");
}

static void what_doubles_in_rust_ends_too(void **state)
{
	struct text t = {0};

	add_doubled_in_rust(&t, 4);
	assert_true(is_told(&t));
	add_doubled_in_rust(&t, 60);
	assert_false(is_told(&t));
}

static void deep_and_long_names_are_their_own(void **state)
{
	static const char *const nests[] = {"P",   "N",	   "1aI", "F",	    "A_",
					    "T_I", "DTsz", "X",	  "L_Z1fI", "M"};
	struct text t = {0};

	for (size_t i = 0; i < sizeof(nests) / sizeof(*nests); i++)
		for (unsigned n = 100; n < 100000; n *= 10) {
			add(&t, "_Z1f");
			add_times(&t, nests[i], n);
			add(&t, "i");
			is_told(&t);
			add(&t, "_RNvC1a");
			add_times(&t, nests[i], n);
			is_told(&t);
		}
	add(&t, "_Z1f");
	add_times(&t, "P", 2000);
	add(&t, "i");
	assert_false(is_told(&t));
}

static void a_name_is_told_once(void **state)
{
	struct demangled d = {0};
	const char *first = demangled_name(&d, "_ZTV4Conn");
	char copy[] = "_ZTV4Conn", own[] = "main", odd[] = "_Zebra", name[32];

	assert_string_equal(first, "vtable for Conn");
	assert_ptr_equal(demangled_name(&d, copy), first);
	assert_ptr_equal(demangled_name(&d, own), own);
	assert_ptr_equal(demangled_name(&d, odd), odd);
	assert_null(demangled_name(&d, NULL));
	for (int i = 100; i < 1000; i++) {
		snprintf(name, sizeof(name), "_Z4n%d", i);
		assert_string_equal(demangled_name(&d, name), name + 3);
	}
	assert_ptr_equal(demangled_name(&d, copy), first);
	demangled_deinit(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_told_as_the_source_has_them),
		cmocka_unit_test(rust_names_lose_their_hash),
		cmocka_unit_test(other_names_are_their_own),
		cmocka_unit_test(what_doubles_is_told_only_as_far_as_it_is_small),
		cmocka_unit_test(arguments_of_arguments_are_not_multiplied_forever),
		cmocka_unit_test(what_doubles_in_rust_ends_too),
		cmocka_unit_test(deep_and_long_names_are_their_own),
		cmocka_unit_test(a_name_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
