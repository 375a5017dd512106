/*
 * The ELF core reader: file header, program headers, then the notes. Only
 * headers are touched, never the dumped bytes.
 *
 *	Ehdr ─ e_phoff ─► Phdr[n]   PT_NOTE → notes     PT_LOAD → segments
 *	n = e_phnum, or, when that is PN_XNUM (0xffff), sh_info of section header 0
 *
 * A file is believed only as far as it reaches: what a header promises beyond
 * the end of the file is counted as lost. Segments come out sorted and
 * disjoint; where two overlap, the one with the lower address (then the
 * earlier in the file) keeps the bytes. No writer lets two headers name the
 * same bytes, and a crafted file that does must not become larger than itself:
 *
 *	Σ filesz of the segments ≤ size of the file,  and the same for the notes
 */
#include <ctype.h>
#include <elf.h>
#include <signal.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "formats/core_notes.h"
#include "formats/core_read.h"
#include "formats/image_read.h"

enum { EHDR_SIZE = 64, PHDR_SIZE = 56 };

/* The file header's fields that matter here. */
struct ehdr {
	uint16_t type, machine, phentsize, phnum, shentsize, shnum;
	uint64_t phoff, shoff;
};

struct core_file {
	const uint8_t *bytes;
	uint64_t size;
	struct ehdr eh;
	uint64_t n_ph;	/* program headers that the file really has */
	uint64_t quota; /* bytes that segments, or notes, may still have */
	bool shared;	/* the quota ran out */
	const struct core_machine *machine;
	struct parts *parts;
	struct warnings *warnings;
};

static const char *machine_name(uint16_t e_machine)
{
	static const struct {
		uint16_t e_machine;
		const char *name;
	} names[] = {
		{EM_386, "i386"},	 {EM_ARM, "32-bit ARM"},      {EM_PPC, "PowerPC"},
		{EM_PPC64, "PowerPC64"}, {EM_S390, "s390x"},	      {EM_RISCV, "RISC-V"},
		{EM_MIPS, "MIPS"},	 {EM_LOONGARCH, "LoongArch"}, {EM_SPARCV9, "SPARC"},
		{EM_IA_64, "Itanium"},	 {EM_ALPHA, "Alpha"},	      {EM_68K, "m68k"},
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i].e_machine == e_machine)
			return names[i].name;
	return NULL;
}

static const char *type_name(uint16_t e_type)
{
	switch (e_type) {
	case ET_REL:
		return "an object file";
	case ET_EXEC:
		return "an executable";
	case ET_DYN:
		return "an executable or shared library";
	}
	return "an ELF file of another type";
}

static int refuse_stranger(const struct core_file *f, struct err *err)
{
	char seen[32] = "";
	size_t n = 0;

	if (!f->size)
		return err_at_offset(err, ERR_FORMAT, 0, "is empty");
	for (uint64_t i = 0; i < f->size && i < 4 && n + 5 < sizeof(seen); i++)
		n += (size_t)snprintf(seen + n, sizeof(seen) - n,
				      isprint(f->bytes[i]) && f->bytes[i] < 128 ? "%c" : "\\x%02x",
				      f->bytes[i]);
	return err_at_offset(err, ERR_FORMAT, 0, "is not an ELF file: it begins with \"%s\"", seen);
}

static int refuse_short(const struct core_file *f, struct err *err)
{
	return err_at_offset(err, ERR_FORMAT, f->size,
			     "ends inside the ELF header (%llu of 64 bytes)",
			     (unsigned long long)f->size);
}

