/*
 * Merging, against partition refinement: the plain way to tell equal types, all of them at once.
 *
 * Random units are made of few names, kinds and shapes, so that many types look alike and differ
 * only in what they refer to, through circles too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/types/type_merge.h"
#include "analyze/types/type_names.h"
#include "tests/lib/types_build.h"

#define NONE                                                                                       \
	{                                                                                          \
		.types.n = 0                                                                       \
	}

enum { N_UNITS = 5, N_TYPES = 14, N_ALL = N_UNITS * N_TYPES };

static void add_raw(struct type_batch *b, struct type x, const struct type_member *v, uint32_t n)
{
	if (x.kind != TYPE_ARRAY) {
		x.first = (uint32_t)b->members.n;
		x.n = n;
	}
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(vec_push(&b->members, v[i]), 0);
	assert_int_equal(vec_push(&b->types, x), 0);
}

static type_id any_of(uint32_t n)
{
	return TYPE_RAW | ((uint32_t)rand() % n);
}

static void random_raw(struct type_batch *b, const uint32_t *names)
{
	struct type x = {.target = TYPE_NONE};
	struct type_member v[2] = {{.type = any_of(N_TYPES)}, {.type = any_of(N_TYPES), .off = 8}};

	switch (rand() % 5) {
	case 0:
	case 1:
		x.kind = TYPE_STRUCT;
		x.size = 16;
		x.name = rand() % 4 ? names[rand() % 3] : 0;
		v[0].name = names[3];
		add_raw(b, x, v, 1 + (uint32_t)rand() % 2);
		return;
	case 2:
		x.kind = TYPE_BASE;
		x.size = 4;
		x.name = names[rand() % 2];
		break;
	case 3:
		x.kind = TYPE_TYPEDEF;
		x.name = names[rand() % 3];
		x.target = any_of(N_TYPES);
		break;
	default:
		x.kind = TYPE_POINTER;
		x.size = 8;
		x.target = any_of(N_TYPES);
	}
	add_raw(b, x, NULL, 0);
}

/* A unit like another, its types in another order, a few changed. */
static void shuffled(struct type_batch *to, const struct type_batch *from, const uint32_t *names)
{
	uint32_t order[N_TYPES], place[N_TYPES];

	for (uint32_t i = 0; i < N_TYPES; i++)
		order[i] = i;
	for (uint32_t i = N_TYPES - 1; i; i--) {
		uint32_t k = (uint32_t)rand() % (i + 1), swap = order[i];

		order[i] = order[k];
		order[k] = swap;
	}
	for (uint32_t i = 0; i < N_TYPES; i++)
		place[order[i]] = i;
	for (uint32_t i = 0; i < N_TYPES; i++) {
		struct type x = from->types.v[order[i]];
		struct type_member v[2] = {{0}};

		if (rand() % 30 == 0) {
			random_raw(to, names);
			continue;
		}
		if (x.target != TYPE_NONE)
			x.target = TYPE_RAW | place[x.target & ~TYPE_RAW];
		for (uint32_t k = 0; k < x.n; k++) {
			v[k] = from->members.v[x.first + k];
			v[k].type = TYPE_RAW | place[v[k].type & ~TYPE_RAW];
		}
		add_raw(to, x, v, x.n);
	}
}

/* The second way. Classes of all types of all units; their number. */
static uint32_t refine(const struct type_batch *units, uint32_t *class)
{
	uint64_t key[N_ALL][5];
	uint32_t next[N_ALL], n = 0, before = 0;

	memset(class, 0, N_ALL * sizeof(*class));
	do {
		before = n;
		for (uint32_t i = 0; i < N_ALL; i++) {
			const struct type_batch *b = &units[i / N_TYPES];
			const struct type *x = &b->types.v[i % N_TYPES];
			uint32_t base = i - i % N_TYPES;

			key[i][0] = class[i];
			key[i][1] = (uint64_t)x->kind << 32 | x->name;
			key[i][2] = x->target == TYPE_NONE ? UINT64_MAX
							   : class[base + (x->target & ~TYPE_RAW)];
			key[i][3] = key[i][4] = x->n;
			for (uint32_t k = 0; k < x->n; k++)
				key[i][3 + k] =
					(uint64_t)b->members.v[x->first + k].name << 40 |
					(uint64_t)x->n << 32 |
					class[base + (b->members.v[x->first + k].type & ~TYPE_RAW)];
		}
		n = 0;
		for (uint32_t i = 0; i < N_ALL; i++) {
			uint32_t k = 0;

			while (k < i && memcmp(key[k], key[i], sizeof(key[i])))
				k++;
			next[i] = k < i ? next[k] : n++;
		}
		memcpy(class, next, sizeof(next));
	} while (n != before);
	return n;
}

static void equal_types_are_one_and_different_ones_are_not(void **state)
{
	uint64_t n_types = 0, n_classes = 0, n_raw = 0;

	srand(5);
	for (int round = 0; round < 400; round++) {
		struct type_batch units[N_UNITS];
		uint32_t class[N_ALL], names[4], n;
		type_id to[N_ALL];
		struct type_table t;
		struct err err;

		memset(units, 0, sizeof(units));
		assert_int_equal(type_table_init(&t, &err), 0);
		for (int i = 0; i < 4; i++)
			names[i] = types_build_name(&t, (char[]){(char)('a' + i), 0});
		for (int i = 0; i < N_TYPES; i++)
			random_raw(&units[0], names);
		for (int u = 1; u < N_UNITS; u++)
			shuffled(&units[u], &units[rand() % u], names);
		n = refine(units, class);
		for (int u = 0; u < N_UNITS; u++)
			assert_int_equal(type_merge(&t, &units[u], to + u * N_TYPES, &err), 0);
		type_table_check(&t);
		for (uint32_t i = 0; i < N_ALL; i++)
			for (uint32_t k = 0; k < i; k++)
				if (to[i] == to[k] && class[i] != class[k])
					fail_msg("round %d: %u and %u are not one type", round, k,
						 i);
		n_types += type_table_count(&t) - TYPE_UNKNOWN - 1;
		n_classes += n;
		n_raw += N_ALL;
		for (int u = 0; u < N_UNITS; u++) {
			type_batch_deinit(&units[u]);
		}
		type_table_deinit(&t);
	}
	print_message("# %llu types read, %llu different, %llu in the tables\n",
		      (unsigned long long)n_raw, (unsigned long long)n_classes,
		      (unsigned long long)n_types);
	/* equal types inside one circle of one unit may stay apart; nothing else */
	assert_true(n_types < n_classes + n_classes / 20);
}

