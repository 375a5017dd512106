/*
 * The core reader on cores built in memory: what comes out, what is refused and by which name, and
 * that no damage and no truncation does more than cost what it hit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "formats/core_read.h"
#include "tests/lib/core_build.h"

/* A core that is read from a copy of exactly its size, so that ASan sees a byte too many. */
struct rig {
	uint8_t *bytes;
	size_t size;
	struct parts parts;
	struct warnings warnings;
	struct err err;
	int rc;
};

static void rig_read(struct rig *r, const void *bytes, size_t size)
{
	*r = (struct rig){.size = size, .bytes = malloc(size ? size : 1)};
	if (size)
		memcpy(r->bytes, bytes, size);
	r->rc = core_read(&r->parts, size ? r->bytes : NULL, size, &r->warnings, &r->err);
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

static void expect_warning(const struct rig *r, const char *part)
{
	if (!warned(r, part))
		fail_msg("no warning has \"%s\"; the first of %zu: %s", part, r->warnings.lines.n,
			 r->warnings.lines.n ? r->warnings.lines.v[0] : "-");
}

/* Two pages of memory, one of them not in the file, and a thread. */
static struct core_build *small_core(void)
{
	struct core_build *b = core_build_new(MACHINE_X86_64);

	core_build_thread(b, &(struct built_thread){.tid = 7, .gpr = {[7] = 0x20ff0}});
	core_build_process(b, 7, "prog", "prog -x ");
	core_build_signal(b, 11, 1, 0xdead0);
	core_build_auxv(b, AT_PAGESZ, 4096);
	core_build_file(b, 0x10000, 0x10040, 3, "/bin/prog");
	core_build_map(b, 0x10000, 0x40, PROT_R | PROT_X);
	core_build_map_part(b, 0x20000, 0x1000, 0x30, PROT_R | PROT_W);
	core_build_put(b, 0x10000, 0x1111);
	core_build_put(b, 0x20028, 0x2222);
	return b;
}

static void read_small(struct rig *r)
{
	struct core_build *b = small_core();
	size_t n;
	uint8_t *bytes = core_build_finish(b, &n);

	rig_read(r, bytes, n);
	free(bytes);
	core_build_free(b);
}

/* The small core with some of its bytes written over. */
static void read_patched(struct rig *r, size_t off, const void *patch, size_t n_patch)
{
	struct rig good;

	read_small(&good);
	memcpy(good.bytes + off, patch, n_patch);
	rig_read(r, good.bytes, good.size);
	rig_close(&good);
}

static void expect_refused(const struct rig *r, enum err_code code, const char *part)
{
	assert_int_equal(r->rc, code);
	assert_int_equal(r->err.code, code);
	assert_int_equal(r->err.place, ERR_FILE_OFFSET);
	if (!strstr(r->err.text, part))
		fail_msg("\"%s\" does not have \"%s\"", r->err.text, part);
	assert_int_equal(r->parts.segments.n, 0);
	assert_null(r->parts.segments.v);
	assert_null(r->parts.threads.v);
}

static void segments_come_out_as_they_were_mapped(void **state)
{
	struct rig r;
	uint64_t word;

	read_small(&r);
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.warnings.lines.n, 0);
	assert_int_equal(r.parts.segments.n, 2);
	assert_int_equal(r.parts.segments.v[0].addr, 0x10000);
	assert_int_equal(r.parts.segments.v[0].prot, PROT_R | PROT_X);
	assert_int_equal(r.parts.segments.v[1].memsz, 0x1000);
	assert_int_equal(r.parts.segments.v[1].filesz, 0x30);
	assert_int_equal(r.parts.segments.v[1].lost, 0);
	memcpy(&word, r.parts.segments.v[1].data + 0x28, 8);
	assert_int_equal(word, 0x2222);
	assert_false(r.parts.truncated);
	assert_string_equal(r.parts.writer, "kernel core");
	rig_close(&r);
}

