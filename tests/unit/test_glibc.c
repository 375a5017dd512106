/*
 * The walk of glibc's heap against what the process itself knew: a victim (glibc_victim.c) is
 * compiled, run and dumped by the kernel; every object it held, its usable size, and mallinfo2's
 * sums must come out of the core.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "analyze/heap/heap.h"
#include "analyze/space/claim_known.h"
#include "formats/core_read.h"
#include "formats/input.h"
#include "tests/unit/glibc_victim.h"

static char dir[64];

/* Another victim, for other releases of glibc: compiled and linked by the caller. */
#define VICTIM_ENV "HEAPDUMP_TEST_VICTIM"

struct opened {
	struct input input;
	struct parts parts;
	struct warnings warnings;
	struct space space;
	struct modules modules;
	struct symbols *symbols;
	struct debuginfo *debuginfo;
	struct claims claims;
	struct threads threads;
	struct heap heap;
	struct victim_record *rec;
};

static int sh(const char *fmt, ...)
{
	char cmd[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	return system(cmd);
}

/* Runs the victim; its core is then dir/core. env: VAR=value assignments for the shell. */
static void make_core(const char *victim, const char *scenario, const char *env)
{
	const char *other = getenv(VICTIM_ENV);
	char path[128];

	if (other && !strcmp(victim, "./victim"))
		victim = other;
	sh("cd %s && rm -f core core.* record", dir);
	sh("cd %s && ulimit -c unlimited && { env %s %s %s record; } 2>/dev/null", dir, env, victim,
	   scenario);
	sh("cd %s && [ -f core ] || mv core.* core 2>/dev/null", dir);
	snprintf(path, sizeof(path), "%s/core", dir);
	if (access(path, R_OK) < 0)
		skip();
}

static void must(int rc, const struct err *e)
{
	if (rc < 0)
		fail_msg("%s", e->text);
}

static void open_space(struct opened *o, const char *debug_dir)
{
	struct module_search search = {.debug_dir = debug_dir, .no_debuginfod = true};
	struct err e = {0};
	char path[128];

	memset(o, 0, sizeof(*o));
	snprintf(path, sizeof(path), "%s/core", dir);
	must(input_open(&o->input, path, NULL, &e), &e);
	must(core_read(&o->parts, o->input.bytes, o->input.size, &o->warnings, &e), &e);
	must(space_init(&o->space, &o->parts, &e), &e);
	must(modules_init(&o->modules, &o->space, &search, &o->warnings, &e), &e);
	must(symbols_new(&o->symbols, &o->modules, &e), &e);
	must(debuginfo_new(&o->debuginfo, &o->space, &o->modules, &e), &e);
	must(claim_known(&o->claims, &o->space, &o->modules, &e), &e);
	must(threads_init(&o->threads, &o->space, &o->modules, o->symbols, o->debuginfo, &o->claims,
			  &o->warnings, &e),
	     &e);
}

static void open_heap(struct opened *o)
{
	struct err e = {0};
	char path[128];
	int fd;

	must(heap_init(&o->heap, &o->space, &o->modules, o->symbols, o->debuginfo, &o->threads,
		       &o->claims, &o->warnings, &e),
	     &e);
	objects_check(&o->heap.objects);
	snprintf(path, sizeof(path), "%s/record", dir);
	fd = open(path, O_RDONLY);
	o->rec = mmap(NULL, sizeof(*o->rec), PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	assert_ptr_not_equal(o->rec, MAP_FAILED);
	assert_int_equal(o->rec->finished, 1);
}

static void open_core(struct opened *o, const char *debug_dir)
{
	open_space(o, debug_dir);
	open_heap(o);
}

static void close_core(struct opened *o)
{
	munmap(o->rec, sizeof(*o->rec));
	heap_deinit(&o->heap);
	threads_deinit(&o->threads);
	claims_deinit(&o->claims);
	debuginfo_free(o->debuginfo);
	symbols_free(o->symbols);
	modules_deinit(&o->modules);
	space_deinit(&o->space);
	parts_deinit(&o->parts);
	warnings_deinit(&o->warnings);
	input_close(&o->input);
}

static void show(const struct opened *o)
{
	const struct heap *h = &o->heap;

	for (size_t i = 0; i < o->warnings.lines.n; i++)
		print_message("    warning: %s\n", o->warnings.lines.v[i]);
	print_message("    in use %lu + cached %lu (%lu chunks), internal %lu in %lu, free %lu, "
		      "mmapped %lu in %lu; process: uordblks %lu + hblkhd %lu = %lu\n",
		      h->in_use_chunk_bytes, h->cached_chunk_bytes, h->cached_chunks,
		      h->internal_chunk_bytes, h->internal_chunks, h->free_chunk_bytes,
		      h->mmapped_bytes, h->mmapped_chunks, o->rec->uordblks, o->rec->hblkhd,
		      o->rec->uordblks + o->rec->hblkhd);
}

static bool has_warning(const struct opened *o, const char *part)
{
	for (size_t i = 0; i < o->warnings.lines.n; i++)
		if (strstr(o->warnings.lines.v[i], part))
			return true;
	return false;
}

/* How many of the victim's live objects are missing, or of another size. */
static uint32_t count_wrong(const struct opened *o)
{
	uint32_t n_wrong = 0, n = o->rec->n < VICTIM_MAX ? o->rec->n : VICTIM_MAX;

	for (uint32_t i = 0; i < n; i++) {
		const struct victim_object *v = &o->rec->live[i];
		obj_id id = v->addr ? objects_find(&o->heap.objects, v->addr) : OBJ_NONE;

		if (v->addr && (id == OBJ_NONE || objects_addr(&o->heap.objects, id) != v->addr ||
				objects_size(&o->heap.objects, id) != v->usable))
			n_wrong++;
	}
	return n_wrong;
}

static uint32_t count_live(const struct opened *o)
{
	uint32_t n_live = 0;

	for (uint32_t i = 0; i < o->rec->n && i < VICTIM_MAX; i++)
		n_live += o->rec->live[i].addr != 0;
	return n_live;
}

/* Everything must agree; extra: objects the victim did not make itself (libc's, dtvs). */
static void check_exact(struct opened *o, uint32_t extra)
{
	const struct heap *h = &o->heap;
	uint64_t n_objects = objects_count(&h->objects) - h->objects.n_mappings;
	uint64_t fast = 0, hblkhd = o->rec->hblkhd;

	for (size_t i = 0; i < h->arenas.n; i++)
		fast += h->arenas.v[i].fast_chunk_bytes;
	/* 2.43 counts 16 bytes too many at every mremap. */
	if (hblkhd == h->mmapped_bytes + 16ul * o->rec->n_moved)
		hblkhd = h->mmapped_bytes;
	if (h->in_use_chunk_bytes + h->cached_chunk_bytes != o->rec->uordblks + hblkhd ||
	    h->mmapped_chunks != o->rec->hblks || has_warning(o, "malloc"))
		show(o);
	assert_string_equal(h->allocator, "glibc malloc");
	assert_false(has_warning(o, "malloc"));
	assert_int_equal(count_wrong(o), 0);
	assert_int_equal(h->in_use_chunk_bytes + h->cached_chunk_bytes, o->rec->uordblks + hblkhd);
	assert_int_equal(h->mmapped_bytes, hblkhd);
	assert_int_equal(h->mmapped_chunks, o->rec->hblks);
	assert_int_equal(fast, o->rec->fsmblks);
	assert_int_equal(h->free_chunk_bytes, o->rec->fordblks);
	assert_int_equal(h->lost_bytes, 0);
	if (n_objects < count_live(o) || n_objects > count_live(o) + extra)
		fail_msg("%lu objects, the process held %u (and at most %u others)", n_objects,
			 count_live(o), extra);
}

static void run_exact(const char *victim, const char *scenario, const char *env,
		      const char *debug_dir, uint32_t extra)
{
	struct opened o;

	make_core(victim, scenario, env);
	open_core(&o, debug_dir);
	check_exact(&o, extra);
	close_core(&o);
}

#define NO_DEBUG   "/nonexistent"
#define NO_TCACHE  "GLIBC_TUNABLES=glibc.malloc.tcache_count=0"
#define TCACHE_MAX "GLIBC_TUNABLES=glibc.malloc.tcache_count=2000"

static void every_object_of_a_churned_heap_is_found(void **state)
{
	run_exact("./victim", "churn", "A=", NO_DEBUG, 8);
}

static void debug_symbols_change_nothing(void **state)
{
	struct opened o;

	make_core("./victim", "churn", "A=");
	open_core(&o, NULL);
	check_exact(&o, 8);
	close_core(&o);
}

static void heaps_of_many_threads_are_walked(void **state)
{
	run_exact("./victim", "threads", "A=", NO_DEBUG, 40);
}

static void threads_may_share_one_arena(void **state)
{
	run_exact("./victim", "threads", "MALLOC_ARENA_MAX=1", NO_DEBUG, 40);
}

static void fastbins_are_free_memory(void **state)
{
	run_exact("./victim", "churn", NO_TCACHE, NO_DEBUG, 8);
	run_exact("./victim", "threads", NO_TCACHE, NO_DEBUG, 40);
}

static void long_thread_caches_are_followed(void **state)
{
	run_exact("./victim", "threads", TCACHE_MAX, NO_DEBUG, 40);
}

static void aligned_objects_start_where_memalign_put_them(void **state)
{
	run_exact("./victim", "aligned", "A=", NO_DEBUG, 8);
}

static void mapped_chunks_may_grow_and_move(void **state)
{
	run_exact("./victim", "grown", "A=", NO_DEBUG, 8);
}

static void an_arena_may_have_many_heaps(void **state)
{
	run_exact("./victim", "wide", "A=", NO_DEBUG, 12);
}

static void a_trimmed_heap_ends_at_its_top(void **state)
{
	run_exact("./victim", "trimmed", "A=", NO_DEBUG, 8);
}

static void memory_that_others_took_with_sbrk_is_stepped_over(void **state)
{
	run_exact("./victim", "foreign_sbrk", "A=", NO_DEBUG, 8);
}

static void pieces_mapped_instead_of_brk_are_walked(void **state)
{
	run_exact("./victim", "no_brk", "A=", NO_DEBUG, 8);
	run_exact("./victim", "never_brk", "A=", NO_DEBUG, 8);
}

static void an_empty_thread_cache_is_no_object(void **state)
{
	run_exact("./victim", "empty_cache", "A=", NO_DEBUG, 8);
}

static void malloc_inside_a_static_executable_is_found(void **state)
{
	run_exact("./victim-static", "churn", "A=", NO_DEBUG, 8);
	run_exact("./victim-static", "threads", "A=", NO_DEBUG, 40);
}

static void a_smashed_size_costs_only_its_surroundings(void **state)
{
	static const char *const scenarios[] = {"smashed", "misled"};

	for (size_t i = 0; i < ARRAY_LEN(scenarios); i++) {
		struct opened o;

		make_core("./victim", scenarios[i], "A=");
		open_core(&o, NO_DEBUG);
		if (count_wrong(&o) > 2 || !has_warning(&o, "damaged chunk"))
			show(&o);
		assert_true(count_wrong(&o) <= 2);
		assert_true(has_warning(&o, "damaged chunk"));
		assert_true(o.heap.lost_bytes > 0 && o.heap.lost_bytes <= 0x340);
		close_core(&o);
	}
}

static void a_cycle_in_a_thread_cache_ends_with_a_warning(void **state)
{
	struct opened o;

	make_core("./victim", "cycle", "A=");
	open_core(&o, NO_DEBUG);
	assert_true(has_warning(&o, "thread cache"));
	assert_int_equal(o.heap.cached_chunks >= 5, 1);
	assert_int_equal(count_wrong(&o), 0);
	close_core(&o);
}

/* libc's data lies at the file's end: what is cut off first. */
static void a_core_without_main_arena_still_has_its_heaps(void **state)
{
	struct opened o;
	char path[128];
	struct stat st;

	make_core("./victim", "threads", "A=");
	snprintf(path, sizeof(path), "%s/core", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size / 10 * 9), 0);
	open_core(&o, NO_DEBUG);
	if (!has_warning(&o, "main_arena is not in the dump"))
		show(&o);
	assert_true(has_warning(&o, "main_arena is not in the dump"));
	assert_true(objects_count(&o.heap.objects) > count_live(&o) / 2);
	close_core(&o);
}

static void an_unused_malloc_does_not_serve_the_process(void **state)
{
	struct opened o;

	if (!getenv(VICTIM_ENV) && sh("ls /usr/lib/*/libjemalloc.so.2 >/dev/null 2>&1"))
		skip();
	make_core("./victim", "churn", "LD_PRELOAD=libjemalloc.so.2");
	open_core(&o, NO_DEBUG);
	assert_null(o.heap.allocator);
	assert_int_equal(o.heap.unknown.n, 1);
	assert_string_equal(o.heap.unknown.v[0].name, "jemalloc");
	assert_true(o.heap.unknown_bytes > 1 << 20);
	assert_true(has_warning(&o, "jemalloc"));
	close_core(&o);
}

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	return *s ^= *s << 17;
}

