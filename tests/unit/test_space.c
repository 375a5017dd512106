/*
 * The address space: runs, holes of a sparse file, bytes of module files, reads across all of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/space/space.h"

enum { N = 64 * 1024 };

/* One file of N bytes 1, 2, … 255, 1, …; segments are laid over it. */
struct rig {
	uint8_t *file;
	struct parts parts;
	struct space space;
};

static int rig_open(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->file = malloc(N);
	for (size_t i = 0; i < N; i++)
		r->file[i] = (uint8_t)(i % 255 + 1);
	*state = r;
	return 0;
}

static int rig_close(void **state)
{
	struct rig *r = *state;

	space_deinit(&r->space);
	parts_deinit(&r->parts);
	free(r->file);
	free(r);
	return 0;
}

static void segment(struct rig *r, addr_t addr, uint64_t memsz, uint64_t off, uint64_t filesz)
{
	struct segment s = {.addr = addr,
			    .memsz = memsz,
			    .filesz = filesz,
			    .file_off = off,
			    .data = filesz ? r->file + off : NULL,
			    .prot = PROT_R | PROT_W};

	assert_int_equal(vec_push(&r->parts.segments, s), 0);
}

static void file(struct rig *r, addr_t start, addr_t end, uint64_t off, const char *path)
{
	struct mapped_file f = {start, end, off, path};

	assert_int_equal(vec_push(&r->parts.files, f), 0);
}

static void init(struct rig *r, const struct range *holes, size_t n)
{
	assert_int_equal(space_init(&r->space, &r->parts, NULL), 0);
	assert_int_equal(space_take_holes(&r->space, holes, n, NULL), 0);
}

/* Every byte of [lo, hi) is that of the file from off on, or zero in one of the holes. */
static void expect_bytes(struct rig *r, addr_t lo, addr_t hi, uint64_t off,
			 const struct range *zeros, size_t n_zeros)
{
	for (addr_t a = lo; a < hi; a++) {
		uint8_t want = r->file[off + (a - lo)], got = 0;

		for (size_t i = 0; i < n_zeros; i++)
			if (range_has(zeros[i], a))
				want = 0;
		assert_int_equal(space_read(&r->space, a, &got, 1), 1);
		if (got != want)
			fail_msg("0x%lx: %u, not %u", a, got, want);
	}
}

static void a_read_stops_at_the_first_byte_that_is_not_known(void **state)
{
	struct rig *r = *state;
	uint8_t got[32];

	segment(r, 0x10000, 0x2000, 0, 0x1000);
	segment(r, 0x12000, 0x1000, 0x1000, 0x1000);
	init(r, NULL, 0);
	assert_int_equal(space_read(&r->space, 0x10ff0, got, 32), 16);
	assert_int_equal(space_read(&r->space, 0x11000, got, 1), 0);
	assert_int_equal(space_next(&r->space, 0x11000), 0x12000);
	assert_int_equal(space_next(&r->space, 0x13000), UINT64_MAX);
	assert_int_equal(space_mapping(&r->space, 0x11800)->at.lo, 0x10000);
	assert_null(space_mapping(&r->space, 0x13000));
}

static void a_hole_is_zeros_in_no_run(void **state)
{
	static const struct range holes[] = {{0x3000, 0x6000}};
	static const struct range zeros[] = {{0x12000, 0x15000}};
	struct rig *r = *state;
	uint64_t avail;

	segment(r, 0x10000, 0x8000, 0x1000, 0x8000);
	init(r, holes, 1);
	assert_int_equal(r->space.runs.n, 2);
	expect_bytes(r, 0x10000, 0x18000, 0x1000, zeros, 1);
	assert_int_equal(space_next(&r->space, 0x12000), 0x15000);
	assert_non_null(space_at(&r->space, 0x14ff8, &avail));
	assert_int_equal(avail, 8);
	assert_int_equal(space_zero_bytes(&r->space, (struct range){0x11000, 0x14000}), 0x2000);
	assert_int_equal(space_zero_bytes(&r->space, (struct range){0, UINT64_MAX}), 0x3000);
}

