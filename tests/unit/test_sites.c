/*
 * The sampler's tables in a core, joined with the heap: what was built comes out by every way of
 * finding it, a sample counts only where the allocator agrees, estimates weigh as Horvitz and
 * Thompson say, and roots and sub-objects that the program told of are there. Hostile and cut tables:
 * test_sites_hostile.c.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/ask/allocated.h"
#include "analyze/ask/callers.h"
#include "analyze/ask/wrappers.h"
#include "tests/unit/sites_rig.h"

static void a_scan_finds_the_tables_of_a_plain_core(void **state)
{
	struct rig r;
	addr_t a;
	uint32_t site;

	rig_init(&r);
	a = heap_build_alloc(r.h, 0, 40);
	site = add_site(&r, BUILT_EXE + 0x100);
	add_sample(&r, a, 40, site);
	rig_open(&r);
	assert_int_equal(r.s->sampled.source, ANCHOR_BY_SCAN);
	assert_int_equal(r.s->sampled.samples.n, 1);
	assert_int_equal(allocated_site(r.s, object_at(&r, a)), site);
	rig_close(&r);
}

static void the_note_of_an_image_is_the_shorter_way(void **state)
{
	struct heapimage_anchor_note note = {TABLES, 512};
	struct rig r;

	rig_init(&r);
	core_build_note(heap_build_core(r.h), HEAPIMAGE_OWNER, HEAPIMAGE_NOTE_ANCHOR, &note,
			sizeof(note));
	rig_open(&r);
	assert_int_equal(r.s->sampled.source, ANCHOR_BY_NOTE);
	rig_close(&r);
}

static void a_note_that_errs_is_said_and_the_scan_goes_on(void **state)
{
	struct heapimage_anchor_note note = {BUILT_BRK, 512};
	struct rig r;

	rig_init(&r);
	core_build_note(heap_build_core(r.h), HEAPIMAGE_OWNER, HEAPIMAGE_NOTE_ANCHOR, &note,
			sizeof(note));
	rig_open(&r);
	assert_int_equal(r.s->sampled.source, ANCHOR_BY_SCAN);
	assert_true(built_session_warned(r.s, "image says"));
	rig_close(&r);
}

static void a_copy_of_the_anchor_elsewhere_does_not_count(void **state)
{
	struct rig r;

	rig_init(&r);
	tables_build_finish(&r.t);
	core_build_map(heap_build_core(r.h), 0x60000000, 4096, PROT_R | PROT_W);
	memcpy(core_build_at(heap_build_core(r.h), 0x60000000, 512), &r.t.anchor, 512);
	core_build_at(heap_build_core(r.h), TABLES, 1)[0] = 0;
	r.t.anchor.magic[0] = 0;
	rig_open(&r);
	assert_int_equal(r.s->sampled.source, ANCHOR_NONE);
	rig_close(&r);
}

static void a_wrong_checksum_is_said(void **state)
{
	struct rig r;

	rig_init(&r);
	tables_build_finish(&r.t);
	core_build_put(heap_build_core(r.h), TABLES + offsetof(struct heapimage_anchor, start_ns),
		       1);
	r.bytes = heap_build_finish(r.h, &r.n);
	r.s = built_session_open(r.bytes, r.n, &(struct err){0});
	assert_int_equal(session_need_sampled(r.s, &(struct err){0}), 0);
	assert_int_equal(r.s->sampled.source, ANCHOR_NONE);
	assert_true(built_session_warned(r.s, "checksum"));
	rig_close(&r);
}

static void of_two_samplers_the_later_one_is_used(void **state)
{
	struct tables_build second;
	struct rig r;

	rig_init(&r);
	tables_build_init(&second, heap_build_core(r.h), TABLES + 0x100000);
	second.anchor.start_ns = r.t.anchor.start_ns + 1;
	tables_build_finish(&second);
	rig_open(&r);
	assert_int_equal(r.s->sampled.anchor.self, TABLES + 0x100000);
	assert_true(built_session_warned(r.s, "several samplers"));
	rig_close(&r);
}

static void tables_of_a_later_major_version_are_named(void **state)
{
	struct fact *f = fact_object();
	struct err e = {0};
	struct rig r;

	rig_init(&r);
	r.t.anchor.major = 7;
	rig_open(&r);
	assert_int_equal(r.s->sampled.source, ANCHOR_NONE);
	assert_true(built_session_warned(r.s, "7.0"));
	assert_int_equal(top_answer(r.s, TOP_BY_SITE, 1, f, &e), ERR_ABSENT);
	assert_non_null(strstr(e.text, "another version"));
	fact_free(f);
	rig_close(&r);
}

/* Nothing else holds them: the sampler's own words must not. */
static void a_sample_does_not_hold_its_object(void **state)
{
	struct rig r;
	addr_t a, b;

	rig_init(&r);
	a = heap_build_alloc(r.h, 0, 40);
	b = heap_build_alloc(r.h, 0, 40);
	add_sample(&r, a, 40, add_site(&r, BUILT_EXE + 0x100));
	heap_build_put(r.h, BUILT_GLOBALS, TABLES);
	heap_build_put(r.h, BUILT_GLOBALS + 8, b);
	rig_open(&r);
	assert_int_equal(r.s->reach.verdict[object_at(&r, a)], LEAKED_DIRECTLY);
	assert_int_equal(r.s->reach.verdict[object_at(&r, b)], REACHABLE);
	assert_int_equal(claims_bytes(&r.s->claims, CLAIM_SAMPLER), TABLES_PAGES * TABLES_PAGE);
	rig_close(&r);
}