/* Something that a heap's words may be confused with. */
static uint64_t some_word(uint64_t *s, uint64_t old, addr_t at)
{
	switch (next_random(s) % 8) {
	case 0:
		return 0;
	case 1:
		return ~0ull;
	case 2:
		return old ^ 1ull << next_random(s) % 64;
	case 3:
		return at;
	case 4:
		return at - next_random(s) % 64 * 16;
	case 5:
		return (next_random(s) & 0xfff0) | (next_random(s) & 7);
	case 6:
		return old + 16 - next_random(s) % 3 * 16;
	default:
		return next_random(s);
	}
}

/* Damages n words: half of them in the writable data of modules, half anywhere. */
static void damage(struct opened *o, uint64_t *s, uint32_t n)
{
	while (n--) {
		const struct module *m = &o->modules.list.v[next_random(s) % o->modules.list.n];
		const struct space_run *r = &o->space.runs.v[next_random(s) % o->space.runs.n];
		addr_t at = (r->addr + next_random(s) % r->size) & ~7ull;
		uint64_t avail = 0, word;
		uint8_t *p;

		if (n % 2 && m->writable.n)
			at = (m->writable.v[0].lo + next_random(s) % range_size(m->writable.v[0])) &
			     ~7ull;
		p = (uint8_t *)space_at(&o->space, at, &avail);
		if (!p || avail < 8 || p < o->input.bytes || p >= o->input.bytes + o->input.size)
			continue;
		memcpy(&word, p, 8);
		word = some_word(s, word, at);
		memcpy(p, &word, 8);
	}
}

