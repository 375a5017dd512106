/*
 * Layouts against gdb, the compiler and nm: the shapes of types_shapes.c and .cc by gcc and clang, with
 * each kind of debug information; and the tool's own build, every struct of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "analyze/types/layout.h"
#include "analyze/types/type_names.h"
#include "tests/lib/types_rig.h"

enum { MAX_LINE = 4096 };

struct variant {
	const char *flags;
	bool with_dwz;
	bool not_gcc; /* libdw does not read what gcc makes of it */
};

static const struct variant variants[] = {
	{"-gdwarf-4", false, false},
	{"-gdwarf-5", false, false},
	{"-gdwarf-4 -gsplit-dwarf", false, false},
	{"-gdwarf-5 -gsplit-dwarf", false, false},
	{"-gdwarf-5 -gz", false, false},
	{"-gdwarf-4 -fdebug-types-section", false, false},
	{"-gdwarf-5 -fdebug-types-section", false, false},
	{"-gdwarf-5 -fdebug-types-section -gsplit-dwarf", false, true},
	{"-gdwarf-4", true, true},
	{"-gdwarf-5", true, true},
};

static char folder[] = "/tmp/heapdump-types.XXXXXX";

static int make_folder(void **state)
{
	return mkdtemp(folder) ? 0 : -1;
}

PRINTF_LIKE(1, 2) static int run(const char *fmt, ...)
{
	char command[8192];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return system(command);
}

static int remove_folder(void **state)
{
	return run("rm -rf '%s'", folder) ? -1 : 0;
}

static bool have(const char *program)
{
	return run("command -v %s >/dev/null 2>&1", program) == 0;
}

static void open_types(struct types_rig *r, const char *path)
{
	struct err err;

	assert_true(types_rig_open(r, path));
	assert_int_equal(types_need(&r->types, 0, &err), 0);
	assert_true(r->types.accounts[0].has_dwarf);
	for (size_t i = 0; i < r->warnings.lines.n; i++)
		print_message("# %s: %s\n", path, r->warnings.lines.v[i]);
	assert_int_equal(r->types.accounts[0].n_cut, 0);
	type_table_check(&r->types.table);
}

static bool is_record(const struct type_table *t, type_id id)
{
	uint8_t kind = type_table_get(t, type_table_peel(t, id))->kind;

	return kind == TYPE_STRUCT || kind == TYPE_UNION;
}

/* What gdb can be asked for: named and single structs, and typedefs of structs. */
static void write_names(const struct type_table *t, const char *path)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	for (type_id id = 0; id < type_table_count(t); id++) {
		const struct type *x = type_table_get(t, id);
		char name[TYPE_NAME_MAX];
		uint64_t size;

		if (!x->name || !type_table_size(t, id, &size) ||
		    x->flags & (TYPE_NAMESAKES | TYPE_DECLARED) || !is_record(t, id) ||
		    x->kind > TYPE_TYPEDEF)
			continue;
		type_names_spell(t, id, name);
		if (strlen(name) < sizeof(name) - 1)
			fprintf(f, "%s\n", name);
	}
	assert_int_equal(fclose(f), 0);
}

static void expect_line(FILE *f, const char *type, const char *wanted)
{
	char line[MAX_LINE];

	if (!fgets(line, sizeof(line), f))
		fail_msg("%s: gdb ends where we have %s", type, wanted);
	line[strcspn(line, "\n")] = 0;
	if (strcmp(line, wanted))
		fail_msg("%s:\n  gdb: %s\n  we:  %s", type, line, wanted);
}

/* Our fields, each beside gdb's next line. Their number. */
static size_t expect_fields(const struct type_table *t, type_id id, FILE *f, const char *type,
			    int depth)
{
	size_t n_seen = 0;
	uint32_t n;
	const struct type_member *v = type_table_members(t, type_table_peel(t, id), &n);

	for (uint32_t i = 0; i < n; i++) {
		bool is_base = v[i].flags & TYPE_MEMBER_BASE;
		const char *name = is_base ? "" : type_table_text(t, v[i].name);
		uint64_t size = 0;
		char line[MAX_LINE];

		if (v[i].flags & TYPE_MEMBER_VIRTUAL)
			continue;
		if (!type_table_size(t, v[i].type, &size))
			size = 0;
		snprintf(line, sizeof(line), "F\t%d\t%s\t%llu\t%u\t%llu", depth, name,
			 (unsigned long long)(v[i].off * 8 + v[i].bit_off), v[i].bit_size,
			 (unsigned long long)size);
		expect_line(f, type, line);
		n_seen++;
		if (!*name && !is_base && is_record(t, v[i].type))
			n_seen += expect_fields(t, v[i].type, f, type, depth + 1);
	}
	return n_seen;
}

