/*
 * Offsets to paths, and where pointers are: by hand, and against a plain second way on random types,
 * which writes out every scalar of a type and then looks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/types/layout.h"
#include "analyze/types/layout_pointers.h"
#include "analyze/types/type_names.h"
#include "tests/lib/types_build.h"

enum { MAX_LEAVES = 20000, MAX_HITS = 64 };

struct bed {
	struct type_table t;
	type_id byte, word, big, pointer;
};

static void make_bed(struct bed *b)
{
	struct err err;

	assert_int_equal(type_table_init(&b->t, &err), 0);
	b->byte = types_build_base(&b->t, "char", 1);
	b->word = types_build_base(&b->t, "int", 4);
	b->big = types_build_base(&b->t, "long", 8);
	b->pointer = types_build_over(&b->t, TYPE_POINTER, NULL, b->big);
}

static void expect(const struct bed *b, type_id id, uint64_t extent, uint64_t off,
		   const char *wanted)
{
	struct layout_hit v[MAX_HITS];
	char text[1024] = "";
	size_t n = layout_at(&b->t, id, extent, off, v, MAX_HITS);

	for (size_t i = 0; i < n; i++) {
		size_t used = strlen(text);

		snprintf(text + used, sizeof(text) - used, "%s%.100s%s%s", i ? " " : "", v[i].path,
			 v[i].is_hole ? "!" : "", v[i].is_shared ? "|" : "");
		used = strlen(text);
		if (v[i].off)
			snprintf(text + used, sizeof(text) - used, "+%llu",
				 (unsigned long long)v[i].off);
	}
	if (strcmp(text, wanted))
		fail_msg("at %llu of %llu: \"%s\", not \"%s\"", (unsigned long long)off,
			 (unsigned long long)extent, text, wanted);
}

static void an_offset_is_named_through_structs_arrays_and_unions(void **state)
{
	struct bed b;
	type_id list, pair, either, outer;

	make_bed(&b);
	list = types_build_record(&b.t, TYPE_STRUCT, "list", 16,
				  (struct types_build_member[]){{"next", b.pointer, 0, 0, 0, 0},
								{"prev", b.pointer, 8, 0, 0, 0}},
				  2);
	pair = types_build_array(&b.t, types_build_array(&b.t, list, 3), 2);
	either = types_build_record(
		&b.t, TYPE_UNION, NULL, 8,
		(struct types_build_member[]){
			{"number", b.word, 0, 0, 0, 0},
			{"text", types_build_array(&b.t, b.byte, 8), 0, 0, 0, 0}},
		2);
	outer = types_build_record(&b.t, TYPE_STRUCT, "outer", 120,
				   (struct types_build_member[]){{"head", b.byte, 0, 0, 0, 0},
								 {"lists", pair, 8, 0, 0, 0},
								 {NULL, either, 104, 0, 0, 0},
								 {"u", either, 112, 0, 0, 0}},
				   4);
	expect(&b, outer, 0, 0, "head");
	expect(&b, outer, 0, 1, "!+1");
	expect(&b, outer, 0, 8, "lists[0][0].next");
	expect(&b, outer, 0, 8 + 16 * 5 + 9, "lists[1][2].prev+1");
	expect(&b, outer, 0, 105, "number|+1 text[1]|");
	expect(&b, outer, 0, 117, "u.text[5]|");
	expect(&b, outer, 0, 120, "");
	expect(&b, b.word, 0, 3, "+3");
	/* three of them in one object */
	expect(&b, list, 48, 40, "[2].prev");
	expect(&b, list, 48, 48, "");
	/* malloc's rounding is not a second one */
	expect(&b, list, 24, 8, "prev");
	expect(&b, list, 24, 16, "");
	type_table_deinit(&b.t);
}

