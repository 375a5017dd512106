/*
 * Tables that somebody made to hurt, and such as were cut: they cost what they hold and no more,
 * nothing counts twice, and what is missing is said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/ask/allocated.h"
#include "analyze/ask/export.h"
#include "tests/unit/sites_rig.h"

/* Finishes and opens; no pass has run yet. */
static void rig_begin(struct rig *r)
{
	struct err e;

	tables_build_finish(&r->t);
	r->bytes = heap_build_finish(r->h, &r->n);
	r->s = built_session_open(r->bytes, r->n, &e);
	if (!r->s)
		fail_msg("%s", e.text);
}

/* Every field of the anchor at its worst, one after the other: it ends, and says so. */
static void hostile_tables_cost_no_more_than_they_hold(void **state)
{
	struct rig r;
	struct session *s;
	struct err e;

	rig_init(&r);
	add_site(&r, BUILT_EXE + 0x100);
	add_sample(&r, heap_build_alloc(r.h, 0, 40), 40, 0);
	tables_build_region(&r.t, BUILT_BRK, UINT64_MAX / 2, 1, "all");
	tables_build_region(&r.t, BUILT_BRK, UINT64_MAX / 2, 1, "again");
	tables_build_site_at(&r.t, 0)->n_frames = UINT32_MAX;
	tables_build_finish(&r.t);
	r.bytes = heap_build_finish(r.h, &r.n);
	for (size_t off = 64; off + 8 <= 512; off += 8) {
		static const uint64_t bad[] = {0, 1, UINT64_MAX, 1ull << 63, UINT32_MAX, TABLES};
		uint8_t *page = memmem(r.bytes, r.n, HEAPIMAGE_MAGIC, 16);

		for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
			uint64_t was;
			struct fact *f = fact_object();

			memcpy(&was, page + off, 8);
			memcpy(page + off, &bad[i], 8);
			s = built_session_open(r.bytes, r.n, &e);
			assert_int_equal(session_need_dominators(s, &e), 0);
			assert_true(s->sampled.samples.n <= TABLES_PAGES * TABLES_PAGE / 64);
			assert_true(s->sampled.sites.n <= TABLES_PAGES * TABLES_PAGE / 64);
			assert_int_equal(top_answer(s, TOP_BY_SITE, 10, f, &e), 0);
			fact_free(f);
			built_session_close(s);
			memcpy(page + off, &was, 8);
		}
	}
	rig_close(&r);
}

static void frames_of_a_site_are_inside_their_table(void **state)
{
	struct rig r;
	addr_t pcs[MAX_SITE_FRAMES];

	rig_init(&r);
	for (size_t i = 0; i < 4; i++)
		add_site(&r, BUILT_EXE + 0x100);
	tables_build_site_at(&r.t, 0)->n_frames = UINT32_MAX;
	tables_build_site_at(&r.t, 1)->first_frame = UINT64_MAX;
	tables_build_site_at(&r.t, 2)->first_frame = 9;
	r.t.anchor.frames.n = 7;
	rig_open(&r);
	assert_int_equal(r.s->sampled.sites.v[0].site.n_frames, 7);
	assert_int_equal(r.s->sampled.sites.v[1].site.n_frames, 0);
	assert_int_equal(r.s->sampled.sites.v[2].site.n_frames, 0);
	assert_int_equal(r.s->sampled.sites.v[3].site.n_frames, 0);
	for (size_t i = 0; i < 4; i++)
		assert_true(sampled_frames(&r.s->sampled, &r.s->space,
					   &r.s->sampled.sites.v[i].site, pcs,
					   MAX_SITE_FRAMES) <= 7);
	rig_close(&r);
}

static void what_the_dump_lacks_is_counted(void **state)
{
	struct rig r;
	struct core_build *b;

	rig_init(&r);
	b = heap_build_core(r.h);
	core_build_map_part(b, 0x58000000, 0x100000, 0x1040, PROT_R | PROT_W);
	r.t.anchor.samples.addr = 0x58000000;
	r.t.anchor.samples.n = r.t.anchor.samples.capacity = 0x100000 / 64;
	rig_open(&r);
	assert_int_equal(r.s->sampled.n_absent, (0x100000 - 0x1040) / 64);
	assert_true(built_session_warned(r.s, "not in the dump"));
	rig_close(&r);
}

