/*
 * Rules compiled from unwind tables: those of real files, row by row, against libdw's reading of the same; and damaged
 * tables between guard pages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dump/unwind_cfi.h"

#if defined(__x86_64__)

enum { PAGE = 4096, RBP = 6, RSP = 7, RIP = 16 };

/* A file's segments, laid out as the loader would. */
struct file {
	uint8_t *at;
	uint64_t size;
	struct hd_cfi cfi;
	uint64_t cfi_vaddr; /* of the segment */
	Elf *elf;
	int fd;
};

static uint64_t vaddr_end(Elf *elf)
{
	uint64_t end = 0;
	size_t n = 0;
	GElf_Phdr p;

	elf_getphdrnum(elf, &n);
	for (size_t i = 0; i < n; i++) {
		if (gelf_getphdr(elf, (int)i, &p) && p.p_type == PT_LOAD)
			end = p.p_vaddr + p.p_memsz > end ? p.p_vaddr + p.p_memsz : end;
	}
	return end;
}

static bool open_file(const char *path, struct file *f)
{
	uint64_t hdr = 0;
	size_t n = 0;
	GElf_Phdr p;

	memset(f, 0, sizeof(*f));
	f->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (f->fd < 0)
		return false;
	elf_version(EV_CURRENT);
	f->elf = elf_begin(f->fd, ELF_C_READ_MMAP, NULL);
	assert_non_null(f->elf);
	f->size = (vaddr_end(f->elf) + PAGE - 1) & -(uint64_t)PAGE;
	f->at = mmap(NULL, f->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(f->at != MAP_FAILED);
	elf_getphdrnum(f->elf, &n);
	for (size_t i = 0; i < n; i++) {
		if (!gelf_getphdr(f->elf, (int)i, &p))
			continue;
		if (p.p_type == PT_LOAD)
			assert_int_equal(
				pread(f->fd, f->at + p.p_vaddr, p.p_filesz, (off_t)p.p_offset),
				p.p_filesz);
		if (p.p_type == PT_GNU_EH_FRAME)
			hdr = p.p_vaddr;
	}
	assert_true(hdr != 0);
	for (size_t i = 0; i < n; i++) {
		if (gelf_getphdr(f->elf, (int)i, &p) && p.p_type == PT_LOAD &&
		    hdr - p.p_vaddr < p.p_filesz) {
			f->cfi = (struct hd_cfi){f->at + p.p_vaddr, p.p_filesz, hdr - p.p_vaddr};
			f->cfi_vaddr = p.p_vaddr;
		}
	}
	return true;
}

static void close_file(struct file *f)
{
	elf_end(f->elf);
	munmap(f->at, f->size);
	close(f->fd);
}

/* A register's location as libdw has it: saved at cfa + *off. */
static bool saved_at_cfa(const Dwarf_Op *ops, size_t n, int64_t *off)
{
	if (!n || ops[0].atom != DW_OP_call_frame_cfa || n > 2)
		return false;
	*off = n == 2 ? (int64_t)ops[1].number : 0;
	return n == 1 || ops[1].atom == DW_OP_plus_uconst;
}

/* A register of the expression, with its offset. */
static bool based(const Dwarf_Op *op, unsigned *reg, int64_t *off)
{
	if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31) {
		*reg = op->atom - DW_OP_breg0;
		*off = (int64_t)op->number;
		return true;
	}
	*reg = (unsigned)op->number;
	*off = (int64_t)op->number2;
	return op->atom == DW_OP_bregx;
}

/* The stub's expression: rsp + 8 + ((rip & 15) >= n) * 8. */
static bool is_stub(const Dwarf_Op *ops, size_t n, uint64_t at, int64_t *off)
{
	static const uint8_t tail[] = {DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus};

	if (n != 9 || ops[0].atom != DW_OP_breg7 || ops[1].atom != DW_OP_breg16 ||
	    ops[2].atom != DW_OP_lit15 || ops[3].atom != DW_OP_and || ops[4].atom < DW_OP_lit0 ||
	    ops[4].atom > DW_OP_lit15)
		return false;
	for (size_t i = 0; i < sizeof(tail); i++) {
		if (ops[5 + i].atom != tail[i])
			return false;
	}
	*off = (int64_t)ops[0].number + ((at & 15) >= (uint64_t)(ops[4].atom - DW_OP_lit0) ? 8 : 0);
	return true;
}