static void a_flexible_array_takes_the_rest_of_the_object(void **state)
{
	struct bed b;
	type_id item, inner, outer, zero;

	make_bed(&b);
	item = types_build_record(
		&b.t, TYPE_STRUCT, "item", 8,
		(struct types_build_member[]){{"a", b.word, 0, 0, 0, 0}, {"b", b.word, 4, 0, 0, 0}},
		2);
	inner = types_build_record(
		&b.t, TYPE_STRUCT, "inner", 8,
		(struct types_build_member[]){
			{"n", b.big, 0, 0, 0, 0},
			{"items", types_build_array(&b.t, item, UINT64_MAX), 8, 0, 0, 0}},
		2);
	outer = types_build_record(
		&b.t, TYPE_STRUCT, "outer", 16,
		(struct types_build_member[]){{"x", b.big, 0, 0, 0, 0}, {"in", inner, 8, 0, 0, 0}},
		2);
	zero = types_build_record(&b.t, TYPE_STRUCT, "zero", 8,
				  (struct types_build_member[]){
					  {"mark", types_build_array(&b.t, b.byte, 0), 0, 0, 0, 0},
					  {"n", b.big, 0, 0, 0, 0},
					  {"rest", types_build_array(&b.t, b.byte, 0), 8, 0, 0, 0}},
				  3);
	expect(&b, inner, 48, 44, "items[4].b");
	expect(&b, inner, 0, 8, "");
	expect(&b, outer, 160, 16 + 8 * 17, "in.items[17].a");
	expect(&b, zero, 0, 0, "n");
	expect(&b, zero, 24, 3, "n+3");
	expect(&b, zero, 24, 10, "rest[2]");
	type_table_deinit(&b.t);
}

static void bit_fields_of_one_byte_are_all_named(void **state)
{
	struct bed b;
	type_id bits;
	struct layout_hit v[4];

	make_bed(&b);
	bits = types_build_record(&b.t, TYPE_STRUCT, "bits", 8,
				  (struct types_build_member[]){{"a", b.word, 0, 3, 0, 0},
								{"b", b.word, 0, 9, 3, 0},
								{"c", b.word, 1, 2, 4, 0},
								{"d", b.word, 4, 0, 0, 0}},
				  4);
	expect(&b, bits, 0, 0, "a b");
	expect(&b, bits, 0, 1, "b+1 c");
	expect(&b, bits, 0, 2, "!+2");
	expect(&b, bits, 0, 5, "d+1");
	assert_int_equal(layout_at(&b.t, bits, 0, 0, v, 4), 2);
	assert_int_equal(v[1].bit_size, 9);
	assert_int_equal(v[1].bit_off, 3);
	type_table_deinit(&b.t);
}

static void bases_are_passed_through_and_virtual_ones_left_out(void **state)
{
	struct bed b;
	type_id base, empty, derived;

	make_bed(&b);
	base = types_build_record(&b.t, TYPE_STRUCT, "Base", 16,
				  (struct types_build_member[]){{"_vptr", b.pointer, 0, 0, 0, 0},
								{"n", b.word, 8, 0, 0, 0}},
				  2);
	empty = types_build_record(&b.t, TYPE_STRUCT, "Empty", 1, NULL, 0);
	derived = types_build_record(
		&b.t, TYPE_STRUCT, "Derived", 24,
		(struct types_build_member[]){
			{NULL, empty, 0, 0, 0, TYPE_MEMBER_BASE},
			{NULL, base, 0, 0, 0, TYPE_MEMBER_BASE},
			{NULL, base, 0, 0, 0, TYPE_MEMBER_BASE | TYPE_MEMBER_VIRTUAL},
			/* in the base's tail padding */
			{"tail", b.word, 12, 0, 0, 0},
			{"m", b.big, 16, 0, 0, 0}},
		5);
	expect(&b, derived, 0, 0, "_vptr");
	expect(&b, derived, 0, 9, "n+1");
	expect(&b, derived, 0, 12, "tail");
	expect(&b, derived, 0, 16, "m");
	type_table_deinit(&b.t);
}