static void a_sample_of_free_memory_is_stale(void **state)
{
	struct rig r;
	addr_t a, b, c;
	uint32_t site;

	rig_init(&r);
	a = heap_build_alloc(r.h, 0, 40);
	b = heap_build_alloc(r.h, 0, 100);
	c = heap_build_alloc(r.h, 0, 100);
	site = add_site(&r, BUILT_EXE + 0x100);
	add_sample(&r, a, 40, site);
	add_sample(&r, b, 4000, site);	 /* asked for more than is there */
	add_sample(&r, c + 16, 8, site); /* another object is there */
	add_sample(&r, 0x1234, 8, site); /* nothing is there */
	heap_build_release(r.h, a);
	rig_open(&r);
	assert_int_equal(r.s->sites.n_stale, 2);
	assert_int_equal(r.s->sites.n_reused, 2);
	assert_int_equal(r.s->sites.births.n, 0);
	assert_int_equal(r.s->sites.all.n, 0);
	assert_true(built_session_warned(r.s, "stale"));
	rig_close(&r);
}

static void torn_and_unknown_entries_are_not_believed(void **state)
{
	struct rig r;
	addr_t a;
	uint32_t site, slot;

	rig_init(&r);
	a = heap_build_alloc(r.h, 0, 40);
	site = add_site(&r, BUILT_EXE + 0x100);
	slot = add_sample(&r, a, 40, site);
	tables_build_sample_at(&r.t, slot)->state = HEAPIMAGE_WRITING;
	slot = add_sample(&r, a, 40, 77);
	tables_build_site_at(&r.t, add_site(&r, 1))->state = 99;
	rig_open(&r);
	assert_int_equal(r.s->sampled.n_torn, 1);
	assert_int_equal(r.s->sampled.n_siteless, 1);
	assert_int_equal(r.s->sampled.sites.n, 1);
	assert_int_equal(r.s->sites.births.n, 1);
	assert_int_equal(r.s->sites.births.v[0].slot, slot);
	assert_int_equal(allocated_site(r.s, object_at(&r, a)), INDEX_NONE);
	rig_close(&r);
}