/* The rule at a place, of libdw's frame. */
static struct hd_rule expected(Dwarf_Frame *frame, uint64_t at)
{
	const struct hd_rule complex = {.kind = HD_RULE_COMPLEX};
	Dwarf_Op ra_room[3], rbp_room[3], *ra, *rbp, *cfa;
	size_t n_ra, n_rbp, n_cfa;
	int64_t off = 0, fp_off = 0;
	unsigned reg = RSP, base;
	bool is_signal = false;

	assert_true(dwarf_frame_info(frame, NULL, NULL, &is_signal) >= 0);
	assert_int_equal(dwarf_frame_register(frame, RIP, ra_room, &ra, &n_ra), 0);
	assert_int_equal(dwarf_frame_register(frame, RBP, rbp_room, &rbp, &n_rbp), 0);
	if (!n_ra && ra == ra_room)
		return (struct hd_rule){.kind = HD_RULE_END};
	assert_int_equal(dwarf_frame_cfa(frame, &cfa, &n_cfa), 0);
	if (!is_stub(cfa, n_cfa, at, &off) && !based(&cfa[0], &reg, &off))
		return complex;
	if (is_signal)
		return n_cfa == 2 && cfa[1].atom == DW_OP_deref && reg == RSP && off == 160
			       ? (struct hd_rule){.kind = HD_RULE_SIGNAL}
			       : complex;
	if (!saved_at_cfa(ra, n_ra, &fp_off) || fp_off != -8)
		return complex;
	if (n_cfa == 2 && cfa[1].atom == DW_OP_deref && reg == RBP && n_rbp == 1 &&
	    based(rbp, &base, &fp_off) && base == RBP)
		return (struct hd_rule){HD_RULE_FP_DEREF, (int32_t)off, (int32_t)fp_off};
	if ((n_cfa != 1 && n_cfa != 9) || (reg != RSP && reg != RBP))
		return complex;
	fp_off = 0;
	if ((n_rbp || rbp == rbp_room) && !saved_at_cfa(rbp, n_rbp, &fp_off))
		return complex;
	return (struct hd_rule){reg == RSP ? HD_RULE_SP : HD_RULE_FP, (int32_t)off,
				(int32_t)fp_off};
}

static void same_rule(const struct file *f, Dwarf_Frame *frame, uint64_t at,
		      unsigned counts[static HD_RULE_UNCOVERED + 1])
{
	struct hd_rule want = expected(frame, at), got;

	hd_cfi_rule(&f->cfi, (uint64_t)(uintptr_t)f->at + at, &got);
	counts[got.kind]++;
	if (got.kind == want.kind && got.cfa_off == want.cfa_off && got.fp_off == want.fp_off)
		return;
	fail_msg("at %#lx: kind %d %d %d, libdw has %d %d %d", (unsigned long)at, got.kind,
		 got.cfa_off, got.fp_off, want.kind, want.cfa_off, want.fp_off);
}

/* Both ends of every row of every function in the table. */
static void same_rules(const char *path, unsigned counts[static HD_RULE_UNCOVERED + 1])
{
	struct file f;
	Dwarf_CFI *cfi;
	const int32_t *table;
	uint32_t n;

	if (!open_file(path, &f))
		return;
	cfi = dwarf_getcfi_elf(f.elf);
	assert_non_null(cfi);
	memcpy(&n, f.cfi.bytes + f.cfi.hdr + 8, sizeof(n));
	table = (const int32_t *)(f.cfi.bytes + f.cfi.hdr + 12);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t at = f.cfi_vaddr + f.cfi.hdr + (uint64_t)(int64_t)table[i * 2];
		Dwarf_Frame *frame;
		Dwarf_Addr start, end,
			next = i + 1 < n ? at + (uint64_t)(table[i * 2 + 2] - table[i * 2])
					 : at + 1;

		while (at < next && dwarf_cfi_addrframe(cfi, at, &frame) == 0) {
			assert_true(dwarf_frame_info(frame, &start, &end, NULL) >= 0);
			same_rule(&f, frame, at, counts);
			same_rule(&f, frame, end - 1, counts);
			free(frame);
			at = end;
		}
	}
	dwarf_cfi_end(cfi);
	close_file(&f);
}