static void a_path_leads_back_to_its_offset(void **state)
{
	struct bed b;
	type_id inner, outer;
	struct layout_hit h;

	make_bed(&b);
	inner = types_build_record(
		&b.t, TYPE_STRUCT, NULL, 8,
		(struct types_build_member[]){{"x", b.word, 0, 0, 0, 0}, {"y", b.word, 4, 0, 0, 0}},
		2);
	outer = types_build_record(
		&b.t, TYPE_STRUCT, "outer", 40,
		(struct types_build_member[]){{NULL, inner, 0, 0, 0, 0},
					      {"v", types_build_array(&b.t, inner, 4), 8, 0, 0, 0}},
		2);
	assert_true(layout_member(&b.t, outer, "y", &h));
	assert_int_equal(h.off, 4);
	assert_true(layout_member(&b.t, outer, "v[3].y", &h));
	assert_int_equal(h.off, 36);
	assert_int_equal(h.type, b.word);
	assert_true(layout_member(&b.t, types_build_array(&b.t, outer, 2), "[1].v[0]", &h));
	assert_int_equal(h.off, 48);
	assert_false(layout_member(&b.t, outer, "z", &h));
	assert_false(layout_member(&b.t, outer, "v.x", &h));
	assert_false(layout_member(&b.t, outer, "v[", &h));
	assert_false(layout_member(&b.t, outer, "v[1]x.", &h));
	assert_false(layout_member(&b.t, outer, "y.", &h));
	type_table_deinit(&b.t);
}

/* The second way: every scalar of a type, written out. */
struct leaf {
	uint64_t lo, hi;
	type_id type;
	char path[LAYOUT_PATH];
};

struct leaves {
	struct leaf v[MAX_LEAVES];
	size_t n;
};

static void write_out(const struct type_table *t, type_id id, uint64_t at, const char *path,
		      struct leaves *l)
{
	const struct type *x = type_table_get(t, type_table_peel(t, id));
	char inner[LAYOUT_PATH];
	uint64_t size = 0;

	if (x->kind == TYPE_ARRAY) {
		type_table_size(t, x->target, &size);
		for (uint64_t i = 0; i < x->count; i++) {
			snprintf(inner, sizeof(inner), "%s[%d]", path, (int)i);
			write_out(t, x->target, at + i * size, inner, l);
		}
		return;
	}
	if (x->kind != TYPE_STRUCT && x->kind != TYPE_UNION) {
		type_table_size(t, id, &size);
		assert_true(l->n < MAX_LEAVES);
		l->v[l->n] = (struct leaf){.lo = at, .hi = at + size, .type = id};
		snprintf(l->v[l->n++].path, LAYOUT_PATH, "%s", path);
		return;
	}
	for (uint32_t i = 0; i < x->n; i++) {
		const struct type_member *m = &t->members.v[x->first + i];

		snprintf(inner, sizeof(inner), "%s%s%s", path, *path && m->name ? "." : "",
			 type_table_text(t, m->name));
		write_out(t, m->type, at + m->off, inner, l);
	}
}

static void compare_at(const struct type_table *t, type_id id, uint64_t off, const struct leaves *l)
{
	struct layout_hit v[MAX_HITS];
	size_t n = layout_at(t, id, 0, off, v, MAX_HITS), k = 0;

	assert_true(n >= 1 && n <= MAX_HITS);
	for (size_t i = 0; i < l->n; i++) {
		const struct leaf *leaf = &l->v[i];

		if (off < leaf->lo || off >= leaf->hi)
			continue;
		assert_true(k < n);
		assert_string_equal(v[k].path, leaf->path);
		assert_int_equal(v[k].type, leaf->type);
		assert_int_equal(v[k].off, off - leaf->lo);
		assert_false(v[k].is_hole);
		k++;
	}
	if (!k)
		for (; k < n; k++)
			assert_true(v[k].is_hole);
	assert_int_equal(k, n);
}

