/*
 * What objects are concluded to be, on small heaps by hand: a page of variables, a page of objects.
 *
 *	struct conn { char *buf; long n; }                                  16 bytes
 *	struct session { struct session *next; struct conn *conn; void *p; }  24
 *	struct item { long id; struct list { next, prev } link; long n; }     32
 *	struct base { long tag; }, struct derived { struct base base; long x[6]; }
 *	union any { struct conn *conn; long number; }
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "analyze/heap/sites.h"
#include "analyze/types/inference.h"
#include "analyze/types/inference_reach.h"
#include "tests/lib/types_build.h"

#define GLOBALS 0x1000ull
#define HEAP	0x10000ull

enum { PAGE = 65536 };

struct bed {
	struct type_table t;
	struct variables variables;
	struct parts parts;
	struct space space;
	struct objects objects;
	struct index *index;
	struct inference out;
	struct sites *sites; /* NULL: none */
	uint8_t globals[4096], heap[PAGE];
	addr_t next_global, next_object;
	type_id byte, big, conn, session, list, item, base, derived, any, opaque;
	type_id p_byte, p_conn, p_session, pp_session, p_list, p_base, p_void, p_derived;
};

static type_id pointer_to(struct bed *b, type_id to)
{
	return types_build_over(&b->t, TYPE_POINTER, NULL, to);
}

static type_id record(struct bed *b, enum type_kind kind, const char *name, uint64_t size,
		      const struct types_build_member *v, size_t n)
{
	return types_build_record(&b->t, kind, name, size, v, n);
}

static void make_types(struct bed *b)
{
	b->byte = types_build_base(&b->t, "char", 1);
	b->big = types_build_base(&b->t, "long", 8);
	b->p_byte = pointer_to(b, b->byte);
	b->p_void = pointer_to(b, TYPE_VOID);
	b->conn = record(b, TYPE_STRUCT, "conn", 16,
			 (struct types_build_member[]){{"buf", b->p_byte, 0, 0, 0, 0},
						       {"n", b->big, 8, 0, 0, 0}},
			 2);
	b->p_conn = pointer_to(b, b->conn);
	b->p_session = pointer_to(b, TYPE_UNKNOWN);
	b->session = record(b, TYPE_STRUCT, "session", 24,
			    (struct types_build_member[]){{"next", b->p_session, 0, 0, 0, 0},
							  {"conn", b->p_conn, 8, 0, 0, 0},
							  {"p", b->p_void, 16, 0, 0, 0}},
			    3);
	b->t.types.v[b->p_session].target = b->session;
	b->pp_session = pointer_to(b, b->p_session);
	b->p_list = pointer_to(b, TYPE_UNKNOWN);
	b->list = record(b, TYPE_STRUCT, "list", 16,
			 (struct types_build_member[]){{"next", b->p_list, 0, 0, 0, 0},
						       {"prev", b->p_list, 8, 0, 0, 0}},
			 2);
	b->t.types.v[b->p_list].target = b->list;
	b->item = record(b, TYPE_STRUCT, "item", 32,
			 (struct types_build_member[]){{"id", b->big, 0, 0, 0, 0},
						       {"link", b->list, 8, 0, 0, 0},
						       {"n", b->big, 24, 0, 0, 0}},
			 3);
	b->base = record(b, TYPE_STRUCT, "base", 8,
			 (struct types_build_member[]){{"tag", b->big, 0, 0, 0, 0}}, 1);
	b->derived = record(b, TYPE_STRUCT, "derived", 56,
			    (struct types_build_member[]){
				    {"base", b->base, 0, 0, 0, 0},
				    {"x", types_build_array(&b->t, b->big, 6), 8, 0, 0, 0}},
			    2);
	b->p_base = pointer_to(b, b->base);
	b->p_derived = pointer_to(b, b->derived);
	b->any = record(b, TYPE_UNION, "any", 8,
			(struct types_build_member[]){{"conn", b->p_conn, 0, 0, 0, 0},
						      {"number", b->big, 0, 0, 0, 0}},
			2);
}

static struct bed *make_bed(void)
{
	struct bed *b = calloc(1, sizeof(*b));
	struct err err;

	assert_non_null(b);
	assert_int_equal(type_table_init(&b->t, &err), 0);
	make_types(b);
	b->next_global = GLOBALS;
	b->next_object = HEAP + 16;
	return b;
}

/* usable: what malloc_usable_size() would say. */
static addr_t object(struct bed *b, uint64_t usable)
{
	addr_t at = b->next_object;
	struct err err;

	assert_int_equal(objects_add(&b->objects, at, usable, OBJECT_ARENA, &err), 0);
	b->next_object += (usable + 8 + 15) / 16 * 16;
	assert_true(b->next_object < HEAP + PAGE);
	return at;
}

static void put(struct bed *b, addr_t at, uint64_t word)
{
	memcpy(at >= HEAP ? b->heap + (at - HEAP) : b->globals + (at - GLOBALS), &word,
	       sizeof(word));
}

static addr_t global(struct bed *b, type_id type, uint64_t word)
{
	struct variable v = {.at = b->next_global, .type = type};

	assert_int_equal(vec_push(&b->variables.list, v), 0);
	put(b, v.at, word);
	b->next_global += 64;
	return v.at;
}

static void add_segment(struct bed *b, addr_t at, const uint8_t *bytes, uint64_t size)
{
	struct segment s = {.addr = at,
			    .memsz = size,
			    .filesz = size,
			    .data = bytes,
			    .prot = PROT_READ | PROT_WRITE};

	assert_int_equal(vec_push(&b->parts.segments, s), 0);
}