/* gcore's segments stand at any offset in the file: a word must not lie in a hole by half. */
static void a_hole_is_cut_to_whole_pages_of_the_target(void **state)
{
	static const struct range holes[] = {{0x3000, 0x6000}};
	static const struct range zeros[] = {{0x12000, 0x14000}};
	struct rig *r = *state;

	segment(r, 0x10000, 0x8000, 0x1234, 0x8000);
	init(r, holes, 1);
	assert_int_equal(r->space.zeros.n, 1);
	assert_int_equal(r->space.zeros.v[0].lo, zeros[0].lo);
	assert_int_equal(r->space.zeros.v[0].hi, zeros[0].hi);
	expect_bytes(r, 0x10000, 0x18000, 0x1234, zeros, 1);
}

static void holes_over_the_ends_of_segments_and_several_in_one_are_found(void **state)
{
	static const struct range holes[] = {{0, 0x2000}, {0x3000, 0x4000}, {0x5000, 0x9000}};
	static const struct range first[] = {{0x10000, 0x11000}, {0x12000, 0x13000}};
	static const struct range second[] = {{0x20000, 0x23000}};
	struct rig *r = *state;

	segment(r, 0x10000, 0x4000, 0x1000, 0x4000);
	segment(r, 0x18000, 0x1000, 0, 0);
	segment(r, 0x20000, 0x6000, 0x6000, 0x6000);
	init(r, holes, 3);
	expect_bytes(r, 0x10000, 0x14000, 0x1000, first, 2);
	expect_bytes(r, 0x20000, 0x26000, 0x6000, second, 1);
	assert_int_equal(r->space.runs.n, 3);
	assert_int_equal(r->space.mappings.n, 3);
}

static void a_module_file_fills_only_what_the_dump_left_out(void **state)
{
	static const struct range holes[] = {{0x1000, 0x2000}};
	uint8_t text[0x4000], got;
	struct rig *r = *state;

	memset(text, 0xee, sizeof(text));
	segment(r, 0x10000, 0x4000, 0, 0x1000);
	segment(r, 0x14000, 0x1000, 0x2000, 0x1000);
	init(r, holes, 1);
	assert_int_equal(space_add_file(&r->space, 0x10800, sizeof(text), text, NULL), 0);
	assert_int_equal(space_read(&r->space, 0x10fff, &got, 1), 1);
	assert_int_equal(got, r->file[0xfff]);
	assert_int_equal(space_read(&r->space, 0x11000, &got, 1), 1);
	assert_int_equal(got, 0xee);
	assert_int_equal(space_read(&r->space, 0x14000, &got, 1), 1);
	assert_int_equal(got, r->file[0x2000]);
}

static void a_segment_is_cut_at_the_files_mapped_in_it(void **state)
{
	struct rig *r = *state;

	segment(r, 0x10000, 0x5000, 0, 0x3000);
	file(r, 0x11000, 0x12000, 0x7000, "/a");
	file(r, 0x13000, 0x20000, 0, "/b");
	init(r, NULL, 0);
	assert_int_equal(r->space.mappings.n, 4);
	assert_null(r->space.mappings.v[0].path);
	assert_string_equal(r->space.mappings.v[1].path, "/a");
	assert_int_equal(r->space.mappings.v[1].file_off, 0x7000);
	assert_int_equal(r->space.mappings.v[2].n_dumped, 0x1000);
	assert_string_equal(r->space.mappings.v[3].path, "/b");
	assert_int_equal(r->space.mappings.v[3].at.hi, 0x15000);
	assert_int_equal(r->space.mappings.v[3].n_dumped, 0);
}

static void a_string_without_an_end_is_cut(void **state)
{
	struct rig *r = *state;
	char text[8];

	segment(r, 0x10000, 0x1000, 0, 0x1000);
	init(r, NULL, 0);
	assert_true(space_str(&r->space, 0x10ffc, text, sizeof(text)));
	assert_int_equal(strlen(text), 4);
	assert_true(space_str(&r->space, 0x10000, text, sizeof(text)));
	assert_int_equal(strlen(text), 7);
	assert_false(space_str(&r->space, 0x11000, text, sizeof(text)));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_open, rig_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_read_stops_at_the_first_byte_that_is_not_known),
		TEST(a_hole_is_zeros_in_no_run),
		TEST(a_hole_is_cut_to_whole_pages_of_the_target),
		TEST(holes_over_the_ends_of_segments_and_several_in_one_are_found),
		TEST(a_module_file_fills_only_what_the_dump_left_out),
		TEST(a_segment_is_cut_at_the_files_mapped_in_it),
		TEST(a_string_without_an_end_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
