/*
 * Which ELF files a core shows, and which is the program: built cores, without any file on disk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/space/modules.h"
#include "formats/core_read.h"
#include "tests/lib/core_build.h"

/* Where things are in the cores here; a module has one page of headers and one of data. */
enum {
	PROGRAM = 0x400000,
	LOADER = 0x700000,
	LIBRARY = 0x800000,
	VDSO = 0x900000,
	HEAP = 0xa00000, /* link_maps and strings */
	PAGE = 0x1000,
	DYNAMIC = PAGE,	       /* in a module */
	R_DEBUG = PAGE + 0x100 /* in the one that has it */
};

struct rig {
	uint8_t *bytes;
	struct parts parts;
	struct space space;
	struct modules modules;
	struct warnings warnings;
};

/* Maps an ELF file of the type, whose dynamic section is in its data. */
static void module(struct core_build *b, addr_t at, uint16_t type)
{
	bool fixed = type == ET_EXEC;
	Elf64_Ehdr eh = {.e_ident = ELFMAG "\2\1\1",
			 .e_type = type,
			 .e_machine = EM_X86_64,
			 .e_phoff = sizeof(eh),
			 .e_phentsize = sizeof(Elf64_Phdr),
			 .e_phnum = 3};
	Elf64_Phdr ph[3] = {
		{PT_LOAD, PF_R | PF_X, 0, fixed ? at : 0, 0, PAGE, PAGE, PAGE},
		{PT_LOAD, PF_R | PF_W, PAGE, (fixed ? at : 0) + PAGE, 0, PAGE, PAGE, PAGE},
		{PT_DYNAMIC, PF_R, PAGE, (fixed ? at : 0) + DYNAMIC, 0, 64, 64, 8}};

	core_build_map(b, at, PAGE, PROT_R | PROT_X);
	core_build_map(b, at + PAGE, PAGE, PROT_R | PROT_W);
	memcpy(core_build_at(b, at, sizeof(eh)), &eh, sizeof(eh));
	memcpy(core_build_at(b, at + sizeof(eh), sizeof(ph)), ph, sizeof(ph));
}

/* A link_map at HEAP + 64 i; next 0 ends the list. */
static void link_entry(struct core_build *b, int i, addr_t bias, addr_t dynamic, const char *name,
		       int next)
{
	addr_t at = HEAP + 64ul * (addr_t)i, text = HEAP + 0x800 + 64ul * (addr_t)i;

	strcpy((char *)core_build_at(b, text, 64), name);
	core_build_put(b, at, bias);
	core_build_put(b, at + 8, text);
	core_build_put(b, at + 16, dynamic);
	core_build_put(b, at + 24, next ? HEAP + 64ul * (addr_t)next : 0);
}

/* The module at that address tells the debugger where the list begins. */
static void debug_entry(struct core_build *b, addr_t at, int first)
{
	core_build_put(b, at + DYNAMIC, DT_DEBUG);
	core_build_put(b, at + DYNAMIC + 8, at + R_DEBUG);
	core_build_put32(b, at + R_DEBUG, 1);
	core_build_put(b, at + R_DEBUG + 8, HEAP + 64ul * (addr_t)first);
}

static void open(struct rig *r, struct core_build *b)
{
	struct module_search search = {.no_debuginfod = true};
	struct err e = {0};
	size_t n;

	*r = (struct rig){0};
	r->bytes = core_build_finish(b, &n);
	core_build_free(b);
	if (core_read(&r->parts, r->bytes, n, &r->warnings, &e) < 0 ||
	    space_init(&r->space, &r->parts, &e) < 0 ||
	    modules_init(&r->modules, &r->space, &search, &r->warnings, &e) < 0)
		fail_msg("%s", e.text);
}

static void close(struct rig *r)
{
	modules_deinit(&r->modules);
	space_deinit(&r->space);
	parts_deinit(&r->parts);
	warnings_deinit(&r->warnings);
	free(r->bytes);
}

