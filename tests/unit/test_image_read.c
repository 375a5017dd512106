/*
 * What an image says beside the core: each note and list comes out as it went in, what is not known
 * is passed over, and nothing that a note claims is believed beyond the file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "formats/core_read.h"
#include "tests/lib/tables_build.h"

struct rig {
	uint8_t *bytes;
	size_t n;
	int rc;
	struct parts parts;
	struct warnings warnings;
	struct err err;
};

static struct core_build *image_new(uint16_t major, uint16_t minor)
{
	struct core_build *b = core_build_new(MACHINE_X86_64);
	struct heapimage_info info = {.major = major,
				      .minor = minor,
				      .size = sizeof(info),
				      .method = HEAPIMAGE_FORK,
				      .trigger = HEAPIMAGE_BY_SIGNAL,
				      .pause_ns = 2500000,
				      .time_ns = 17};

	core_build_map(b, 0x10000, 16, PROT_R);
	core_build_note(b, HEAPIMAGE_OWNER, HEAPIMAGE_NOTE_INFO, &info, sizeof(info));
	return b;
}

static void add_list(struct core_build *b, uint32_t type, uint64_t size, uint32_t n,
		     uint32_t entry_size)
{
	struct heapimage_list l = {TABLES_LIST_AT, size, n, entry_size, 0, 0};

	core_build_note(b, HEAPIMAGE_OWNER, type, &l, sizeof(l));
}

static void rig_read(struct rig *r, struct core_build *b, const void *list, size_t n_list)
{
	*r = (struct rig){0};
	r->bytes = core_build_finish(b, &r->n);
	core_build_free(b);
	r->bytes = tables_build_append(r->bytes, &r->n, list, n_list);
	r->rc = core_read(&r->parts, r->bytes, r->n, &r->warnings, &r->err);
}

static void rig_close(struct rig *r)
{
	parts_deinit(&r->parts);
	warnings_deinit(&r->warnings);
	free(r->bytes);
}

static bool warned(const struct rig *r, const char *part)
{
	for (size_t i = 0; i < r->warnings.lines.n; i++)
		if (strstr(r->warnings.lines.v[i], part))
			return true;
	return false;
}

static void the_notes_say_how_and_why(void **state)
{
	struct core_build *b = image_new(1, 0);
	struct heapimage_anchor_note anchor = {0x50000000, 512};
	struct rig r;

	core_build_note(b, HEAPIMAGE_OWNER, HEAPIMAGE_NOTE_ANCHOR, &anchor, sizeof(anchor));
	core_build_note(b, HEAPIMAGE_OWNER, HEAPIMAGE_NOTE_WHY, "it grew", 7);
	rig_read(&r, b, "", 1);
	assert_int_equal(r.rc, 0);
	assert_string_equal(r.parts.writer, "heapdump image");
	assert_int_equal(r.parts.image.info.major, 1);
	assert_int_equal(r.parts.image.info.trigger, HEAPIMAGE_BY_SIGNAL);
	assert_int_equal(r.parts.image.info.pause_ns, 2500000);
	assert_int_equal(r.parts.image.anchor, 0x50000000);
	assert_string_equal(r.parts.image.why, "it grew");
	rig_close(&r);
}

static void a_later_major_version_is_refused_by_name(void **state)
{
	struct rig r;

	rig_read(&r, image_new(2, 3), "", 1);
	assert_int_equal(r.rc, ERR_UNSUPPORTED);
	assert_non_null(strstr(r.err.text, "2.3"));
	assert_non_null(strstr(r.err.text, "1.x"));
	rig_close(&r);
}

static void a_later_minor_version_and_unknown_notes_are_read(void **state)
{
	struct core_build *b = image_new(1, 9);
	struct rig r;

	core_build_note(b, HEAPIMAGE_OWNER, 0x48440042, "what is this", 12);
	rig_read(&r, b, "", 1);
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.parts.image.info.minor, 9);
	rig_close(&r);
}

static void lists_come_out_as_they_went_in(void **state)
{
	struct core_build *b = image_new(1, 0);
	struct {
		struct heapimage_thread t[2];
		uint8_t longer[16];
	} list = {{{.tid = 7, .state = 1, .name = "main"},
		   {.tid = 8, .state = 2, .name = "sixteen letters."}},
		  {0}};
	struct rig r;

	add_list(b, HEAPIMAGE_NOTE_THREADS, sizeof(list.t), 2, sizeof(list.t[0]));
	rig_read(&r, b, &list, sizeof(list));
	assert_int_equal(r.parts.image.threads.n, 2);
	assert_int_equal(r.parts.image.threads.v[0].tid, 7);
	assert_string_equal(r.parts.image.threads.v[0].name, "main");
	assert_string_equal(r.parts.image.threads.v[1].name, "sixteen letters.");
	assert_int_equal(r.parts.image.n_cut, 0);
	rig_close(&r);
}

/* They are looked up by that. */
static void threads_come_out_by_their_ids(void **state)
{
	struct core_build *b = image_new(1, 0);
	struct heapimage_thread t[] = {{.tid = 9, .name = "last"},
				       {.tid = 5},
				       {.tid = 7, .name = "b"},
				       {.tid = 5, .name = "named"},
				       {.tid = 7, .name = "a"}};
	static const struct {
		uint32_t tid;
		const char *name;
	} want[] = {{5, "named"}, {5, ""}, {7, "a"}, {7, "b"}, {9, "last"}};
	struct rig r;

	add_list(b, HEAPIMAGE_NOTE_THREADS, sizeof(t), ARRAY_LEN(t), sizeof(t[0]));
	rig_read(&r, b, t, sizeof(t));
	assert_int_equal(r.parts.image.threads.n, ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		assert_int_equal(r.parts.image.threads.v[i].tid, want[i].tid);
		assert_string_equal(r.parts.image.threads.v[i].name, want[i].name);
	}
	rig_close(&r);
}

