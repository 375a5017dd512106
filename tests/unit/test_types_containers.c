/*
 * fixtures/containers.cc, hierarchy.cc and expressions.c, built by both compilers and with both libraries where they are
 * here: each line that they tell is compared with what their core says.
 *
 * LIBCXX may name a folder with include/c++/v1 and lib in it, for clang's -stdlib=libc++ (its package and
 * libunwind-dev, which the tool is built with, exclude each other).
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "analyze/ask/expression.h"
#include "analyze/ask/trace.h"
#include "analyze/ask/typed.h"
#include "analyze/types/container_view.h"

enum { MAX_LINE = 512 };

static char folder[] = "/tmp/heapdump-containers.XXXXXX";

static int make_folder(void **state)
{
	return mkdtemp(folder) ? 0 : -1;
}

PRINTF_LIKE(1, 2) static int run(const char *fmt, ...)
{
	char command[4096];
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

/* Whether the kernel leaves cores in the current folder. */
static bool have_cores(void)
{
	return !run("! grep -q '[|/@]' /proc/sys/kernel/core_pattern");
}

/*
 * The core of the fixture's run, in path; false: this compiler, or libc++, or cores are not here. What is here has
 * to compile, and to leave one.
 */
static bool make_core(const char *fixture, const char *compiler, const char *flags,
		      char path[static MAX_LINE])
{
	struct dirent *e;
	DIR *d;
	bool found = false;

	if (run("command -v %s >/dev/null", compiler) || !have_cores()) {
		print_message("# %s, or cores, are not here\n", compiler);
		return false;
	}
	if (run("cd '%s' && rm -f core* && %s -g %s -o program \"$OLDPWD/fixtures/%s\" 2>errors",
		folder, compiler, flags, fixture)) {
		if (!strstr(flags, "-stdlib=libc++") || getenv("LIBCXX"))
			fail_msg("%s %s does not compile %s", compiler, flags, fixture);
		return false;
	}
	run("cd '%s' && ulimit -c unlimited && { ./program >said; } 2>/dev/null; :", folder);
	d = opendir(folder);
	assert_non_null(d);
	while (!found && (e = readdir(d)) != NULL)
		if (!strncmp(e->d_name, "core", 4)) {
			snprintf(path, MAX_LINE, "%s/%s", folder, e->d_name);
			found = true;
		}
	closedir(d);
	if (!found)
		fail_msg("%s %s: %s leaves no core", compiler, flags, fixture);
	return found;
}

static const struct inference_line *line_at(const struct session *s, addr_t at)
{
	obj_id o = objects_find(&s->heap.objects, at);

	assert_int_not_equal(o, OBJ_NONE);
	return &s->inference.v[o];
}

/* What the shortest path to the object reads. */
static void check_expression(struct session *s, addr_t at, const char *want)
{
	struct fact *out = fact_object();
	struct path path = {0};
	struct err err;

	assert_non_null(out);
	assert_int_equal(paths_shortest(&path, &s->reach,
					graph_object(&s->graph, objects_find(&s->heap.objects, at)),
					&err),
			 0);
	trace_path(s, out, &path);
	if (!fact_has(out, "expression") || strcmp(fact_str(out, "expression"), want))
		fail_msg("%#llx: %s, not %s", (unsigned long long)at,
			 fact_has(out, "expression") ? fact_str(out, "expression") : "nothing",
			 want);
	paths_deinit(&path);
	fact_free(out);
}