static void conclude(struct bed *b)
{
	struct inference_input in = {.table = &b->t,
				     .variables = &b->variables,
				     .space = &b->space,
				     .objects = &b->objects,
				     .sites = b->sites};
	uint64_t dropped;
	struct err err;

	add_segment(b, GLOBALS, b->globals, sizeof(b->globals));
	add_segment(b, HEAP, b->heap, sizeof(b->heap));
	assert_int_equal(space_init(&b->space, &b->parts, &err), 0);
	assert_int_equal(objects_seal(&b->objects, &dropped, &err), 0);
	assert_int_equal(dropped, 0);
	assert_int_equal(index_new(&b->index, &b->objects, &err), 0);
	in.index = b->index;
	variables_sort(&b->variables);
	assert_int_equal(type_table_index(&b->t, &err), 0);
	assert_int_equal(inference_run(&b->out, &in, &err), 0);
	assert_int_equal(b->out.n, objects_count(&b->objects));
}

static void free_bed(struct bed *b)
{
	inference_deinit(&b->out);
	index_free(b->index);
	space_deinit(&b->space);
	objects_deinit(&b->objects);
	vec_deinit(&b->parts.segments);
	variables_deinit(&b->variables);
	type_table_deinit(&b->t);
	free(b);
}

static const struct inference_line *line_of(const struct bed *b, addr_t at)
{
	obj_id o = objects_find(&b->objects, at);

	assert_int_not_equal(o, OBJ_NONE);
	return &b->out.v[o];
}

static void expect(const struct bed *b, addr_t at, type_id type, enum inference_fit fit,
		   enum inference_confidence confidence)
{
	const struct inference_line *l = line_of(b, at);

	if (l->type != type || l->fit != fit || l->confidence != confidence)
		fail_msg("%#llx: type %u fit %d confidence %d, not %u %d %d",
			 (unsigned long long)at, l->type, l->fit, l->confidence, type, fit,
			 confidence);
}

static void types_spread_from_a_variable_along_fields(void **state)
{
	struct bed *b = make_bed();
	addr_t a = object(b, 24), c = object(b, 24), d = object(b, 24), text = object(b, 104),
	       thing = object(b, 40), lost = object(b, 24);

	global(b, b->p_session, a);
	put(b, a, c);
	put(b, a + 8, d);
	put(b, c + 16, thing);
	put(b, d, text);
	conclude(b);
	expect(b, a, b->session, FIT_EXACT, CONFIDENCE_CERTAIN);
	assert_int_equal(line_of(b, a)->reason, INFERRED_VARIABLE);
	expect(b, c, b->session, FIT_EXACT, CONFIDENCE_CERTAIN);
	assert_int_equal(line_of(b, c)->reason, INFERRED_FIELD);
	assert_int_equal(line_of(b, c)->from, objects_find(&b->objects, a));
	/* rounded up from 16 by the allocator; nothing larger begins with a conn */
	expect(b, d, b->conn, FIT_EXACT, CONFIDENCE_CERTAIN);
	assert_int_equal(line_of(b, d)->off, 8);
	expect(b, text, b->byte, FIT_BYTES, CONFIDENCE_LIKELY);
	/* void * says nothing */
	expect(b, thing, TYPE_NONE, FIT_NONE, CONFIDENCE_NONE);
	expect(b, lost, TYPE_NONE, FIT_NONE, CONFIDENCE_NONE);
	assert_int_equal(b->out.sums[CONFIDENCE_CERTAIN].objects, 3);
	assert_int_equal(b->out.sums[CONFIDENCE_CERTAIN].bytes, 72);
	assert_int_equal(b->out.sums[CONFIDENCE_NONE].objects, 2);
	free_bed(b);
}

static void arrays_are_known_by_their_size(void **state)
{
	struct bed *b = make_bed();
	addr_t table = object(b, 808), s = object(b, 24), many = object(b, 72 + 8),
	       c = object(b, 24);

	global(b, b->pp_session, table);
	put(b, table + 99 * 8, s);
	global(b, b->p_session, many);
	put(b, many + 2 * 24 + 8, c);
	conclude(b);
	expect(b, table, b->p_session, FIT_ARRAY, CONFIDENCE_LIKELY);
	assert_int_equal(inference_count(line_of(b, table), &b->t, 808), 101);
	expect(b, s, b->session, FIT_EXACT, CONFIDENCE_LIKELY);
	expect(b, many, b->session, FIT_ARRAY, CONFIDENCE_LIKELY);
	expect(b, c, b->conn, FIT_EXACT, CONFIDENCE_LIKELY);
	assert_int_equal(line_of(b, c)->off, 56);
	free_bed(b);
}

static void a_base_gives_way_to_what_is_derived_from_it(void **state)
{
	struct bed *b = make_bed();
	addr_t d = object(b, 56), small = object(b, 24);

	put(b, d + 8, 1);
	global(b, b->p_base, d);
	global(b, b->p_derived, d);
	global(b, b->p_base, small);
	conclude(b);
	expect(b, d, b->derived, FIT_EXACT, CONFIDENCE_CERTAIN);
	/* 24 bytes may be a base, or something else that begins with one */
	expect(b, small, b->base, FIT_EXACT, CONFIDENCE_LIKELY);
	free_bed(b);
}

static void what_only_begins_so_is_a_guess(void **state)
{
	struct bed *b = make_bed();
	addr_t d = object(b, 88 + 2), tiny = object(b, 8);

	global(b, b->p_derived, d);
	global(b, b->p_session, tiny);
	conclude(b);
	expect(b, d, b->derived, FIT_PREFIX, CONFIDENCE_GUESS);
	expect(b, tiny, TYPE_NONE, FIT_NONE, CONFIDENCE_NONE);
	free_bed(b);
}