static void segments_are_sorted_by_address(void **state)
{
	struct core_build *b = core_build_new(MACHINE_AARCH64);
	struct rig r;
	uint8_t *bytes;
	size_t n;

	for (addr_t at = 0x90000; at >= 0x10000; at -= 0x10000)
		core_build_map(b, at, 16, PROT_R);
	bytes = core_build_finish(b, &n);
	rig_read(&r, bytes, n);
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.parts.machine, MACHINE_AARCH64);
	assert_int_equal(r.parts.segments.n, 9);
	for (size_t i = 0; i < 9; i++)
		assert_int_equal(r.parts.segments.v[i].addr, 0x10000 * (i + 1));
	free(bytes);
	rig_close(&r);
	core_build_free(b);
}

/* Really that many, so that the count is in section header 0. */
static void a_core_may_have_more_than_65534_segments(void **state)
{
	struct core_build *b = core_build_new(MACHINE_X86_64);
	const size_t n_segments = 70000;
	struct rig r;
	uint8_t *bytes;
	size_t n;

	for (size_t i = 0; i < n_segments; i++)
		core_build_map(b, 0x100000 + i * 0x1000, 8, PROT_R);
	core_build_put(b, 0x100000, 42);
	bytes = core_build_finish(b, &n);
	rig_read(&r, bytes, n);
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.parts.segments.n, n_segments);
	assert_int_equal(r.parts.segments.v[n_segments - 1].addr,
			 0x100000 + (n_segments - 1) * 0x1000);
	rig_close(&r);

	/* cut before the section header: how many there are is unknown */
	rig_read(&r, bytes, n - 1);
	rig_close(&r);
	rig_read(&r, bytes, n - sizeof(Elf64_Shdr));
	expect_refused(&r, ERR_FORMAT, "beyond the end of the file");
	rig_close(&r);
	free(bytes);
	core_build_free(b);
}

