/*
 * The types that instances of templates were made of, as both compilers write them down.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "analyze/types/type_names.h"
#include "tests/lib/types_rig.h"

static char folder[] = "/tmp/heapdump-arguments.XXXXXX";

static const char source[] = "template <class T, int n, class... U> struct Made { T v[n]; };\n"
			     "struct Thing { long a; };\n"
			     "template <class A, class B> struct Pair { A a; B b; };\n"
			     "Made<Thing, 3, int, Thing *> g_made;\n"
			     "Made<const char *, 2> g_short;\n"
			     "Pair<Thing, Pair<int, Thing> > g_pair;\n"
			     "Thing g_thing;\n";

/* Two units, so that types of the second are found in the table. */
static bool build(const char *compiler, const char *flags)
{
	char command[1024], path[128];
	FILE *f;

	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/t%d.cc", folder, i);
		f = fopen(path, "w");
		if (!f ||
		    fprintf(f, "%s%s%s", i ? "namespace {\n" : "", source,
			    i ? "void *use() { return &g_made; }\n}\nvoid *f() { return use(); }\n"
			      : "int main() { return 0; }\n") < 0)
			return false;
		fclose(f);
	}
	/* the second unit has the same text outside of its namespace, too */
	snprintf(command, sizeof(command),
		 "cd %s && sed 's/^int main.*//; s/ g_/ h_/' t0.cc >t2.cc && %s -g %s -o t t0.cc "
		 "t1.cc "
		 "t2.cc 2>/dev/null",
		 folder, compiler, flags);
	return system(command) == 0;
}

static type_id find(struct types_rig *r, const char *name)
{
	type_id id = TYPE_NONE;

	if (type_names_find(&r->types.table, name, &id, 1) < 1)
		fail_msg("there is no %s", name);
	return id;
}

static void expect(struct types_rig *r, const char *of, const char *const *want)
{
	type_id id = find(r, of);
	char name[TYPE_NAME_MAX];
	uint32_t i;

	for (i = 0; want[i]; i++) {
		type_id a = type_table_argument(&r->types.table, id, i);

		assert_int_not_equal(a, TYPE_NONE);
		type_names_spell(&r->types.table, a, name);
		assert_string_equal(name, want[i]);
	}
	assert_int_equal(type_table_argument(&r->types.table, id, i), TYPE_NONE);
}

/* The compilers spell names differently. */
static void check(const char *compiler, const char *flags, const char *made, const char *text)
{
	char path[128];
	struct types_rig r;
	struct err err;

	if (!build(compiler, flags)) {
		print_message("# %s %s: does not compile here\n", compiler, flags);
		return;
	}
	snprintf(path, sizeof(path), "%s/t", folder);
	assert_true(types_rig_open(&r, path));
	assert_int_equal(types_need_all(&r.types, &err), 0);
	type_table_check(&r.types.table);
	expect(&r, made, (const char *const[]){"Thing", "int", "Thing *", NULL});
	expect(&r, text, (const char *const[]){"const char *", NULL});
	expect(&r, "Pair<int, Thing>", (const char *const[]){"int", "Thing", NULL});
	expect(&r, "Thing", (const char *const[]){NULL});
	assert_int_equal(type_table_argument(&r.types.table, TYPE_NONE, 0), TYPE_NONE);
	types_rig_close(&r);
}

static void arguments_of_templates_are_known(void **state)
{
	static const char *const flags[] = {"-gdwarf-4", "-gdwarf-5",
					    "-gdwarf-5 -fdebug-types-section"};

	for (size_t i = 0; i < 3; i++)
		check("g++", flags[i], "Made<Thing, 3, int, Thing*>", "Made<char const*, 2>");
}

static int make_folder(void **state)
{
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command) ? -1 : 0;
}

static void and_by_the_other_compiler(void **state)
{
	static const char *const flags[] = {"-gdwarf-4", "-gdwarf-5"};

	for (size_t i = 0; i < 2; i++)
		check("clang++", flags[i], "Made<Thing, 3, int, Thing *>", "Made<const char *, 2>");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments_of_templates_are_known),
		cmocka_unit_test(and_by_the_other_compiler),
	};

	return cmocka_run_group_tests_name("template arguments", tests, make_folder, remove_folder);
}