static void the_younger_of_two_samples_of_an_address_counts(void **state)
{
	struct rig r;
	addr_t a;
	uint32_t first, second;

	rig_init(&r);
	a = heap_build_alloc(r.h, 0, 40);
	first = add_site(&r, BUILT_EXE + 0x100);
	second = add_site(&r, BUILT_EXE + 0x180);
	tables_build_sample(&r.t, &(struct heapimage_sample){
					  .addr = a, .size = 40, .site = second, .serial = 9});
	tables_build_sample(&r.t, &(struct heapimage_sample){
					  .addr = a, .size = 40, .site = first, .serial = 3});
	rig_open(&r);
	assert_int_equal(r.s->sampled.n_twice, 1);
	assert_int_equal(allocated_site(r.s, object_at(&r, a)), second);
	rig_close(&r);
}

static void estimates_are_those_of_horvitz_and_thompson(void **state)
{
	const uint64_t interval = 512, sizes[] = {40, 100, 1000};
	double objects = 0, bytes = 0, var = 0;
	struct rig r;
	uint32_t site;

	rig_init(&r);
	site = add_site(&r, BUILT_EXE + 0x100);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		addr_t a = heap_build_alloc(r.h, 0, sizes[i]);
		double p = 1 - exp(-(double)(sizes[i] + 1) / (double)interval);
		double usable = (double)((sizes[i] + 8 + 15) / 16 * 16 - 8);

		tables_build_sample(&r.t, &(struct heapimage_sample){.addr = a,
								     .size = sizes[i],
								     .site = site,
								     .interval = interval});
		objects += 1 / p;
		bytes += usable / p;
		var += usable * usable * (1 - p) / (p * p);
	}
	rig_open(&r);
	assert_float_equal(r.s->sites.all.objects, objects, 1e-6);
	assert_float_equal(r.s->sites.all.bytes, bytes, 1e-4);
	assert_float_equal(sqrt(r.s->sites.all.bytes_var), sqrt(var), 1e-4);
	assert_float_equal(r.s->sites.by_site[0].bytes, bytes, 1e-4);
	rig_close(&r);
}

/* Intervals are the dump's word: an estimate may be beyond what JSON can hold. */
static void an_estimate_beyond_all_numbers_is_the_largest_one(void **state)
{
	struct rig r;
	struct fact *f;

	rig_init(&r);
	for (size_t i = 0; i < 3; i++)
		tables_build_sample(
			&r.t, &(struct heapimage_sample){.addr = heap_build_alloc(r.h, 0, 1000),
							 .size = 1,
							 .site = add_site(&r, BUILT_EXE + 0x100),
							 .interval = UINT64_MAX});
	rig_open(&r);
	f = top_of(&r, TOP_BY_SITE);
	assert_false(fact_bool(f, "exact"));
	assert_int_equal(fact_u64(fact_at(fact_get(f, "rows"), 0), "bytes"), INT64_MAX);
	assert_int_equal(fact_u64(fact_at(fact_get(f, "rows"), 0), "leaked_bytes"), INT64_MAX);
	fact_free(f);
	rig_close(&r);
}

static void with_every_object_sampled_the_rows_are_the_heap(void **state)
{
	struct rig r;
	struct fact *f;
	uint64_t bytes = 0, objects = 0;

	rig_init(&r);
	for (size_t i = 0; i < 3; i++)
		add_site(&r, BUILT_EXE + 0x100 + 16 * i);
	for (size_t i = 0; i < 30; i++)
		add_sample(&r, heap_build_alloc(r.h, 0, 24 + 8 * i), 24 + 8 * i, i % 3);
	rig_open(&r);
	f = top_of(&r, TOP_BY_SITE);
	assert_true(fact_bool(f, "exact"));
	assert_int_equal(fact_count(fact_get(f, "rows")), 3);
	for (size_t i = 0; i < 3; i++) {
		const struct fact *row = fact_at(fact_get(f, "rows"), i);

		bytes += fact_u64(row, "bytes");
		objects += fact_u64(row, "objects");
		assert_int_equal(fact_u64(row, "bytes_error"), 0);
		assert_int_equal(fact_u64(row, "leaked_bytes"), fact_u64(row, "bytes"));
	}
	assert_int_equal(bytes, fact_u64(f, "in_use_bytes"));
	assert_int_equal(objects, fact_u64(f, "in_use_objects"));
	fact_free(f);
	f = top_of(&r, TOP_BY_THREAD);
	assert_int_equal(fact_count(fact_get(f, "rows")), 1);
	assert_int_equal(fact_u64(fact_at(fact_get(f, "rows"), 0), "thread"), BUILT_TID);
	assert_int_equal(fact_u64(fact_at(fact_get(f, "rows"), 0), "bytes"), bytes);
	fact_free(f);
	rig_close(&r);
}