static void what_is_no_core_is_refused_by_name(void **state)
{
	static const struct {
		size_t off;
		uint16_t value;
		size_t n;
		enum err_code code;
		const char *part;
	} cases[] = {
		{EI_CLASS, ELFCLASS32, 1, ERR_UNSUPPORTED, "32-bit"},
		{EI_DATA, ELFDATA2MSB, 1, ERR_UNSUPPORTED, "big-endian"},
		{EI_CLASS, 9, 1, ERR_FORMAT, "no known class"},
		{0, 'X', 1, ERR_FORMAT, "not an ELF file"},
		{16, ET_EXEC, 2, ERR_FORMAT, "an executable"},
		{16, ET_DYN, 2, ERR_FORMAT, "shared library"},
		{16, ET_REL, 2, ERR_FORMAT, "an object file"},
		{16, 77, 2, ERR_FORMAT, "another type"},
		{18, EM_RISCV, 2, ERR_UNSUPPORTED, "RISC-V"},
		{18, 0x7777, 2, ERR_UNSUPPORTED, "machine 30583"},
		{54, 32, 2, ERR_FORMAT, "program headers of 32 bytes"},
		{56, 0, 2, ERR_FORMAT, "no segments"},
		{56, 1, 2, ERR_FORMAT, "no memory segments"},
		{56, PN_XNUM, 2, ERR_FORMAT, "more than 65,534"},
		{32, 0xffff, 2, ERR_FORMAT, "program headers beyond the end"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rig r;

		read_patched(&r, cases[i].off, &cases[i].value, cases[i].n);
		expect_refused(&r, cases[i].code, cases[i].part);
		rig_close(&r);
	}
}

static void a_32_bit_or_big_endian_core_tells_its_machine(void **state)
{
	static const uint8_t i386[] = {ELFCLASS32, ELFDATA2LSB}, s390[] = {ELFCLASS64, ELFDATA2MSB};
	struct rig good, r;

	read_small(&good);
	memcpy(good.bytes + EI_CLASS, i386, 2);
	good.bytes[18] = EM_386;
	rig_read(&r, good.bytes, good.size);
	expect_refused(&r, ERR_UNSUPPORTED, "i386");
	rig_close(&r);
	memcpy(good.bytes + EI_CLASS, s390, 2);
	good.bytes[18] = 0;
	good.bytes[19] = EM_S390;
	rig_read(&r, good.bytes, good.size);
	expect_refused(&r, ERR_UNSUPPORTED, "s390x");
	rig_close(&r);
	rig_close(&good);
}

static void an_empty_file_is_refused(void **state)
{
	struct rig r;

	rig_read(&r, "", 0);
	expect_refused(&r, ERR_FORMAT, "is empty");
	rig_close(&r);
	rig_read(&r, "hi", 2);
	expect_refused(&r, ERR_FORMAT, "not an ELF file");
	rig_close(&r);
}

/* The bytes of the segments before the cut must be there, the others must count as lost. */
static void check_cut(const struct rig *r, const struct rig *whole)
{
	uint64_t have = 0, all = 0;

	for (size_t i = 0; i < whole->parts.segments.n; i++)
		all += whole->parts.segments.v[i].filesz;
	for (size_t i = 0; i < r->parts.segments.n; i++) {
		const struct segment *s = &r->parts.segments.v[i];
		const struct segment *w = &whole->parts.segments.v[i];

		have += s->filesz;
		assert_true(s->addr == w->addr && s->memsz == w->memsz);
		assert_int_equal(s->filesz + s->lost, w->filesz);
		if (s->filesz)
			assert_memory_equal(s->data, w->data, s->filesz);
	}
	if (r->parts.segments.n == whole->parts.segments.n)
		assert_int_equal(have + r->parts.lost, all);
	assert_true(r->parts.truncated);
	assert_true(r->warnings.lines.n > 0);
}

static void a_core_cut_anywhere_keeps_what_is_before_the_cut(void **state)
{
	struct rig whole;
	size_t n_refused = 0, n_read = 0;

	read_small(&whole);
	for (size_t n = 0; n < whole.size; n++) {
		struct rig r;

		rig_read(&r, whole.bytes, n);
		if (r.rc < 0) {
			/* only while the headers of the memory are not there yet */
			assert_true(n < sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr));
			assert_true(r.err.text[0] != 0);
			n_refused++;
		} else {
			check_cut(&r, &whole);
			n_read++;
		}
		rig_close(&r);
	}
	assert_int_equal(n_refused, sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr));
	assert_int_equal(n_read, whole.size - n_refused);
	rig_close(&whole);
}

static void a_file_cut_inside_its_first_header_is_still_called_elf(void **state)
{
	struct rig good, r;

	read_small(&good);
	for (size_t n = 4; n < sizeof(Elf64_Ehdr); n++) {
		rig_read(&r, good.bytes, n);
		expect_refused(&r, ERR_FORMAT, "ends inside the ELF header");
		rig_close(&r);
	}
	rig_close(&good);
}

static void read_pair(struct rig *r, struct segment a, struct segment b)
{
	struct core_build *core = core_build_new(MACHINE_X86_64);
	uint8_t *bytes;
	size_t n;

	core_build_map_part(core, a.addr, a.memsz, a.filesz, PROT_R);
	core_build_map_part(core, b.addr, b.memsz, b.filesz, PROT_R);
	memset(core_build_at(core, a.addr, a.filesz), 'a', a.filesz);
	if (b.filesz)
		memset(core_build_at(core, b.addr + b.memsz - 1, 1) - (b.memsz - 1), 'b', b.filesz);
	bytes = core_build_finish(core, &n);
	rig_read(r, bytes, n);
	free(bytes);
	core_build_free(core);
}

