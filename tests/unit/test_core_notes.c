/*
 * The notes of a core: registers by DWARF number on both machines, what belongs to which thread,
 * and what damage in a note costs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "formats/core_read.h"
#include "tests/lib/core_build.h"

struct rig {
	uint8_t *bytes;
	struct parts parts;
	struct warnings warnings;
};

/* Gives the core a page of memory, reads it, and frees the builder. */
static void rig_read(struct rig *r, struct core_build *b)
{
	struct err e = {0};
	size_t n;

	*r = (struct rig){0};
	core_build_map(b, 0x10000, 16, PROT_R);
	r->bytes = core_build_finish(b, &n);
	core_build_free(b);
	if (core_read(&r->parts, r->bytes, n, &r->warnings, &e) < 0)
		fail_msg("%s", e.text);
}

static void rig_close(struct rig *r)
{
	parts_deinit(&r->parts);
	warnings_deinit(&r->warnings);
	free(r->bytes);
}

static void expect_warning(const struct rig *r, const char *part)
{
	for (size_t i = 0; i < r->warnings.lines.n; i++)
		if (strstr(r->warnings.lines.v[i], part))
			return;
	fail_msg("no warning has \"%s\"; the first of %zu: %s", part, r->warnings.lines.n,
		 r->warnings.lines.n ? r->warnings.lines.v[0] : "-");
}

static struct built_thread some_thread(uint32_t tid)
{
	struct built_thread t = {.tid = tid, .tp = 0x7000};

	for (size_t i = 0; i < MAX_GPR; i++)
		t.gpr[i] = tid * 1000ull + i;
	return t;
}

static void check_thread(const struct thread_regs *t, uint32_t tid, uint32_t n_gpr)
{
	assert_int_equal(t->tid, tid);
	assert_int_equal(t->n_gpr, n_gpr);
	for (uint32_t i = 0; i < n_gpr; i++)
		assert_int_equal(t->gpr[i], tid * 1000ull + i);
	assert_int_equal(t->tp, 0x7000);
}

static void x86_64_registers_have_their_dwarf_numbers(void **state)
{
	struct core_build *b = core_build_new(MACHINE_X86_64);
	struct built_thread t = some_thread(5);
	struct rig r;

	core_build_thread(b, &t);
	rig_read(&r, b);
	assert_int_equal(r.parts.threads.n, 1);
	check_thread(&r.parts.threads.v[0], 5, 17);
	assert_int_equal(r.parts.threads.v[0].pc, 5016);
	assert_int_equal(r.parts.threads.v[0].sp, 5007);
	assert_int_equal(r.parts.threads.v[0].fp, 5006);
	rig_close(&r);
}

static void aarch64_registers_have_their_dwarf_numbers(void **state)
{
	struct core_build *b = core_build_new(MACHINE_AARCH64);
	struct built_thread t = some_thread(5);
	struct rig r;

	core_build_thread(b, &t);
	rig_read(&r, b);
	check_thread(&r.parts.threads.v[0], 5, 33);
	assert_int_equal(r.parts.threads.v[0].pc, 5032);
	assert_int_equal(r.parts.threads.v[0].sp, 5031);
	assert_int_equal(r.parts.threads.v[0].fp, 5029);
	rig_close(&r);
}

/* The words of struct user_regs_struct in the kernel's own order, without our builder's table. */
static void the_raw_order_is_the_kernels(void **state)
{
	static const char order[] = "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi";
	static const char *const dwarf[] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp",
					    "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
	struct core_build *b = core_build_new(MACHINE_X86_64);
	uint64_t status[(112 + 27 * 8) / 8] = {0};
	char text[sizeof(order)];
	struct rig r;
	uint64_t i = 0;

	for (; i < 27; i++)
		status[14 + i] = i;
	core_build_note(b, "CORE", NT_PRSTATUS, status, sizeof(status));
	rig_read(&r, b);
	strcpy(text, order);
	i = 0;
	for (char *name = strtok(text, " "); name; name = strtok(NULL, " "), i++)
		for (size_t k = 0; k < ARRAY_LEN(dwarf); k++)
			if (!strcmp(name, dwarf[k]))
				assert_int_equal(r.parts.threads.v[0].gpr[k], i);
	assert_int_equal(i, 15);
	assert_int_equal(r.parts.threads.v[0].pc, 16);
	assert_int_equal(r.parts.threads.v[0].sp, 19);
	assert_int_equal(r.parts.threads.v[0].tp, 21);
	rig_close(&r);
}

