/*
 * Locals of live frames against gdb, on cores of locals_victim.c and .cc by gcc and clang, from -O0 to
 * -O2: what gdb shows as a value, scalar by scalar, is there with the same bits, and what is
 * there, gdb shows. The types are compared by their names.
 */
#include <setjmp.h>

#include "tests/unit/locals_rig.h"

#include <cmocka.h>

#include "analyze/types/type_names.h"

enum { MAX_SCALAR = 16 };

/* A line of locals_gdb.py. */
struct scalar {
	unsigned long tid, frame, off;
	char function[192], name[40], hex[2 * MAX_SCALAR + 1];
	bool is_optional; /* what gdb knows by means that we have not */
};

struct scalars {
	VEC(struct scalar) list;
};

static const char *text(const struct session *s, uint32_t name)
{
	return type_table_text(&s->types.table, name);
}

static void read_scalars(struct scalars *out)
{
	char path[128], line[512], kind[8];
	FILE *f;

	assert_int_equal(run("cd '%s' && gdb -nx -batch -x \"$OLDPWD\"/tests/unit/locals_gdb.py "
			     "prog core >gdb 2>&1",
			     folder),
			 0);
	snprintf(path, sizeof(path), "%s/gdb", folder);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		struct scalar x = {0};

		if (sscanf(line, "%7s %lu %lu %191s %39s %lu %32s", kind, &x.tid, &x.frame,
			   x.function, x.name, &x.off, x.hex) != 7 ||
		    (strcmp(kind, "value") && strcmp(kind, "perhaps")))
			continue;
		x.is_optional = *kind == 'p';
		assert_int_equal(vec_push(&out->list, x), 0);
	}
	fclose(f);
}

/* gdb has names in full: with scopes before them, and parameters and arguments of templates behind. */
static bool is_function(const char *gdb, const char *ours)
{
	size_t n = strcspn(ours, "<");

	/* libc's own name of what it exports */
	gdb += strncmp(gdb, "__GI_", 5) ? 0 : 5;
	for (const char *at = gdb; *at; at++)
		if (!strncmp(at, ours, n) && (at == gdb || at[-1] == ':') &&
		    (!at[n] || strchr("(<", at[n])))
			return true;
	return false;
}

static bool is_of(const struct session *s, const struct local *x, const struct scalar *g)
{
	const struct frame *f = &s->frames.list.v[x->frame];
	const struct local_name *n = &s->types.locals.names.v[x->name];

	return s->threads.list.v[f->thread].tid == g->tid && f->depth == g->frame &&
	       !strcmp(text(s, n->name), g->name) && is_function(g->function, text(s, n->function));
}

static bool has_bits(const struct session *s, const struct local *x, const struct scalar *g)
{
	const struct locals *l = &s->types.locals;
	size_t n = strlen(g->hex) / 2;
	uint8_t bytes[MAX_SCALAR];
	char hex[2 * MAX_SCALAR + 1] = "";

	if (!locals_read(l, (uint32_t)(x - l->list.v), &s->space, g->off, bytes, n))
		return false;
	for (size_t i = 0; i < n; i++)
		sprintf(hex + 2 * i, "%02x", bytes[i]);
	return !strcmp(hex, g->hex);
}

/* How many of gdb's scalars have none with the same bits here. */
static size_t missed(const struct session *s, const struct scalars *gdb)
{
	const struct locals *l = &s->types.locals;
	size_t n = 0;

	for (size_t k = 0; k < gdb->list.n; k++) {
		const struct scalar *g = &gdb->list.v[k];
		bool found = g->is_optional;

		for (size_t i = 0; i < l->list.n && !found; i++)
			found = is_of(s, &l->list.v[i], g) && has_bits(s, &l->list.v[i], g);
		if (found)
			continue;
		print_message("# gdb only: thread %lu #%lu %s: %s+%lu is %s\n", g->tid, g->frame,
			      g->function, g->name, g->off, g->hex);
		n++;
	}
	return n;
}

/* How many pieces of locals gdb has no scalar of. Statics are left out there. */
static size_t invented(const struct session *s, const struct scalars *gdb)
{
	const struct locals *l = &s->types.locals;
	size_t n = 0;

	for (size_t i = 0; i < l->list.n; i++) {
		const struct local *x = &l->list.v[i];

		for (uint32_t p = 0; p < x->n_pieces; p++) {
			const struct local_piece *piece = &l->pieces.v[x->pieces + p];
			bool found = l->names.v[x->name].flags & LOCAL_FIXED || !piece->size;

			for (size_t k = 0; k < gdb->list.n && !found; k++)
				found = is_of(s, x, &gdb->list.v[k]) &&
					gdb->list.v[k].off - piece->off < piece->size;
			if (found)
				continue;
			print_message("# not gdb: #%u %s: %s+%u\n",
				      s->frames.list.v[x->frame].depth,
				      text(s, l->names.v[x->name].function),
				      text(s, l->names.v[x->name].name), piece->off);
			n++;
		}
	}
	return n;
}

