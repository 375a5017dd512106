/*
 * Crafted heaps: each breaks one promise of malloc's. The session must answer all the same, in time
 * and memory bounded by the file, and say where it stopped believing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "analyze/ask/answers.h"
#include "tests/lib/built_session.h"
#include "tests/lib/heap_build.h"

#define N_OBJECTS 50

struct rig {
	struct heap_build *h;
	struct core_build *core;
	addr_t objects[N_OBJECTS]; /* of 56 bytes, in chunks of 64 */
	struct session *s;
};

/* The offset in malloc_state of … */
enum { FASTBINS = 16, TOP = 96, BINS = BUILT_BINS_OFF, NEXT = 2160, SYSTEM_MEM = 2184 };

static void rig_new(struct rig *r)
{
	r->h = heap_build_new(MACHINE_X86_64);
	r->core = heap_build_core(r->h);
	for (size_t i = 0; i < N_OBJECTS; i++)
		r->objects[i] = heap_build_alloc(r->h, 0, 56);
	heap_build_put(r->h, BUILT_GLOBALS, r->objects[0]);
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
	if (!r->s)
		fail_msg("%s", e.text);
	if (session_need_dominators(r->s, &e) < 0 || session_need_reverse(r->s, &e) < 0)
		fail_msg("%s", e.text);
	objects_check(&r->s->heap.objects);
	graph_check(&r->s->graph);
	/* a table of objects that fits into the dump */
	assert_true(objects_count(&r->s->heap.objects) <= n / 16);
}

static void rig_close(struct rig *r)
{
	built_session_close(r->s);
	heap_build_free(r->h);
}

static void expect_warning(const struct rig *r, const char *part, addr_t at)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%lx", at);
	for (size_t i = 0; i < r->s->warnings.lines.n; i++) {
		const char *line = r->s->warnings.lines.v[i];

		if (strstr(line, part) && (!at || strstr(line, text)))
			return;
	}
	for (size_t i = 0; i < r->s->warnings.lines.n; i++)
		print_message("    warning: %s\n", r->s->warnings.lines.v[i]);
	fail_msg("no warning has \"%s\" and %s", part, text);
}

static size_t count_found(const struct rig *r)
{
	size_t n = 0;

	for (size_t i = 0; i < N_OBJECTS; i++) {
		obj_id o = objects_find(&r->s->heap.objects, r->objects[i]);

		n += o != OBJ_NONE && objects_addr(&r->s->heap.objects, o) == r->objects[i] &&
		     objects_size(&r->s->heap.objects, o) == 56;
	}
	return n;
}

static void smashed_sizes_cost_their_surroundings(void **state)
{
	static const uint64_t sizes[] = {0, 1, 0x11, 0x48, ~0ull, 0x7fffffffffffff1, 0x41414141};

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct rig r;

		rig_new(&r);
		rig_write(&r);
		core_build_put(r.core, r.objects[20] - 8, sizes[i]);
		rig_open(&r);
		expect_warning(&r, "damaged chunk", 0);
		assert_true(count_found(&r) >= N_OBJECTS - 2);
		rig_close(&r);
	}
}

static void a_cycle_of_cached_chunks_ends(void **state)
{
	struct rig r;
	addr_t a, b;

	rig_new(&r);
	a = r.objects[10];
	b = r.objects[20];
	heap_build_cache(r.h, a);
	heap_build_cache(r.h, b);
	rig_write(&r);
	core_build_put(r.core, a, b ^ a >> 12);
	rig_open(&r);
	expect_warning(&r, "thread cache", heap_build_tcache(r.h));
	assert_int_equal(r.s->heap.cached_chunks, 2);
	assert_int_equal(count_found(&r), N_OBJECTS - 2);
	rig_close(&r);
}

static void a_cycle_in_a_fastbin_ends(void **state)
{
	struct rig r;
	addr_t a, b;

	rig_new(&r);
	a = r.objects[10] - 16;
	b = r.objects[20] - 16;
	heap_build_fast(r.h, a + 16);
	heap_build_fast(r.h, b + 16);
	rig_write(&r);
	core_build_put(r.core, a + 16, b ^ (a + 16) >> 12);
	rig_open(&r);
	expect_warning(&r, "fastbin", BUILT_ARENA + FASTBINS + 8 * 2);
	assert_int_equal(count_found(&r), N_OBJECTS - 2);
	rig_close(&r);
}

static void a_cycle_in_a_bin_ends(void **state)
{
	struct rig r;

	rig_new(&r);
	heap_build_release(r.h, r.objects[10]);
	heap_build_release(r.h, r.objects[20]);
	rig_write(&r);
	/* the last one leads back to the first instead of the bin's head */
	core_build_put(r.core, r.objects[10], r.objects[20] - 16);
	rig_open(&r);
	expect_warning(&r, "bin 1 of the arena", BUILT_ARENA);
	assert_int_equal(count_found(&r), N_OBJECTS - 2);
	rig_close(&r);
}