/* Where a loaded library is. */
static const char *path_of(const char *library)
{
	void *handle = dlopen(library, RTLD_LAZY);
	static char path[PATH_MAX];

	path[0] = '\0';
	if (handle)
		dlinfo(handle, RTLD_DI_ORIGIN, path);
	if (!handle)
		return NULL;
	strcat(strcat(path, "/"), library);
	return path;
}

static void every_row_of_real_files_gives_the_rule_that_libdw_reads(void **unused)
{
	static const char *const libraries[] = {"libc.so.6", "libstdc++.so.6", "libcrypto.so.3",
						"libunwind.so.8"};
	unsigned counts[HD_RULE_UNCOVERED + 1] = {0};

	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
		const char *path = path_of(libraries[i]);

		if (path)
			same_rules(path, counts);
	}
	same_rules("/lib64/ld-linux-x86-64.so.2", counts);
	same_rules("/usr/bin/python3", counts);
	print_message("# rows: rsp %u, rbp %u, realigned %u, signal %u, end %u, complex %u\n",
		      counts[HD_RULE_SP], counts[HD_RULE_FP], counts[HD_RULE_FP_DEREF],
		      counts[HD_RULE_SIGNAL], counts[HD_RULE_END], counts[HD_RULE_COMPLEX]);
	assert_true(counts[HD_RULE_SP] > 20000 && counts[HD_RULE_FP] > 500);
	assert_true(counts[HD_RULE_SIGNAL] >= 1 && counts[HD_RULE_END] >= 1);
	assert_true(counts[HD_RULE_COMPLEX] * 200 < counts[HD_RULE_SP]);
	assert_int_equal(counts[HD_RULE_NONE] + counts[HD_RULE_UNCOVERED], 0);
}

static void what_no_entry_covers_is_uncovered(void **unused)
{
	struct hd_rule rule;
	struct file f;

	assert_true(open_file(path_of("libc.so.6"), &f));
	hd_cfi_rule(&f.cfi, (uint64_t)(uintptr_t)f.at, &rule);
	assert_int_equal(rule.kind, HD_RULE_UNCOVERED);
	hd_cfi_rule(&f.cfi, (uint64_t)(uintptr_t)f.at + f.size + (64 << 20), &rule);
	assert_int_equal(rule.kind, HD_RULE_UNCOVERED);
	hd_cfi_rule(&f.cfi, 0, &rule);
	assert_int_equal(rule.kind, HD_RULE_UNCOVERED);
	close_file(&f);
}

/* The tables alone, where a byte too far faults on either side. */
struct guarded {
	uint8_t *map, *bytes;
	uint64_t size, map_size;
};

static struct guarded guard(const uint8_t *bytes, uint64_t size, bool at_end)
{
	struct guarded g = {.size = size};
	uint64_t room = (size + PAGE - 1) & -(uint64_t)PAGE;