static int check_ident(struct core_file *f, struct err *err)
{
	const uint8_t *b = f->bytes;
	uint16_t e_machine;
	const char *name;

	if (f->size < SELFMAG || memcmp(b, ELFMAG, SELFMAG))
		return refuse_stranger(f, err);
	if (f->size < EI_NIDENT)
		return refuse_short(f, err);
	e_machine = f->size >= 20 ? (uint16_t)(b[EI_DATA] == ELFDATA2MSB ? b[18] << 8 | b[19]
									 : b[19] << 8 | b[18])
				  : EM_NONE;
	name = machine_name(e_machine);
	if (b[EI_CLASS] == ELFCLASS32)
		return err_at_offset(err, ERR_UNSUPPORTED, EI_CLASS,
				     "is a 32-bit ELF file%s%s%s; only 64-bit cores are read",
				     name ? " (" : "", name ? name : "", name ? ")" : "");
	if (b[EI_DATA] == ELFDATA2MSB)
		return err_at_offset(err, ERR_UNSUPPORTED, EI_DATA,
				     "is a big-endian ELF file%s%s%s; only little-endian is read",
				     name ? " (" : "", name ? name : "", name ? ")" : "");
	if (b[EI_CLASS] != ELFCLASS64 || b[EI_DATA] != ELFDATA2LSB)
		return err_at_offset(err, ERR_FORMAT, EI_CLASS,
				     "is an ELF file of no known class (%u) or byte order (%u)",
				     b[EI_CLASS], b[EI_DATA]);
	return f->size < EHDR_SIZE ? refuse_short(f, err) : 0;
}

static int read_ehdr(struct core_file *f, struct err *err)
{
	struct cursor c = cursor_at(f->bytes, f->size, 16);
	const char *name;

	f->eh.type = cursor_u16(&c);
	f->eh.machine = cursor_u16(&c);
	c = cursor_at(f->bytes, f->size, 32);
	f->eh.phoff = cursor_u64(&c);
	f->eh.shoff = cursor_u64(&c);
	c = cursor_at(f->bytes, f->size, 54);
	f->eh.phentsize = cursor_u16(&c);
	f->eh.phnum = cursor_u16(&c);
	f->eh.shentsize = cursor_u16(&c);
	f->eh.shnum = cursor_u16(&c);
	if (f->eh.type != ET_CORE)
		return err_at_offset(err, ERR_FORMAT, 16, "is no core file but %s",
				     type_name(f->eh.type));
	f->machine = f->eh.machine == EM_X86_64	   ? &core_x86_64
		     : f->eh.machine == EM_AARCH64 ? &core_aarch64
						   : NULL;
	name = machine_name(f->eh.machine);
	if (!f->machine && name)
		return err_at_offset(err, ERR_UNSUPPORTED, 18,
				     "is a core of %s; x86-64 and aarch64 are read", name);
	if (!f->machine)
		return err_at_offset(err, ERR_UNSUPPORTED, 18,
				     "is a core of machine %u; x86-64 and aarch64 are read",
				     f->eh.machine);
	f->parts->machine = f->machine->machine;
	return 0;
}

/* The number of program headers the file claims. */
static int claimed_headers(const struct core_file *f, uint64_t *out, struct err *err)
{
	struct cursor c;

	*out = f->eh.phnum;
	if (f->eh.phnum != PN_XNUM)
		return 0;
	/* sh_info is at 44 of an Elf64_Shdr */
	c = cursor_at(f->bytes, f->size, f->eh.shoff);
	cursor_take(&c, 44);
	*out = cursor_u32(&c);
	if (!f->eh.shoff || c.bad)
		return err_at_offset(err, ERR_FORMAT, f->eh.shoff,
				     "has more than 65,534 segments, and the section header that "
				     "holds their number is beyond the end of the file");
	return 0;
}

static int count_headers(struct core_file *f, struct err *err)
{
	uint64_t claimed, fit;
	int rc = claimed_headers(f, &claimed, err);

	if (rc < 0)
		return rc;
	if (!claimed)
		return err_at_offset(err, ERR_FORMAT, 56, "has no segments");
	if (f->eh.phentsize != PHDR_SIZE)
		return err_at_offset(err, ERR_FORMAT, 54,
				     "has program headers of %u bytes; 64-bit ELF has 56",
				     f->eh.phentsize);
	fit = f->eh.phoff < f->size ? (f->size - f->eh.phoff) / PHDR_SIZE : 0;
	if (!fit)
		return err_at_offset(
			err, ERR_FORMAT, f->eh.phoff,
			"has its program headers beyond the end of the file (%llu bytes)",
			(unsigned long long)f->size);
	f->n_ph = claimed < fit ? claimed : fit;
	if (fit < claimed) {
		f->parts->truncated = true;
		warnings_add(f->warnings,
			     "the file ends inside its program headers: %llu of %llu could be read",
			     (unsigned long long)fit, (unsigned long long)claimed);
	}
	return 0;
}

