/*
 * Containers by hand, sound and damaged: what a view believes, and that every walk ends.
 *
 *	_Rb_tree_node_base {color, parent, left, right}, _List_node_base {next, prev}, _M_start, _M_finish, …
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "analyze/types/container_view.h"
#include "tests/lib/types_build.h"

#define MEMORY 0x10000ull

enum { SIZE = 4096, STEPS = 1000 };

struct bed {
	struct parts parts;
	struct space space;
	uint8_t bytes[SIZE];
};

static struct bed *make_bed(void)
{
	struct bed *b = calloc(1, sizeof(*b));
	struct segment s = {
		.addr = MEMORY, .memsz = SIZE, .filesz = SIZE, .prot = PROT_READ | PROT_WRITE};
	struct err err;

	assert_non_null(b);
	s.data = b->bytes;
	assert_int_equal(vec_push(&b->parts.segments, s), 0);
	assert_int_equal(space_init(&b->space, &b->parts, &err), 0);
	return b;
}

static void free_bed(struct bed *b)
{
	space_deinit(&b->space);
	vec_deinit(&b->parts.segments);
	free(b);
}

static void put(struct bed *b, addr_t at, uint64_t word)
{
	memcpy(b->bytes + (at - MEMORY), &word, sizeof(word));
}

static struct container_class class_of(enum container_kind kind)
{
	struct container_class k = {.kind = (uint8_t)kind,
				    .element = 2,
				    .element_size = 8,
				    .node = TYPE_NONE,
				    .key = TYPE_NONE};

	memset(k.at, 0xff, sizeof(k.at));
	k.next = k.left = k.right = k.parent = NO_CONTAINER_WORD;
	k.at[WORD_FIRST] = 0;
	return k;
}

static struct container_class vector_class(void)
{
	struct container_class k = class_of(CONTAINER_VECTOR);

	k.at[WORD_LAST] = 8;
	k.at[WORD_END] = 16;
	return k;
}

static void put_vector(struct bed *b, addr_t at, addr_t first, addr_t last, addr_t end)
{
	put(b, at, first);
	put(b, at + 8, last);
	put(b, at + 16, end);
}

static void a_vector_is_one_if_its_words_fit_together(void **state)
{
	static const uint64_t bad[][3] = {
		{0x2000, 0x1000, 0x3000},
		{0x2000, 0x2008, 0x2000},
		{0x2000, 0x2004, 0x2008},
		{0x2000, 0x2008, 0x200c},
		{1, 0, 0},
	};
	struct container_class k = vector_class();
	struct bed *b = make_bed();
	struct container_view v;
	struct container_element e;

	put_vector(b, MEMORY, MEMORY + 100, MEMORY + 124, MEMORY + 132);
	assert_true(container_view(&v, &k, &b->space, MEMORY));
	assert_int_equal(v.n, 3);
	assert_true(container_element_at(&v, MEMORY + 100, MEMORY + 121, STEPS, &e));
	assert_int_equal(e.index, 2);
	assert_int_equal(e.at, MEMORY + 116);
	/* there is room for a fourth, but none is there */
	assert_false(container_element_at(&v, MEMORY + 100, MEMORY + 124, STEPS, &e));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		put_vector(b, MEMORY, bad[i][0], bad[i][1], bad[i][2]);
		assert_false(container_view(&v, &k, &b->space, MEMORY));
	}
	/* the words are not in the dump */
	assert_false(container_view(&v, &k, &b->space, MEMORY + SIZE - 8));
	free_bed(b);
}

static void counts_that_cannot_be_are_none(void **state)
{
	struct container_class k = class_of(CONTAINER_VECTOR), d = class_of(CONTAINER_DEQUE);
	struct bed *b = make_bed();
	struct container_view v;

	k.at[WORD_LENGTH] = 8;
	k.at[WORD_CAPACITY] = 16;
	put(b, MEMORY, MEMORY);
	for (unsigned shift = 40; shift < 64; shift++) {
		put(b, MEMORY + 8, 1ull << shift);
		put(b, MEMORY + 16, 1ull << shift);
		if (container_view(&v, &k, &b->space, MEMORY))
			assert_true(v.last >= v.first && v.end >= v.last);
	}
	put(b, MEMORY + 8, UINT64_MAX);
	assert_false(container_view(&v, &k, &b->space, MEMORY));
	d.is_std_1 = true;
	d.at[WORD_LAST] = 8;
	d.at[WORD_END] = 16;
	d.at[WORD_START] = 24;
	d.at[WORD_LENGTH] = 32;
	put_vector(b, MEMORY, MEMORY + 64, MEMORY + 64, MEMORY + 80);
	put(b, MEMORY + 24, UINT64_MAX);
	put(b, MEMORY + 32, 2);
	assert_false(container_view(&v, &d, &b->space, MEMORY));
	put(b, MEMORY + 24, 1000);
	put(b, MEMORY + 32, 25);
	assert_false(container_view(&v, &d, &b->space, MEMORY));
	put(b, MEMORY + 32, 24);
	assert_true(container_view(&v, &d, &b->space, MEMORY));
	free_bed(b);
}