static void notes_belong_to_the_thread_before_them(void **state)
{
	struct core_build *b = core_build_new(MACHINE_X86_64);
	uint8_t fp[512], xstate[832];
	struct built_thread t = some_thread(1), u = some_thread(2), v = some_thread(3);
	struct rig r;

	memset(fp, 'f', sizeof(fp));
	memset(xstate, 'x', sizeof(xstate));
	t.fpregs = v.fpregs = fp;
	t.n_fpregs = v.n_fpregs = sizeof(fp);
	t.xstate = xstate;
	t.n_xstate = sizeof(xstate);
	core_build_thread(b, &t);
	core_build_thread(b, &u);
	core_build_thread(b, &v);
	core_build_note(b, "CORE", NT_FPREGSET, fp, 64); /* the wider one stays */
	rig_read(&r, b);
	assert_int_equal(r.parts.threads.n, 3);
	assert_int_equal(r.parts.threads.v[0].vec_size, sizeof(xstate));
	assert_memory_equal(r.parts.threads.v[0].vec, xstate, sizeof(xstate));
	assert_null(r.parts.threads.v[1].vec);
	assert_int_equal(r.parts.threads.v[1].vec_size, 0);
	assert_int_equal(r.parts.threads.v[2].vec_size, sizeof(fp));
	assert_memory_equal(r.parts.threads.v[2].vec, fp, sizeof(fp));
	rig_close(&r);
}

static void aarch64_has_vectors_and_a_thread_pointer(void **state)
{
	struct core_build *b = core_build_new(MACHINE_AARCH64);
	uint8_t fp[528];
	struct built_thread t = some_thread(1), u = some_thread(2);
	struct rig r;

	memset(fp, 'v', sizeof(fp));
	t.fpregs = fp;
	t.n_fpregs = sizeof(fp);
	u.tp = 0;
	core_build_thread(b, &t);
	core_build_thread(b, &u);
	rig_read(&r, b);
	assert_int_equal(r.parts.threads.v[0].tp, 0x7000);
	assert_int_equal(r.parts.threads.v[0].vec_size, sizeof(fp));
	assert_memory_equal(r.parts.threads.v[0].vec, fp, sizeof(fp));
	assert_int_equal(r.parts.threads.v[1].tp, 0);
	rig_close(&r);
}

/* x86-64 has another note of that number: it must not set the thread pointer. */
static void an_aarch64_note_says_nothing_of_x86_64(void **state)
{
	struct core_build *b = core_build_new(MACHINE_X86_64);
	struct built_thread t = some_thread(1);
	uint64_t tp = 0x666;
	struct rig r;

	core_build_thread(b, &t);
	core_build_note(b, "LINUX", NT_ARM_TLS, &tp, 8);
	rig_read(&r, b);
	assert_int_equal(r.parts.threads.v[0].tp, 0x7000);
	rig_close(&r);
}

static void the_process_is_described(void **state)
{
	struct core_build *b = core_build_new(MACHINE_X86_64);
	struct rig r;

	core_build_thread(b, &(struct built_thread){.tid = 4242, .signal = 6});
	core_build_process(b, 4242, "a-name-of-exactly-16", "prog --flag  ");
	core_build_signal(b, 11, 2, 0xabc);
	core_build_signal(b, 6, 0, 0);
	core_build_auxv(b, AT_PAGESZ, 4096);
	core_build_auxv(b, AT_ENTRY, 0x400500);
	rig_read(&r, b);
	assert_int_equal(r.parts.pid, 4242);
	assert_string_equal(r.parts.comm, "a-name-of-exactl");
	assert_string_equal(r.parts.args, "prog --flag");
	assert_int_equal(r.parts.signo, 11);
	assert_int_equal(r.parts.sigcode, 2);
	assert_int_equal(r.parts.fault_addr, 0xabc);
	assert_int_equal(r.parts.threads.v[0].signal, 6);
	assert_int_equal(r.parts.auxv.n, 2);
	assert_int_equal(parts_auxv(&r.parts, AT_ENTRY), 0x400500);
	assert_int_equal(parts_auxv(&r.parts, AT_BASE), 0);
	rig_close(&r);
}

static void eighty_bytes_of_arguments_end(void **state)
{
	struct core_build *b = core_build_new(MACHINE_X86_64);
	char args[81];
	struct rig r;

	memset(args, 'a', 80);
	args[80] = 0;
	core_build_process(b, 1, "c", args);
	rig_read(&r, b);
	assert_string_equal(r.parts.args, args);
	rig_close(&r);
}

static void without_siginfo_the_first_thread_tells_the_signal(void **state)
{
	struct core_build *b = core_build_new(MACHINE_X86_64);
	struct rig r;

	core_build_thread(b, &(struct built_thread){.tid = 1, .signal = 6});
	core_build_thread(b, &(struct built_thread){.tid = 2, .signal = 9});
	rig_read(&r, b);
	assert_int_equal(r.parts.signo, 6);
	rig_close(&r);
}