/* Pointers counted out equal those written out. */
static void compare_pointers(const struct type_table *t, type_id id, type_id pointer,
			     const struct leaves *l)
{
	struct layout_pointers p = {0};
	struct err err;
	uint64_t sum = 0, n = 0, sum_leaves = 0, n_leaves = 0;

	assert_int_equal(layout_pointers_of(t, id, &p, &err), 0);
	assert_false(p.is_cut);
	for (size_t i = 0; i < p.list.n; i++)
		for (uint64_t k = 0; k < p.list.v[i].count; k++) {
			uint64_t at = p.list.v[i].off + k * p.list.v[i].stride;

			sum += at * at + 1;
			n++;
		}
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].type == pointer) {
			sum_leaves += l->v[i].lo * l->v[i].lo + 1;
			n_leaves++;
		}
	assert_int_equal(n, n_leaves);
	assert_int_equal(sum, sum_leaves);
	layout_pointers_deinit(&p);
}

static type_id random_type(struct bed *b, const type_id *made, size_t n_made)
{
	type_id scalars[] = {b->byte, b->word, b->big, b->pointer};

	return n_made && rand() % 2 ? made[(size_t)rand() % n_made] : scalars[rand() % 4];
}

static type_id random_record(struct bed *b, const type_id *made, size_t n_made)
{
	static const char *const names[] = {"a", "b", "c", "d", "e"};
	struct types_build_member v[5] = {0};
	enum type_kind kind = rand() % 4 ? TYPE_STRUCT : TYPE_UNION;
	size_t n = (size_t)rand() % 5 + 1;
	uint64_t at = 0, end = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t size;

		v[i].type = random_type(b, made, n_made);
		if (rand() % 3 == 0)
			v[i].type = types_build_array(&b->t, v[i].type, (uint64_t)rand() % 3 + 1);
		v[i].name = rand() % 4 ? names[i] : NULL;
		assert_true(type_table_size(&b->t, v[i].type, &size));
		v[i].off = kind == TYPE_UNION ? 0 : at + (uint64_t)rand() % 3;
		at = v[i].off + size;
		end = at > end ? at : end;
	}
	return types_build_record(&b->t, kind, NULL, end + (uint64_t)rand() % 4, v, n);
}

static void random_types_are_read_as_written_out(void **state)
{
	struct leaves *l = malloc(sizeof(*l));
	size_t n_compared = 0;

	assert_non_null(l);
	srand(20);
	for (int round = 0; round < 60; round++) {
		type_id made[8];
		struct bed b;

		make_bed(&b);
		for (size_t i = 0; i < 8; i++) {
			uint64_t size;

			made[i] = random_record(&b, made, i);
			assert_true(type_table_size(&b.t, made[i], &size));
			if (size > 600)
				break;
			l->n = 0;
			write_out(&b.t, made[i], 0, "", l);
			for (uint64_t off = 0; off < size; off++, n_compared++)
				compare_at(&b.t, made[i], off, l);
			compare_pointers(&b.t, made[i], b.pointer, l);
		}
		type_table_check(&b.t);
		type_table_deinit(&b.t);
	}
	assert_true(n_compared > 10000);
	free(l);
}

static void pointers_of_arrays_are_counted_once(void **state)
{
	struct bed b;
	struct layout_pointers p = {0};
	struct err err;
	type_id pair, big;

	make_bed(&b);
	pair = types_build_record(&b.t, TYPE_STRUCT, "pair", 24,
				  (struct types_build_member[]){
					  {"p", b.pointer, 0, 0, 0, 0},
					  {"q", types_build_array(&b.t, b.pointer, 2), 8, 0, 0, 0}},
				  2);
	big = types_build_record(&b.t, TYPE_STRUCT, "big", 8 + 24 * 1000000,
				 (struct types_build_member[]){
					 {"n", b.big, 0, 0, 0, 0},
					 {"v", types_build_array(&b.t, pair, 1000000), 8, 0, 0, 0},
					 {"rest", types_build_array(&b.t, b.pointer, UINT64_MAX),
					  8 + 24000000, 0, 0, 0}},
				 3);
	assert_int_equal(layout_pointers_of(&b.t, big, &p, &err), 0);
	assert_false(p.is_cut);
	assert_int_equal(p.list.n, 4);
	assert_int_equal(p.list.v[0].off, 8);
	assert_int_equal(p.list.v[0].stride, 24);
	assert_int_equal(p.list.v[0].count, 1000000);
	assert_int_equal(p.list.v[2].off, 24);
	assert_true(p.list.v[3].is_open);
	assert_int_equal(p.list.v[3].target, b.big);
	layout_pointers_deinit(&p);
	type_table_deinit(&b.t);
}