/* Zeros that the file leaves out are empty entries; what lies behind them is absent all the same. */
static void a_hole_before_the_cut_hides_nothing(void **state)
{
	const struct range *hole;
	struct rig r;

	rig_init(&r);
	core_build_map_part(heap_build_core(r.h), 0x58000000, 0x100000, 0x3000, PROT_R | PROT_W);
	r.t.anchor.samples.addr = 0x58000000;
	r.t.anchor.samples.n = r.t.anchor.samples.capacity = 0x100000 / 64;
	rig_begin(&r);
	for (size_t i = 0; i < r.s->parts.segments.n; i++) {
		const struct segment *g = &r.s->parts.segments.v[i];

		if (g->addr != 0x58000000)
			continue;
		hole = &(struct range){g->file_off + 0x1000, g->file_off + 0x3000};
		assert_int_equal(space_take_holes(&r.s->space, hole, 1, &(struct err){0}), 0);
	}
	assert_int_equal(session_need_sampled(r.s, &(struct err){0}), 0);
	assert_int_equal(r.s->sampled.n_absent, (0x100000 - 0x3000) / 64);
	rig_close(&r);
}

/* A core of 64 bytes a site and 4,096 of frames must not become 4,096 bytes of frames a site. */
static void all_sites_together_have_no_more_frames_than_there_are(void **state)
{
	enum { SITES = 50, FRAMES = 40 };
	struct rig r;
	uint64_t sum = 0;
	addr_t pcs[FRAMES];

	rig_init(&r);
	for (size_t i = 0; i < FRAMES; i++)
		pcs[i] = BUILT_EXE + 0x100 + i;
	tables_build_site(&r.t, pcs, FRAMES);
	for (uint32_t i = 1; i < SITES; i++) {
		tables_build_site(&r.t, pcs, 0);
		tables_build_site_at(&r.t, i)->n_frames = FRAMES;
		tables_build_site_at(&r.t, i)->first_frame = 0;
	}
	rig_open(&r);
	for (size_t i = 0; i < r.s->sampled.sites.n; i++)
		sum += r.s->sampled.sites.v[i].site.n_frames;
	assert_int_equal(sum, FRAMES);
	assert_int_equal(r.s->sampled.n_overlapping, SITES - 1);
	assert_true(built_session_warned(r.s, "share their frames"));
	rig_close(&r);
}

/* Zeros of a sparse file are no bytes that frames could be. */
static void frames_in_a_hole_are_none(void **state)
{
	struct rig r;

	rig_init(&r);
	for (size_t i = 0; i < 20; i++)
		add_site(&r, BUILT_EXE + 0x100);
	for (uint32_t i = 0; i < 20; i++) {
		tables_build_site_at(&r.t, i)->n_frames = UINT32_MAX;
		tables_build_site_at(&r.t, i)->first_frame = i * 512;
	}
	r.t.anchor.frames.n = r.t.anchor.frames.capacity = UINT32_MAX;
	rig_begin(&r);
	assert_int_equal(session_need_sampled(r.s, &(struct err){0}), 0);
	for (size_t i = 0; i < r.s->sampled.sites.n; i++)
		assert_true(r.s->sampled.sites.v[i].site.n_frames <= MAX_SITE_FRAMES);
	assert_true(r.s->sampled.frames_left < r.n / 8);
	assert_true(r.s->sampled.n_cut_sites > 0);
	assert_true(built_session_warned(r.s, "not in the dump as a whole"));
	rig_close(&r);
}

static void an_object_that_was_announced_twice_counts_once(void **state)
{
	struct rig r;
	struct fact *f;
	addr_t pool;

	rig_init(&r);
	pool = heap_build_alloc(r.h, 0, 1000);
	for (int i = 0; i < 3; i++)
		tables_build_region(&r.t, pool + 64, 100, 2, "piece");
	rig_open(&r);
	assert_int_equal(r.s->announced.n, 1);
	assert_int_equal(r.s->announced.n_overlap, 2);
	assert_int_equal(r.s->sites.all.n, 1);
	assert_int_equal((uint64_t)r.s->sites.all.bytes, 100);
	f = top_of(&r, TOP_BY_SITE);
	assert_int_equal(fact_u64(fact_at(fact_get(f, "rows"), 0), "bytes"), 100);
	fact_free(f);
	rig_close(&r);
}