static void without_samples_nothing_is_exact_unless_all_are_taken(void **state)
{
	for (uint64_t interval = 0; interval < 3; interval++) {
		struct rig r;
		struct fact *f;

		rig_init(&r);
		r.t.anchor.interval = interval;
		heap_build_alloc(r.h, 0, 40);
		rig_open(&r);
		f = top_of(&r, TOP_BY_SITE);
		assert_int_equal(fact_bool(f, "exact"), interval == 1);
		assert_int_equal(fact_count(fact_get(f, "rows")), 0);
		fact_free(f);
		rig_close(&r);
	}
}

static void leaks_of_different_sites_are_different_rows(void **state)
{
	struct rig r;
	struct fact *f = fact_object();
	struct err e = {0};

	rig_init(&r);
	add_site(&r, BUILT_EXE + 0x100);
	add_site(&r, BUILT_EXE + 0x180);
	for (size_t i = 0; i < 6; i++)
		add_sample(&r, heap_build_alloc(r.h, 0, 40), 40, i % 2);
	heap_build_alloc(r.h, 0, 40);
	rig_open(&r);
	assert_int_equal(leaks_answer(r.s, 20, f, &e), 0);
	assert_int_equal(fact_count(fact_get(f, "rows")), 3);
	assert_int_equal(fact_u64(fact_at(fact_get(f, "rows"), 0), "groups"), 3);
	assert_true(fact_has(fact_at(fact_get(f, "rows"), 0), "head.site"));
	fact_free(f);
	rig_close(&r);
}

static void the_birth_of_an_object_is_told(void **state)
{
	struct heapimage_info info = {.major = 1, .size = sizeof(info), .monotonic_ns = 5000000000};
	struct rig r;
	struct fact *f = fact_object();
	addr_t a, b;

	rig_init(&r);
	core_build_note(heap_build_core(r.h), HEAPIMAGE_OWNER, HEAPIMAGE_NOTE_INFO, &info,
			sizeof(info));
	a = heap_build_alloc(r.h, 0, 40);
	b = heap_build_alloc(r.h, 0, 40);
	add_site(&r, BUILT_EXE + 0x100);
	tables_build_sample(&r.t, &(struct heapimage_sample){
					  .addr = a, .size = 33, .time_ns = 2000000000, .tid = 8});
	rig_open(&r);
	allocated_set(r.s, f, object_at(&r, a));
	assert_int_equal(fact_u64(f, "allocation.requested"), 33);
	assert_int_equal(fact_u64(f, "allocation.serial"), 1);
	assert_int_equal(fact_u64(f, "allocation.age_ns"), 3000000000);
	assert_int_equal(fact_u64(f, "allocation.thread"), 8);
	assert_string_equal(fact_str(f, "allocation.born"), "2023-11-14T22:13:21.000Z");
	assert_int_equal(fact_count(fact_get(f, "allocation.site.frames")), 2);
	fact_free(f);
	f = fact_object();
	allocated_set(r.s, f, object_at(&r, b));
	assert_false(fact_has(f, "allocation"));
	assert_int_equal(fact_u64(f, "sampling_interval"), 1);
	fact_free(f);
	rig_close(&r);
}