static void contradictions_are_kept_and_never_certain(void **state)
{
	struct bed *b = make_bed();
	type_id other = record(b, TYPE_STRUCT, "other", 24,
			       (struct types_build_member[]){{"a", b->p_conn, 0, 0, 0, 0}}, 1);
	addr_t a = object(b, 24), c = object(b, 24);

	global(b, b->p_session, a);
	global(b, pointer_to(b, other), a);
	put(b, a + 8, c);
	conclude(b);
	assert_true(line_of(b, a)->flags & INFERENCE_CONFLICT);
	assert_int_equal(line_of(b, a)->confidence, CONFIDENCE_GUESS);
	/* nor is what hangs on it */
	expect(b, c, b->conn, FIT_EXACT, CONFIDENCE_GUESS);
	free_bed(b);
}

static void the_only_pointer_of_a_union_is_likely(void **state)
{
	struct bed *b = make_bed();
	addr_t c = object(b, 24);

	global(b, b->any, c);
	conclude(b);
	expect(b, c, b->conn, FIT_EXACT, CONFIDENCE_LIKELY);
	assert_true(line_of(b, c)->flags & INFERENCE_READING);
	free_bed(b);
}

static void pointer_fields_without_an_address_are_noticed(void **state)
{
	struct bed *b = make_bed();
	addr_t a = object(b, 24);

	global(b, b->p_session, a);
	put(b, a + 8, 0x6e6f74206120);
	conclude(b);
	expect(b, a, b->session, FIT_EXACT, CONFIDENCE_LIKELY);
	assert_true(line_of(b, a)->flags & INFERENCE_BAD_WORDS);
	free_bed(b);
}

static void an_intrusive_list_is_followed_to_its_containers(void **state)
{
	struct bed *b = make_bed();
	addr_t v[4], head;

	for (int i = 0; i < 4; i++)
		v[i] = object(b, 40);
	head = global(b, b->list, v[0] + 8);
	put(b, head + 8, v[3] + 8);
	for (int i = 0; i < 4; i++) {
		put(b, v[i] + 8, i < 3 ? v[i + 1] + 8 : head);
		put(b, v[i] + 16, i ? v[i - 1] + 8 : head);
	}
	/* one of them is known otherwise */
	global(b, pointer_to(b, b->item), v[1]);
	conclude(b);
	expect(b, v[1], b->item, FIT_EXACT, CONFIDENCE_CERTAIN);
	expect(b, v[0], b->item, FIT_EXACT, CONFIDENCE_LIKELY);
	expect(b, v[2], b->item, FIT_EXACT, CONFIDENCE_LIKELY);
	expect(b, v[3], b->item, FIT_EXACT, CONFIDENCE_LIKELY);
	assert_int_equal(line_of(b, v[3])->reason, INFERRED_RING);
	free_bed(b);
}

static void circles_of_objects_end(void **state)
{
	struct bed *b = make_bed();
	addr_t a = object(b, 24), c = object(b, 24);

	global(b, b->p_session, a);
	put(b, a, c);
	put(b, c, a);
	conclude(b);
	expect(b, a, b->session, FIT_EXACT, CONFIDENCE_CERTAIN);
	expect(b, c, b->session, FIT_EXACT, CONFIDENCE_CERTAIN);
	free_bed(b);
}

static void an_object_that_points_to_itself_by_another_type_is_a_contradiction(void **state)
{
	struct bed *b = make_bed();
	addr_t a = object(b, 24);

	global(b, b->p_session, a);
	put(b, a + 8, a);
	conclude(b);
	expect(b, a, b->session, FIT_EXACT, CONFIDENCE_GUESS);
	assert_true(line_of(b, a)->flags & INFERENCE_CONFLICT);
	free_bed(b);
}

/* A member of a record, in short. */
#define MEMBER(name, type, off)                                                                    \
	{                                                                                          \
		name, type, off, 0, 0, 0                                                           \
	}

static void a_pointer_to_a_member_leads_to_its_container(void **state)
{
	struct bed *b = make_bed();
	addr_t d = object(b, 56), c = object(b, 24), two = object(b, 104);
	type_id holder = record(b, TYPE_STRUCT, "holder", 56,
				(struct types_build_member[]){MEMBER("id", b->big, 0),
							      MEMBER("session", b->session, 8),
							      MEMBER("more", b->p_conn, 32)},
				3);

	/* two types of a size have a session there: no answer */
	for (int i = 0; i < 2; i++)
		record(b, TYPE_STRUCT, i ? "one" : "other", 104,
		       (struct types_build_member[]){MEMBER(i ? "id" : "no", b->big, 0),
						     MEMBER("session", b->session, 8)},
		       2);
	global(b, b->p_session, d + 8);
	global(b, b->p_session, two + 8);
	put(b, d + 32, c);
	conclude(b);
	expect(b, d, holder, FIT_EXACT, CONFIDENCE_LIKELY);
	assert_int_equal(line_of(b, d)->reason, INFERRED_MEMBER);
	assert_int_equal(line_of(b, d)->from, OBJ_NONE);
	expect(b, c, b->conn, FIT_EXACT, CONFIDENCE_LIKELY);
	expect(b, two, TYPE_NONE, FIT_NONE, CONFIDENCE_NONE);
	free_bed(b);
}

static void a_string_behind_its_header_is_the_header(void **state)
{
	struct bed *b = make_bed();
	addr_t text = object(b, 40), other = object(b, 40);
	type_id header =
		record(b, TYPE_STRUCT, "header", 3,
		       (struct types_build_member[]){
			       MEMBER("n", b->byte, 0),
			       MEMBER("text", types_build_array(&b->t, b->byte, UINT64_MAX), 3)},
		       2);

	global(b, b->p_byte, text + 3);
	/* somewhere in a string */
	global(b, b->p_byte, other + 5);
	conclude(b);
	expect(b, text, header, FIT_OPEN, CONFIDENCE_GUESS);
	expect(b, other, TYPE_NONE, FIT_NONE, CONFIDENCE_NONE);
	free_bed(b);
}