static void files_are_sorted_and_counted_in_pages(void **state)
{
	struct core_build *b = core_build_new(MACHINE_X86_64);
	struct rig r;

	core_build_file(b, 0x30000, 0x31000, 2, "/lib/b");
	core_build_file(b, 0x10000, 0x12000, 0, "/bin/a (deleted)");
	core_build_file(b, 0x50000, 0x50000, 0, "/empty");
	core_build_file(b, 0x60000, 0x61000, UINT64_MAX / 2, "/wraps");
	rig_read(&r, b);
	assert_true(r.parts.has_file_note);
	assert_int_equal(r.parts.files.n, 3);
	assert_string_equal(r.parts.files.v[0].path, "/bin/a (deleted)");
	assert_int_equal(r.parts.files.v[1].file_off, 0x2000);
	assert_int_equal(r.parts.files.v[1].end, 0x31000);
	assert_int_equal(r.parts.files.v[2].file_off, 0);
	rig_close(&r);
}

static void of_overlapping_files_the_first_stays(void **state)
{
	struct core_build *b = core_build_new(MACHINE_X86_64);
	struct rig r;

	core_build_file(b, 0x10000, 0x20000, 0, "/a");
	core_build_file(b, 0x1f000, 0x21000, 0, "/over");
	core_build_file(b, 0x10000, 0x11000, 0, "/same");
	core_build_file(b, 0x20000, 0x21000, 0, "/b");
	rig_read(&r, b);
	assert_int_equal(r.parts.files.n, 2);
	assert_string_equal(r.parts.files.v[0].path, "/a");
	assert_string_equal(r.parts.files.v[1].path, "/b");
	expect_warning(&r, "2 entries of the file table");
	rig_close(&r);
}

static void a_core_may_have_no_notes(void **state)
{
	struct rig r;

	rig_read(&r, core_build_new(MACHINE_X86_64));
	assert_false(r.parts.has_file_note);
	assert_int_equal(r.parts.threads.n, 0);
	expect_warning(&r, "names no threads");
	rig_close(&r);
}

static void notes_may_be_aligned_to_8(void **state)
{
	struct core_build *b = core_build_new(MACHINE_AARCH64);
	struct built_thread t = some_thread(1);
	struct rig r;

	core_build_align_notes(b);
	core_build_note(b, "odd", 1, "12345", 5);
	core_build_thread(b, &t);
	core_build_file(b, 0x10000, 0x11000, 0, "/a");
	rig_read(&r, b);
	assert_int_equal(r.warnings.lines.n, 0);
	check_thread(&r.parts.threads.v[0], 1, 33);
	assert_int_equal(r.parts.files.n, 1);
	rig_close(&r);
}

static void our_own_notes_make_it_an_image(void **state)
{
	struct core_build *b = core_build_new(MACHINE_X86_64);
	struct rig r;

	core_build_note(b, "HEAPDUMP", 1, "12345678", 8);
	core_build_thread(b, &(struct built_thread){.tid = 1});
	rig_read(&r, b);
	assert_string_equal(r.parts.writer, "heapdump image");
	rig_close(&r);
}

static void unknown_notes_are_passed_by(void **state)
{
	struct core_build *b = core_build_new(MACHINE_X86_64);
	struct rig r;

	core_build_note(b, "CORE", 0x7777, "x", 1);
	core_build_note(b, "LINUX", 0x7777, "x", 1);
	core_build_note(b, "COREX", NT_PRSTATUS, "x", 1);
	core_build_note(b, "COR", NT_PRSTATUS, "x", 1);
	core_build_note(b, "", NT_PRSTATUS, NULL, 0);
	core_build_thread(b, &(struct built_thread){.tid = 1});
	rig_read(&r, b);
	assert_int_equal(r.warnings.lines.n, 0);
	assert_int_equal(r.parts.threads.n, 1);
	rig_close(&r);
}

static void a_note_that_overruns_costs_those_behind_it(void **state)
{
	struct core_build *b = core_build_new(MACHINE_X86_64);
	uint32_t huge = UINT32_MAX;
	struct rig r;

	core_build_thread(b, &(struct built_thread){.tid = 1});
	core_build_note(b, "CORE", NT_AUXV, "", 0);
	rig_read(&r, b);
	/* the header of the last note is 20 bytes before the segments */
	memcpy(r.bytes + CORE_PHDR(r.bytes, 0)->p_offset + CORE_PHDR(r.bytes, 0)->p_filesz - 16,
	       &huge, 4);
	parts_deinit(&r.parts);
	assert_int_equal(
		core_read(&r.parts, r.bytes,
			  CORE_PHDR(r.bytes, 1)->p_offset + CORE_PHDR(r.bytes, 1)->p_filesz,
			  &r.warnings, NULL),
		0);
	assert_int_equal(r.parts.threads.n, 1);
	expect_warning(&r, "overruns its segment");
	rig_close(&r);
}