static void types_that_turn_in_circles_or_overflow_end(void **state)
{
	struct layout_pointers p = {0};
	struct layout_hit v[4];
	struct types_build_member *many;
	struct bed b;
	struct err err;
	type_id a, self, huge, wide;
	char name[TYPE_NAME_MAX];
	uint64_t size;

	make_bed(&b);
	a = types_build_over(&b.t, TYPE_TYPEDEF, "a", TYPE_UNKNOWN);
	b.t.types.v[a].target = types_build_over(&b.t, TYPE_TYPEDEF, "b", a);
	assert_int_equal(type_table_peel(&b.t, a), TYPE_UNKNOWN);
	assert_false(type_table_size(&b.t, a, &size));
	assert_int_equal(layout_at(&b.t, a, 100, 0, v, 4), 0);
	/* a struct that has itself inside */
	self = types_build_record(
		&b.t, TYPE_STRUCT, "self", 64,
		(struct types_build_member[]){{"me", 0, 0, 0, 0, 0}, {"us", 0, 0, 0, 0, 0}}, 2);
	b.t.members.v[b.t.members.n - 1].type = b.t.members.v[b.t.members.n - 2].type = self;
	layout_at(&b.t, self, 0, 0, v, 4);
	assert_int_equal(layout_pointers_of(&b.t, self, &p, &err), 0);
	assert_true(p.is_cut);
	assert_true(layout_member(&b.t, self, "me.us.me.us", v));
	/* sizes that wrap */
	huge = types_build_array(&b.t, types_build_array(&b.t, b.big, 1ull << 62), 1ull << 62);
	assert_false(type_table_size(&b.t, huge, &size));
	wide = types_build_record(
		&b.t, TYPE_STRUCT, "wide", UINT64_MAX,
		(struct types_build_member[]){{"far", b.pointer, UINT64_MAX - 4, 0, 0, 0},
					      {"in", huge, 8, 0, 0, 0}},
		2);
	layout_at(&b.t, wide, UINT64_MAX, UINT64_MAX - 1, v, 4);
	assert_int_equal(layout_pointers_of(&b.t, wide, &p, &err), 0);
	type_names_spell(&b.t, huge, name);
	/* a million members, all over each other */
	many = calloc(1000000, sizeof(*many));
	assert_non_null(many);
	for (size_t i = 0; i < 1000000; i++)
		many[i] = (struct types_build_member){"m", b.pointer, 0, 0, 0, 0};
	wide = types_build_record(&b.t, TYPE_UNION, "many", 8, many, 1000000);
	assert_true(layout_at(&b.t, wide, 0, 0, v, 4) > 4);
	assert_int_equal(layout_pointers_of(&b.t, wide, &p, &err), 0);
	assert_true(p.is_cut);
	free(many);
	layout_pointers_deinit(&p);
	type_table_deinit(&b.t);
}

