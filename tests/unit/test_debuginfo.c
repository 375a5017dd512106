/*
 * One Dwfl for all modules: each has one of its own there, whatever a damaged dump says of where they lie.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <elfutils/libdwfl.h>

#include "analyze/space/debuginfo.h"

struct seen {
	const struct Dwfl_Module *wanted;
	bool is_there;
};

static int see(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr start, void *arg)
{
	struct seen *s = arg;

	s->is_there |= mod == s->wanted;
	return DWARF_CB_OK;
}

/* A file that is mapped twice, as a damaged dump has it. */
static void a_file_that_is_there_twice_is_two_modules(void **state)
{
	char self[] = "/proc/self/exe";
	struct module twice[2] = {
		{.path = self,
		 .name = self,
		 .file = self,
		 .at = {0x10000000, 0x20000000},
		 .bias = 0x10000000},
		{.path = self,
		 .name = self,
		 .file = self,
		 .at = {0x10000000, 0x20000000},
		 .bias = 0x10000000},
	};
	struct modules modules = {.list = {.v = twice, .n = 2, .cap = 2}};
	struct debuginfo *d;
	struct err err;

	assert_int_equal(debuginfo_new(&d, NULL, &modules, &err), 0);
	for (uint32_t i = 0; i < 2; i++) {
		struct seen s = {debuginfo_module(d, i), false};

		assert_non_null(s.wanted);
		dwfl_getmodules(debuginfo_dwfl(d), see, &s, 0);
		assert_true(s.is_there);
	}
	assert_ptr_not_equal(debuginfo_module(d, 0), debuginfo_module(d, 1));
	debuginfo_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_that_is_there_twice_is_two_modules),
	};

	return cmocka_run_group_tests_name("debug information of modules", tests, NULL, NULL);
}