/* ADDRESS TYPE EXPRESSION: what the program says of one object. */
static void check_line(struct session *s, char *said)
{
	char *type = strchr(said, '\t'), *expression = type ? strchr(type + 1, '\t') : NULL;
	addr_t at = strtoull(said, NULL, 16);
	const struct inference_line *l;
	char name[TYPE_NAME_MAX] = "-";

	assert_non_null(expression);
	*type++ = *expression++ = 0;
	expression[strcspn(expression, "\n")] = 0;
	l = line_at(s, at);
	if (l->confidence)
		type_names_spell(&s->types.table, l->type, name);
	/* what is more than one thing may be taken for that, but not be certain */
	if (*type == '!') {
		if (l->confidence != CONFIDENCE_NONE)
			fail_msg("%s: %s %s", said, typed_confidence(l->confidence), name);
	} else if (*type == '?' || *type == '^') {
		uint8_t want = *type == '^' ? CONFIDENCE_CERTAIN : CONFIDENCE_LIKELY;

		if (l->confidence != want || strncmp(name, type + 1, strlen(type + 1)) != 0)
			fail_msg("%s: %s %s, not %s %s", said,
				 l->confidence ? typed_confidence(l->confidence) : "", name,
				 typed_confidence(want), type + 1);
	} else if (*type == '~') {
		if (strcmp(name, type + 1) && l->confidence == CONFIDENCE_CERTAIN)
			fail_msg("%s: certain %s", said, name);
	} else if (strcmp(type, "-") && (strcmp(name, type) || l->confidence != CONFIDENCE_CERTAIN))
		fail_msg("%s, %s: %s %s, not certain %s", said, expression,
			 l->confidence ? typed_confidence(l->confidence) : "", name, type);
	if (strcmp(expression, "-"))
		check_expression(s, at, expression);
}

/* The names of these differ from compiler to compiler. */
static void check_boxes(const struct session *s, char *said)
{
	for (char *at = said; at; at = strchr(at + 1, '\t')) {
		const struct inference_line *l = line_at(s, strtoull(at, NULL, 16));
		char name[TYPE_NAME_MAX];

		type_names_spell(&s->types.table, l->type, name);
		assert_int_equal(l->confidence, CONFIDENCE_CERTAIN);
		assert_int_equal(l->reason, INFERRED_VTABLE);
		assert_int_equal(strncmp(name, "ns::Box<", 8), 0);
	}
}

/* A list that no type tells of must not become one of the nodes that its own nodes lead back to. */
static void check_hidden(const struct session *s, const char *said)
{
	const struct inference_line *l = line_at(s, strtoull(said, NULL, 16));

	assert_int_equal(l->confidence, CONFIDENCE_NONE);
}

static void check(const char *fixture, const char *compiler, const char *flags)
{
	const struct session_options options = {.search = {.no_debuginfod = true}};
	char path[MAX_LINE], line[MAX_LINE], said[MAX_LINE];
	struct session s;
	struct err err = {0};
	unsigned n = 0;
	FILE *f;

	if (!make_core(fixture, compiler, flags, path))
		skip();
	if (session_open(&s, path, &options, &err) < 0 || session_need_types(&s, &err) < 0)
		fail_msg("%s: %s", path, err.text);
	snprintf(said, sizeof(said), "%s/said", folder);
	f = fopen(said, "r");
	assert_non_null(f);
	for (; fgets(line, sizeof(line), f); n++) {
		if (!strncmp(line, "hidden\t", 7))
			check_hidden(&s, line + 7);
		else if (!strncmp(line, "boxes\t", 6))
			check_boxes(&s, line + 6);
		else
			check_line(&s, line);
	}
	fclose(f);
	assert_true(n > 8);
	session_close(&s);
}

/* The container that a variable is, however deep below its own class its words are. */
static bool view_of(const struct session *s, type_id type, addr_t at, int depth,
		    struct container_view *v)
{
	const struct container_class *k;
	const struct type_member *m;
	uint32_t n;

	type = type_table_peel(&s->types.table, type);
	k = containers_class(&s->types.containers, type);
	if (k)
		return container_view(v, k, &s->space, at);
	m = type_table_members(&s->types.table, type, &n);
	for (uint32_t i = 0; i < n && depth < 8; i++)
		if (view_of(s, m[i].type, at + m[i].off, depth + 1, v))
			return true;
	return false;
}

