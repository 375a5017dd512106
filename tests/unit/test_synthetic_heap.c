/*
 * Whole sessions over built cores: aarch64 from end to end, for which no real core can be made here,
 * and the same process on x86-64. Everything the builder put in must come out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/ask/answers.h"
#include "tests/lib/built_session.h"
#include "tests/lib/heap_build.h"

static const enum machine machines[] = {MACHINE_X86_64, MACHINE_AARCH64};

/* The register that the DWARF number of a callee-saved register names on the machine. */
static uint32_t saved_register(enum machine m)
{
	return m == MACHINE_AARCH64 ? 19 : 3; /* x19, rbx */
}

static struct session *open_built(struct heap_build *h)
{
	struct err e;
	size_t n;
	uint8_t *bytes = heap_build_finish(h, &n);
	struct session *s = built_session_open(bytes, n, &e);

	free(bytes);
	if (!s)
		fail_msg("%s", e.text);
	if (session_need_dominators(s, &e) < 0 || session_need_reverse(s, &e) < 0)
		fail_msg("%s", e.text);
	objects_check(&s->heap.objects);
	return s;
}

static obj_id object_at(const struct session *s, addr_t a)
{
	obj_id o = objects_find(&s->heap.objects, a);

	if (o == OBJ_NONE || objects_addr(&s->heap.objects, o) != a)
		fail_msg("there is no object at 0x%lx", a);
	return o;
}

static enum verdict verdict_of(const struct session *s, addr_t a)
{
	return s->reach.verdict[object_at(s, a)];
}

static void expect_no_malloc_warning(const struct session *s)
{
	for (size_t i = 0; i < s->warnings.lines.n; i++)
		if (strstr(s->warnings.lines.v[i], "malloc"))
			fail_msg("%s", s->warnings.lines.v[i]);
}

/* The walk against what was built; one thread cache is internal. */
static void check_sums(const struct session *s, const struct heap_build *h)
{
	struct built_sums want = heap_build_sums(h);
	const struct heap *heap = &s->heap;
	uint64_t fast = 0;

	for (size_t i = 0; i < heap->arenas.n; i++)
		fast += heap->arenas.v[i].fast_chunk_bytes;
	assert_string_equal(heap->allocator, "glibc malloc");
	expect_no_malloc_warning(s);
	assert_int_equal(objects_count(&heap->objects) - heap->objects.n_mappings, want.n_used);
	assert_int_equal(heap->objects.bytes, want.used_usable);
	assert_int_equal(heap->cached_chunks, want.n_cached);
	assert_int_equal(heap->cached_chunk_bytes, want.cached);
	assert_int_equal(fast, want.fast);
	assert_int_equal(heap->free_chunk_bytes, want.free + want.fast);
	assert_int_equal(heap->internal_chunks, 1);
	assert_int_equal(heap->lost_bytes, 0);
}

/* Objects of every kind in two arenas and a mapping of its own. */
static void fill(struct heap_build *h)
{
	size_t arena = heap_build_arena(h);

	for (uint64_t i = 0; i < 40; i++) {
		addr_t a = heap_build_alloc(h, 0, 24 + i * 8), b = heap_build_alloc(h, 0, 100);
		addr_t c = heap_build_alloc(h, arena, 40 + i);

		if (i % 5 == 1)
			heap_build_release(h, a);
		if (i % 5 == 2)
			heap_build_cache(h, i % 2 ? a : c);
		if (i % 5 == 3)
			heap_build_fast(h, b);
		if (i % 7 == 4)
			heap_build_release(h, c);
	}
	heap_build_mmap(h, 200000);
	heap_build_mmap(h, 4096);
}

static void the_walk_finds_what_was_built(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
		struct heap_build *h = heap_build_new(machines[i]);
		struct session *s;

		fill(h);
		s = open_built(h);
		assert_int_equal(s->parts.machine, machines[i]);
		check_sums(s, h);
		assert_int_equal(s->heap.mmapped_chunks, 2);
		assert_int_equal(s->heap.arenas.n, 3);
		built_session_close(s);
		heap_build_free(h);
	}
}

static void an_empty_heap_has_no_objects(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
		struct heap_build *h = heap_build_new(machines[i]);
		struct session *s = open_built(h);

		check_sums(s, h);
		assert_int_equal(s->heap.objects.bytes, 0);
		built_session_close(s);
		heap_build_free(h);
	}
}

static void many_arenas_are_one_ring(void **state)
{
	struct heap_build *h = heap_build_new(MACHINE_AARCH64);
	struct session *s;

	for (size_t i = 0; i < 20; i++) {
		size_t arena = heap_build_arena(h);

		for (size_t k = 0; k < i; k++)
			heap_build_alloc(h, arena, 200);
	}
	s = open_built(h);
	check_sums(s, h);
	assert_int_equal(s->heap.arenas.n, 21);
	assert_int_equal(heap_build_sums(h).n_used, 190);
	built_session_close(s);
	heap_build_free(h);
}

static void the_threads_own_places_are_known(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
		struct heap_build *h = heap_build_new(machines[i]);
		struct session *s = open_built(h);
		const struct thread *t = &s->threads.list.v[0];
		bool arm = machines[i] == MACHINE_AARCH64;

		assert_int_equal(s->threads.list.n, 1);
		assert_int_equal(t->tid, BUILT_TID);
		assert_int_equal(t->tp, BUILT_TCB + 0x1000);
		assert_int_equal(t->dtv.lo, BUILT_TCB + 0x40);
		assert_int_equal(t->tls.n, 1);
		assert_int_equal(t->tls.v[0].at.lo, arm ? t->tp + 16 : t->tp - 0x40);
		assert_int_equal(range_size(t->tls.v[0].at), 0x40);
		assert_true(range_size(t->descriptor) > 0);
		assert_int_equal(t->stack.hi, BUILT_STACK + 0x1000);
		assert_int_equal(t->stack.lo, BUILT_STACK + 0x800 - (arm ? 0 : 128));
		built_session_close(s);
		heap_build_free(h);
	}
}