static void no_damage_breaks_the_walk(void **state)
{
	static const char *const scenarios[] = {"churn", "threads", "aligned", "no_brk"};
	uint64_t s = 88172645463325252ull;

	for (size_t i = 0; i < ARRAY_LEN(scenarios); i++) {
		make_core("./victim", scenarios[i], "A=");
		for (uint32_t round = 0; round < 12; round++) {
			struct opened o;

			open_space(&o, NO_DEBUG);
			assert_int_equal(mprotect((void *)o.input.bytes, o.input.size,
						  PROT_READ | PROT_WRITE),
					 0);
			damage(&o, &s, 1u << round % 12 * 2);
			open_heap(&o);
			assert_true(o.heap.objects.bytes <= o.heap.in_use_chunk_bytes);
			close_core(&o);
		}
	}
}

/* Compiles the victims into a folder of their own. */
static int set_up(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/test_glibc.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	if (sh("cc -g -O1 -pthread -I. -o %s/victim tests/unit/glibc_victim.c -ldl", dir))
		return -1;
	return sh("cc -g -O1 -static -DVICTIM_STATIC -pthread -o %s/victim-static "
		  "tests/unit/glibc_victim.c "
		  "-Wno-deprecated-declarations",
		  dir);
}

static int tear_down(void **state)
{
	return sh("rm -rf %s", dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_object_of_a_churned_heap_is_found),
		cmocka_unit_test(debug_symbols_change_nothing),
		cmocka_unit_test(heaps_of_many_threads_are_walked),
		cmocka_unit_test(threads_may_share_one_arena),
		cmocka_unit_test(fastbins_are_free_memory),
		cmocka_unit_test(long_thread_caches_are_followed),
		cmocka_unit_test(aligned_objects_start_where_memalign_put_them),
		cmocka_unit_test(mapped_chunks_may_grow_and_move),
		cmocka_unit_test(an_arena_may_have_many_heaps),
		cmocka_unit_test(a_trimmed_heap_ends_at_its_top),
		cmocka_unit_test(memory_that_others_took_with_sbrk_is_stepped_over),
		cmocka_unit_test(pieces_mapped_instead_of_brk_are_walked),
		cmocka_unit_test(an_empty_thread_cache_is_no_object),
		cmocka_unit_test(malloc_inside_a_static_executable_is_found),
		cmocka_unit_test(a_smashed_size_costs_only_its_surroundings),
		cmocka_unit_test(a_cycle_in_a_thread_cache_ends_with_a_warning),
		cmocka_unit_test(a_core_without_main_arena_still_has_its_heaps),
		cmocka_unit_test(an_unused_malloc_does_not_serve_the_process),
		cmocka_unit_test(no_damage_breaks_the_walk),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