static void lists_that_leave_the_heap_end(void **state)
{
	struct rig r;

	rig_new(&r);
	heap_build_cache(r.h, r.objects[10]);
	heap_build_fast(r.h, r.objects[20]);
	heap_build_release(r.h, r.objects[30]);
	rig_write(&r);
	core_build_put(r.core, r.objects[10], 0x123456789abcdef0);
	core_build_put(r.core, r.objects[20], 0x123456789abcdef0);
	core_build_put(r.core, r.objects[30], 0x123456789abcdef0);
	rig_open(&r);
	expect_warning(&r, "thread cache", heap_build_tcache(r.h));
	expect_warning(&r, "fastbin", BUILT_ARENA + FASTBINS + 8 * 2);
	expect_warning(&r, "bin 1 of the arena", BUILT_ARENA);
	rig_close(&r);
}

static void a_ring_of_arenas_may_not_close(void **state)
{
	struct rig r;
	size_t arenas[3];

	rig_new(&r);
	for (size_t i = 0; i < ARRAY_LEN(arenas); i++) {
		arenas[i] = heap_build_arena(r.h);
		heap_build_alloc(r.h, arenas[i], 1000);
	}
	rig_write(&r);
	/* the last one leads to the second, not to main_arena */
	core_build_put(r.core, heap_build_state(r.h, arenas[2]) + NEXT,
		       heap_build_state(r.h, arenas[1]));
	rig_open(&r);
	expect_warning(&r, "ring of arenas is damaged", heap_build_state(r.h, arenas[2]));
	assert_int_equal(r.s->heap.arenas.n, 4);
	assert_int_equal(count_found(&r), N_OBJECTS);
	rig_close(&r);
}

static void a_ring_may_lead_nowhere(void **state)
{
	static const addr_t nexts[] = {0, 8, BUILT_GLOBALS, ~0ull, 0xffffffffffffff00};

	for (size_t i = 0; i < ARRAY_LEN(nexts); i++) {
		struct rig r;

		rig_new(&r);
		heap_build_alloc(r.h, heap_build_arena(r.h), 1000);
		rig_write(&r);
		core_build_put(r.core, BUILT_ARENA + NEXT, nexts[i]);
		rig_open(&r);
		expect_warning(&r, "ring of arenas", BUILT_ARENA);
		assert_int_equal(count_found(&r), N_OBJECTS);
		rig_close(&r);
	}
}

static void figures_that_do_not_agree_are_said(void **state)
{
	struct rig r;

	rig_new(&r);
	heap_build_mmap(r.h, 100000);
	rig_write(&r);
	core_build_put(r.core, BUILT_ARENA + SYSTEM_MEM, 0x7ff0);
	core_build_put(r.core, BUILT_PARAMS, 2 | 65536ull << 32);
	core_build_put(r.core, BUILT_PARAMS + 8, 2);
	rig_open(&r);
	expect_warning(&r, "bytes from the system", BUILT_ARENA);
	expect_warning(&r, "mapped chunks", 0);
	assert_int_equal(count_found(&r), N_OBJECTS);
	rig_close(&r);
}

static void a_cache_with_crafted_counts_is_bounded(void **state)
{
	struct rig r;

	rig_new(&r);
	heap_build_cache(r.h, r.objects[10]);
	heap_build_cache(r.h, r.objects[12]);
	heap_build_cache(r.h, heap_build_alloc(r.h, 0, 100));
	rig_write(&r);
	core_build_put(r.core, heap_build_tcache(r.h), 0xffffull << 32);
	rig_open(&r);
	expect_warning(&r, "thread cache", heap_build_tcache(r.h));
	rig_close(&r);
}

static void mapped_chunks_of_crafted_sizes_are_bounded(void **state)
{
	static const uint64_t sizes[] = {~0xfffull | 2, 0x8000000000000002, 0x1002, 2,
					 0x1000000002};

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct rig r;
		addr_t a;

		rig_new(&r);
		a = heap_build_mmap(r.h, 100000);
		rig_write(&r);
		core_build_put(r.core, a - 8, sizes[i]);
		rig_open(&r);
		expect_warning(&r, "mapped chunks", 0);
		assert_int_equal(count_found(&r), N_OBJECTS);
		rig_close(&r);
	}
}

/* A dump whose mappings are as large as the address space, without a byte in the file. */
static void huge_mappings_cost_nothing(void **state)
{
	struct rig r;

	rig_new(&r);
	core_build_map_part(r.core, 0x10000000000, 1ull << 42, 0, PROT_R | PROT_W);
	core_build_map_part(r.core, 0x20000000000, 1ull << 44, 4096, PROT_R | PROT_W);
	core_build_map_part(r.core, 0x8000000000000000, (1ull << 63) - 4096, 8, PROT_R | PROT_W);
	core_build_map_part(r.core, BUILT_BRK + 0x8000, 1ull << 39, 0, PROT_R | PROT_W);
	heap_build_put(r.h, 0x20000000000, r.objects[3]);
	rig_write(&r);
	rig_open(&r);
	assert_int_equal(count_found(&r), N_OBJECTS);
	rig_close(&r);
}