static void types_are_found_by_name(void **state)
{
	struct bed b;
	struct err err;
	type_id s, td, u, scoped, v[4];
	char name[TYPE_NAME_MAX];

	make_bed(&b);
	td = types_build_over(&b.t, TYPE_TYPEDEF, "session", b.word);
	s = types_build_record(&b.t, TYPE_STRUCT, "session", 8, NULL, 0);
	u = types_build_record(&b.t, TYPE_UNION, "session", 8, NULL, 0);
	scoped = types_build_record(&b.t, TYPE_STRUCT, "ns::Class", 8, NULL, 0);
	assert_int_equal(type_table_index(&b.t, &err), 0);
	assert_int_equal(type_names_find(&b.t, "struct session", v, 4), 1);
	assert_int_equal(v[0], s);
	assert_int_equal(type_names_find(&b.t, "union  session", v, 4), 1);
	assert_int_equal(v[0], u);
	assert_int_equal(type_names_find(&b.t, "session", v, 4), 3);
	assert_int_equal(v[2], td);
	assert_int_equal(type_names_find(&b.t, "ns::Class", v, 4), 1);
	assert_int_equal(v[0], scoped);
	assert_int_equal(type_names_find(&b.t, "Class", v, 4), 1);
	assert_int_equal(type_names_find(&b.t, "lass", v, 4), 0);
	assert_int_equal(type_names_find(&b.t, "struct ", v, 4), 0);
	assert_int_equal(type_names_find(&b.t, "enum session", v, 4), 0);
	type_names_spell(&b.t,
			 types_build_array(&b.t, types_build_over(&b.t, TYPE_POINTER, NULL, s), 3),
			 name);
	assert_string_equal(name, "struct session *[3]");
	type_names_spell(&b.t,
			 types_build_over(&b.t, TYPE_POINTER, NULL, types_build_array(&b.t, s, 3)),
			 name);
	assert_string_equal(name, "struct session (*)[3]");
	type_names_spell(&b.t,
			 types_build_over(&b.t, TYPE_CONST, NULL,
					  types_build_over(&b.t, TYPE_POINTER, NULL,
							   types_build_over(&b.t, TYPE_CONST, NULL,
									    b.byte))),
			 name);
	assert_string_equal(name, "const char *const");
	type_table_deinit(&b.t);
}

/* typedef struct {...} user; typedef user person; */
static void a_typedef_names_what_has_no_name(void **state)
{
	struct bed b;
	struct err err;
	type_id nameless, alone, user, held;
	char name[TYPE_NAME_MAX];

	make_bed(&b);
	nameless = types_build_record(&b.t, TYPE_STRUCT, NULL, 8, NULL, 0);
	alone = types_build_record(&b.t, TYPE_UNION, NULL, 8, NULL, 0);
	user = types_build_over(&b.t, TYPE_TYPEDEF, "user", nameless);
	types_build_over(&b.t, TYPE_TYPEDEF, "person", user);
	types_build_over(&b.t, TYPE_TYPEDEF, "later", nameless);
	held = types_build_array(&b.t, types_build_over(&b.t, TYPE_POINTER, NULL, nameless), 3);
	type_names_spell(&b.t, nameless, name);
	assert_string_equal(name, "struct {...}");
	/* twice: as after each module */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(type_table_index(&b.t, &err), 0);
		type_names_spell(&b.t, nameless, name);
		assert_string_equal(name, "user");
		type_names_spell(&b.t, held, name);
		assert_string_equal(name, "user *[3]");
		type_names_spell(&b.t, alone, name);
		assert_string_equal(name, "union {...}");
	}
	type_table_check(&b.t);
	type_table_deinit(&b.t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_offset_is_named_through_structs_arrays_and_unions),
		cmocka_unit_test(a_flexible_array_takes_the_rest_of_the_object),
		cmocka_unit_test(bit_fields_of_one_byte_are_all_named),
		cmocka_unit_test(bases_are_passed_through_and_virtual_ones_left_out),
		cmocka_unit_test(a_path_leads_back_to_its_offset),
		cmocka_unit_test(random_types_are_read_as_written_out),
		cmocka_unit_test(pointers_of_arrays_are_counted_once),
		cmocka_unit_test(types_that_turn_in_circles_or_overflow_end),
		cmocka_unit_test(types_are_found_by_name),
		cmocka_unit_test(a_typedef_names_what_has_no_name),
	};

	return cmocka_run_group_tests_name("layouts", tests, NULL, NULL);
}