static void of_overlapping_segments_the_first_keeps_its_bytes(void **state)
{
	struct rig r;

	read_pair(&r, (struct segment){.addr = 0x1000, .memsz = 0x100, .filesz = 0x100},
		  (struct segment){.addr = 0x1080, .memsz = 0x100, .filesz = 0x100});
	assert_int_equal(r.rc, 0);
	expect_warning(&r, "overlap");
	expect_warning(&r, "0x1080");
	assert_int_equal(r.parts.segments.n, 2);
	assert_int_equal(r.parts.segments.v[0].memsz, 0x100);
	assert_int_equal(r.parts.segments.v[0].data[0xff], 'a');
	assert_int_equal(r.parts.segments.v[1].addr, 0x1100);
	assert_int_equal(r.parts.segments.v[1].memsz, 0x80);
	assert_int_equal(r.parts.segments.v[1].filesz, 0x80);
	assert_int_equal(r.parts.segments.v[1].data[0], 'b');
	rig_close(&r);
}

static void a_segment_inside_another_goes(void **state)
{
	struct rig r;

	read_pair(&r, (struct segment){.addr = 0x1000, .memsz = 0x100, .filesz = 0x100},
		  (struct segment){.addr = 0x1080, .memsz = 0x40, .filesz = 0});
	assert_int_equal(r.rc, 0);
	expect_warning(&r, "overlap");
	assert_int_equal(r.parts.segments.n, 1);
	rig_close(&r);
}

/* Writes over the program header of the small core's second segment. */
static void read_with_header(struct rig *r, Elf64_Phdr ph)
{
	struct rig good;

	read_small(&good);
	ph.p_type = PT_LOAD;
	ph.p_offset = ph.p_offset ? ph.p_offset : CORE_PHDR(good.bytes, 2)->p_offset;
	memcpy(CORE_PHDR(good.bytes, 2), &ph, sizeof(ph));
	rig_read(r, good.bytes, good.size);
	rig_close(&good);
}

static void a_segment_has_no_more_bytes_than_memory(void **state)
{
	struct rig r;

	read_with_header(&r, (Elf64_Phdr){.p_vaddr = 0x20000, .p_memsz = 0x10, .p_filesz = 0x30});
	assert_int_equal(r.rc, 0);
	expect_warning(&r, "more bytes in the file than in memory");
	assert_int_equal(r.parts.segments.v[1].filesz, 0x10);
	assert_int_equal(r.parts.segments.v[1].memsz, 0x10);
	assert_false(r.parts.truncated);
	rig_close(&r);
}

static void a_segment_that_wraps_around_is_left_out(void **state)
{
	struct rig r;

	read_with_header(&r, (Elf64_Phdr){.p_vaddr = -0x10ull, .p_memsz = 0x20, .p_filesz = 0x20});
	assert_int_equal(r.rc, 0);
	expect_warning(&r, "past the end of the address space");
	assert_int_equal(r.parts.segments.n, 1);
	rig_close(&r);
}

static void a_segment_beyond_the_file_is_lost(void **state)
{
	static const uint64_t offsets[] = {1ull << 40, UINT64_MAX, UINT64_MAX - 0x10};

	for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
		struct rig r;

		read_with_header(&r, (Elf64_Phdr){.p_vaddr = 0x20000,
						  .p_memsz = 0x1000,
						  .p_filesz = 0x30,
						  .p_offset = offsets[i]});
		assert_int_equal(r.rc, 0);
		assert_int_equal(r.parts.segments.v[1].filesz, 0);
		assert_null(r.parts.segments.v[1].data);
		assert_int_equal(r.parts.segments.v[1].lost, 0x30);
		assert_int_equal(r.parts.lost, 0x30);
		assert_true(r.parts.truncated);
		rig_close(&r);
	}
}

