/*
 * What objects are by the locals that lead to them, on cores of locals_heap.c.
 */
#include <setjmp.h>

#include "tests/unit/locals_rig.h"

#include <cmocka.h>

#include "analyze/types/type_names.h"

struct seen {
	char type[TYPE_NAME_MAX];
	const struct inference_line *line;
};

/* The line of the object that the variable points to. */
static struct seen seen_by(const struct session *s, const char *variable)
{
	struct seen out = {.line = NULL};
	struct variable v;
	uint64_t word;
	obj_id o;

	assert_int_equal(variables_by_name(&s->types.variables, &s->types.table, variable, &v, 1),
			 1);
	assert_true(space_u64(&s->space, v.at, &word));
	o = objects_find(&s->heap.objects, word);
	assert_int_not_equal(o, OBJ_NONE);
	out.line = &s->inference.v[o];
	if (out.line->type != TYPE_NONE)
		type_names_spell(&s->types.table, out.line->type, out.type);
	return out;
}

static void expect(const struct session *s, const char *variable, const char *type,
		   enum inference_confidence confidence, enum inference_reason reason)
{
	struct seen seen = seen_by(s, variable);

	if (strcmp(seen.type, type) || seen.line->confidence != confidence ||
	    (seen.line->type != TYPE_NONE && seen.line->reason != reason))
		fail_msg("%s: '%s', confidence %d, reason %d; wanted '%s', %d, %d", variable,
			 seen.type, seen.line->confidence, seen.line->reason, type, confidence,
			 reason);
}

static void open_heap(struct session *s, const char *compile, const char *arguments)
{
	struct err err;

	if (!have_cores() || !have(strncmp(compile, "clang", 5) ? "gcc" : "clang"))
		skip();
	if (!make_core(compile, arguments))
		fail_msg("%s: no core", compile);
	if (open_core(s, &err))
		fail_msg("%s: %s", compile, err.text);
}

static void a_parameter_tells_for_certain(void **state)
{
	static const char *const by[] = {"gcc -g -O0 tests/unit/locals_heap.c",
					 "clang -g -O0 tests/unit/locals_heap.c"};

	for (size_t i = 0; i < ARRAY_LEN(by); i++) {
		struct session s;

		open_heap(&s, by[i], "");
		expect(&s, "g_passed", "struct session", CONFIDENCE_CERTAIN, INFERRED_LOCAL);
		expect(&s, "g_of_passed", "struct conn", CONFIDENCE_CERTAIN, INFERRED_FIELD);
		session_close(&s);
	}
}

static void a_variable_of_unoptimised_code_does_not(void **state)
{
	struct session s;

	open_heap(&s, "gcc -g -O0 tests/unit/locals_heap.c", "");
	expect(&s, "g_local", "struct session", CONFIDENCE_LIKELY, INFERRED_LOCAL);
	session_close(&s);
}

static void members_of_what_is_passed_by_value_do_not(void **state)
{
	struct session s;

	open_heap(&s, "gcc -g -O0 tests/unit/locals_heap.c", "");
	expect(&s, "g_in_pair", "struct session", CONFIDENCE_LIKELY, INFERRED_LOCAL);
	session_close(&s);
}

static void what_was_on_the_stack_before_tells_nothing_for_certain(void **state)
{
	struct session s;
	struct seen seen;

	open_heap(&s, "gcc -g -O0 tests/unit/locals_heap.c", "");
	seen = seen_by(&s, "g_hidden");
	assert_string_equal(seen.type, "struct ghost");
	assert_int_equal(seen.line->reason, INFERRED_LOCAL);
	assert_int_equal(seen.line->confidence, CONFIDENCE_LIKELY);
	session_close(&s);
}

static void nor_does_it_disturb_what_is_known(void **state)
{
	struct session s;
	struct variable v;
	uint64_t word;
	obj_id o;

	open_heap(&s, "gcc -g -O0 tests/unit/locals_heap.c", "with-conn");
	expect(&s, "g_session", "struct session", CONFIDENCE_CERTAIN, INFERRED_VARIABLE);
	assert_int_equal(variables_by_name(&s.types.variables, &s.types.table, "g_session", &v, 1),
			 1);
	assert_true(space_u64(&s.space, v.at, &word) && space_u64(&s.space, word, &word));
	o = objects_find(&s.heap.objects, word);
	assert_int_equal(s.inference.v[o].reason, INFERRED_FIELD);
	assert_int_equal(s.inference.v[o].confidence, CONFIDENCE_CERTAIN);
	session_close(&s);
}

static void a_register_tells_for_certain(void **state)
{
	static const char *const by[] = {"gcc -g -O1 tests/unit/locals_heap.c",
					 "gcc -g -O2 tests/unit/locals_heap.c",
					 "clang -g -O2 tests/unit/locals_heap.c"};

	for (size_t i = 0; i < ARRAY_LEN(by); i++) {
		struct session s;

		open_heap(&s, by[i], "");
		expect(&s, "g_passed", "struct session", CONFIDENCE_CERTAIN, INFERRED_LOCAL);
		session_close(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_parameter_tells_for_certain),
		cmocka_unit_test(a_variable_of_unoptimised_code_does_not),
		cmocka_unit_test(members_of_what_is_passed_by_value_do_not),
		cmocka_unit_test(what_was_on_the_stack_before_tells_nothing_for_certain),
		cmocka_unit_test(nor_does_it_disturb_what_is_known),
		cmocka_unit_test(a_register_tells_for_certain),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