static const struct module *at(const struct rig *r, addr_t addr)
{
	uint32_t i = modules_find(&r->modules, addr);

	assert_int_not_equal(i, INDEX_NONE);
	return &r->modules.list.v[i];
}

static void expect_warning(const struct rig *r, const char *text)
{
	for (size_t i = 0; i < r->warnings.lines.n; i++)
		if (strstr(r->warnings.lines.v[i], text))
			return;
	fail_msg("no warning has \"%s\"", text);
}

static struct core_build *begin(void)
{
	struct core_build *b = core_build_new(MACHINE_X86_64);

	module(b, PROGRAM, ET_DYN);
	module(b, LOADER, ET_DYN);
	module(b, LIBRARY, ET_DYN);
	core_build_map(b, HEAP, PAGE, PROT_R | PROT_W);
	return b;
}

static void the_loaders_list_names_what_the_file_table_does_not(void **state)
{
	struct core_build *b = begin();
	struct rig r;

	core_build_auxv(b, AT_PHDR, PROGRAM + 64);
	core_build_auxv(b, AT_BASE, LOADER);
	debug_entry(b, PROGRAM, 0);
	link_entry(b, 0, PROGRAM, PROGRAM + DYNAMIC, "", 1);
	link_entry(b, 1, LIBRARY, LIBRARY + DYNAMIC, "/nowhere/libx.so.1", 2);
	link_entry(b, 2, LOADER, LOADER + DYNAMIC, "/nowhere/ld.so", 0);
	open(&r, b);
	assert_int_equal(r.modules.list.n, 3);
	assert_true(r.modules.has_link_map);
	assert_string_equal(at(&r, LIBRARY + PAGE)->name, "libx.so.1");
	assert_int_equal(at(&r, LIBRARY)->link_map, HEAP + 64);
	assert_true(at(&r, PROGRAM)->is_exe);
	assert_true(at(&r, LOADER)->is_interp);
	assert_int_equal(at(&r, LIBRARY)->writable.v[0].lo, LIBRARY + PAGE);
	assert_int_equal(at(&r, LIBRARY)->state, MODULE_MISSING);
	expect_warning(&r, "/nowhere/libx.so.1 is not on this machine");
	expect_warning(&r, "does not name the executable");
	close(&r);
}

static void a_program_that_the_loader_was_given_is_the_executable(void **state)
{
	struct core_build *b = begin();
	struct rig r;

	core_build_auxv(b, AT_PHDR, LOADER + 64);
	core_build_auxv(b, AT_EXECFN, HEAP + 0x900);
	strcpy((char *)core_build_at(b, HEAP + 0x900, 32), "/nowhere/ld.so");
	debug_entry(b, PROGRAM, 0);
	link_entry(b, 0, PROGRAM, PROGRAM + DYNAMIC, "", 1);
	link_entry(b, 1, LIBRARY, LIBRARY + DYNAMIC, "/nowhere/libx.so", 0);
	open(&r, b);
	assert_true(at(&r, PROGRAM)->is_exe);
	assert_false(at(&r, LOADER)->is_exe);
	assert_string_equal(at(&r, PROGRAM)->path, "");
	assert_string_equal(at(&r, LOADER)->path, "/nowhere/ld.so");
	close(&r);
}

static void a_list_in_a_circle_ends(void **state)
{
	struct core_build *b = begin();
	struct rig r;

	core_build_auxv(b, AT_PHDR, PROGRAM + 64);
	debug_entry(b, PROGRAM, 1);
	link_entry(b, 1, LIBRARY, LIBRARY + DYNAMIC, "/nowhere/libx.so", 2);
	link_entry(b, 2, LOADER, LOADER + DYNAMIC, "/nowhere/ld.so", 1);
	open(&r, b);
	assert_false(r.modules.has_link_map);
	assert_int_equal(r.modules.list.n, 3);
	assert_string_equal(at(&r, LIBRARY)->name, "libx.so");
	close(&r);
}