static struct container_class list_class(void)
{
	struct container_class k = class_of(CONTAINER_LIST);

	k.at[WORD_PREV] = 8;
	k.node = 3;
	k.next = 0;
	k.parent = 8;
	k.value = 16;
	return k;
}

static uint64_t count(const struct container_view *v, uint64_t max)
{
	struct container_cursor c = container_begin(v, max);
	struct container_element e;
	uint64_t n = 0;

	while (container_next(v, &c, &e))
		n++;
	return n;
}

static void a_ring_ends_at_its_header_and_a_wrong_one_at_the_limit(void **state)
{
	struct container_class k = list_class();
	struct bed *b = make_bed();
	struct container_view v;
	struct container_element e;
	addr_t n1 = MEMORY + 100, n2 = MEMORY + 200;

	put(b, MEMORY, n1);
	put(b, n1, n2);
	put(b, n2, MEMORY);
	assert_true(container_view(&v, &k, &b->space, MEMORY));
	assert_int_equal(count(&v, STEPS), 2);
	assert_true(container_element_at(&v, n2, n2 + 20, STEPS, &e));
	assert_int_equal(e.index, 1);
	assert_false(container_element_at(&v, n2, n2 + 4, STEPS, &e));
	/* round and round, never by the header */
	put(b, n2, n1);
	assert_true(container_view(&v, &k, &b->space, MEMORY));
	assert_int_equal(count(&v, STEPS), STEPS);
	assert_false(container_element_at(&v, MEMORY + 300, MEMORY + 320, STEPS, &e));
	/* out of the dump */
	put(b, n1, 0x7fffffff000);
	assert_true(count(&v, STEPS) <= 2);
	/* empty */
	put(b, MEMORY, MEMORY);
	assert_true(container_view(&v, &k, &b->space, MEMORY));
	assert_int_equal(count(&v, STEPS), 0);
	free_bed(b);
}

/* {parent, left, right} at 8, 16, 24 of a node; the header at MEMORY. */
static struct container_class tree_class(void)
{
	struct container_class k = class_of(CONTAINER_TREE);

	k.at[WORD_FIRST] = 8;
	k.node = 3;
	k.parent = 8;
	k.left = 16;
	k.right = 24;
	k.value = 32;
	return k;
}

static void put_node(struct bed *b, addr_t at, addr_t parent, addr_t left, addr_t right)
{
	put(b, at + 8, parent);
	put(b, at + 16, left);
	put(b, at + 24, right);
}

static void a_tree_is_walked_in_order_and_a_damaged_one_ends(void **state)
{
	struct container_class k = tree_class();
	struct bed *b = make_bed();
	struct container_view v;
	struct container_element e;
	struct container_cursor c;
	addr_t n[5];
	static const int order[] = {3, 1, 4, 0, 2};

	for (int i = 0; i < 5; i++)
		n[i] = MEMORY + 100 + 64 * (addr_t)i;
	put(b, MEMORY + 8, n[0]);
	put_node(b, n[0], MEMORY, n[1], n[2]);
	put_node(b, n[1], n[0], n[3], n[4]);
	put_node(b, n[2], n[0], 0, 0);
	put_node(b, n[3], n[1], 0, 0);
	put_node(b, n[4], n[1], 0, 0);
	assert_true(container_view(&v, &k, &b->space, MEMORY));
	c = container_begin(&v, STEPS);
	for (int i = 0; i < 5; i++) {
		assert_true(container_next(&v, &c, &e));
		assert_int_equal(e.at, n[order[i]] + 32);
	}
	assert_false(container_next(&v, &c, &e));
	/* circles by each of the links */
	for (int node = 0; node < 5; node++)
		for (unsigned link = 8; link <= 24; link += 8)
			for (int to = 0; to < 5; to++) {
				uint64_t was;

				memcpy(&was, b->bytes + (n[node] + link - MEMORY), 8);
				put(b, n[node] + link, n[to]);
				assert_true(count(&v, STEPS) <= STEPS);
				put(b, n[node] + link, was);
			}
	free_bed(b);
}