static void an_array_of_one_at_the_end_goes_on(void **state)
{
	struct bed *b = make_bed();
	addr_t d = object(b, 40), c = object(b, 24), none = object(b, 24);
	type_id list = record(b, TYPE_STRUCT, "list_of_conns", 32,
			      (struct types_build_member[]){
				      MEMBER("n", b->big, 0), MEMBER("m", b->big, 8),
				      MEMBER("k", b->big, 16),
				      MEMBER("v", types_build_array(&b->t, b->p_conn, 1), 24)},
			      4);

	global(b, pointer_to(b, list), d);
	global(b, pointer_to(b, list), none);
	put(b, d, 1);
	put(b, d + 32, c);
	conclude(b);
	expect(b, d, list, FIT_EXACT, CONFIDENCE_CERTAIN);
	/* beyond what is declared: from before, perhaps */
	expect(b, c, b->conn, FIT_EXACT, CONFIDENCE_LIKELY);
	/* it may have none at all */
	expect(b, none, list, FIT_OPEN, CONFIDENCE_LIKELY);
	free_bed(b);
}

static void a_struct_before_something_else_is_no_array(void **state)
{
	struct bed *b = make_bed();
	addr_t a = object(b, 72 + 8), text = object(b, 48);

	global(b, b->p_session, a);
	for (int i = 24; i < 72; i += 8)
		put(b, a + (addr_t)i, 0x2064616552203a61);
	/* two conns in size, and nothing shows that there are two */
	global(b, b->p_conn, text);
	conclude(b);
	expect(b, a, b->session, FIT_PREFIX, CONFIDENCE_GUESS);
	expect(b, text, b->conn, FIT_PREFIX, CONFIDENCE_GUESS);
	free_bed(b);
}

static void what_inherits_by_a_macro_is_no_contradiction(void **state)
{
	struct bed *b = make_bed();
	addr_t a = object(b, 40), small = object(b, 24);
	type_id head = record(
		b, TYPE_STRUCT, "head", 16,
		(struct types_build_member[]){MEMBER("p", b->p_void, 0), MEMBER("tag", b->big, 8)},
		2);
	type_id whole = record(b, TYPE_STRUCT, "whole", 24,
			       (struct types_build_member[]){MEMBER("p", b->p_void, 0),
							     MEMBER("tag", b->big, 8),
							     MEMBER("more", b->big, 16)},
			       3);
	type_id large = record(b, TYPE_STRUCT, "large", 40,
			       (struct types_build_member[]){MEMBER("p", b->p_void, 0),
							     MEMBER("tag", b->big, 8),
							     MEMBER("more", b->p_byte, 32)},
			       3);

	put(b, a + 16, 1);
	global(b, pointer_to(b, head), a);
	global(b, pointer_to(b, large), a);
	global(b, pointer_to(b, head), small);
	conclude(b);
	expect(b, a, large, FIT_EXACT, CONFIDENCE_CERTAIN);
	/* 24 bytes: a whole begins so, too */
	expect(b, small, head, FIT_EXACT, CONFIDENCE_LIKELY);
	assert_true(line_of(b, small)->flags & INFERENCE_IS_HEAD);
	assert_int_not_equal(whole, head);
	free_bed(b);
}

static void a_pointer_from_before_makes_nothing_certain(void **state)
{
	struct bed *b = make_bed();
	addr_t s = object(b, 24), reused = object(b, 56), c = object(b, 24);
	type_id other = record(b, TYPE_STRUCT, "other", 56,
			       (struct types_build_member[]){MEMBER("a", b->big, 48)}, 1);
	type_id keeper = record(b, TYPE_STRUCT, "keeper", 24,
				(struct types_build_member[]){MEMBER("d", b->p_derived, 0),
							      MEMBER("conn", b->p_conn, 8),
							      MEMBER("n", b->big, 16)},
				3);

	global(b, pointer_to(b, keeper), s);
	global(b, pointer_to(b, other), reused);
	put(b, s, reused);
	put(b, s + 8, c);
	conclude(b);
	assert_int_equal(line_of(b, reused)->confidence, CONFIDENCE_GUESS);
	/* one of the two is wrong: who holds it may be mistaken itself, and all that hangs on it */
	expect(b, s, keeper, FIT_EXACT, CONFIDENCE_LIKELY);
	expect(b, c, b->conn, FIT_EXACT, CONFIDENCE_LIKELY);
	free_bed(b);
}

static void bytes_and_a_struct_are_the_struct_and_doubtful(void **state)
{
	struct bed *b = make_bed();
	addr_t a = object(b, 24);

	global(b, b->p_byte, a);
	global(b, b->p_session, a);
	conclude(b);
	expect(b, a, b->session, FIT_EXACT, CONFIDENCE_LIKELY);
	assert_true(line_of(b, a)->flags & INFERENCE_DOUBT);
	free_bed(b);
}

static void numbers_in_a_void_pointer_cost_nothing(void **state)
{
	struct bed *b = make_bed();
	addr_t a = object(b, 24);

	global(b, b->p_session, a);
	put(b, a + 16, 0x6e6f74206120);
	conclude(b);
	expect(b, a, b->session, FIT_EXACT, CONFIDENCE_CERTAIN);
	free_bed(b);
}