static void code_that_was_unmapped_is_named_by_the_log(void **state)
{
	const struct heapimage_module gone = {.lo = 0x70000000,
					      .hi = 0x70002000,
					      .generation_first = 0,
					      .generation_last = 4,
					      .path = "/usr/lib/plugin.so"};
	struct rig r;
	struct caller c;

	rig_init(&r);
	tables_build_module(&r.t, &gone);
	tables_build_site(&r.t, (addr_t[]){0x70001234}, 1);
	tables_build_site(&r.t, (addr_t[]){0x70001234}, 1);
	tables_build_site_at(&r.t, 1)->generation = 5;
	rig_open(&r);
	assert_int_equal(callers_of(r.s, sampled_site(&r.s->sampled, 0), &c, 1), 1);
	assert_non_null(c.unmapped);
	assert_string_equal(c.unmapped->path, "/usr/lib/plugin.so");
	assert_int_equal(callers_of(r.s, sampled_site(&r.s->sampled, 1), &c, 1), 1);
	assert_null(c.unmapped);
	rig_close(&r);
}

static void names_of_the_malloc_family_are_passed_over(void **state)
{
	static const char *const wrappers[] = {"malloc",
					       "calloc",
					       "realloc",
					       "xmalloc",
					       "zcalloc",
					       "g_malloc0",
					       "g_malloc_n",
					       "PyMem_RawMalloc",
					       "operator new(unsigned long)",
					       "_Znwm",
					       "strdup",
					       "xrealloc.part.0",
					       "je_aligned_alloc",
					       "std::allocator<int>::allocate",
					       "std::allocator<a<int> >::allocate(unsigned long)",
					       "ns::get<std::less<int> >::xmalloc<4>(char const*)",
					       "ns::(anonymous namespace)::xmalloc(unsigned long)",
					       "Conn::operator new(unsigned long)",
					       "posix_memalign"};
	static const char *const others[] = {"buf_grow",
					     "conn_alloc",
					     "main",
					     "session_new",
					     "mallocator_init",
					     "n",
					     "_",
					     "1",
					     "malloc::open(int)",
					     "f(void (*)(malloc))",
					     "f<malloc>(int)",
					     "Conn::operator<(malloc)",
					     "",
					     "<",
					     "f<<",
					     "(",
					     "::"};

	for (size_t i = 0; i < ARRAY_LEN(wrappers); i++)
		if (!wrappers_match(wrappers[i]))
			fail_msg("%s", wrappers[i]);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (wrappers_match(others[i]))
			fail_msg("%s", others[i]);
}

/* 33 of 40 bytes were asked for: what points behind them is a guess of its own class. */
static void a_word_into_what_was_not_asked_for_is_slack(void **state)
{
	const uint64_t offs[] = {0, 32, 33, 39};
	const enum edge_class want[] = {EDGE_ALIGNED, EDGE_INTERIOR, EDGE_SLACK, EDGE_SLACK};
	addr_t target[4], unsampled;
	struct rig r;
	size_t seen = 0;

	rig_init(&r);
	for (size_t i = 0; i < ARRAY_LEN(offs); i++) {
		target[i] = heap_build_alloc(r.h, 0, 40);
		add_sample(&r, target[i], 33, 0);
		heap_build_put(r.h, BUILT_GLOBALS + 8 * i, target[i] + offs[i]);
	}
	unsampled = heap_build_alloc(r.h, 0, 40);
	heap_build_put(r.h, BUILT_GLOBALS + 32, unsampled + 39);
	rig_open(&r);
	for (uint64_t e = 0; e < r.s->graph.n_edges; e++) {
		obj_id o = graph_obj(&r.s->graph, r.s->graph.out[e]);

		for (size_t i = 0; i < ARRAY_LEN(offs); i++)
			if (o == object_at(&r, target[i])) {
				assert_int_equal(graph_class(&r.s->graph, e), want[i]);
				seen++;
			}
		if (o == object_at(&r, unsampled))
			assert_int_equal(graph_class(&r.s->graph, e), EDGE_INTERIOR);
	}
	assert_int_equal(seen, ARRAY_LEN(offs));
	rig_close(&r);
}