/* NAME COUNT KEY: gdb's line and our elements. */
static void compare(const struct session *s, char *line)
{
	char *count = strchr(line, '\t'), *key = count ? strchr(count + 1, '\t') : NULL;
	char first[EXPRESSION_KEY_MAX] = "-";
	struct container_cursor c;
	struct container_element e;
	struct container_view v;
	struct variable variable;
	uint64_t n = 0;

	assert_non_null(key);
	*count++ = *key++ = 0;
	key[strcspn(key, "\n")] = 0;
	assert_int_equal(
		variables_by_name(&s->types.variables, &s->types.table, line, &variable, 1), 1);
	assert_true(view_of(s, variable.type, variable.at, 0, &v));
	c = container_begin(&v, 100000);
	while (container_next(&v, &c, &e))
		if (!n++ && e.key_type != TYPE_NONE && strcmp(key, "-"))
			expression_key(s, e.key_type, e.key, first);
	if (n != strtoull(count, NULL, 10) || (v.n != UINT64_MAX && v.n != n))
		fail_msg("%s: %llu elements, not %s", line, (unsigned long long)n, count);
	if (*key != '{' && strcmp(first, key))
		fail_msg("%s: first key %s, not %s", line, first, key);
}

static void elements_are_those_that_gdb_shows(void **state)
{
	const struct session_options options = {.search = {.no_debuginfod = true}};
	char path[MAX_LINE], line[4096];
	struct session s;
	struct err err = {0};
	unsigned n = 0;
	FILE *f;

	if (!make_core("containers.cc", "g++", "-std=c++17 -O0", path) ||
	    run("command -v gdb >/dev/null"))
		skip();
	assert_false(session_open(&s, path, &options, &err) < 0 ||
		     session_need_types(&s, &err) < 0);
	snprintf(line, sizeof(line),
		 "gdb -nx -q -batch -x tests/unit/containers_gdb.py '%s/program' '%s' 2>&1", folder,
		 path);
	f = popen(line, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "g_", 2) && ++n)
			compare(&s, line);
	pclose(f);
	if (n < 14)
		print_message("# gdb's printers show %u containers here\n", n);
	session_close(&s);
}

/* Words of the heap and of variables in each other's place: links lead back, counts are addresses. */
static void damage(uint8_t *bytes, size_t n, uint32_t seed)
{
	for (unsigned i = 0; i < 400; i++) {
		size_t to, from;

		seed = seed * 1664525 + 1013904223;
		to = (size_t)seed % (n / 8) * 8;
		seed = seed * 1664525 + 1013904223;
		from = (size_t)seed % (n / 8) * 8;
		memcpy(bytes + to, bytes + from, 8);
	}
}

/* In the file, what the dump has of the mapping that holds the address. */
static void damage_mapping(const struct session *s, FILE *f, addr_t at, uint32_t seed)
{
	for (size_t i = 0; i < s->parts.segments.n; i++) {
		const struct segment *g = &s->parts.segments.v[i];
		uint8_t *copy;

		if (at - g->addr >= g->filesz || !g->data)
			continue;
		copy = malloc(g->filesz);
		assert_non_null(copy);
		memcpy(copy, g->data, g->filesz);
		damage(copy, g->filesz < 0x18000 ? g->filesz : 0x18000, seed);
		assert_int_equal(fseek(f, (long)g->file_off, SEEK_SET), 0);
		assert_int_equal(fwrite(copy, 1, g->filesz, f), g->filesz);
		free(copy);
	}
}

static void trace_some(struct session *s)
{
	for (obj_id o = 0; o < objects_count(&s->heap.objects); o += 5) {
		struct fact *out = fact_object();
		struct path path = {0};
		struct err err;

		if (out && paths_shortest(&path, &s->reach, graph_object(&s->graph, o), &err) == 0)
			trace_path(s, out, &path);
		paths_deinit(&path);
		fact_free(out);
	}
}