static void a_string_says_itself_where_its_characters_are(void **state)
{
	struct container_class k = class_of(CONTAINER_STRING);
	struct bed *b = make_bed();
	struct container_view v;

	k.element_size = 1;
	k.at[WORD_LENGTH] = 8;
	k.at[WORD_CAPACITY] = 16;
	k.at[WORD_LOCAL] = 16;
	put(b, MEMORY, MEMORY + 16);
	put(b, MEMORY + 8, 5);
	assert_true(container_view(&v, &k, &b->space, MEMORY));
	assert_true(v.is_local && v.n == 5);
	put(b, MEMORY + 8, 16);
	assert_false(container_view(&v, &k, &b->space, MEMORY));
	put(b, MEMORY, MEMORY + 200);
	put(b, MEMORY + 16, 30);
	assert_true(container_view(&v, &k, &b->space, MEMORY));
	assert_true(!v.is_local && v.end - v.first == 31);
	put(b, MEMORY + 16, UINT64_MAX);
	assert_false(container_view(&v, &k, &b->space, MEMORY));
	/* libc++: the lowest bit of the first word */
	k.is_std_1 = true;
	k.at[WORD_CAPACITY] = 0;
	k.at[WORD_FIRST] = 16;
	put(b, MEMORY, 5 << 1);
	assert_true(container_view(&v, &k, &b->space, MEMORY));
	assert_true(v.is_local && v.n == 5 && v.first == MEMORY + 1);
	put(b, MEMORY, 0x31);
	put(b, MEMORY + 8, 40);
	put(b, MEMORY + 16, MEMORY + 200);
	assert_true(container_view(&v, &k, &b->space, MEMORY));
	assert_true(!v.is_local && v.n == 40 && v.end - v.first == 0x30);
	put(b, MEMORY + 8, 0x30);
	assert_false(container_view(&v, &k, &b->space, MEMORY));
	free_bed(b);
}

static void an_old_string_has_a_header_before_its_characters(void **state)
{
	struct container_class k = class_of(CONTAINER_STRING);
	struct bed *b = make_bed();
	struct container_view v;
	addr_t text = MEMORY + 100 + CONTAINER_REP_SIZE;

	k.element_size = 1;
	k.rep = 5;
	put(b, MEMORY, text);
	put(b, MEMORY + 100, 3);
	put(b, MEMORY + 108, 7);
	put(b, text, 0x00636261);
	assert_true(container_view(&v, &k, &b->space, MEMORY));
	assert_true(!v.is_local && v.n == 3 && v.first == text && v.end == text + 8);
	/* no zero behind; longer than there is room for; longer than there is memory */
	put(b, text, 0x64636261);
	assert_false(container_view(&v, &k, &b->space, MEMORY));
	put(b, text, 0x00636261);
	put(b, MEMORY + 100, 8);
	assert_false(container_view(&v, &k, &b->space, MEMORY));
	put(b, MEMORY + 100, UINT64_MAX);
	put(b, MEMORY + 108, UINT64_MAX);
	assert_false(container_view(&v, &k, &b->space, MEMORY));
	for (unsigned shift = 13; shift < 64; shift++) {
		put(b, MEMORY + 100, 1ull << shift);
		put(b, MEMORY + 108, 1ull << shift);
		assert_false(container_view(&v, &k, &b->space, MEMORY));
	}
	put(b, MEMORY, 8);
	assert_false(container_view(&v, &k, &b->space, MEMORY));
	free_bed(b);
}

static void names_have_a_last_component(void **state)
{
	static const char *const v[][2] = {
		{"std::map<int, std::list<int> >", "map"},
		{"std::_Vector_base<int, std::allocator<int> >::_Vector_impl", "_Vector_impl"},
		{"std::__cxx11::basic_string<char>", "basic_string"},
		{"plain", "plain"},
		{"a::b", "b"},
		{"", ""},
		{"std::<<<", "<<<"},
		{">>::x", "x"},
	};

	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		size_t n;
		const char *base = containers_base_name(v[i][0], &n);

		if (n != strlen(v[i][1]) || memcmp(base, v[i][1], n))
			fail_msg("%s: %.*s", v[i][0], (int)n, base);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vector_is_one_if_its_words_fit_together),
		cmocka_unit_test(counts_that_cannot_be_are_none),
		cmocka_unit_test(a_ring_ends_at_its_header_and_a_wrong_one_at_the_limit),
		cmocka_unit_test(a_tree_is_walked_in_order_and_a_damaged_one_ends),
		cmocka_unit_test(a_string_says_itself_where_its_characters_are),
		cmocka_unit_test(an_old_string_has_a_header_before_its_characters),
		cmocka_unit_test(names_have_a_last_component),
	};

	return cmocka_run_group_tests_name("views of containers", tests, NULL, NULL);
}