/* Every struct of the file, field by field; *n_fields adds up. */
static size_t compare_with_gdb(const struct type_table *t, const char *path, size_t *n_fields)
{
	char names[256], out[256], line[MAX_LINE], name[MAX_LINE], rest[64];
	size_t n = 0;
	FILE *f;

	snprintf(names, sizeof(names), "%s/names", folder);
	snprintf(out, sizeof(out), "%s/gdb", folder);
	write_names(t, names);
	assert_int_equal(run("TYPES='%s' gdb -q -nx -batch -x tests/unit/types_fields.py '%s' "
			     ">'%s' 2>'%s/log'",
			     names, path, out, folder),
			 0);
	f = fopen(out, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		type_id id;
		uint64_t size;

		if (sscanf(line, "T\t%4095[^\t]\t%63s", name, rest) != 2)
			fail_msg("%s: gdb has more fields: %s", name, line);
		if (!strcmp(rest, "-"))
			continue;
		if (!type_names_find(t, name, &id, 1))
			fail_msg("%s is not found by its own name", name);
		assert_true(type_table_size(t, id, &size));
		if (size != strtoull(rest, NULL, 10))
			fail_msg("%s: %llu bytes, gdb: %s", name, (unsigned long long)size, rest);
		*n_fields += expect_fields(t, id, f, name, 0);
		n++;
	}
	fclose(f);
	return n;
}

/* Compiles and links. The program's path. */
static const char *build(const char *compiler, const struct variant *v, const char *source)
{
	static char path[512];
	const char *standard = strstr(source, ".cc") ? "-std=c++17" : "-std=gnu11";

	snprintf(path, sizeof(path), "%s/prog", folder);
	assert_int_equal(run("%s -w %s -O0 %s -c -o %s/prog.o tests/unit/%s && %s -w %s -o %s "
			     "%s/prog.o",
			     compiler, standard, v->flags, folder, source, compiler, v->flags, path,
			     folder),
			 0);
	/* two programs, so that there is something in common to take out */
	if (v->with_dwz)
		assert_int_equal(run("cd %s && cp prog other && dwz -m common -M %s/common prog "
				     "other",
				     folder, folder),
				 0);
	return path;
}

/* What the program prints of itself: type, field, offset. */
static void compare_with_compiler(const struct type_table *t, const char *path)
{
	char line[MAX_LINE], type[128], field[128];
	unsigned long long off;
	FILE *f = popen(path, "r");
	size_t n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		struct layout_hit hit, at[8];
		type_id id;
		size_t n_at, i = 0;

		assert_int_equal(sscanf(line, "%127[^\t]\t%127[^\t]\t%llu", type, field, &off), 3);
		assert_int_equal(type_names_find(t, type, &id, 1), 1);
		if (!layout_member(t, id, field, &hit) || hit.off != off)
			fail_msg("%s %s is not at %llu", type, field, off);
		n_at = layout_at(t, id, strstr(field, "items[") ? off + 64 : 0, off, at, 8);
		while (i < n_at && i < 8 && strncmp(at[i].path, field, strlen(field)))
			i++;
		if (i == n_at || i == 8)
			fail_msg("%s is not read at %llu of %s", field, off, type);
		n++;
	}
	assert_int_equal(pclose(f), 0);
	assert_true(n > 20);
}

/* Whether nm's "s_first.0" is the variable "s_first". */
static bool is_same_name(const char *symbol, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(symbol, name, n) && (!symbol[n] || symbol[n] == '.');
}

/* Every variable of the source ("g_x", "s_x", "t_x") has its symbol's address. */
static void compare_with_nm(const struct types *types, const char *path)
{
	char line[MAX_LINE], command[512], kind;
	unsigned long long value;
	size_t n = 0;
	FILE *f;

	snprintf(command, sizeof(command), "nm -C --defined-only '%s'", path);
	f = popen(command, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		char symbol[MAX_LINE], text[MAX_LINE];
		const char *base;
		struct variable v;

		if (sscanf(line, "%llx %c %4095[^\n]", &value, &kind, symbol) != 3 ||
		    !strchr("bBdDVu", kind))
			continue;
		base = strrchr(symbol, ':') ? strrchr(symbol, ':') + 1 : symbol;
		if (base[1] != '_' || !strchr("gst", base[0]))
			continue;
		if (base[0] == 't')
			assert_true(variables_tls(&types->variables, &types->table, 0, value, &v));
		else
			assert_true(variables_at(&types->variables, &types->table, 0,
						 value + TYPES_RIG_BIAS, &v));
		snprintf(text, sizeof(text), "%s", type_table_text(&types->table, v.name));
		/* nm has the function before the name, we have it beside */
		if (!is_same_name(v.function ? base : symbol, text))
			fail_msg("%s is called %s", symbol, text);
		assert_true(v.type != TYPE_UNKNOWN && v.type != TYPE_VOID);
		n++;
	}
	assert_int_equal(pclose(f), 0);
	assert_true(n >= 7);
}