static Elf64_Phdr header_at(const struct core_file *f, uint64_t i)
{
	Elf64_Phdr ph;

	memcpy(&ph, f->bytes + f->eh.phoff + i * PHDR_SIZE, sizeof(ph));
	return ph;
}

/* Bytes of [off, off + size) that the file has. */
static uint64_t clip(const struct core_file *f, uint64_t off, uint64_t size)
{
	uint64_t left = off < f->size ? f->size - off : 0;

	return size < left ? size : left;
}

/* Takes what is wanted, or what is left, from the quota. */
static uint64_t take_quota(struct core_file *f, uint64_t want)
{
	uint64_t got = want < f->quota ? want : f->quota;

	f->shared |= got < want;
	f->quota -= got;
	return got;
}

static void renew_quota(struct core_file *f)
{
	if (f->shared)
		warnings_add(f->warnings, "several program headers name the same bytes of the "
					  "file: the last ones are left without");
	f->quota = f->size;
	f->shared = false;
}

static int add_segment(struct core_file *f, uint64_t i, struct err *err)
{
	Elf64_Phdr ph = header_at(f, i);
	struct segment s = {.addr = ph.p_vaddr,
			    .memsz = ph.p_memsz,
			    .file_off = ph.p_offset,
			    .prot = ph.p_flags & (PROT_R | PROT_W | PROT_X)};
	unsigned long long hdr_off = f->eh.phoff + i * PHDR_SIZE;
	addr_t end;

	if (ph.p_filesz > ph.p_memsz) {
		warnings_add(
			f->warnings,
			"the segment at 0x%llx (header at offset 0x%llx) has more bytes in the "
			"file than in memory: the rest is ignored",
			(unsigned long long)ph.p_vaddr, hdr_off);
		ph.p_filesz = ph.p_memsz;
	}
	if (__builtin_add_overflow(ph.p_vaddr, ph.p_memsz, &end)) {
		warnings_add(f->warnings,
			     "the segment at 0x%llx (header at offset 0x%llx) runs past the end of "
			     "the address space: left out",
			     (unsigned long long)ph.p_vaddr, hdr_off);
		return 0;
	}
	if (!s.memsz)
		return 0;
	s.filesz = clip(f, ph.p_offset, ph.p_filesz);
	s.lost = ph.p_filesz - s.filesz;
	s.filesz = take_quota(f, s.filesz);
	s.data = s.filesz ? f->bytes + s.file_off : NULL;
	return vec_push(&f->parts->segments, s) < 0 ? err_nomem(err) : 0;
}

/* Cuts n (< memsz) bytes off the segment's start. */
static void segment_skip(struct segment *s, uint64_t n)
{
	uint64_t in_file = n < s->filesz ? n : s->filesz;
	uint64_t in_lost = n - in_file < s->lost ? n - in_file : s->lost;

	s->addr += n;
	s->memsz -= n;
	s->file_off += n;
	s->filesz -= in_file;
	s->lost -= in_lost;
	s->data = s->filesz ? s->data + in_file : NULL;
}

/* By address; of equal ones the earlier in the file first (file_off tells where qsort would not). */
static int by_addr(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return x->file_off < y->file_off ? -1 : x->file_off > y->file_off;
}

static void make_disjoint(struct core_file *f)
{
	struct segment *v = f->parts->segments.v;
	size_t n = 0, overlaps = 0;
	addr_t end = 0, first = 0;

	qsort(v, f->parts->segments.n, sizeof(*v), by_addr);
	for (size_t i = 0; i < f->parts->segments.n; i++) {
		struct segment s = v[i];

		if (n && s.addr < end) {
			if (!overlaps++)
				first = s.addr;
			if (s.addr + s.memsz <= end)
				continue;
			segment_skip(&s, end - s.addr);
		}
		end = s.addr + s.memsz;
		v[n++] = s;
	}
	f->parts->segments.n = n;
	if (overlaps)
		warnings_add(
			f->warnings,
			"%zu segments overlap others, the first at 0x%llx: of each address the "
			"first segment is used",
			overlaps, (unsigned long long)first);
}