	g.map_size = room + 2 * PAGE;
	g.map = mmap(NULL, g.map_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(g.map != MAP_FAILED);
	assert_int_equal(mprotect(g.map + PAGE, room, PROT_READ | PROT_WRITE), 0);
	g.bytes = g.map + PAGE + (at_end ? room - size : 0);
	memcpy(g.bytes, bytes, size);
	return g;
}

static uint64_t random_next(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

/* Looks up what the table lists, what it lists now that it is damaged, and what is nowhere. */
static void look_up(const struct hd_cfi *cfi, const struct file *f, uint64_t *random)
{
	uint64_t delta = (uint64_t)(uintptr_t)(cfi->bytes - f->cfi.bytes);
	struct hd_rule rule;

	for (int i = 0; i < 200; i++) {
		uint64_t at = (uint64_t)(uintptr_t)f->at + random_next(random) % f->size + delta;

		hd_cfi_rule(cfi, i % 16 ? at : at << (i % 32), &rule);
		assert_in_range(rule.kind, HD_RULE_SP, HD_RULE_UNCOVERED);
	}
}

static void damaged_tables_are_never_read_outside_of_their_segment(void **unused)
{
	static const uint8_t nasty[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0x0f, 0x16, 0x0a, 0x0b, 0x3b};
	uint64_t random = 1;
	struct file f;

	assert_true(open_file(path_of("libc.so.6"), &f));
	for (int round = 0; round < 60; round++) {
		uint64_t cut = round % 3 ? f.cfi.size : f.cfi.size - random_next(&random) % 200000;
		uint64_t from = round % 2 ? f.cfi.hdr + 12 : f.cfi.hdr;
		struct guarded g = guard(f.cfi.bytes, cut, round % 2);
		struct hd_cfi cfi = {g.bytes, cut, f.cfi.hdr};

		for (int i = 0; i < (2 << round % 13) && from < cut; i++) {
			uint64_t off = from + random_next(&random) % (cut - from);
			uint64_t byte = random_next(&random);

			g.bytes[off] = byte & 256 ? (uint8_t)byte : nasty[byte % sizeof(nasty)];
		}
		look_up(&cfi, &f, &random);
		munmap(g.map, g.map_size);
	}
	close_file(&f);
}

/* Tables made by hand: a header with one entry, a CIE, and an FDE with a given program for 100 bytes at CODE. */
enum { CODE = 400, CIE_AT = 20, CIE_BYTES = 24, FDE_BYTES = 17 };

static unsigned make_tables(uint8_t bytes[static CODE], const uint8_t *program, unsigned size)
{
	static const uint8_t cie[CIE_BYTES] = {20,   0,	   0,	0, 0,	 0,    0,  0,
					       1,    'z',  'R', 0, 1,	 0x78, 16, 1,
					       0x1b, 0x0c, 7,	8, 0x90, 1,    0,  0};
	const int32_t head[5] = {0x3b031b01, 28, 1, CODE, CIE_AT + CIE_BYTES};
	uint32_t fde[] = {FDE_BYTES - 4 + size, 4 + CIE_BYTES, CODE - (CIE_AT + CIE_BYTES + 8),
			  100};

	memcpy(bytes, head, sizeof(head));
	memcpy(bytes + CIE_AT, cie, CIE_BYTES);
	memcpy(bytes + CIE_AT + CIE_BYTES, fde, sizeof(fde));
	bytes[CIE_AT + CIE_BYTES + sizeof(fde)] = 0;
	memcpy(bytes + CIE_AT + CIE_BYTES + FDE_BYTES, program, size);
	return CIE_AT + CIE_BYTES + FDE_BYTES + size;
}

static struct hd_rule rule_of_program(const uint8_t *program, unsigned size, uint64_t at)
{
	uint8_t bytes[CODE] = {0};
	struct hd_cfi cfi = {bytes, make_tables(bytes, program, size), 0};
	struct hd_rule rule;

	hd_cfi_rule(&cfi, (uint64_t)(uintptr_t)bytes + CODE + at, &rule);
	return rule;
}
#define RULE_OF(at, ...)                                                                           \
	rule_of_program((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), at)

static void is_rule(struct hd_rule got, enum hd_rule_kind kind, int cfa_off, int fp_off)
{
	assert_int_equal(got.kind, kind);
	assert_int_equal(got.cfa_off, cfa_off);
	assert_int_equal(got.fp_off, fp_off);
}

static void a_program_is_run_up_to_the_place(void **unused)
{
	is_rule(RULE_OF(0, 0x41, 0x0e, 16), HD_RULE_SP, 8, 0);
	is_rule(RULE_OF(1, 0x41, 0x0e, 16), HD_RULE_SP, 16, 0);
	is_rule(RULE_OF(1, 0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6), HD_RULE_SP, 16, -16);
	is_rule(RULE_OF(4, 0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6), HD_RULE_FP, 16, -16);
	is_rule(RULE_OF(99, 0x02, 50, 0x0e, 0x80, 0x80, 0x10), HD_RULE_SP, 262144, 0);
	is_rule(RULE_OF(99, 0x03, 50, 0, 0x0e, 24), HD_RULE_SP, 24, 0);
	is_rule(RULE_OF(99, 0x04, 50, 0, 0, 0, 0x0e, 24), HD_RULE_SP, 24, 0);
	is_rule(RULE_OF(100, 0), HD_RULE_UNCOVERED, 0, 0);
}

static void a_remembered_state_comes_back(void **unused)
{
	is_rule(RULE_OF(9, 0x86, 2, 0x0a, 0x0e, 64, 0xc6, 0x41, 0x0b), HD_RULE_SP, 8, -16);
	is_rule(RULE_OF(0, 0x86, 2, 0x0a, 0x0e, 64, 0xc6, 0x41, 0x0b), HD_RULE_SP, 64, 0);
	is_rule(RULE_OF(0, 0x90, 2, 0xd0), HD_RULE_SP, 8, 0);
	is_rule(RULE_OF(0, 0x05, 16, 2, 0x06, 16), HD_RULE_SP, 8, 0);
	is_rule(RULE_OF(9, 0x0b), HD_RULE_COMPLEX, 0, 0);
	is_rule(RULE_OF(9, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a), HD_RULE_COMPLEX, 0, 0);
}

static void what_is_not_followed_is_complex(void **unused)
{
	is_rule(RULE_OF(0, 0x0d, 3), HD_RULE_COMPLEX, 0, 0);		 /* cfa by rbx */
	is_rule(RULE_OF(0, 0x09, 6, 3), HD_RULE_COMPLEX, 0, 0);		 /* rbp in rbx */
	is_rule(RULE_OF(0, 0x16, 6, 2, 0x77, 0), HD_RULE_COMPLEX, 0, 0); /* rbp computed */
	is_rule(RULE_OF(0, 0x90, 2), HD_RULE_COMPLEX, 0, 0);	      /* return address at −16 */
	is_rule(RULE_OF(0, 0x3f), HD_RULE_COMPLEX, 0, 0);	      /* no such instruction */
	is_rule(RULE_OF(0, 0x0f, 9, 0x77, 0), HD_RULE_COMPLEX, 0, 0); /* beyond the end */
	is_rule(RULE_OF(0, 0x07, 16), HD_RULE_END, 0, 0);
	is_rule(RULE_OF(0, 0x09, 3, 12, 0x2e, 4), HD_RULE_SP, 8, 0); /* of no interest */
	is_rule(RULE_OF(0, 0x0f, 3, 0x76, 0x78, 0x06, 0x10, 6, 2, 0x76, 0), HD_RULE_FP_DEREF, -8,
		0);
}

static void every_truncation_is_noticed(void **unused)
{
	static const uint8_t program[] = {0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6};
	uint8_t bytes[CODE] = {0};
	unsigned size = make_tables(bytes, program, sizeof(program));

	for (unsigned cut = 0; cut <= size; cut++) {
		struct guarded g = guard(bytes, cut, true);
		struct hd_cfi cfi = {g.bytes, cut, 0};
		struct hd_rule rule;

		hd_cfi_rule(&cfi, (uint64_t)(uintptr_t)g.bytes + CODE + 50, &rule);
		if (cut == size)
			is_rule(rule, HD_RULE_FP, 16, -16);
		else
			assert_true(rule.kind == HD_RULE_COMPLEX || rule.kind == HD_RULE_UNCOVERED);
		munmap(g.map, g.map_size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_of_real_files_gives_the_rule_that_libdw_reads),
		cmocka_unit_test(what_no_entry_covers_is_uncovered),
		cmocka_unit_test(damaged_tables_are_never_read_outside_of_their_segment),
		cmocka_unit_test(every_truncation_is_noticed),
		cmocka_unit_test(a_program_is_run_up_to_the_place),
		cmocka_unit_test(a_remembered_state_comes_back),
		cmocka_unit_test(what_is_not_followed_is_complex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else
int main(void)
{
	printf("1..0 # SKIP rules are x86-64's\n");
	return 0;
}
#endif