static void a_refuted_reading_of_a_union_falls_away(void **state)
{
	struct bed *b = make_bed();
	addr_t a = object(b, 24), c = object(b, 24), none = object(b, 24);
	type_id numbers =
		record(b, TYPE_STRUCT, "numbers", 24,
		       (struct types_build_member[]){MEMBER("x", b->big, 0), MEMBER("y", b->big, 8),
						     MEMBER("z", b->big, 16)},
		       3);
	type_id either =
		record(b, TYPE_UNION, "either", 8,
		       (struct types_build_member[]){MEMBER("session", b->p_session, 0),
						     MEMBER("numbers", pointer_to(b, numbers), 0)},
		       2);

	global(b, either, a);
	put(b, a, 0x2064616552203a61);
	global(b, either, c);
	put(b, c, a);
	global(b, either, none);
	conclude(b);
	expect(b, a, numbers, FIT_EXACT, CONFIDENCE_LIKELY);
	assert_true(line_of(b, a)->flags & INFERENCE_READING);
	/* an address where numbers has none */
	expect(b, c, TYPE_NONE, FIT_NONE, CONFIDENCE_NONE);
	/* nothing decides */
	expect(b, none, TYPE_NONE, FIT_NONE, CONFIDENCE_NONE);
	free_bed(b);
}

/* A head { next; tag } with two types that begin so, of one size, and a list of heads. */
static void a_tag_says_what_begins_with_a_head(void **state)
{
	struct bed *b = make_bed();
	struct types_build_member v[] = {MEMBER("next", TYPE_UNKNOWN, 0), MEMBER("tag", b->big, 8),
					 MEMBER("x", b->big, 16), MEMBER("y", b->big, 32)};
	type_id tag = types_build_base(&b->t, "tag", 4), p = pointer_to(b, TYPE_UNKNOWN), head,
		kinds[2];
	addr_t known[2], rest[4];

	v[0].type = p;
	v[1].type = tag;
	head = record(b, TYPE_STRUCT, "head", 16, v, 2);
	b->t.types.v[p].target = head;
	kinds[0] = record(b, TYPE_STRUCT, "cat", 40, v, 3);
	v[3].name = "z";
	kinds[1] = record(b, TYPE_STRUCT, "dog", 40, v, 4);
	/* one of twenty says something else: a pointer from before */
	for (int i = 0; i < 21; i++) {
		addr_t at = object(b, 40);

		global(b, pointer_to(b, kinds[i != 20]), at);
		put(b, at + 8, 8);
	}
	for (int i = 0; i < 2; i++) {
		known[i] = object(b, 40);
		global(b, pointer_to(b, kinds[i]), known[i]);
		put(b, known[i] + 8, 7 + (uint64_t)i);
	}
	for (int i = 0; i < 4; i++) {
		rest[i] = object(b, 40);
		put(b, i ? rest[i - 1] : known[0], rest[i]);
		put(b, rest[i] + 8, i < 3 ? 7 + (uint64_t)i % 2 : 99);
	}
	conclude(b);
	for (int i = 0; i < 3; i++)
		expect(b, rest[i], kinds[i % 2], FIT_EXACT, CONFIDENCE_LIKELY);
	assert_int_equal(line_of(b, rest[0])->reason, INFERRED_LEARNED);
	/* a dog is all that a cat is */
	expect(b, rest[3], kinds[1], FIT_EXACT, CONFIDENCE_GUESS);
	free_bed(b);
}

static void a_void_pointer_leads_to_what_others_of_its_kind_do(void **state)
{
	struct bed *b = make_bed();
	addr_t node = 0, known, first = 0;
	const int n = 20;
	struct types_build_member v[] = {MEMBER("next", TYPE_UNKNOWN, 0),
					 MEMBER("value", b->p_void, 8)};
	type_id p = pointer_to(b, TYPE_UNKNOWN), list;

	v[0].type = p;
	list = record(b, TYPE_STRUCT, "node", 24, v, 2);
	b->t.types.v[p].target = list;
	for (int i = 0; i < n; i++) {
		node = object(b, 24);
		known = object(b, 56);
		put(b, node + 8, known);
		put(b, node, first);
		first = node;
		if (i >= 3)
			global(b, b->p_derived, known);
	}
	global(b, p, first);
	conclude(b);
	expect(b, node, list, FIT_EXACT, CONFIDENCE_CERTAIN);
	expect(b, objects_addr(&b->objects, 1), b->derived, FIT_EXACT, CONFIDENCE_LIKELY);
	assert_int_equal(b->out.v[1].reason, INFERRED_LEARNED);
	expect(b, objects_addr(&b->objects, 5), b->derived, FIT_EXACT, CONFIDENCE_LIKELY);
	free_bed(b);
}

static void content_that_the_type_does_not_have_is_doubtful(void **state)
{
	struct bed *b = make_bed();
	addr_t good = object(b, 24), strange = object(b, 24), neither = object(b, 24),
	       color = object(b, 24);
	type_id truth = types_build_base(&b->t, "bool", 1), tint, p;

	b->t.types.v[truth].encoding = 2;
	tint = record(b, TYPE_ENUM, "tint", 4,
		      (struct types_build_member[]){MEMBER("RED", TYPE_NONE, 1),
						    MEMBER("BLUE", TYPE_NONE, 4)},
		      2);
	p = pointer_to(b, record(b, TYPE_STRUCT, "state", 24,
				 (struct types_build_member[]){
					 MEMBER("n", b->big, 0), MEMBER("is_so", truth, 8),
					 MEMBER("tint", tint, 12), MEMBER("m", b->big, 16)},
				 4));
	global(b, p, good);
	put(b, good, 0x10001);
	put(b, good + 8, 5ull << 32 | 1);
	global(b, p, strange);
	put(b, strange, good);
	global(b, p, neither);
	put(b, neither + 8, 2);
	global(b, p, color);
	put(b, color + 8, 8ull << 32);
	conclude(b);
	assert_int_equal(line_of(b, good)->confidence, CONFIDENCE_CERTAIN);
	assert_int_equal(line_of(b, strange)->confidence, CONFIDENCE_LIKELY);
	assert_int_equal(line_of(b, neither)->confidence, CONFIDENCE_LIKELY);
	assert_int_equal(line_of(b, color)->confidence, CONFIDENCE_LIKELY);
	free_bed(b);
}