/* struct name { struct other *p; }; the struct is types.v[0]. */
static void struct_with_pointer(struct type_table *t, struct type_batch *b, const char *name,
				const char *other, bool defined)
{
	struct type_member m = {.name = types_build_name(t, "p"), .type = TYPE_RAW | 1};

	add_raw(b,
		(struct type){.kind = TYPE_STRUCT,
			      .size = 8,
			      .name = types_build_name(t, name),
			      .target = TYPE_NONE},
		&m, 1);
	add_raw(b, (struct type){.kind = TYPE_POINTER, .size = 8, .target = TYPE_RAW | 2}, NULL, 0);
	add_raw(b,
		(struct type){.kind = TYPE_STRUCT,
			      .size = defined ? 4 : 0,
			      .flags = defined ? 0 : TYPE_DECLARED,
			      .name = types_build_name(t, other),
			      .target = TYPE_NONE},
		NULL, 0);
}

static void a_declaration_leads_to_the_one_definition(void **state)
{
	struct type_batch a = NONE, b = NONE, c = NONE;
	struct type_table t;
	struct err err;
	type_id to_a[3], to_b[3], to_c[3];
	uint64_t size;

	assert_int_equal(type_table_init(&t, &err), 0);
	struct_with_pointer(&t, &a, "session", "conn", false);
	struct_with_pointer(&t, &b, "session", "conn", true);
	assert_int_equal(type_merge(&t, &a, to_a, &err), 0);
	assert_int_equal(type_table_index(&t, &err), 0);
	assert_false(type_table_size(&t, to_a[2], &size));
	assert_int_equal(type_merge(&t, &b, to_b, &err), 0);
	assert_int_equal(type_table_index(&t, &err), 0);
	/* the session is one type, whether conn was complete or not */
	assert_int_equal(to_a[0], to_b[0]);
	assert_int_equal(type_table_peel(&t, to_a[2]), to_b[2]);
	assert_true(type_table_size(&t, to_a[2], &size));
	assert_false(type_table_get(&t, to_b[2])->flags & TYPE_NAMESAKES);
	/* another conn: now nobody knows which is meant */
	struct_with_pointer(&t, &c, "other", "conn", true);
	c.types.v[2].size = 12;
	assert_int_equal(type_merge(&t, &c, to_c, &err), 0);
	assert_int_equal(type_table_index(&t, &err), 0);
	assert_int_not_equal(to_b[2], to_c[2]);
	assert_true(type_table_get(&t, to_b[2])->flags & TYPE_NAMESAKES);
	assert_false(type_table_size(&t, to_a[2], &size));
	type_table_check(&t);
	type_batch_deinit(&a);
	type_batch_deinit(&b);
	type_batch_deinit(&c);
	type_table_deinit(&t);
}

/* struct s0 { struct s1 *p; }; ... the last one is of that size. */
static void long_chain(struct type_table *t, struct type_batch *b, uint32_t n, uint64_t last)
{
	for (uint32_t i = 0; i < n; i++) {
		struct type_member m = {.type = TYPE_RAW | (i + 1 < n ? i + 1 : i)};

		add_raw(b,
			(struct type){.kind = TYPE_STRUCT,
				      .size = i + 1 < n ? 8 : last,
				      .name = types_build_name(t, "s"),
				      .target = TYPE_NONE},
			&m, 1);
	}
}

static void chains_of_a_hundred_thousand_neither_hang_nor_overflow_the_stack(void **state)
{
	enum { N = 100000 };
	struct type_batch a = NONE, b = NONE, c = NONE;
	type_id *to = calloc(N, sizeof(*to));
	struct type_table t;
	struct err err;
	uint32_t n;

	assert_non_null(to);
	assert_int_equal(type_table_init(&t, &err), 0);
	long_chain(&t, &a, N, 8);
	long_chain(&t, &b, N, 16);
	long_chain(&t, &c, N, 16);
	assert_int_equal(type_merge(&t, &a, to, &err), 0);
	n = type_table_count(&t);
	/* alike but for the very end: budgets end the comparison, nothing is taken for equal */
	assert_int_equal(type_merge(&t, &b, to, &err), 0);
	assert_true(to[0] >= n && to[N - 1] >= n);
	assert_int_equal(type_merge(&t, &c, to, &err), 0);
	type_table_check(&t);
	type_batch_deinit(&a);
	type_batch_deinit(&b);
	type_batch_deinit(&c);
	type_table_deinit(&t);
	free(to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_types_are_one_and_different_ones_are_not),
		cmocka_unit_test(a_declaration_leads_to_the_one_definition),
		cmocka_unit_test(chains_of_a_hundred_thousand_neither_hang_nor_overflow_the_stack),
	};

	return cmocka_run_group_tests_name("merged types", tests, NULL, NULL);
}