static void a_list_that_leaves_the_dump_is_short(void **state)
{
	struct core_build *b = begin();
	struct rig r;

	core_build_auxv(b, AT_PHDR, PROGRAM + 64);
	debug_entry(b, PROGRAM, 0);
	link_entry(b, 0, PROGRAM, PROGRAM + DYNAMIC, "", 1);
	link_entry(b, 1, LIBRARY, LIBRARY + DYNAMIC, "/nowhere/libx.so", 0);
	core_build_put(b, HEAP + 64 + 24, 0x123456789000);
	open(&r, b);
	assert_false(r.modules.has_link_map);
	assert_string_equal(at(&r, LIBRARY)->name, "libx.so");
	close(&r);
}

static void the_vdso_is_known_by_the_loaders_name_for_it(void **state)
{
	struct core_build *b = begin();
	struct rig r;

	module(b, VDSO, ET_DYN);
	debug_entry(b, PROGRAM, 0);
	link_entry(b, 0, PROGRAM, PROGRAM + DYNAMIC, "", 1);
	link_entry(b, 1, VDSO, VDSO + DYNAMIC, "linux-vdso.so.1", 0);
	open(&r, b);
	assert_true(at(&r, VDSO)->is_vdso);
	assert_int_equal(at(&r, VDSO)->state, MODULE_FOUND);
	close(&r);
}

static void without_loader_and_auxv_a_fixed_program_is_the_executable(void **state)
{
	struct core_build *b = core_build_new(MACHINE_X86_64);
	struct rig r;

	module(b, LIBRARY, ET_DYN);
	module(b, PROGRAM, ET_EXEC);
	open(&r, b);
	assert_true(at(&r, PROGRAM)->is_exe);
	assert_int_equal(at(&r, PROGRAM)->bias, 0);
	assert_false(at(&r, LIBRARY)->is_exe);
	close(&r);
}

static void a_mapped_file_that_is_data_is_no_module(void **state)
{
	struct core_build *b = begin();
	struct rig r;

	core_build_map(b, 0xb00000, PAGE, PROT_R);
	memcpy(core_build_at(b, 0xb00000, 64), core_build_at(b, LIBRARY, 64), 64);
	core_build_map(b, 0xc00000, PAGE, PROT_R | PROT_X);
	core_build_file(b, PROGRAM, PROGRAM + PAGE, 0, "/nowhere/program");
	core_build_file(b, 0xb00000, 0xb00000 + PAGE, 0, "/nowhere/read.so");
	core_build_file(b, 0xc00000, 0xc00000 + PAGE, 0, "/nowhere/not-elf");
	open(&r, b);
	assert_string_equal(at(&r, PROGRAM)->name, "program");
	assert_int_equal(modules_find(&r.modules, 0xb00000), INDEX_NONE);
	assert_int_equal(modules_find(&r.modules, 0xc00000), INDEX_NONE);
	close(&r);
}

static void a_name_matches_up_to_its_version_only(void **state)
{
	struct core_build *b = begin();
	struct rig r;

	core_build_file(b, LOADER, LOADER + PAGE, 0, "/nowhere/libcrypt.so.1");
	core_build_file(b, LIBRARY, LIBRARY + PAGE, 0, "/nowhere/libc-2.31.so");
	open(&r, b);
	assert_int_equal(modules_by_name(&r.modules, "libc"), modules_find(&r.modules, LIBRARY));
	assert_int_equal(modules_by_name(&r.modules, "libcr"), INDEX_NONE);
	close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_loaders_list_names_what_the_file_table_does_not),
		cmocka_unit_test(a_program_that_the_loader_was_given_is_the_executable),
		cmocka_unit_test(a_list_in_a_circle_ends),
		cmocka_unit_test(a_list_that_leaves_the_dump_is_short),
		cmocka_unit_test(the_vdso_is_known_by_the_loaders_name_for_it),
		cmocka_unit_test(without_loader_and_auxv_a_fixed_program_is_the_executable),
		cmocka_unit_test(a_mapped_file_that_is_data_is_no_module),
		cmocka_unit_test(a_name_matches_up_to_its_version_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