static void an_array_whose_pointers_all_fit_is_certain(void **state)
{
	struct bed *b = make_bed();
	addr_t good = object(b, 808), bad = object(b, 808), s[4], other = object(b, 104);

	for (int i = 0; i < 4; i++) {
		s[i] = object(b, 24);
		put(b, s[i] + 16, 1);
		put(b, (i < 2 ? good : bad) + (addr_t)i * 80, s[i]);
	}
	put(b, bad + 400, other + 8);
	global(b, b->pp_session, good);
	global(b, b->pp_session, bad);
	conclude(b);
	expect(b, good, b->p_session, FIT_ARRAY, CONFIDENCE_CERTAIN);
	expect(b, s[1], b->session, FIT_EXACT, CONFIDENCE_CERTAIN);
	expect(b, bad, b->p_session, FIT_ARRAY, CONFIDENCE_LIKELY);
	expect(b, s[3], b->session, FIT_EXACT, CONFIDENCE_LIKELY);
	free_bed(b);
}

static void nothing_but_zeros_is_not_certain(void **state)
{
	struct bed *b = make_bed();
	addr_t a = object(b, 24);

	global(b, b->p_session, a);
	conclude(b);
	expect(b, a, b->session, FIT_EXACT, CONFIDENCE_LIKELY);
	free_bed(b);
}

static void a_link_at_the_start_of_something_larger_is_no_array(void **state)
{
	struct bed *b = make_bed();
	addr_t a = object(b, 72), c = object(b, 72), table = object(b, 72);
	type_id linked = record(
		b, TYPE_STRUCT, "linked", 64,
		(struct types_build_member[]){MEMBER("link", b->list, 0), MEMBER("n", b->big, 56)},
		2);

	global(b, b->p_list, a);
	put(b, a, c);
	put(b, a + 8, c);
	put(b, c, a);
	put(b, c + 16, 5);
	/* a type with pointers in each element, whatever begins like it */
	record(b, TYPE_STRUCT, "more", 56,
	       (struct types_build_member[]){MEMBER("session", b->session, 0),
					     MEMBER("n", b->big, 48)},
	       2);
	for (addr_t i = 0; i < 3; i++)
		put(b, table + i * 24, object(b, 24));
	global(b, b->p_session, table);
	conclude(b);
	/* not four links; what begins with one and agrees with the content */
	expect(b, a, linked, FIT_EXACT, CONFIDENCE_GUESS);
	expect(b, c, linked, FIT_EXACT, CONFIDENCE_GUESS);
	expect(b, table, b->session, FIT_ARRAY, CONFIDENCE_LIKELY);
	free_bed(b);
}

/* Vertices: the super-root, the root, objects. */
static struct graph graph_of(const struct bed *b, const obj_id (*edges)[2], size_t n)
{
	struct graph_edge v[16];
	struct graph g;
	struct err err;

	assert_true(n <= ARRAY_LEN(v));
	for (size_t i = 0; i < n; i++)
		v[i] = (struct graph_edge){edges[i][0] == OBJ_NONE ? 1 : 2 + edges[i][0],
					   2 + edges[i][1], EDGE_ALIGNED};
	assert_int_equal(graph_from_edges(&g, 1, objects_count(&b->objects), v, n, &err), 0);
	return g;
}

static void the_greatest_unknown_reach_is_named_by_its_member(void **state)
{
	struct bed *b = make_bed();
	addr_t s = object(b, 24), s2 = object(b, 24), x = object(b, 40), y = object(b, 104),
	       z = object(b, 40), held = object(b, 200), lost = object(b, 72);
	struct inference_reach r;
	struct graph g;
	struct err err;

	global(b, b->p_session, s);
	put(b, s, s2);
	put(b, s + 16, x);
	put(b, x + 8, y);
	put(b, s2 + 16, z);
	put(b, s2 + 8, 1);
	conclude(b);
	assert_true(held < lost);
	g = graph_of(b,
		     (const obj_id[][2]){
			     {OBJ_NONE, 0}, {0, 1}, {0, 2}, {2, 3}, {1, 4}, {OBJ_NONE, 5}, {3, 2}},
		     7);
	assert_int_equal(inference_reach_init(&r, &b->out,
					      &(struct inference_reach_input){
						      &b->t, &b->space, &b->objects, b->index, &g},
					      &err),
			 0);
	assert_int_equal(r.list.n, 2);
	assert_int_equal(r.list.v[0].type, TYPE_NONE);
	assert_int_equal(r.list.v[0].root, 1);
	assert_int_equal(r.list.v[0].bytes, 200);
	assert_int_equal(r.list.v[1].type, b->session);
	assert_int_equal(r.list.v[1].off, 16);
	assert_int_equal(r.list.v[1].n_direct, 2);
	assert_int_equal(r.list.v[1].n, 3);
	assert_int_equal(r.list.v[1].bytes, 184);
	assert_int_equal(r.list.v[1].example, objects_find(&b->objects, x));
	assert_int_equal(r.n, 1);
	assert_int_equal(r.bytes, 72);
	inference_reach_deinit(&r);
	graph_deinit(&g);
	free_bed(b);
}

static uint32_t random_below(uint64_t *seed, uint32_t n)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*seed >> 33) % n;
}

enum { KINDS = 5, FIELDS = 3, MANY = 60 };

/* Structs of different sizes that point to each other, whose objects all hold what their type says. */
struct world {
	type_id kinds[KINDS], pointers[KINDS];
	uint32_t fields[KINDS][FIELDS]; /* the kind that it points to; KINDS: a number */
	addr_t at[MANY];
	uint32_t kind[MANY];
	bool is_reached[MANY];
	uint32_t targets[MANY][FIELDS]; /* objects; MANY: none */
};

