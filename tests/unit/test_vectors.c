/*
 * The words of the vector state, by name: told by the dump, guessed, or neither.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/space/vectors.h"
#include "formats/core_read.h"
#include "tests/lib/core_build.h"

enum { ALL = 0xe7, AMX = 11008, PKRU = 2696, ZEN = 2440, ONLY_AVX = 832 };

struct rig {
	uint8_t *bytes;
	struct parts parts;
	struct warnings warnings;
};

/* A core of one thread, whose vector state is n bytes; in_use: XSTATE_BV. */
static void open(struct rig *r, enum machine machine, size_t n, uint64_t in_use, const void *layout,
		 size_t n_layout)
{
	struct core_build *b = core_build_new(machine);
	uint8_t *state = calloc(1, n);
	struct built_thread t = {.tid = 7};
	struct err e = {0};
	size_t size;

	if (!state)
		abort();
	if (machine == MACHINE_X86_64) {
		if (n > 520)
			memcpy(state + 512, &in_use, sizeof(in_use));
		t.xstate = state;
		t.n_xstate = n;
	} else {
		t.fpregs = state;
		t.n_fpregs = n;
	}
	core_build_map(b, 0x10000, 64, PROT_R | PROT_W);
	core_build_thread(b, &t);
	if (layout)
		core_build_note(b, "LINUX", 0x205, layout, n_layout);
	*r = (struct rig){.bytes = core_build_finish(b, &size)};
	core_build_free(b);
	free(state);
	if (core_read(&r->parts, r->bytes, size, &r->warnings, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(r->parts.threads.n, 1);
}

static void close(struct rig *r)
{
	parts_deinit(&r->parts);
	warnings_deinit(&r->warnings);
	free(r->bytes);
}

/* name NULL: it has none. */
static void expect(const struct rig *r, uint64_t off, const char *name, bool is_guessed)
{
	struct vector_word w;

	if (!vectors_name(&r->parts, &r->parts.threads.v[0], off, &w)) {
		if (name)
			fail_msg("%d has no name, not %s", (int)off, name);
		return;
	}
	if (!name || strcmp(w.name, name) || w.is_guessed != is_guessed)
		fail_msg("%d is %s%s", (int)off, w.name, w.is_guessed ? ", guessed" : "");
}

static void the_dump_tells_where_registers_lie(void **state)
{
	static const uint32_t layout[][4] = {
		{2, 256, 576}, {5, 64, 900}, {6, 512, 1000}, {7, 1024, 1600}, {9, 8, 2624}};
	struct rig r;

	open(&r, MACHINE_X86_64, 2632, ALL, layout, sizeof(layout));
	expect(&r, 152, NULL, false);
	expect(&r, 160, "xmm0", false);
	expect(&r, 408, "xmm15", false);
	expect(&r, 416, NULL, false);
	expect(&r, 512, NULL, false);
	expect(&r, 576, "ymm0", false);
	expect(&r, 584, "ymm0", false);
	expect(&r, 576 + 255, "ymm15", false);
	expect(&r, 576 + 256, NULL, false);
	expect(&r, 900, "k0", false);
	expect(&r, 956, "k7", false);
	expect(&r, 1000, "zmm0", false);
	expect(&r, 1511, "zmm15", false);
	expect(&r, 1512, NULL, false);
	expect(&r, 1600, "zmm16", false);
	expect(&r, 2623, "zmm31", false);
	expect(&r, 2624, NULL, false);
	expect(&r, 2632, NULL, false);
	expect(&r, UINT64_MAX, NULL, false);
	close(&r);
}

static void a_component_that_the_dump_does_not_list_has_no_names(void **state)
{
	static const uint32_t layout[][4] = {{2, 256, 576}, {7, 1024, 100000000}};
	struct rig r;

	open(&r, MACHINE_X86_64, PKRU, ALL, layout, sizeof(layout) - 1);
	expect(&r, 576, "ymm0", false);
	expect(&r, 1152, NULL, false);
	expect(&r, 1664, NULL, false);
	close(&r);
}

static void without_a_layout_it_is_guessed_from_the_size(void **state)
{
	struct rig r;

	for (int amx = 0; amx < 2; amx++) {
		open(&r, MACHINE_X86_64, amx ? AMX : PKRU, ALL, NULL, 0);
		expect(&r, 576 + 16 * 9, "ymm9", false);
		expect(&r, 832, NULL, false);
		expect(&r, 1088 + 8, "k1", true);
		expect(&r, 1152, "zmm0", true);
		expect(&r, 1664 + 64, "zmm17", true);
		expect(&r, 2688, NULL, false);
		close(&r);
	}
	open(&r, MACHINE_X86_64, ZEN, ALL, NULL, 0);
	expect(&r, 576, "ymm0", false);
	expect(&r, 832, "k0", true);
	expect(&r, 896 + 32 * 3, "zmm3", true);
	expect(&r, 1408 + 64 * 15, "zmm31", true);
	expect(&r, 2432, NULL, false);
	close(&r);
	open(&r, MACHINE_X86_64, ONLY_AVX, ALL, NULL, 0);
	expect(&r, 831, "ymm15", false);
	expect(&r, 832, NULL, false);
	close(&r);
}

static void what_is_not_in_use_has_no_name(void **state)
{
	struct rig r;

	open(&r, MACHINE_X86_64, PKRU, 0x83, NULL, 0);
	expect(&r, 576, NULL, false);
	expect(&r, 1088, NULL, false);
	expect(&r, 1664, "zmm16", true);
	expect(&r, 160, "xmm0", false);
	close(&r);
}

static void a_short_state_has_the_names_it_has_room_for(void **state)
{
	struct rig r;

	for (size_t n = 8; n < 600; n += 8) {
		open(&r, MACHINE_X86_64, n, ALL, NULL, 0);
		expect(&r, 160, n > 160 ? "xmm0" : NULL, false);
		expect(&r, 408, n > 408 ? "xmm15" : NULL, false);
		expect(&r, 576, n > 576 ? "ymm0" : NULL, false);
		expect(&r, n, NULL, false);
		close(&r);
	}
}

static void registers_of_aarch64_have_names(void **state)
{
	struct rig r;

	open(&r, MACHINE_AARCH64, 528, 0, NULL, 0);
	expect(&r, 0, "v0", false);
	expect(&r, 504, "v31", false);
	expect(&r, 512, NULL, false);
	close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_dump_tells_where_registers_lie),
		cmocka_unit_test(a_component_that_the_dump_does_not_list_has_no_names),
		cmocka_unit_test(without_a_layout_it_is_guessed_from_the_size),
		cmocka_unit_test(what_is_not_in_use_has_no_name),
		cmocka_unit_test(a_short_state_has_the_names_it_has_room_for),
		cmocka_unit_test(registers_of_aarch64_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
