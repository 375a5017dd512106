/*
 * Where the result of a call goes, by code that is written down here; and what objects are by what is known of
 * the calls of their sites.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/types/site_types.h"
#include "analyze/types/site_types_code.h"
#include "tests/lib/types_build.h"

enum { RAX = 1 << 0, RBX = 1 << 3, RBP = 6, RSP = 7, R12 = 1 << 12 };

/* As a string, so without its end. */
#define DECODE(text, flow) site_types_decode((const uint8_t *)(text), sizeof(text) - 1, flow)

static const struct site_step *last(const struct site_flow *f)
{
	return &f->steps[f->n_steps - 1];
}

static void without_code_the_result_is_in_its_register(void **state)
{
	struct site_flow f;

	site_types_decode(NULL, 0, &f);
	assert_int_equal(f.n_steps, 1);
	assert_int_equal(f.steps[0].off, 0);
	assert_int_equal(f.steps[0].registers, RAX);
	assert_false(f.returns);
}

static void a_result_is_followed_into_registers(void **state)
{
	struct site_flow f;

	/* mov %rax,%rbx; test %rax,%rax; je; mov %rbx,%r12; xor %eax,%eax; call; xor %ebx,%ebx */
	DECODE("\x48\x89\xc3\x48\x85\xc0\x74\x10\x49\x89\xdc\x31\xc0\xe8\0\0\0\0\x31\xdb", &f);
	assert_int_equal(f.n_steps, 8);
	assert_int_equal(f.steps[1].off, 3);
	assert_int_equal(f.steps[1].registers, RAX | RBX);
	assert_int_equal(f.steps[3].off, 8);
	assert_int_equal(f.steps[4].registers, RAX | RBX | R12);
	assert_int_equal(f.steps[5].registers, RBX | R12);
	assert_int_equal(f.steps[6].registers, RBX | R12);
	assert_int_equal(last(&f)->registers, R12);
}

static void a_call_leaves_only_what_it_keeps(void **state)
{
	struct site_flow f;

	/* mov %rax,%rsi; call */
	DECODE("\x48\x89\xc6\xe8\0\0\0\0", &f);
	assert_int_equal(f.n_steps, 2);
	/* call *0(%rip) */
	DECODE("\x48\x89\xc3\xff\x15\0\0\0\0", &f);
	assert_int_equal(f.n_steps, 3);
	assert_int_equal(last(&f)->registers, RBX);
}

static void stores_to_the_stack_are_noted(void **state)
{
	struct site_flow f;

	/* mov %rax,-24(%rbp); mov %rax,0x120(%rsp); mov %rax,8(%rdi); mov %eax,-4(%rbp) */
	DECODE("\x48\x89\x45\xe8\x48\x89\x84\x24\x20\x01\0\0\x48\x89\x47\x08\x89\x45\xfc", &f);
	assert_int_equal(f.n_slots, 2);
	assert_int_equal(f.slots[0].base, RBP);
	assert_int_equal(f.slots[0].disp, -24);
	assert_int_equal(f.slots[0].from, 1);
	assert_int_equal(f.slots[1].base, RSP);
	assert_int_equal(f.slots[1].disp, 0x120);
	assert_int_equal(f.n_steps, 5);
}

static void what_is_not_the_result_is_not_noted(void **state)
{
	struct site_flow f;

	/* mov 8(%rbp),%rax; mov %rax,-8(%rbp) */
	DECODE("\x48\x8b\x45\x08\x48\x89\x45\xf8", &f);
	assert_int_equal(f.n_slots, 0);
	assert_int_equal(f.n_steps, 1);
	/* the half of it: mov %eax,%ebx */
	DECODE("\x89\xc3", &f);
	assert_int_equal(last(&f)->registers, RAX);
	/* cltq leaves addresses as they are, cwtl does not */
	DECODE("\x48\x98", &f);
	assert_int_equal(f.n_steps, 2);
	DECODE("\x98", &f);
	assert_int_equal(f.n_steps, 1);
}