static void damaged_containers_are_read_to_an_end(void **state)
{
	const struct session_options options = {.search = {.no_debuginfod = true}};
	char path[MAX_LINE];
	struct session s;
	struct err err = {0};

	if (!make_core("containers.cc", "g++", "-std=c++17 -O0", path))
		skip();
	for (uint32_t round = 1; round <= 8; round++) {
		struct variable v = {0};
		FILE *f;

		assert_int_equal(session_open(&s, path, &options, &err), 0);
		assert_int_equal(session_need_types(&s, &err), 0);
		trace_some(&s);
		variables_by_name(&s.types.variables, &s.types.table, "g_vector", &v, 1);
		f = fopen(path, "r+");
		assert_non_null(f);
		damage_mapping(&s, f, v.at, round);
		damage_mapping(&s, f, objects_addr(&s.heap.objects, 0), round + 100);
		fclose(f);
		session_close(&s);
	}
}

static void containers_of_libstdcxx_are_known(void **state)
{
	check("containers.cc", "g++", "-std=c++17 -O0");
	check("containers.cc", "g++", "-std=c++17 -O2");
	check("containers.cc", "g++", "-std=c++20 -O1");
}

static void and_strings_of_the_old_abi(void **state)
{
	check("containers.cc", "g++", "-std=c++17 -O0 -D_GLIBCXX_USE_CXX11_ABI=0");
	check("containers.cc", "clang++",
	      "-std=c++17 -O1 -fstandalone-debug -D_GLIBCXX_USE_CXX11_ABI=0");
}

static void and_as_clang_describes_them(void **state)
{
	check("containers.cc", "clang++", "-std=c++17 -O0 -fstandalone-debug");
	check("containers.cc", "clang++", "-std=c++17 -O2 -fstandalone-debug");
}

static void containers_of_libcxx_are_known(void **state)
{
	const char *at = getenv("LIBCXX");
	char flags[MAX_LINE];

	snprintf(flags, sizeof(flags), "-std=c++17 -O0 -stdlib=libc++");
	if (at)
		snprintf(flags, sizeof(flags),
			 "-std=c++17 -O0 -stdlib=libc++ -nostdinc++ -isystem %s/include/c++/v1 "
			 "-nostdlib++ "
			 "-L%s/lib -Wl,-rpath,%s/lib -l:libc++.so.1 -l:libc++abi.so.1",
			 at, at, at);
	check("containers.cc", "clang++", flags);
}

static void classes_are_known_by_their_vtables(void **state)
{
	check("hierarchy.cc", "g++", "-std=c++17 -O0");
	check("hierarchy.cc", "g++", "-std=c++17 -O2");
	check("hierarchy.cc", "clang++", "-std=c++17 -O1 -fstandalone-debug");
}

/* Then nothing but the symbol has the name. */
static void and_without_typeinfo_by_the_symbols(void **state)
{
	check("hierarchy.cc", "g++", "-std=c++17 -O1 -fno-rtti");
}

static void and_without_symbols_by_typeinfo(void **state)
{
	check("hierarchy.cc", "g++", "-std=c++17 -O1 -Wl,--retain-symbols-file=/dev/null");
}

static void paths_of_c_read_as_expressions(void **state)
{
	check("expressions.c", "gcc", "-O0");
	check("expressions.c", "gcc", "-O2");
	check("expressions.c", "clang", "-O1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(containers_of_libstdcxx_are_known),
		cmocka_unit_test(and_strings_of_the_old_abi),
		cmocka_unit_test(elements_are_those_that_gdb_shows),
		cmocka_unit_test(damaged_containers_are_read_to_an_end),
		cmocka_unit_test(and_as_clang_describes_them),
		cmocka_unit_test(containers_of_libcxx_are_known),
		cmocka_unit_test(classes_are_known_by_their_vtables),
		cmocka_unit_test(and_without_typeinfo_by_the_symbols),
		cmocka_unit_test(and_without_symbols_by_typeinfo),
		cmocka_unit_test(paths_of_c_read_as_expressions),
	};

	return cmocka_run_group_tests_name("containers.cc", tests, make_folder, remove_folder);
}