static void a_named_range_is_a_root_of_that_name(void **state)
{
	struct rig r;
	addr_t a, b;
	const struct root *root = NULL;

	rig_init(&r);
	core_build_map(heap_build_core(r.h), 0x60000000, 4096, PROT_R | PROT_W);
	a = heap_build_alloc(r.h, 0, 40);
	b = heap_build_alloc(r.h, 0, 40);
	heap_build_put(r.h, 0x60000100, a);
	heap_build_put(r.h, 0x60000200, b);
	tables_build_region(&r.t, 0x60000100, 64, 1, "queue");
	tables_build_region(&r.t, 0x60000120, 64, 1, "overlapping");
	rig_open(&r);
	assert_int_equal(r.s->reach.verdict[object_at(&r, a)], REACHABLE);
	assert_int_equal(r.s->reach.verdict[object_at(&r, b)], MAPPING_HELD);
	for (size_t i = 0; i < r.s->roots.list.n && !root; i++)
		if (r.s->roots.list.v[i].class == ROOT_REGISTERED)
			root = &r.s->roots.list.v[i];
	assert_non_null(root);
	assert_string_equal(root->name, "queue");
	assert_int_equal(r.s->roots.n_bytes[ROOT_REGISTERED], 0x60);
	rig_close(&r);
}

static void words_that_the_kernel_holds_are_roots(void **state)
{
	struct heapimage_list l = {TABLES_LIST_AT, 80, 2, 40, 0, 0};
	struct heapimage_kernel_word w[2] = {{.kind = 1, .fd = 5, .target_fd = 7},
					     {.kind = 2, .fd = 3}};
	struct fact *f = fact_object();
	struct rig r;
	char x[32];
	struct err e;

	rig_init(&r);
	core_build_note(heap_build_core(r.h), HEAPIMAGE_OWNER, HEAPIMAGE_NOTE_KERNEL, &l,
			sizeof(l));
	w[0].word = heap_build_alloc(r.h, 0, 40);
	w[1].word = heap_build_alloc(r.h, 0, 40);
	tables_build_finish(&r.t);
	r.bytes = heap_build_finish(r.h, &r.n);
	r.bytes = tables_build_append(r.bytes, &r.n, w, sizeof(w));
	r.s = built_session_open(r.bytes, r.n, &e);
	assert_non_null(r.s);
	snprintf(x, sizeof(x), "0x%lx", w[0].word);
	assert_int_equal(who_answer(r.s, x, f, &e), 0);
	assert_string_equal(fact_str(fact_at(fact_get(f, "path.steps"), 0), "root.class"),
			    "kernel");
	assert_string_equal(fact_str(fact_at(fact_get(f, "path.steps"), 0), "root.name"),
			    "epoll 5, fd 7");
	assert_int_equal(r.s->reach.verdict[object_at(&r, w[1].word)], REACHABLE);
	fact_free(f);
	rig_close(&r);
}