static void a_function_that_ends_there_returns_the_result(void **state)
{
	struct site_flow f;

	/* leave; ret */
	DECODE("\xc9\xc3", &f);
	assert_true(f.returns);
	/* add $16,%rsp; pop %rbx; pop %r12; pop %rbp; ret */
	DECODE("\x48\x83\xc4\x10\x5b\x41\x5c\x5d\xc3", &f);
	assert_true(f.returns);
	/* jmp over one byte; ret */
	DECODE("\xeb\x01\xcc\xc3", &f);
	assert_true(f.returns);
	/* something else: mov $1,%eax; ret */
	DECODE("\xb8\x01\0\0\0\xc3", &f);
	assert_false(f.returns);
	/* jumps backwards, and out of the code */
	DECODE("\xeb\xfe", &f);
	assert_false(f.returns);
	DECODE("\xe9\xff\xff\xff\x7f", &f);
	assert_false(f.returns);
}

static void any_bytes_are_read_to_an_end(void **state)
{
	uint8_t *code = malloc(SITE_CODE);
	struct site_flow f;

	assert_non_null(code);
	srand(5);
	for (int round = 0; round < 200000; round++) {
		size_t n = (size_t)rand() % SITE_CODE;
		/* at the end of the memory, for the sanitizer to see */
		uint8_t *at = code + SITE_CODE - n;

		for (size_t i = 0; i < n; i++)
			at[i] = (uint8_t)(rand() % 3 ? rand() : 0x48 + (rand() & 1) * 0x41);
		site_types_decode(at, n, &f);
		assert_in_range(f.n_steps, 1, SITE_STEPS);
		assert_in_range(f.n_slots, 0, SITE_SLOTS);
	}
	free(code);
}

/* Objects of 24, 40 and 56 bytes, of sites 5, 6 and so on; each site's stack is {its number, 100}. */
struct bed {
	struct type_table t;
	struct objects objects;
	struct sites sites;
	struct site_types types;
	struct inference_claims claims;
	type_id byte, three, other, longer, begins;
	struct err err;
};

static type_id record(struct bed *b, const char *name, uint64_t size, type_id first,
		      const char *member)
{
	return types_build_record(&b->t, TYPE_STRUCT, name, size,
				  (struct types_build_member[]){{member, first, 0, 0, 0, 0}}, 1);
}

static struct bed *make_bed(const uint64_t *sizes, size_t n)
{
	struct bed *b = calloc(1, sizeof(*b));
	uint64_t dropped;

	assert_non_null(b);
	assert_int_equal(type_table_init(&b->t, &b->err), 0);
	b->byte = types_build_base(&b->t, "char", 1);
	b->three = record(b, "three", 24, types_build_base(&b->t, "long", 8), "n");
	b->other = record(b, "other", 24, types_build_base(&b->t, "double", 8), "d");
	b->longer = record(b, "longer", 40, types_build_base(&b->t, "long", 8), "m");
	b->begins = record(b, "begins", 32, b->three, "base");
	for (size_t i = 0; i < n; i++) {
		struct birth birth = {.object = (obj_id)i, .site = 5 + (uint32_t)i};
		struct site_stack stack = {birth.site, 2, {birth.site, 100}};

		assert_int_equal(objects_add(&b->objects, 0x10010 + 256 * i, sizes[i], OBJECT_ARENA,
					     &b->err),
				 0);
		assert_int_equal(vec_push(&b->sites.births, birth), 0);
		assert_int_equal(vec_push(&b->types.stacks, stack), 0);
	}
	assert_int_equal(objects_seal(&b->objects, &dropped, &b->err), 0);
	assert_int_equal(site_types_init(&b->types, &b->err), 0);
	/* those of the objects, and 100 once */
	assert_int_equal(b->types.calls.n, n + 1);
	return b;
}

