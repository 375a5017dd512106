/*
 * The walk of glibc's heap on built cores: places where real heaps seldom are, and memory made to cost
 * the walk more than it is worth.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/built_session.h"
#include "tests/lib/heap_build.h"

enum { PAGE_SIZE = 4096, FLAGS = 0, NON_CONTIGUOUS = 2 };

struct rig {
	struct heap_build *h;
	struct core_build *core;
	struct session *s;
};

static void rig_new(struct rig *r)
{
	r->h = heap_build_new(MACHINE_X86_64);
	r->core = heap_build_core(r->h);
}

/* Writes the heap, so that the test may then damage it. */
static void rig_write(struct rig *r)
{
	size_t n;

	free(heap_build_finish(r->h, &n));
}

static void rig_open(struct rig *r)
{
	struct err e;
	size_t n;
	uint8_t *bytes = core_build_finish(r->core, &n);

	r->s = built_session_open(bytes, n, &e);
	free(bytes);
	if (!r->s || session_need_heap(r->s, &e) < 0)
		fail_msg("%s", e.text);
	objects_check(&r->s->heap.objects);
}

static void rig_close(struct rig *r)
{
	built_session_close(r->s);
	heap_build_free(r->h);
}

static bool has_object(const struct rig *r, addr_t at, enum object_kind kind)
{
	obj_id o = objects_find(&r->s->heap.objects, at);

	return o != OBJ_NONE && objects_addr(&r->s->heap.objects, o) == at &&
	       objects_kind(&r->s->heap.objects, o) == kind;
}

/* MAP_HUGETLB: the kernel names a file behind the pages, as it does for no other private memory. */
static void name_huge_pages(struct rig *r, addr_t at, uint64_t size)
{
	core_build_file(r->core, at, at + size, 0, "/anon_hugepage (deleted)");
}

static void heaps_of_huge_pages_are_walked(void **state)
{
	struct rig r;
	addr_t in_brk, in_arena, mapped, heap;
	size_t arena;

	rig_new(&r);
	arena = heap_build_arena(r.h);
	heap = heap_build_state(r.h, arena) & ~(addr_t)(PAGE_SIZE - 1);
	in_brk = heap_build_alloc(r.h, 0, 100);
	in_arena = heap_build_alloc(r.h, arena, 100);
	mapped = heap_build_mmap(r.h, 200000);
	name_huge_pages(&r, BUILT_BRK, PAGE_SIZE);
	name_huge_pages(&r, heap, PAGE_SIZE);
	name_huge_pages(&r, mapped - 16, PAGE_SIZE);
	rig_write(&r);
	rig_open(&r);
	assert_true(has_object(&r, in_brk, OBJECT_ARENA));
	assert_true(has_object(&r, in_arena, OBJECT_ARENA));
	assert_true(has_object(&r, mapped, OBJECT_MMAPPED));
	assert_false(built_session_warned(r.s, "malloc"));
	rig_close(&r);
}

/* Ranges end where addresses do: none of the searches may start again at 0. */
static void memory_may_end_with_the_address_space(void **state)
{
	static const uint64_t ends[] = {0xf000, 0xf800, 0xfff8, 0xffff};

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		struct rig r;
		addr_t a;

		rig_new(&r);
		a = heap_build_alloc(r.h, 0, 100);
		core_build_map(r.core, 0xffffffffffff0000, ends[i], PROT_R | PROT_W);
		rig_write(&r);
		core_build_put(r.core, BUILT_ARENA + FLAGS, (uint64_t)NON_CONTIGUOUS << 32);
		/* what looks like a mapped chunk that goes on beyond the end */
		core_build_put(r.core, 0xffffffffffff0008, 0x10002);
		core_build_put(r.core, 0xffffffffffffe008, 0x10002);
		rig_open(&r);
		assert_true(has_object(&r, a, OBJECT_ARENA));
		rig_close(&r);
	}
}

/* Every place starts a chain of chunks, and every chain breaks far away: trying all would be quadratic. */
static void a_search_that_is_given_up_is_said(void **state)
{
	enum { OBJECT = 20000 };
	struct rig r;
	addr_t object, behind;

	rig_new(&r);
	object = heap_build_alloc(r.h, 0, OBJECT);
	behind = heap_build_alloc(r.h, 0, 100);
	rig_write(&r);
	for (addr_t at = object; at < object + OBJECT - 64; at += 16)
		core_build_put(r.core, at + 8, 0x21);
	core_build_put(r.core, behind - 8, 0x4141414141414141);
	rig_open(&r);
	assert_true(built_session_warned(r.s, "damaged chunk"));
	assert_true(built_session_warned(r.s, "given up"));
	rig_close(&r);
}

/* The address of the thread-local `tcache`. */
static addr_t find_tcache_variable(struct rig *r)
{
	for (addr_t a = BUILT_TCB; a < BUILT_TCB + 2 * PAGE_SIZE; a += 8)
		if (core_build_get(r->core, a) == heap_build_tcache(r->h))
			return a;
	fail_msg("no thread-local points to the cache");
	return 0;
}

/* 2.42 and later, where glibc.malloc.tcache_max says so. */
static void a_thread_cache_may_keep_mapped_chunks(void **state)
{
	enum { N_BINS = 76, BIN = 70, SLOTS = 0, ENTRIES = 2 * N_BINS };
	struct rig r;
	addr_t cache, mapped, in_use;

	rig_new(&r);
	cache = heap_build_alloc(r.h, 0, 0x300 - 8);
	mapped = heap_build_mmap(r.h, 200000);
	in_use = heap_build_mmap(r.h, 300000);
	rig_write(&r);
	for (addr_t a = cache; a < cache + 0x2f0; a += 8)
		core_build_put(r.core, a, 0);
	for (int i = 0; i < N_BINS; i += 4)
		core_build_put(r.core, cache + SLOTS + 2 * (addr_t)i, 0x7000700070007);
	core_build_put(r.core, cache + ENTRIES + 8 * BIN, mapped);
	core_build_put(r.core, mapped, mapped >> 12);
	core_build_put(r.core, find_tcache_variable(&r), cache);
	rig_open(&r);
	assert_false(has_object(&r, mapped, OBJECT_MMAPPED));
	assert_true(has_object(&r, in_use, OBJECT_MMAPPED));
	assert_int_equal(r.s->heap.cached_chunks, 1);
	assert_int_equal(r.s->heap.cached_chunk_bytes, (200000 + 16 + 4095) & ~4095);
	assert_int_equal(r.s->heap.mmapped_chunks, 2);
	assert_false(built_session_warned(r.s, "thread cache"));
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heaps_of_huge_pages_are_walked),
		cmocka_unit_test(memory_may_end_with_the_address_space),
		cmocka_unit_test(a_search_that_is_given_up_is_said),
		cmocka_unit_test(a_thread_cache_may_keep_mapped_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