/* A pool's block in memory of an allocator that is not parsed: its pieces are in no sum twice. */
static void in_an_unknown_mapping_announced_objects_replace_their_sample(void **state)
{
	struct rig r;
	uint32_t site;

	rig_init(&r);
	core_build_map(heap_build_core(r.h), 0x60000000, 0x10000, PROT_R | PROT_W);
	site = add_site(&r, BUILT_EXE + 0x100);
	tables_build_region(&r.t, 0x60001000, 64, 2, "first");
	tables_build_region(&r.t, 0x60002100, 64, 2, "inside");
	add_sample(&r, 0x60001000, 64, site);	    /* the first piece itself */
	add_sample(&r, 0x60002000, 1000, site);	    /* the block around the other */
	add_sample(&r, 0x6000f000, 0x100000, site); /* beyond the end */
	rig_open(&r);
	assert_int_equal(r.s->announced.n, 2);
	assert_int_equal(r.s->sites.n_unwalked, 1);
	assert_int_equal(r.s->sites.n_reused, 1);
	assert_int_equal(r.s->sites.births.n, 0);
	assert_int_equal(r.s->sites.all.n, 3);
	assert_int_equal((uint64_t)r.s->sites.all.bytes, 64 + 64 + 0x100);
	rig_close(&r);
}

/* Of two regions at one address the larger reaches beyond the block: the other is the object. */
static void an_announced_object_has_the_name_of_its_own_region(void **state)
{
	struct fact *f = fact_object();
	struct rig r;
	addr_t pool;

	rig_init(&r);
	pool = heap_build_alloc(r.h, 0, 1000);
	tables_build_region(&r.t, pool + 64, 4000, 2, "too large");
	tables_build_region(&r.t, pool + 64, 100, 2, "right");
	rig_open(&r);
	allocated_set_site(r.s, f, object_at(&r, pool + 64));
	assert_string_equal(fact_str(f, "announced"), "right");
	assert_null(sampled_region(&r.s->sampled, pool + 64, 2, 3000));
	assert_int_equal(r.s->sites.all.n, 1);
	fact_free(f);
	rig_close(&r);
}

/* The program headers of the segment at that address, whose bytes end after the first n then. */
static void cut_segment(struct rig *r, addr_t addr, uint64_t n)
{
	for (size_t i = 1; i < ((Elf64_Ehdr *)r->bytes)->e_phnum; i++)
		if (CORE_PHDR(r->bytes, i)->p_vaddr == addr)
			CORE_PHDR(r->bytes, i)->p_filesz = n;
}

/* The allocator cannot have free what is not there to be seen. */
static void a_sample_of_memory_that_the_dump_lacks_is_not_stale(void **state)
{
	struct rig r;
	uint32_t site;

	rig_init(&r);
	site = add_site(&r, BUILT_EXE + 0x100);
	for (int i = 0; i < 60; i++)
		add_sample(&r, heap_build_alloc(r.h, 0, 40), 40, site);
	add_sample(&r, 0x40000000, 40, site); /* nothing was ever mapped there */
	tables_build_finish(&r.t);
	r.bytes = heap_build_finish(r.h, &r.n);
	cut_segment(&r, BUILT_BRK, 0x800);
	r.s = built_session_open(r.bytes, r.n, &(struct err){0});
	assert_non_null(r.s);
	assert_int_equal(session_need_dominators(r.s, &(struct err){0}), 0);
	assert_true(r.s->sites.births.n < 60 && r.s->sites.n_unwalked > 0);
	assert_int_equal(r.s->sites.n_stale, 1);
	assert_int_equal(r.s->sites.all.n, r.t.anchor.samples.n - 1);
	rig_close(&r);
}