/*
 *	global → a → b ⇄ c        stack → d        register → e        TLS → f        vector → g
 *	nobody: lost → held, ring x ⇄ y; below the stack pointer → dead
 */
struct story {
	addr_t a, b, c, d, e, f, g, lost, held, x, y, dead;
};

static void tell(struct heap_build *h, struct story *t, uint64_t *vector)
{
	addr_t *objects = (addr_t *)t;
	struct built_thread *thread = heap_build_thread(h);
	bool arm = thread->gpr[31] != 0;

	for (size_t i = 0; i < sizeof(*t) / sizeof(addr_t); i++)
		objects[i] = heap_build_alloc(h, 0, 64);
	heap_build_put(h, BUILT_GLOBALS + 8, t->a);
	heap_build_put(h, t->a + 16, t->b);
	heap_build_put(h, t->b, t->c + 8);
	heap_build_put(h, t->c, t->b);
	heap_build_put(h, BUILT_STACK + 0x900, t->d);
	heap_build_put(h, BUILT_STACK + 0x100, t->dead);
	heap_build_put(h, BUILT_TCB + 0x1000 + (arm ? 0x10 + 0x20 : -0x40 + 0x20), t->f);
	heap_build_put(h, t->lost, t->held);
	heap_build_put(h, t->x, t->y);
	heap_build_put(h, t->y, t->x);
	thread->gpr[saved_register(arm ? MACHINE_AARCH64 : MACHINE_X86_64)] = t->e;
	vector[5] = t->g;
	thread->fpregs = vector;
	thread->n_fpregs = arm ? 528 : 512;
}

static void check_verdicts(const struct session *s, const struct story *t)
{
	const addr_t reached[] = {t->a, t->b, t->c, t->d, t->e, t->f, t->g};

	for (size_t i = 0; i < ARRAY_LEN(reached); i++)
		if (verdict_of(s, reached[i]) != REACHABLE)
			fail_msg("object %zu at 0x%lx is not reached", i, reached[i]);
	assert_int_equal(verdict_of(s, t->lost), LEAKED_DIRECTLY);
	assert_int_equal(verdict_of(s, t->held), LEAKED_INDIRECTLY);
	assert_int_equal(verdict_of(s, t->dead), LEAKED_DIRECTLY);
	assert_int_equal(verdict_of(s, t->x), LEAKED_DIRECTLY);
	assert_int_equal(verdict_of(s, t->y), LEAKED_INDIRECTLY);
	assert_int_equal(s->reach.n[LEAKED_DIRECTLY] + s->reach.n[LEAKED_INDIRECTLY], 5);
}

static void roots_of_every_class_hold_their_objects(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
		struct heap_build *h = heap_build_new(machines[i]);
		uint64_t vector[66] = {0};
		struct story t;
		struct session *s;
		vertex_id v;

		tell(h, &t, vector);
		s = open_built(h);
		check_sums(s, h);
		check_verdicts(s, &t);
		v = graph_object(&s->graph, object_at(s, t.a));
		assert_int_equal(s->dominators.retained[v], 3 * 72);
		built_session_close(s);
		heap_build_free(h);
	}
}

static const char *first_root_of(struct session *s, addr_t object)
{
	static char class[16];
	struct fact *f = fact_object();
	char text[32];
	struct err e = {0};

	snprintf(text, sizeof(text), "0x%lx", object);
	if (who_answer(s, text, f, &e) < 0)
		fail_msg("%s", e.text);
	snprintf(class, sizeof(class), "%s",
		 fact_str(fact_at(fact_get(f, "path.steps"), 0), "root.class"));
	fact_free(f);
	return class;
}

static void every_question_is_answered(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
		struct heap_build *h = heap_build_new(machines[i]);
		uint64_t vector[66] = {0};
		struct fact *f = fact_object();
		struct err e = {0};
		struct story t;
		struct session *s;

		tell(h, &t, vector);
		s = open_built(h);
		assert_int_equal(info_answer(s, f, &e), 0);
		assert_int_equal(fact_u64(f, "heap.in_use_objects"), 12);
		assert_int_equal(fact_u64(f, "heap.reachable_objects"), 7);
		assert_int_equal(fact_u64(f, "heap.leaked_objects"), 5);
		assert_int_equal(fact_u64(f, "heap.directly_leaked_objects"), 3);
		assert_string_equal(fact_str(f, "dump.machine"),
				    machines[i] == MACHINE_AARCH64 ? "aarch64" : "x86-64");
		assert_string_equal(fact_str(f, "process.program"), "/nonexistent/bin/app");
		assert_string_equal(first_root_of(s, t.c), "global");
		assert_string_equal(first_root_of(s, t.d), "stack");
		assert_string_equal(first_root_of(s, t.e), "register");
		assert_string_equal(first_root_of(s, t.f), "tls");
		assert_string_equal(first_root_of(s, t.g), "register");
		fact_free(f);
		built_session_close(s);
		heap_build_free(h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_walk_finds_what_was_built),
		cmocka_unit_test(an_empty_heap_has_no_objects),
		cmocka_unit_test(many_arenas_are_one_ring),
		cmocka_unit_test(the_threads_own_places_are_known),
		cmocka_unit_test(roots_of_every_class_hold_their_objects),
		cmocka_unit_test(every_question_is_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