static void words_of_the_kernel_and_ranges_are_kept(void **state)
{
	struct core_build *b = image_new(1, 0);
	union {
		struct heapimage_kernel_word w;
		struct heapimage_range r[2];
	} list = {.w = {.word = 0xabcd, .kind = 1, .fd = 5, .target_fd = 7}};
	uint64_t word;
	struct rig r;

	add_list(b, HEAPIMAGE_NOTE_KERNEL, sizeof(list), 1, sizeof(list.w));
	add_list(b, HEAPIMAGE_NOTE_RANGES, sizeof(list), 2, sizeof(list.r[0]));
	rig_read(&r, b, &list, sizeof(list));
	assert_int_equal(r.parts.image.words.n, 1);
	memcpy(&word, r.parts.image.words.v[0].bytes, 8);
	assert_int_equal(word, 0xabcd);
	assert_int_equal(r.parts.image.words.v[0].target_fd, 7);
	/* the same bytes as ranges: [0xabcd, 0x5_0000_0001) and an empty one */
	assert_int_equal(r.parts.image.ranges.n, 1);
	rig_close(&r);
}

static void longer_entries_of_a_later_version_are_stepped_over(void **state)
{
	struct core_build *b = image_new(1, 1);
	uint8_t list[2 * 80] = {0};
	struct heapimage_thread t = {.tid = 3, .name = "b"};
	struct rig r;

	memcpy(list + 80, &t, sizeof(t));
	add_list(b, HEAPIMAGE_NOTE_THREADS, sizeof(list), 2, 80);
	rig_read(&r, b, list, sizeof(list));
	assert_int_equal(r.parts.image.threads.n, 2);
	assert_int_equal(r.parts.image.threads.v[1].tid, 3);
	rig_close(&r);
}

static void a_list_beyond_the_file_is_cut_and_said(void **state)
{
	struct core_build *b = image_new(1, 0);
	struct heapimage_thread t = {.tid = 3, .name = "b"};
	struct rig r;

	add_list(b, HEAPIMAGE_NOTE_THREADS, UINT64_MAX, UINT32_MAX, sizeof(t));
	rig_read(&r, b, &t, sizeof(t));
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.parts.image.threads.n, 1);
	assert_int_equal(r.parts.image.n_cut, UINT32_MAX - 1);
	assert_true(warned(&r, "threads"));
	rig_close(&r);
}

static void a_list_of_entries_too_small_is_left_out(void **state)
{
	struct core_build *b = image_new(1, 0);
	struct rig r;

	add_list(b, HEAPIMAGE_NOTE_MODULES, 400, 400, 1);
	rig_read(&r, b, (uint8_t[400]){0}, 400);
	assert_int_equal(r.parts.image.modules.n, 0);
	assert_true(warned(&r, "modules"));
	rig_close(&r);
}

static void strings_of_modules_end_inside_their_entry(void **state)
{
	struct core_build *b = image_new(1, 0);
	struct heapimage_module m = {.lo = 1, .hi = 2, .state = HEAPIMAGE_LIVE, .n_build_id = 200};
	struct rig r;

	memset(m.path, 'x', sizeof(m.path));
	add_list(b, HEAPIMAGE_NOTE_MODULES, sizeof(m), 1, sizeof(m));
	rig_read(&r, b, &m, sizeof(m));
	assert_int_equal(r.parts.image.modules.n, 1);
	assert_int_equal(strlen(r.parts.image.modules.v[0].path), sizeof(m.path) - 1);
	assert_int_equal(r.parts.image.modules.v[0].n_build_id, 0);
	rig_close(&r);
}

/* Sanitizers look on. */
static void every_truncation_of_an_image_is_read_or_refused(void **state)
{
	struct core_build *b = image_new(1, 0);
	struct heapimage_kernel_word w[3] = {{.word = 1, .kind = 2}};
	struct rig r;

	add_list(b, HEAPIMAGE_NOTE_KERNEL, sizeof(w), 3, sizeof(w[0]));
	core_build_note(b, HEAPIMAGE_OWNER, HEAPIMAGE_NOTE_WHY, "why", 3);
	rig_read(&r, b, w, sizeof(w));
	assert_int_equal(r.rc, 0);
	for (size_t n = 0; n < r.n; n++) {
		uint8_t *copy = malloc(n + 1);
		struct warnings warnings = {0};
		struct parts parts;
		struct err err = {0};

		memcpy(copy, r.bytes, n);
		if (core_read(&parts, copy, n, &warnings, &err) == 0) {
			assert_true(parts.image.words.n <= 3);
			parts_deinit(&parts);
		}
		warnings_deinit(&warnings);
		free(copy);
	}
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_notes_say_how_and_why),
		cmocka_unit_test(a_later_major_version_is_refused_by_name),
		cmocka_unit_test(a_later_minor_version_and_unknown_notes_are_read),
		cmocka_unit_test(lists_come_out_as_they_went_in),
		cmocka_unit_test(threads_come_out_by_their_ids),
		cmocka_unit_test(words_of_the_kernel_and_ranges_are_kept),
		cmocka_unit_test(longer_entries_of_a_later_version_are_stepped_over),
		cmocka_unit_test(a_list_beyond_the_file_is_cut_and_said),
		cmocka_unit_test(a_list_of_entries_too_small_is_left_out),
		cmocka_unit_test(strings_of_modules_end_inside_their_entry),
		cmocka_unit_test(every_truncation_of_an_image_is_read_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