static void announced_objects_take_the_place_of_their_block(void **state)
{
	struct rig r;
	addr_t pool, held;
	uint64_t usable = 1000, in_use;

	rig_init(&r);
	pool = heap_build_alloc(r.h, 0, usable);
	held = heap_build_alloc(r.h, 0, 40);
	heap_build_put(r.h, BUILT_GLOBALS, pool);
	heap_build_put(r.h, BUILT_GLOBALS + 8, pool + 64);
	heap_build_put(r.h, pool + 64, held);
	tables_build_region(&r.t, pool + 64, 32, 2, "conn");
	tables_build_region(&r.t, pool + 256, 100, 2, "");
	tables_build_region(&r.t, pool + 300, 100, 2, "overlaps");
	tables_build_region(&r.t, pool + 990, 100, 2, "reaches out");
	tables_build_region(&r.t, 0x9999000, 10, 2, "nowhere");
	rig_open(&r);
	in_use = heap_build_sums(r.h).used_usable;
	assert_int_equal(r.s->announced.n, 2);
	assert_int_equal(r.s->announced.bytes, 132);
	assert_int_equal(r.s->announced.n_overlap, 1);
	assert_int_equal(r.s->announced.n_stray, 2);
	assert_int_equal(r.s->heap.objects.bytes + r.s->announced.rest_bytes, in_use);
	assert_int_equal(objects_size(&r.s->heap.objects, object_at(&r, pool)), 64);
	assert_int_equal(objects_size(&r.s->heap.objects, object_at(&r, pool + 256)), 100);
	assert_int_equal(r.s->reach.verdict[object_at(&r, pool + 64)], REACHABLE);
	assert_int_equal(r.s->reach.verdict[object_at(&r, held)], REACHABLE);
	assert_int_equal(r.s->reach.verdict[object_at(&r, pool + 256)], LEAKED_DIRECTLY);
	rig_close(&r);
}

static void a_mapping_keeps_its_large_pieces_around_what_was_announced(void **state)
{
	struct rig r;

	rig_init(&r);
	core_build_map(heap_build_core(r.h), 0x60000000, 0x10000, PROT_R | PROT_W);
	tables_build_region(&r.t, 0x60004000, 64, 2, "a");
	tables_build_region(&r.t, 0x60004100, 64, 2, "b");
	rig_open(&r);
	assert_int_equal(r.s->announced.mapped_n, 2);
	assert_int_equal(r.s->announced.rest_bytes, 0);
	assert_int_equal(objects_size(&r.s->heap.objects, object_at(&r, 0x60000000)), 0x4000);
	assert_int_equal(objects_size(&r.s->heap.objects, object_at(&r, 0x60004140)), 0xbec0);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_scan_finds_the_tables_of_a_plain_core),
		cmocka_unit_test(the_note_of_an_image_is_the_shorter_way),
		cmocka_unit_test(a_note_that_errs_is_said_and_the_scan_goes_on),
		cmocka_unit_test(a_copy_of_the_anchor_elsewhere_does_not_count),
		cmocka_unit_test(a_wrong_checksum_is_said),
		cmocka_unit_test(of_two_samplers_the_later_one_is_used),
		cmocka_unit_test(tables_of_a_later_major_version_are_named),
		cmocka_unit_test(a_sample_does_not_hold_its_object),
		cmocka_unit_test(a_sample_of_free_memory_is_stale),
		cmocka_unit_test(torn_and_unknown_entries_are_not_believed),
		cmocka_unit_test(the_younger_of_two_samples_of_an_address_counts),
		cmocka_unit_test(estimates_are_those_of_horvitz_and_thompson),
		cmocka_unit_test(an_estimate_beyond_all_numbers_is_the_largest_one),
		cmocka_unit_test(with_every_object_sampled_the_rows_are_the_heap),
		cmocka_unit_test(without_samples_nothing_is_exact_unless_all_are_taken),
		cmocka_unit_test(leaks_of_different_sites_are_different_rows),
		cmocka_unit_test(the_birth_of_an_object_is_told),
		cmocka_unit_test(code_that_was_unmapped_is_named_by_the_log),
		cmocka_unit_test(names_of_the_malloc_family_are_passed_over),
		cmocka_unit_test(a_word_into_what_was_not_asked_for_is_slack),
		cmocka_unit_test(a_named_range_is_a_root_of_that_name),
		cmocka_unit_test(words_that_the_kernel_holds_are_roots),
		cmocka_unit_test(announced_objects_take_the_place_of_their_block),
		cmocka_unit_test(a_mapping_keeps_its_large_pieces_around_what_was_announced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