static void compare(const char *compile, size_t at_least)
{
	struct scalars gdb = {0};
	struct session s;
	struct err err;
	size_t n_missed, n_invented;

	if (!have_cores() || !have("gdb"))
		skip();
	if (!make_core(compile, ""))
		fail_msg("%s: no core", compile);
	read_scalars(&gdb);
	if (open_core(&s, &err))
		fail_msg("%s: %s", compile, err.text);
	n_missed = missed(&s, &gdb);
	n_invented = invented(&s, &gdb);
	print_message("# %s: %zu scalars of gdb's, %zu locals\n", compile, gdb.list.n,
		      s.types.locals.list.n);
	if (gdb.list.n < at_least || n_missed || n_invented)
		fail_msg("%s: of %zu scalars %zu are missing, and %zu pieces are invented", compile,
			 gdb.list.n, n_missed, n_invented);
	session_close(&s);
	vec_deinit(&gdb.list);
}

static void c_by(const char *compiler, const char *const *flags, size_t n)
{
	char command[256];

	if (!have(compiler))
		skip();
	for (size_t i = 0; i < n; i++) {
		snprintf(command, sizeof(command), "%s -g %s tests/unit/locals_victim.c -pthread",
			 compiler, flags[i]);
		compare(command, 150);
	}
}

static void gcc_s_locals_are_as_gdb_has_them(void **state)
{
	static const char *const flags[] = {"-O0",
					    "-O1",
					    "-O2",
					    "-O2 -gdwarf-4",
					    "-O2 -fomit-frame-pointer -flto",
					    "-O2 -gsplit-dwarf"};

	c_by("gcc", flags, ARRAY_LEN(flags));
}

static void clang_s_locals_are_as_gdb_has_them(void **state)
{
	static const char *const flags[] = {"-O0", "-O1", "-O2", "-O2 -gdwarf-4"};

	c_by("clang", flags, ARRAY_LEN(flags));
}

static void cxx_locals_are_as_gdb_has_them(void **state)
{
	if (!have("g++"))
		skip();
	compare("g++ -g -O0 tests/unit/locals_victim.cc", 40);
	compare("g++ -g -O2 tests/unit/locals_victim.cc", 30);
	if (have("clang++"))
		compare("clang++ -g -O2 tests/unit/locals_victim.cc", 30);
}

/* The local of that name in the function's frame; NULL: none. */
static const struct local *find(const struct session *s, const char *function, const char *name)
{
	const struct locals *l = &s->types.locals;

	for (size_t i = 0; i < l->list.n; i++) {
		const struct local_name *n = &l->names.v[l->list.v[i].name];

		if (!strcmp(text(s, n->function), function) && !strcmp(text(s, n->name), name))
			return &l->list.v[i];
	}
	return NULL;
}

static void expect_type(const struct session *s, const char *function, const char *name,
			const char *wanted)
{
	const struct local *x = find(s, function, name);
	char spelled[TYPE_NAME_MAX];

	if (!x)
		fail_msg("%s has no %s", function, name);
	type_names_spell(&s->types.table, s->types.locals.names.v[x->name].type, spelled);
	assert_string_equal(spelled, wanted);
}

static void types_of_locals_are_the_declared_ones(void **state)
{
	struct session s;
	struct err err;

	if (!have_cores() || !have("gcc"))
		skip();
	assert_true(make_core("gcc -g -O0 tests/unit/locals_victim.c -pthread", ""));
	assert_int_equal(open_core(&s, &err), 0);
	expect_type(&s, "worn", "pair", "struct pair");
	expect_type(&s, "worn", "h", "handler");
	expect_type(&s, "by_value", "other", "const struct big *");
	expect_type(&s, "main", "argv", "char **");
	expect_type(&s, "eight", "color", "enum color");
	expect_type(&s, "idle", "mine", "struct pair *");
	session_close(&s);
}

static bool is_set(const struct session *s, const char *function, const char *name)
{
	const struct local *x = find(s, function, name);

	if (!x)
		fail_msg("%s has no %s", function, name);
	return locals_is_set(&s->types.locals, (uint32_t)(x - s->types.locals.list.v));
}

static void only_parameters_are_beyond_doubt_in_unoptimised_code(void **state)
{
	struct session s;
	struct err err;

	if (!have_cores() || !have("gcc"))
		skip();
	assert_true(make_core("gcc -g -O0 tests/unit/locals_victim.c -pthread", ""));
	assert_int_equal(open_core(&s, &err), 0);
	assert_true(is_set(&s, "down", "p"));
	assert_true(is_set(&s, "main", "argv"));
	assert_false(is_set(&s, "main", "p"));
	assert_false(is_set(&s, "by_value", "saved"));
	assert_false(is_set(&s, "die", "buffer"));
	session_close(&s);
}

static void a_register_that_is_listed_is_beyond_doubt(void **state)
{
	struct session s;
	struct err err;

	if (!have_cores() || !have("gcc"))
		skip();
	assert_true(make_core("gcc -g -O1 tests/unit/locals_victim.c -pthread", ""));
	assert_int_equal(open_core(&s, &err), 0);
	assert_true(is_set(&s, "down", "p"));
	assert_true(is_set(&s, "eight", "i"));
	/* in memory: it may be to be written by what it was passed to */
	assert_false(is_set(&s, "down", "here"));
	/* worked out in the caller */
	assert_false(is_set(&s, "worn", "a"));
	session_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gcc_s_locals_are_as_gdb_has_them),
		cmocka_unit_test(clang_s_locals_are_as_gdb_has_them),
		cmocka_unit_test(cxx_locals_are_as_gdb_has_them),
		cmocka_unit_test(types_of_locals_are_the_declared_ones),
		cmocka_unit_test(only_parameters_are_beyond_doubt_in_unoptimised_code),
		cmocka_unit_test(a_register_that_is_listed_is_beyond_doubt),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