static void make_kinds(struct bed *b, struct world *w, uint64_t *seed)
{
	static const char *const names[] = {"k0", "k1", "k2", "k3", "k4"};

	for (uint32_t k = 0; k < KINDS; k++)
		w->pointers[k] = pointer_to(b, TYPE_UNKNOWN);
	for (uint32_t k = 0; k < KINDS; k++) {
		/* a first member of its own: none begins like another */
		struct types_build_member v[FIELDS + 2] = {MEMBER(names[k], b->big, 0)};
		uint64_t size = 40 + 32 * k;

		for (uint32_t f = 0; f < FIELDS; f++) {
			uint32_t to = w->fields[k][f] = random_below(seed, KINDS + 1);

			v[f + 1] = (struct types_build_member)MEMBER(
				"f", to == KINDS ? b->big : w->pointers[to], 8 + 8 * f);
		}
		v[FIELDS + 1] = (struct types_build_member)MEMBER("end", b->big, size - 8);
		w->kinds[k] = record(b, TYPE_STRUCT, names[k], size, v, FIELDS + 2);
		b->t.types.v[w->pointers[k]].target = w->kinds[k];
	}
}

static void make_objects(struct bed *b, struct world *w, uint64_t *seed)
{
	for (uint32_t i = 0; i < MANY; i++) {
		w->kind[i] = random_below(seed, KINDS);
		w->at[i] = object(b, 40 + 32 * w->kind[i]);
		put(b, w->at[i], 1 + i);
	}
	for (uint32_t i = 0; i < MANY; i++)
		for (uint32_t f = 0; f < FIELDS; f++) {
			uint32_t to = random_below(seed, MANY);

			w->targets[i][f] = MANY;
			if (w->fields[w->kind[i]][f] != w->kind[to] || random_below(seed, 3) == 0)
				continue;
			w->targets[i][f] = to;
			put(b, w->at[i] + 8 + 8 * f, w->at[to]);
		}
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t to = random_below(seed, MANY);

		w->is_reached[to] = true;
		global(b, w->pointers[w->kind[to]], w->at[to]);
	}
}

/* The plainest way: again and again, until nothing is new. */
static void reach_all(struct world *w)
{
	for (bool is_new = true; is_new;) {
		is_new = false;
		for (uint32_t i = 0; i < MANY; i++)
			for (uint32_t f = 0; f < FIELDS && w->is_reached[i]; f++) {
				uint32_t to = w->targets[i][f];

				if (to == MANY || w->is_reached[to])
					continue;
				w->is_reached[to] = is_new = true;
			}
	}
}

static void what_is_reached_is_known_and_nothing_else(void **state)
{
	for (uint64_t seed = 1; seed <= 60; seed++) {
		uint64_t random = seed;
		struct world *w = calloc(1, sizeof(*w));
		struct bed *b = make_bed();

		assert_non_null(w);
		make_kinds(b, w, &random);
		make_objects(b, w, &random);
		reach_all(w);
		conclude(b);
		for (uint32_t i = 0; i < MANY; i++)
			expect(b, w->at[i], w->is_reached[i] ? w->kinds[w->kind[i]] : TYPE_NONE,
			       w->is_reached[i] ? FIT_EXACT : FIT_NONE,
			       w->is_reached[i] ? CONFIDENCE_CERTAIN : CONFIDENCE_NONE);
		free_bed(b);
		free(w);
	}
}

/* Types that refer to any type, with any offset, size and kind. */
static void make_wild_types(struct bed *b, uint64_t *seed, type_id *out, uint32_t n)
{
	static const enum type_kind kinds[] = {TYPE_STRUCT,  TYPE_STRUCT, TYPE_UNION,  TYPE_POINTER,
					       TYPE_POINTER, TYPE_ARRAY,  TYPE_TYPEDEF};

	for (uint32_t i = 0; i < n; i++) {
		enum type_kind kind = kinds[random_below(seed, ARRAY_LEN(kinds))];
		struct types_build_member v[4];

		for (uint32_t k = 0; k < 4; k++)
			v[k] = (struct types_build_member){
				random_below(seed, 2) ? "a" : "b",
				i && random_below(seed, 4) ? out[random_below(seed, i)] : b->p_void,
				random_below(seed, 8) * 8,
				0,
				0,
				0};
		if (kind == TYPE_STRUCT || kind == TYPE_UNION)
			out[i] = record(b, kind, "wild", random_below(seed, 12) * 8, v,
					random_below(seed, 5));
		else if (kind == TYPE_ARRAY)
			out[i] = types_build_array(&b->t, v[0].type,
						   random_below(seed, 4) ? random_below(seed, 9)
									 : UINT64_MAX);
		else
			out[i] = types_build_over(&b->t, kind, "wild", v[0].type);
	}
	/* circles: pointers, typedefs and members lead anywhere */
	for (uint32_t i = 0; i < n; i++)
		if (random_below(seed, 3) == 0 && type_table_get(&b->t, out[i])->kind >= TYPE_ARRAY)
			b->t.types.v[out[i]].target = out[random_below(seed, n)];
	for (size_t i = 0; i < b->t.members.n; i++)
		if (random_below(seed, 8) == 0 && b->t.members.v[i].type != TYPE_NONE)
			b->t.members.v[i].type = out[random_below(seed, n)];
	for (uint32_t i = 0; i < n; i++)
		if (type_table_get(&b->t, out[i])->kind == TYPE_POINTER)
			b->t.types.v[out[i]].target = out[random_below(seed, n)];
}