static void compare_variant(const char *compiler, const struct variant *v, const char *source)
{
	const char *path = build(compiler, v, source);
	bool is_c = !strstr(source, ".cc");
	struct types_rig r;
	size_t n, n_fields = 0;

	print_message("# %s %s%s, %s\n", compiler, v->flags, v->with_dwz ? ", dwz" : "", source);
	open_types(&r, path);
	assert_int_equal(r.types.accounts[0].n_without_split, 0);
	n = compare_with_gdb(&r.types.table, path, &n_fields);
	print_message("#   %zu structs, %zu fields\n", n, n_fields);
	assert_true(n >= (is_c ? 10 : 16) && n_fields >= (is_c ? 55 : 45));
	if (is_c)
		compare_with_compiler(&r.types.table, path);
	compare_with_nm(&r.types, path);
	types_rig_close(&r);
}

static void compare_all(const char *compiler, const char *source, bool is_gcc)
{
	if (!have(compiler) || !have("gdb") || !have("nm"))
		skip();
	for (size_t i = 0; i < ARRAY_LEN(variants); i++)
		if (variants[i].with_dwz ? is_gcc && have("dwz") : !is_gcc || !variants[i].not_gcc)
			compare_variant(compiler, &variants[i], source);
}

static void c_by_gcc_is_laid_out_as_gdb_has_it(void **state)
{
	compare_all("gcc", "types_shapes.c", true);
}

static void c_by_clang_is_laid_out_as_gdb_has_it(void **state)
{
	compare_all("clang", "types_shapes.c", false);
}

static void cxx_by_gcc_is_laid_out_as_gdb_has_it(void **state)
{
	compare_all("g++", "types_shapes.cc", true);
}

static void cxx_by_clang_is_laid_out_as_gdb_has_it(void **state)
{
	compare_all("clang++", "types_shapes.cc", false);
}

static void every_struct_of(const char *name, size_t at_least)
{
	const char *built = getenv("BUILD");
	char path[4096];
	struct types_rig r;
	size_t n, n_fields = 0;

	snprintf(path, sizeof(path), "%s/%s", built ? built : "build", name);
	if (access(path, R_OK) || !have("gdb"))
		skip();
	open_types(&r, path);
	n = compare_with_gdb(&r.types.table, path, &n_fields);
	print_message("# %s: %zu structs, %zu fields are as in gdb\n", name, n, n_fields);
	assert_true(n >= at_least);
	types_rig_close(&r);
}

static void every_struct_of_the_tool_is_laid_out_as_gdb_has_it(void **state)
{
	every_struct_of("heapdump", 150);
}

static void every_struct_of_the_library_is_laid_out_as_gdb_has_it(void **state)
{
	every_struct_of("libheapdump.so", 40);
}

static void spells(const struct types *t, const char *variable, const char *text)
{
	struct variable v;
	char out[TYPE_NAME_MAX];

	assert_int_equal(variables_by_name(&t->variables, &t->table, variable, &v, 1), 1);
	type_names_spell(&t->table, v.type, out);
	assert_string_equal(out, text);
}

static void types_are_spelled_as_in_the_source(void **state)
{
	static const struct variant plain = {"-gdwarf-5", false, false};
	struct types_rig r;

	if (!have("gcc"))
		skip();
	open_types(&r, build("gcc", &plain, "types_shapes.c"));
	spells(&r.types, "g_sessions", "struct session *");
	spells(&r.types, "g_points", "point[4][2]");
	spells(&r.types, "g_opaque", "struct opaque *");
	spells(&r.types, "t_current", "struct session *");
	spells(&r.types, "s_first", "struct session");
	types_rig_close(&r);
	open_types(&r, build("g++", &plain, "types_shapes.cc"));
	spells(&r.types, "g_class", "ns::Class");
	spells(&r.types, "ns::Class::s_count", "int");
	spells(&r.types, "ns::counter", "int");
	spells(&r.types, "ns::v2::g_versioned", "ns::v2::Versioned");
	spells(&r.types, "g_boxes", "ns::Box<ns::Class*, 2>[2]");
	spells(&r.types, "(anonymous namespace)::hidden", "(anonymous namespace)::Hidden");
	types_rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(c_by_gcc_is_laid_out_as_gdb_has_it),
		cmocka_unit_test(c_by_clang_is_laid_out_as_gdb_has_it),
		cmocka_unit_test(cxx_by_gcc_is_laid_out_as_gdb_has_it),
		cmocka_unit_test(cxx_by_clang_is_laid_out_as_gdb_has_it),
		cmocka_unit_test(every_struct_of_the_tool_is_laid_out_as_gdb_has_it),
		cmocka_unit_test(every_struct_of_the_library_is_laid_out_as_gdb_has_it),
		cmocka_unit_test(types_are_spelled_as_in_the_source),
	};

	return cmocka_run_group_tests_name("types of compiled shapes", tests, make_folder,
					   remove_folder);
}
