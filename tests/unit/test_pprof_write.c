/*
 * What no profile of a real program shows of the writer: strings that are not what they should be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "formats/pprof_write.h"

struct written {
	char bytes[256];
	size_t n;
};

static int keep(void *arg, const void *bytes, size_t n, struct err *err)
{
	struct written *w = arg;

	if (w->n + n > sizeof(w->bytes))
		return ERR_IO;
	memcpy(w->bytes + w->n, bytes, n);
	w->n += n;
	return 0;
}

/* As its field of the profile: number 6, a length, the bytes. */
static void expect(const char *text, const char *want)
{
	struct written out = {0};
	struct err err = {0};
	struct sink sink = {keep, &out};
	struct pprof_writer w = {.to = &sink, .err = &err};

	pprof_string(&w, text);
	assert_int_equal(w.rc, 0);
	assert_int_equal(out.n, 2 + strlen(want));
	assert_int_equal(out.bytes[0], 6 << 3 | 2);
	assert_int_equal(out.bytes[1], strlen(want));
	assert_memory_equal(out.bytes + 2, want, strlen(want));
}

static void strings_are_utf8_whatever_they_were(void **state)
{
	expect("", "");
	expect("plain", "plain");
	expect("caf\xc3\xa9/\xe2\x82\xac/\xf0\x9f\x98\x80",
	       "caf\xc3\xa9/\xe2\x82\xac/\xf0\x9f\x98\x80");
	expect("\xff", "?");
	expect("a\xff\xfe"
	       "b",
	       "a??b");
	expect("cut\xe2\x82", "cut??");
	expect("\xc0\xaf", "??");
	expect("\xed\xa0\x80", "???");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_are_utf8_whatever_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