static void registers_cut_short_cost_that_thread(void **state)
{
	struct core_build *b = core_build_new(MACHINE_X86_64);
	uint8_t status[112 + 27 * 8 - 1] = {0};
	struct rig r;

	status[32] = 77;
	core_build_thread(b, &(struct built_thread){.tid = 1});
	core_build_note(b, "CORE", NT_PRSTATUS, status, sizeof(status));
	core_build_thread(b, &(struct built_thread){.tid = 2});
	rig_read(&r, b);
	assert_int_equal(r.parts.threads.n, 2);
	assert_int_equal(r.parts.threads.v[1].tid, 2);
	expect_warning(&r, "thread 77 are cut short");
	rig_close(&r);
}

static void short_notes_say_nothing(void **state)
{
	struct core_build *b = core_build_new(MACHINE_AARCH64);
	uint8_t some[24] = {1, 2, 3};
	struct rig r;

	core_build_note(b, "CORE", NT_PRPSINFO, some, sizeof(some));
	core_build_note(b, "CORE", NT_SIGINFO, some, sizeof(some) - 1);
	core_build_note(b, "CORE", NT_AUXV, some, 15);
	core_build_note(b, "CORE", NT_FPREGSET, some, sizeof(some));
	core_build_note(b, "LINUX", NT_ARM_TLS, some, 8);
	core_build_thread(b, &(struct built_thread){.tid = 1, .tp = 0x55});
	core_build_note(b, "LINUX", NT_ARM_TLS, some, 7);
	rig_read(&r, b);
	assert_int_equal(r.parts.pid, 0);
	assert_int_equal(r.parts.signo, 0);
	assert_int_equal(r.parts.auxv.n, 0);
	assert_null(r.parts.threads.v[0].vec);
	assert_int_equal(r.parts.threads.v[0].tp, 0x55);
	rig_close(&r);
}

/* A file table that promises count files, has room for one and the given bytes of names. */
static void read_file_table(struct rig *r, uint64_t count, const char *names, size_t n_names)
{
	struct core_build *b = core_build_new(MACHINE_X86_64);
	uint8_t desc[256];
	uint64_t words[] = {count, 4096, 0x10000, 0x11000, 0};

	memcpy(desc, words, sizeof(words));
	memcpy(desc + sizeof(words), names, n_names);
	core_build_note(b, "CORE", NT_FILE, desc, sizeof(words) + n_names);
	rig_read(r, b);
	assert_true(r->parts.has_file_note);
}

static void a_damaged_file_table_costs_what_it_lacks(void **state)
{
	struct rig r;

	read_file_table(&r, 1, "/a", 3);
	assert_int_equal(r.parts.files.n, 1);
	assert_int_equal(r.warnings.lines.n, 1); /* no threads */
	rig_close(&r);
	read_file_table(&r, 1, "/unended", 8);
	assert_int_equal(r.parts.files.n, 0);
	expect_warning(&r, "(NT_FILE at offset");
	rig_close(&r);
	read_file_table(&r, UINT64_MAX, "/a", 3);
	assert_true(r.parts.files.n <= 1);
	expect_warning(&r, "promises 18446744073709551615 files");
	rig_close(&r);
	read_file_table(&r, 2, "/a\0/b", 6);
	expect_warning(&r, "promises 2 files");
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(x86_64_registers_have_their_dwarf_numbers),
		cmocka_unit_test(aarch64_registers_have_their_dwarf_numbers),
		cmocka_unit_test(the_raw_order_is_the_kernels),
		cmocka_unit_test(notes_belong_to_the_thread_before_them),
		cmocka_unit_test(aarch64_has_vectors_and_a_thread_pointer),
		cmocka_unit_test(an_aarch64_note_says_nothing_of_x86_64),
		cmocka_unit_test(the_process_is_described),
		cmocka_unit_test(eighty_bytes_of_arguments_end),
		cmocka_unit_test(without_siginfo_the_first_thread_tells_the_signal),
		cmocka_unit_test(files_are_sorted_and_counted_in_pages),
		cmocka_unit_test(of_overlapping_files_the_first_stays),
		cmocka_unit_test(a_core_may_have_no_notes),
		cmocka_unit_test(notes_may_be_aligned_to_8),
		cmocka_unit_test(our_own_notes_make_it_an_image),
		cmocka_unit_test(unknown_notes_are_passed_by),
		cmocka_unit_test(a_note_that_overruns_costs_those_behind_it),
		cmocka_unit_test(registers_cut_short_cost_that_thread),
		cmocka_unit_test(short_notes_say_nothing),
		cmocka_unit_test(a_damaged_file_table_costs_what_it_lacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
