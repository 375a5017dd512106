/*
 * Fields of types that no compiler makes: in circles, larger than memory, without end. Every answer ends,
 * within its bound, and can be shown.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/ask/fields.h"
#include "analyze/ui/commands.h"
#include "tests/lib/built_session.h"
#include "tests/lib/heap_build.h"
#include "tests/lib/types_build.h"

enum { MOST_FIELDS = 20000 };

struct rig {
	struct session *s;
	struct type_table *t;
	addr_t object; /* 56 bytes: its own address, then numbers */
};

static struct rig make(void)
{
	struct heap_build *h = heap_build_new(MACHINE_X86_64);
	struct rig r = {.object = heap_build_alloc(h, 0, 56)};
	struct err e;
	uint8_t *bytes;
	size_t n;

	heap_build_put(h, BUILT_GLOBALS, r.object);
	heap_build_put(h, r.object, r.object);
	for (uint64_t i = 1; i < 7; i++)
		heap_build_put(h, r.object + 8 * i, i);
	bytes = heap_build_finish(h, &n);
	r.s = built_session_open(bytes, n, &e);
	free(bytes);
	heap_build_free(h);
	assert_non_null(r.s);
	assert_int_equal(session_need_types(r.s, &e), 0);
	r.t = &r.s->types.table;
	return r;
}

static size_t count(const struct fact *f)
{
	const struct fact *list = fact_get(f, "fields");
	size_t n = fact_count(list);

	for (size_t i = 0; i < fact_count(list); i++) {
		n += count(fact_at(list, i));
		if (fact_has(fact_at(list, i), "to"))
			n += count(fact_get(fact_at(list, i), "to"));
	}
	return n;
}

/* The answer for the object read as the type; how many fields it has. */
static struct fact *ask(const struct rig *r, type_id type, unsigned depth, size_t limit)
{
	struct member_place p = {.value = {.addr = r->object, .type = type, .extent = 56}};
	struct fact *f = fact_object();
	bool has_guess = false;
	struct screen screen = {.utf8 = true, .has_guess = &has_guess};
	struct err e;
	char *json;

	fact_set_addr(f, "addr", r->object);
	fact_set_str(f, "place", "somewhere");
	assert_int_equal(fields_set(r->s, f, &p, depth, limit, &e), 0);
	assert_true(count(f) <= MOST_FIELDS);
	json = fact_to_json(f);
	assert_non_null(json);
	free(json);
	screen.out = fopen("/dev/null", "w");
	assert_non_null(screen.out);
	text_show(&screen, f);
	fclose(screen.out);
	return f;
}

static void a_struct_that_holds_itself_ends(void **state)
{
	struct rig r = make();
	struct types_build_member m[10];
	type_id self;
	struct fact *f;

	for (size_t i = 0; i < 10; i++)
		m[i] = (struct types_build_member){.name = "in", .type = 0};
	self = type_table_count(r.t);
	for (size_t i = 0; i < 10; i++)
		m[i].type = self;
	assert_int_equal(types_build_record(r.t, TYPE_STRUCT, "circle", 8, m, 1), self);
	f = ask(&r, self, 1, 20);
	assert_true(count(f) > 20 && count(f) < 100);
	fact_free(f);
	for (size_t i = 0; i < 10; i++)
		m[i].type = self + 1;
	assert_int_equal(types_build_record(r.t, TYPE_UNION, "many", 8, m, 10), self + 1);
	f = ask(&r, self + 1, 1, 20);
	assert_int_equal(count(f), MOST_FIELDS);
	fact_free(f);
	built_session_close(r.s);
}

static void an_array_larger_than_memory_ends(void **state)
{
	struct rig r = make();
	type_id byte = types_build_base(r.t, "octet", 8);
	type_id row = types_build_array(r.t, byte, 1ull << 40);
	struct types_build_member m = {.name = "x", .type = row};
	type_id rows = types_build_array(
		r.t, types_build_record(r.t, TYPE_STRUCT, "row", 1ull << 43, &m, 1), 1ull << 19);
	struct fact *f = ask(&r, rows, 1, 1000000);

	assert_true(fact_u64(f, "fields_cut") > 0);
	fact_free(f);
	f = ask(&r, types_build_array(r.t, byte, UINT64_MAX - 1), 1, 3);
	assert_int_equal(fact_count(fact_get(f, "fields")), 3);
	fact_free(f);
	built_session_close(r.s);
}

static void places_beyond_memory_are_not_in_the_dump(void **state)
{
	struct rig r = make();
	type_id word = types_build_base(r.t, "word", 8);
	struct types_build_member m[] = {
		{.name = "far", .type = word, .off = UINT64_MAX - 3},
		{.name = "farther", .type = word, .off = 1ull << 63},
		{.name = "bits", .type = word, .off = 8, .bit_size = UINT16_MAX, .bit_off = 255},
		{.name = "huge", .type = types_build_base(r.t, "huge", 1ull << 50)},
	};
	struct fact *f = ask(&r, types_build_record(r.t, TYPE_STRUCT, "wild", 8, m, 4), 1, 20);
	const struct fact *list = fact_get(f, "fields");

	assert_true(fact_bool(fact_at(list, 1), "absent"));
	assert_string_equal(fact_str(fact_at(list, 2), "kind"), "unknown");
	assert_string_equal(fact_str(fact_at(list, 3), "kind"), "unknown");
	fact_free(f);
	built_session_close(r.s);
}

static void a_circle_of_pointers_is_shown_once(void **state)
{
	struct rig r = make();
	type_id node = type_table_count(r.t), next = node + 1;
	struct types_build_member m = {.name = "next", .type = next};
	struct fact *f;

	assert_int_equal(types_build_record(r.t, TYPE_STRUCT, "node", 16, &m, 1), node);
	assert_int_equal(types_build_over(r.t, TYPE_POINTER, NULL, node), next);
	f = ask(&r, node, 64, 20);
	assert_int_equal(count(f), 1);
	assert_true(fact_bool(fact_at(fact_get(f, "fields"), 0), "to.shown_before"));
	fact_free(f);
	built_session_close(r.s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_struct_that_holds_itself_ends),
		cmocka_unit_test(an_array_larger_than_memory_ends),
		cmocka_unit_test(places_beyond_memory_are_not_in_the_dump),
		cmocka_unit_test(a_circle_of_pointers_is_shown_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