static void count_lost(struct core_file *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->parts->segments.n; i++) {
		f->parts->lost += f->parts->segments.v[i].lost;
		n += f->parts->segments.v[i].lost != 0;
	}
	if (!n)
		return;
	f->parts->truncated = true;
	warnings_add(f->warnings,
		     "the file is cut off at offset 0x%llx: %llu bytes of %zu segments are missing",
		     (unsigned long long)f->size, (unsigned long long)f->parts->lost, n);
}

static int read_segments(struct core_file *f, struct err *err)
{
	renew_quota(f);
	for (uint64_t i = 0; i < f->n_ph; i++) {
		int rc = header_at(f, i).p_type == PT_LOAD ? add_segment(f, i, err) : 0;

		if (rc < 0)
			return rc;
	}
	if (!f->parts->segments.n)
		return err_at_offset(err, ERR_FORMAT, f->eh.phoff,
				     "has no memory segments (PT_LOAD)");
	make_disjoint(f);
	count_lost(f);
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct mapped_file *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->path < y->path ? -1 : x->path > y->path;
}

/* Nothing is mapped over something: of two entries that share an address the first one stays. */
static void sort_files(struct core_file *f)
{
	struct mapped_file *v = f->parts->files.v;
	size_t n = f->parts->files.n, kept = 0;

	if (n)
		qsort(v, n, sizeof(*v), by_start);
	for (size_t i = 0; i < n; i++)
		if (!kept || v[i].start >= v[kept - 1].end)
			v[kept++] = v[i];
	if (kept < n)
		warnings_add(f->warnings,
			     "%zu entries of the file table (NT_FILE) overlap others and are left "
			     "out",
			     n - kept);
	f->parts->files.n = kept;
}

static int read_notes(struct core_file *f, bool *is_image, struct err *err)
{
	renew_quota(f);
	for (uint64_t i = 0; i < f->n_ph; i++) {
		Elf64_Phdr ph = header_at(f, i);
		struct note_segment at = {.off = ph.p_offset,
					  .size = clip(f, ph.p_offset, ph.p_filesz),
					  .align = ph.p_align == 8 ? 8 : 4};
		int rc = 0;

		if (ph.p_type != PT_NOTE)
			continue;
		at.cut = at.size < ph.p_filesz;
		f->parts->truncated |= at.cut;
		at.size = take_quota(f, at.size);
		if (at.size)
			rc = core_notes_read(f->parts, f->machine, f->bytes, &at, is_image,
					     f->warnings, err);
		if (rc < 0)
			return rc;
	}
	renew_quota(f);
	sort_files(f);
	return 0;
}

/* gdb's gcore writes a section table beside the segments, the kernel none (but one for PN_XNUM). */
static const char *writer_of(const struct core_file *f, bool is_image)
{
	if (is_image)
		return "heapdump image";
	return f->eh.shnum > 1 ? "gcore" : "kernel core";
}

/* The signal it died of; the stop by which a debugger holds it for a snapshot is none. */
static void settle_signal(struct parts *p)
{
	bool stop = p->signo == SIGSTOP || p->signo == SIGTRAP || p->signo == SIGINT;

	if (!p->signo && p->threads.n)
		p->signo = p->threads.v[0].signal;
	if (!strcmp(p->writer, "gcore") && stop)
		p->signo = 0;
}

int core_read(struct parts *parts, const void *bytes, uint64_t size, struct warnings *warnings,
	      struct err *err)
{
	struct core_file f = {.bytes = bytes, .size = size, .parts = parts, .warnings = warnings};
	bool is_image = false;
	int rc;

	*parts = (struct parts){0};
	rc = check_ident(&f, err);
	if (rc == 0)
		rc = read_ehdr(&f, err);
	if (rc == 0)
		rc = count_headers(&f, err);
	if (rc == 0)
		rc = read_segments(&f, err);
	if (rc == 0)
		rc = read_notes(&f, &is_image, err);
	if (rc == 0)
		rc = image_read_lists(parts, bytes, size, warnings, err);
	if (rc < 0) {
		parts_deinit(parts);
		*parts = (struct parts){0};
		return rc;
	}
	parts->writer = writer_of(&f, is_image);
	settle_signal(parts);
	if (!parts->threads.n)
		warnings_add(warnings,
			     "the dump names no threads: stacks and registers are unknown");
	return 0;
}