/* Ten thousand unknown mappings far from each other. */
static void many_small_mappings_are_bounded(void **state)
{
	struct rig r;

	rig_new(&r);
	for (uint64_t i = 0; i < 10000; i++)
		core_build_map(r.core, 0x10000000000 + (i << 31), 16, PROT_R | PROT_W);
	for (uint64_t i = 0; i < 9999; i++)
		core_build_put(r.core, 0x10000000000 + (i << 31), 0x10000000000 + ((i + 1) << 31));
	rig_write(&r);
	rig_open(&r);
	assert_int_equal(count_found(&r), N_OBJECTS);
	rig_close(&r);
}

static void main_arena_may_be_smashed_altogether(void **state)
{
	struct rig r;

	rig_new(&r);
	heap_build_alloc(r.h, heap_build_arena(r.h), 1000);
	rig_write(&r);
	memset(core_build_at(r.core, BUILT_ARENA, BUILT_STATE_SIZE), 0x41, BUILT_STATE_SIZE);
	rig_open(&r);
	expect_warning(&r, "malloc", 0);
	rig_close(&r);
}

/* Every place that a damaged loader's list can lead to. */
static void a_loaders_list_may_be_a_ring(void **state)
{
	static const addr_t nexts[] = {BUILT_EXE + 0x1200, BUILT_EXE + 0x1300, ~0ull, 7, BUILT_BRK};

	for (size_t i = 0; i < ARRAY_LEN(nexts); i++) {
		struct rig r;

		rig_new(&r);
		rig_write(&r);
		core_build_put(r.core, BUILT_EXE + 0x1300 + 24, nexts[i]);
		rig_open(&r);
		assert_int_equal(count_found(&r), N_OBJECTS);
		rig_close(&r);
	}
}

/* Paths of a core from elsewhere: to open a device or the pipe would already be too much. */
static void only_plain_files_are_opened_as_modules(void **state)
{
	static const char *const paths[] = {
		"/dev/zero", "/dev/tty", "/proc/self/mem",	"/proc/kcore", "/proc/kmsg", "/etc",
		"",	     "/",	 "../../../../dev/zero"};
	char dir[] = "/tmp/test_damage.XXXXXX", fifo[64], event[512];
	int watch = inotify_init1(IN_NONBLOCK);
	struct rig r;

	assert_non_null(mkdtemp(dir));
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_true(inotify_add_watch(watch, fifo, IN_OPEN) >= 0);
	rig_new(&r);
	for (size_t i = 0; i <= ARRAY_LEN(paths); i++) {
		const char *path = i < ARRAY_LEN(paths) ? paths[i] : fifo;
		addr_t at = 0x100000 + i * 0x10000;

		core_build_map(r.core, at, 0x1000, PROT_R | PROT_X);
		memcpy(core_build_at(r.core, at, 0x200), core_build_at(r.core, BUILT_LIBC, 0x200),
		       0x200);
		core_build_file(r.core, at, at + 0x1000, 0, path);
	}
	rig_write(&r);
	rig_open(&r);
	for (size_t i = 0; i < r.s->modules.list.n; i++)
		assert_null(r.s->modules.list.v[i].file);
	assert_int_equal(count_found(&r), N_OBJECTS);
	assert_true(read(watch, event, sizeof(event)) < 0);
	rig_close(&r);
	close(watch);
	unlink(fifo);
	rmdir(dir);
}

static void every_truncation_is_answered(void **state)
{
	struct rig r;
	size_t n, n_opened = 0;
	uint8_t *bytes;

	rig_new(&r);
	rig_write(&r);
	bytes = core_build_finish(r.core, &n);
	for (size_t cut = 1; cut < n; cut += 97) {
		struct err e;

		r.s = built_session_open(bytes, cut, &e);
		if (!r.s)
			continue;
		if (session_need_dominators(r.s, &e) < 0)
			fail_msg("cut at %zu: %s", cut, e.text);
		assert_true(r.s->parts.truncated && r.s->warnings.lines.n > 0);
		objects_check(&r.s->heap.objects);
		built_session_close(r.s);
		n_opened++;
	}
	assert_true(n_opened > 100);
	free(bytes);
	heap_build_free(r.h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(smashed_sizes_cost_their_surroundings),
		cmocka_unit_test(a_cycle_of_cached_chunks_ends),
		cmocka_unit_test(a_cycle_in_a_fastbin_ends),
		cmocka_unit_test(a_cycle_in_a_bin_ends),
		cmocka_unit_test(lists_that_leave_the_heap_end),
		cmocka_unit_test(a_ring_of_arenas_may_not_close),
		cmocka_unit_test(a_ring_may_lead_nowhere),
		cmocka_unit_test(figures_that_do_not_agree_are_said),
		cmocka_unit_test(a_cache_with_crafted_counts_is_bounded),
		cmocka_unit_test(mapped_chunks_of_crafted_sizes_are_bounded),
		cmocka_unit_test(huge_mappings_cost_nothing),
		cmocka_unit_test(many_small_mappings_are_bounded),
		cmocka_unit_test(main_arena_may_be_smashed_altogether),
		cmocka_unit_test(a_loaders_list_may_be_a_ring),
		cmocka_unit_test(only_plain_files_are_opened_as_modules),
		cmocka_unit_test(every_truncation_is_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