static void what_is_lost_and_overlapped_is_lost_once(void **state)
{
	struct core_build *b = core_build_new(MACHINE_X86_64);
	struct rig r;
	uint8_t *bytes;
	size_t n;

	core_build_map(b, 0x1000, 0x80, PROT_R);
	core_build_map(b, 0x1040, 0x80, PROT_R);
	bytes = core_build_finish(b, &n);
	rig_read(&r, bytes, n - 0x50);
	assert_int_equal(r.parts.segments.v[1].addr, 0x1080);
	assert_int_equal(r.parts.segments.v[1].filesz, 0);
	assert_int_equal(r.parts.segments.v[1].lost, 0x40);
	assert_int_equal(r.parts.lost, 0x40);
	rig_close(&r);
	free(bytes);
	core_build_free(b);
}

/* All headers name the same bytes: the dump would be a thousand times as large as its file. */
static void no_byte_of_the_file_is_dumped_twice(void **state)
{
	struct core_build *b = core_build_new(MACHINE_X86_64);
	struct rig r;
	uint8_t *bytes;
	size_t n;
	uint64_t sum = 0;

	core_build_map(b, 0x100000, 0x10000, PROT_R);
	for (size_t i = 1; i < 1000; i++)
		core_build_map_part(b, 0x100000 + i * 0x10000, 0x10000, 0, PROT_R);
	bytes = core_build_finish(b, &n);
	for (size_t i = 2; i <= 1000; i++) {
		CORE_PHDR(bytes, i)->p_offset = CORE_PHDR(bytes, 1)->p_offset;
		CORE_PHDR(bytes, i)->p_filesz = 0x10000;
	}
	rig_read(&r, bytes, n);
	assert_int_equal(r.rc, 0);
	expect_warning(&r, "same bytes of the file");
	assert_int_equal(r.parts.segments.n, 1000);
	for (size_t i = 0; i < r.parts.segments.n; i++)
		sum += r.parts.segments.v[i].filesz;
	assert_true(sum <= n);
	rig_close(&r);
	free(bytes);
	core_build_free(b);
}

/* A thousand PT_NOTEs that name the same notes would be a thousand times as many threads. */
static void no_note_is_read_over_and_over(void **state)
{
	struct core_build *b = small_core();
	struct rig r;
	uint8_t *bytes;
	size_t n;

	for (size_t i = 0; i < 200; i++)
		core_build_thread(b, &(struct built_thread){.tid = 100});
	for (size_t i = 0; i < 1000; i++)
		core_build_map_part(b, 0x1000000 + i * 0x1000, 0x1000, 0, PROT_R);
	bytes = core_build_finish(b, &n);
	for (size_t i = 3; i < 1003; i++)
		*CORE_PHDR(bytes, i) = *CORE_PHDR(bytes, 0);
	rig_read(&r, bytes, n);
	assert_int_equal(r.rc, 0);
	expect_warning(&r, "same bytes of the file");
	assert_true(r.parts.threads.n >= 201);
	assert_true(r.parts.threads.n * 300 < n);
	rig_close(&r);
	free(bytes);
	core_build_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_come_out_as_they_were_mapped),
		cmocka_unit_test(segments_are_sorted_by_address),
		cmocka_unit_test(a_core_may_have_more_than_65534_segments),
		cmocka_unit_test(what_is_no_core_is_refused_by_name),
		cmocka_unit_test(a_32_bit_or_big_endian_core_tells_its_machine),
		cmocka_unit_test(an_empty_file_is_refused),
		cmocka_unit_test(a_core_cut_anywhere_keeps_what_is_before_the_cut),
		cmocka_unit_test(a_file_cut_inside_its_first_header_is_still_called_elf),
		cmocka_unit_test(of_overlapping_segments_the_first_keeps_its_bytes),
		cmocka_unit_test(a_segment_inside_another_goes),
		cmocka_unit_test(a_segment_has_no_more_bytes_than_memory),
		cmocka_unit_test(a_segment_that_wraps_around_is_left_out),
		cmocka_unit_test(a_segment_beyond_the_file_is_lost),
		cmocka_unit_test(what_is_lost_and_overlapped_is_lost_once),
		cmocka_unit_test(no_byte_of_the_file_is_dumped_twice),
		cmocka_unit_test(no_note_is_read_over_and_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