static void free_bed(struct bed *b)
{
	type_table_deinit(&b->t);
	objects_deinit(&b->objects);
	vec_deinit(&b->sites.births);
	vec_deinit(&b->claims.list);
	site_types_deinit(&b->types);
	free(b);
}

static void assign(struct bed *b, size_t call, type_id type)
{
	b->types.calls.v[call].types[b->types.calls.v[call].n++] = type;
}

/* The claims, as a list of {object, type, confidence}. */
static void expect(struct bed *b, const uint32_t (*want)[3], size_t n)
{
	b->claims.list.n = 0;
	assert_int_equal(
		site_types_claim(&b->types, &b->sites, &b->objects, &b->t, &b->claims, &b->err), 0);
	assert_int_equal(b->claims.list.n, n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(b->claims.list.v[i].object, want[i][0]);
		assert_int_equal(b->claims.list.v[i].type, want[i][1]);
		assert_int_equal(b->claims.list.v[i].confidence, want[i][2]);
		assert_int_equal(b->claims.list.v[i].reason, INFERRED_SITE);
	}
}

static void an_object_of_the_size_is_claimed(void **state)
{
	struct bed *b = make_bed((uint64_t[]){24, 56, 24}, 3);

	assign(b, 0, b->three);
	assign(b, 1, b->longer);
	expect(b, (uint32_t[][3]){{0, b->three, CONFIDENCE_LIKELY}}, 1);
	assign(b, 2, b->byte);
	expect(b, (uint32_t[][3]){{0, b->three, CONFIDENCE_LIKELY}, {2, b->byte, CONFIDENCE_GUESS}},
	       2);
	free_bed(b);
}

static void the_caller_is_asked_only_if_the_result_is_passed(void **state)
{
	struct bed *b = make_bed((uint64_t[]){24, 24, 24}, 3);

	assign(b, 3, b->three);
	expect(b, NULL, 0);
	b->types.calls.v[1].passes = true;
	expect(b, (uint32_t[][3]){{1, b->three, CONFIDENCE_LIKELY}}, 1);
	/* a typed variable comes before */
	assign(b, 1, b->longer);
	expect(b, NULL, 0);
	free_bed(b);
}

static void several_types_are_a_guess_unless_one_begins_with_the_other(void **state)
{
	struct bed *b = make_bed((uint64_t[]){24, 40, 40}, 3);

	assign(b, 0, b->three);
	assign(b, 0, b->byte);
	assign(b, 1, b->three);
	assign(b, 1, b->begins);
	assign(b, 2, b->longer);
	assign(b, 2, b->begins);
	expect(b,
	       (uint32_t[][3]){{0, b->three, CONFIDENCE_LIKELY},
			       {1, b->begins, CONFIDENCE_LIKELY},
			       {2, b->longer, CONFIDENCE_GUESS}},
	       3);
	assign(b, 0, b->other);
	b->claims.list.n = 0;
	expect(b,
	       (uint32_t[][3]){{0, b->three, CONFIDENCE_GUESS},
			       {1, b->begins, CONFIDENCE_LIKELY},
			       {2, b->longer, CONFIDENCE_GUESS}},
	       3);
	free_bed(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_code_the_result_is_in_its_register),
		cmocka_unit_test(a_result_is_followed_into_registers),
		cmocka_unit_test(a_call_leaves_only_what_it_keeps),
		cmocka_unit_test(stores_to_the_stack_are_noted),
		cmocka_unit_test(what_is_not_the_result_is_not_noted),
		cmocka_unit_test(a_function_that_ends_there_returns_the_result),
		cmocka_unit_test(any_bytes_are_read_to_an_end),
		cmocka_unit_test(an_object_of_the_size_is_claimed),
		cmocka_unit_test(the_caller_is_asked_only_if_the_result_is_passed),
		cmocka_unit_test(several_types_are_a_guess_unless_one_begins_with_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