static void where_entries_are_missing_nothing_is_exact(void **state)
{
	for (int i = 0; i < 5; i++) {
		struct rig r;
		struct fact *f;

		rig_init(&r);
		add_sample(&r, heap_build_alloc(r.h, 0, 40), 40, 0);
		if (i == 1)
			r.t.anchor.n_dropped = 1;
		if (i == 2)
			r.t.anchor.regions.n_lost = 1;
		if (i == 3)
			r.t.anchor.frames.n_lost = 1;
		if (i == 4)
			tables_build_sample_at(&r.t, 0)->state = HEAPIMAGE_WRITING;
		rig_open(&r);
		f = top_of(&r, TOP_BY_SITE);
		assert_int_equal(fact_bool(f, "exact"), i == 0);
		assert_int_equal(fact_u64(f, "missing"), i != 0);
		assert_int_equal(built_session_warned(r.s, "no room"), i == 2 || i == 3);
		fact_free(f);
		rig_close(&r);
	}
}

static int forget(void *arg, const void *bytes, size_t n, struct err *err)
{
	return 0;
}

/* The values of a profile are signed, and its sums do not wrap. */
static void sums_of_a_profile_end_at_the_largest_number(void **state)
{
	struct export_account account;
	struct rig r;

	rig_init(&r);
	for (uint32_t i = 0; i < 3; i++) {
		add_site(&r, BUILT_EXE + 0x100 * (i + 1));
		tables_build_site_at(&r.t, i)->alloc_bytes = UINT64_MAX - i;
		tables_build_site_at(&r.t, i)->alloc_objects_q16 = UINT64_MAX;
	}
	rig_open(&r);
	assert_int_equal(
		export_pprof(r.s, &(struct sink){forget, NULL}, &account, &(struct err){0}), 0);
	assert_int_equal(account.in_use_bytes, INT64_MAX);
	assert_int_equal(account.missing, 0);
	rig_close(&r);
}

static void ranges_larger_than_all_memory_have_the_largest_sum(void **state)
{
	struct heapimage_list l = {TABLES_LIST_AT, 48, 2, 24, 0, 0};
	const struct heapimage_range ranges[2] = {{1, UINT64_MAX, 1, 0}, {1, UINT64_MAX, 2, 0}};
	struct heapimage_info info = {.major = HEAPIMAGE_MAJOR, .size = sizeof(info)};
	struct fact *f = fact_object();
	struct rig r;

	rig_init(&r);
	core_build_note(heap_build_core(r.h), HEAPIMAGE_OWNER, HEAPIMAGE_NOTE_INFO, &info,
			sizeof(info));
	core_build_note(heap_build_core(r.h), HEAPIMAGE_OWNER, HEAPIMAGE_NOTE_RANGES, &l,
			sizeof(l));
	tables_build_finish(&r.t);
	r.bytes = heap_build_finish(r.h, &r.n);
	r.bytes = tables_build_append(r.bytes, &r.n, ranges, sizeof(ranges));
	r.s = built_session_open(r.bytes, r.n, &(struct err){0});
	assert_non_null(r.s);
	assert_int_equal(info_answer(r.s, f, &(struct err){0}), 0);
	assert_true(fact_u64(f, "image.ranges_bytes") == UINT64_MAX);
	fact_free(f);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_tables_cost_no_more_than_they_hold),
		cmocka_unit_test(frames_of_a_site_are_inside_their_table),
		cmocka_unit_test(what_the_dump_lacks_is_counted),
		cmocka_unit_test(a_hole_before_the_cut_hides_nothing),
		cmocka_unit_test(all_sites_together_have_no_more_frames_than_there_are),
		cmocka_unit_test(frames_in_a_hole_are_none),
		cmocka_unit_test(an_object_that_was_announced_twice_counts_once),
		cmocka_unit_test(in_an_unknown_mapping_announced_objects_replace_their_sample),
		cmocka_unit_test(an_announced_object_has_the_name_of_its_own_region),
		cmocka_unit_test(a_sample_of_memory_that_the_dump_lacks_is_not_stale),
		cmocka_unit_test(where_entries_are_missing_nothing_is_exact),
		cmocka_unit_test(sums_of_a_profile_end_at_the_largest_number),
		cmocka_unit_test(ranges_larger_than_all_memory_have_the_largest_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