static void check_lines(const struct bed *b)
{
	struct inference_sum sums[N_CONFIDENCES] = {{0}};

	for (obj_id o = 0; o < b->out.n; o++) {
		const struct inference_line *l = &b->out.v[o];

		assert_true(l->confidence < N_CONFIDENCES && l->fit < N_FITS);
		assert_int_equal(l->type == TYPE_NONE, l->confidence == CONFIDENCE_NONE);
		assert_true(l->type == TYPE_NONE || l->type < type_table_count(&b->t));
		if (l->reason == INFERRED_FIELD && l->confidence == CONFIDENCE_CERTAIN)
			assert_int_equal(b->out.v[l->from].confidence, CONFIDENCE_CERTAIN);
		sums[l->confidence].objects++;
		sums[l->confidence].bytes += objects_size(&b->objects, o);
	}
	assert_memory_equal(sums, b->out.sums, sizeof(sums));
}

static void wild_types_and_words_end_and_add_up(void **state)
{
	for (uint64_t seed = 1; seed <= 80; seed++) {
		uint64_t random = seed;
		struct bed *b = make_bed();
		struct inference first;
		type_id types[24];
		addr_t at[MANY];
		struct inference_input in;
		struct err err;

		make_wild_types(b, &random, types, ARRAY_LEN(types));
		for (uint32_t i = 0; i < MANY; i++)
			at[i] = object(b, 24 + 16 * random_below(&random, 12));
		for (addr_t a = HEAP; a < b->next_object; a += 8)
			if (random_below(&random, 2))
				put(b, a,
				    at[random_below(&random, MANY)] +
					    (random_below(&random, 4) ? 0 : 8));
		for (uint32_t i = 0; i < 20; i++)
			global(b, types[random_below(&random, ARRAY_LEN(types))],
			       at[random_below(&random, MANY)]);
		conclude(b);
		check_lines(b);
		/* and again the same */
		first = b->out;
		in = (struct inference_input){.table = &b->t,
					      .variables = &b->variables,
					      .space = &b->space,
					      .objects = &b->objects,
					      .index = b->index};
		assert_int_equal(inference_run(&b->out, &in, &err), 0);
		assert_memory_equal(first.v, b->out.v, first.n * sizeof(*first.v));
		inference_deinit(&first);
		free_bed(b);
	}
}

static void objects_of_a_site_are_what_those_are_that_are_known(void **state)
{
	struct sites sites = {0};
	struct bed *b = make_bed();
	addr_t c = object(b, 24);
	obj_id o = 1;

	b->sites = &sites;
	/* sites 0: five sessions known, one not; 1: a conn among them; 2: three known; 3: another size */
	for (uint32_t site = 0; site < 4; site++)
		for (uint32_t i = 0; i < (site == 2 ? 4 : 6); i++, o++) {
			addr_t at = object(b, site == 3 && !i ? 40 : 24);

			put(b, at + 16, 1);
			assert_int_equal(vec_push(&sites.births,
						  ((struct birth){.object = o, .site = site})),
					 0);
			if (!i)
				put(b, at + 8, site == 0 ? c : 0);
			else
				global(b, site == 1 && i == 1 ? b->p_conn : b->p_session, at);
		}
	conclude(b);
	assert_int_equal(b->out.v[1].type, b->session);
	assert_int_equal(b->out.v[1].reason, INFERRED_SITE);
	assert_int_equal(b->out.v[1].confidence, CONFIDENCE_LIKELY);
	expect(b, c, b->conn, FIT_EXACT, CONFIDENCE_LIKELY);
	assert_int_equal(b->out.v[7].type, TYPE_NONE);
	assert_int_equal(b->out.v[13].type, TYPE_NONE);
	assert_int_equal(b->out.v[17].type, TYPE_NONE);
	vec_deinit(&sites.births);
	free_bed(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_spread_from_a_variable_along_fields),
		cmocka_unit_test(arrays_are_known_by_their_size),
		cmocka_unit_test(a_base_gives_way_to_what_is_derived_from_it),
		cmocka_unit_test(what_only_begins_so_is_a_guess),
		cmocka_unit_test(contradictions_are_kept_and_never_certain),
		cmocka_unit_test(the_only_pointer_of_a_union_is_likely),
		cmocka_unit_test(pointer_fields_without_an_address_are_noticed),
		cmocka_unit_test(an_intrusive_list_is_followed_to_its_containers),
		cmocka_unit_test(circles_of_objects_end),
		cmocka_unit_test(
			an_object_that_points_to_itself_by_another_type_is_a_contradiction),
		cmocka_unit_test(a_pointer_to_a_member_leads_to_its_container),
		cmocka_unit_test(a_string_behind_its_header_is_the_header),
		cmocka_unit_test(an_array_of_one_at_the_end_goes_on),
		cmocka_unit_test(a_struct_before_something_else_is_no_array),
		cmocka_unit_test(what_inherits_by_a_macro_is_no_contradiction),
		cmocka_unit_test(a_pointer_from_before_makes_nothing_certain),
		cmocka_unit_test(bytes_and_a_struct_are_the_struct_and_doubtful),
		cmocka_unit_test(numbers_in_a_void_pointer_cost_nothing),
		cmocka_unit_test(a_refuted_reading_of_a_union_falls_away),
		cmocka_unit_test(a_tag_says_what_begins_with_a_head),
		cmocka_unit_test(a_void_pointer_leads_to_what_others_of_its_kind_do),
		cmocka_unit_test(content_that_the_type_does_not_have_is_doubtful),
		cmocka_unit_test(an_array_whose_pointers_all_fit_is_certain),
		cmocka_unit_test(nothing_but_zeros_is_not_certain),
		cmocka_unit_test(a_link_at_the_start_of_something_larger_is_no_array),
		cmocka_unit_test(the_greatest_unknown_reach_is_named_by_its_member),
		cmocka_unit_test(what_is_reached_is_known_and_nothing_else),
		cmocka_unit_test(wild_types_and_words_end_and_add_up),
		cmocka_unit_test(objects_of_a_site_are_what_those_are_that_are_known),
	};

	return cmocka_run_group_tests_name("inferred types", tests, NULL, NULL);
}
