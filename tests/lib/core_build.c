/*
 * The layouts are those of formats/core_read.c and core_notes.c, written down a second time on
 * purpose: from Linux include/uapi/linux/elf.h and elfcore.h, not from our readers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/core_build.h"

struct built_segment {
	addr_t addr;
	uint64_t memsz, filesz;
	uint32_t prot;
	uint8_t *bytes;
};

struct built_file {
	uint64_t start, end, page_off;
	char *path;
};

struct buffer {
	VEC(uint8_t) b;
};

struct core_build {
	enum machine machine;
	uint32_t note_align;
	VEC(struct built_segment) segments;
	VEC(struct built_file) files;
	VEC(Elf64_auxv_t) auxv;
	struct buffer notes;
};

static void die(const char *what)
{
	fprintf(stderr, "core_build: %s\n", what);
	abort();
}

/* n bytes at the buffer's end: a copy, or zeros for NULL. */
static void append(struct buffer *to, const void *bytes, size_t n)
{
	if (vec_reserve(&to->b, to->b.n + n + 1) < 0)
		die("out of memory");
	if (bytes)
		memcpy(to->b.v + to->b.n, bytes, n);
	else
		memset(to->b.v + to->b.n, 0, n);
	to->b.n += n;
}

static void append_u64(struct buffer *to, uint64_t word)
{
	append(to, &word, 8);
}

struct core_build *core_build_new(enum machine machine)
{
	struct core_build *b = calloc(1, sizeof(*b));

	if (!b)
		die("out of memory");
	b->machine = machine;
	b->note_align = 4;
	return b;
}

void core_build_free(struct core_build *b)
{
	for (size_t i = 0; i < b->segments.n; i++)
		free(b->segments.v[i].bytes);
	for (size_t i = 0; i < b->files.n; i++)
		free(b->files.v[i].path);
	vec_deinit(&b->segments);
	vec_deinit(&b->files);
	vec_deinit(&b->auxv);
	vec_deinit(&b->notes.b);
	free(b);
}

void core_build_map_part(struct core_build *b, addr_t addr, uint64_t memsz, uint64_t filesz,
			 uint32_t prot)
{
	struct built_segment s = {addr, memsz, filesz, prot, calloc(1, filesz + 1)};

	if (!s.bytes || vec_push(&b->segments, s) < 0)
		die("out of memory");
}

void core_build_map(struct core_build *b, addr_t addr, uint64_t size, uint32_t prot)
{
	core_build_map_part(b, addr, size, size, prot);
}

uint8_t *core_build_at(struct core_build *b, addr_t addr, size_t n)
{
	for (size_t i = 0; i < b->segments.n; i++) {
		struct built_segment *s = &b->segments.v[i];

		if (addr >= s->addr && addr - s->addr < s->filesz &&
		    n <= s->filesz - (addr - s->addr))
			return s->bytes + (addr - s->addr);
	}
	die("the address is not mapped");
	return NULL;
}

void core_build_put(struct core_build *b, addr_t addr, uint64_t word)
{
	memcpy(core_build_at(b, addr, 8), &word, 8);
}

void core_build_put32(struct core_build *b, addr_t addr, uint32_t word)
{
	memcpy(core_build_at(b, addr, 4), &word, 4);
}

uint64_t core_build_get(struct core_build *b, addr_t addr)
{
	uint64_t word;

	memcpy(&word, core_build_at(b, addr, 8), 8);
	return word;
}

void core_build_align_notes(struct core_build *b)
{
	b->note_align = 8;
}

static void add_note(struct buffer *to, uint32_t align, const char *owner, uint32_t type,
		     const void *desc, size_t n)
{
	uint32_t head[3] = {(uint32_t)strlen(owner) + 1, (uint32_t)n, type};

	append(to, head, sizeof(head));
	append(to, owner, head[0]);
	append(to, NULL, -to->b.n & (align - 1));
	append(to, desc, n);
	append(to, NULL, -to->b.n & (align - 1));
}

void core_build_note(struct core_build *b, const char *owner, uint32_t type, const void *desc,
		     size_t n)
{
	add_note(&b->notes, b->note_align, owner, type, desc, n);
}

/* pr_reg by the machine's own order: user_regs_struct, user_pt_regs. */
static size_t raw_registers(enum machine machine, const struct built_thread *t, uint64_t *raw)
{
	/* rax rdx rcx rbx rsi rdi rbp rsp r8–r15 rip in user_regs_struct */
	static const uint8_t at[] = {10, 12, 11, 5, 13, 14, 4, 19, 9, 8, 7, 6, 3, 2, 1, 0, 16};

	if (machine == MACHINE_AARCH64) {
		memcpy(raw, t->gpr, 33 * 8);
		raw[33] = 0x60001000; /* pstate */
		return 34;
	}
	memset(raw, 0, 27 * 8);
	for (size_t i = 0; i < ARRAY_LEN(at); i++)
		raw[at[i]] = t->gpr[i];
	raw[15] = UINT64_MAX; /* orig_rax */
	raw[21] = t->tp;
	return 27;
}

void core_build_thread(struct core_build *b, const struct built_thread *t)
{
	uint8_t status[112 + 34 * 8 + 8] = {0};
	uint64_t raw[34];
	size_t n = raw_registers(b->machine, t, raw) * 8;

	memcpy(status + 12, &t->signal, 2);
	memcpy(status + 32, &t->tid, 4);
	memcpy(status + 112, raw, n);
	core_build_note(b, "CORE", NT_PRSTATUS, status, 112 + n + 8);
	if (t->fpregs)
		core_build_note(b, "CORE", NT_FPREGSET, t->fpregs, t->n_fpregs);
	if (t->xstate)
		core_build_note(b, "LINUX", NT_X86_XSTATE, t->xstate, t->n_xstate);
	if (b->machine == MACHINE_AARCH64 && t->tp)
		core_build_note(b, "LINUX", NT_ARM_TLS, &t->tp, 8);
}

void core_build_process(struct core_build *b, uint32_t pid, const char *comm, const char *args)
{
	uint8_t info[136] = {0};

	memcpy(info + 24, &pid, 4);
	memcpy(info + 40, comm, strnlen(comm, 16));
	memcpy(info + 56, args, strnlen(args, 80));
	core_build_note(b, "CORE", NT_PRPSINFO, info, sizeof(info));
}

void core_build_signal(struct core_build *b, int32_t signo, int32_t code, addr_t addr)
{
	uint8_t info[128] = {0};

	memcpy(info, &signo, 4);
	memcpy(info + 8, &code, 4);
	memcpy(info + 16, &addr, 8);
	core_build_note(b, "CORE", NT_SIGINFO, info, sizeof(info));
}

void core_build_auxv(struct core_build *b, uint64_t type, uint64_t value)
{
	if (vec_push(&b->auxv, ((Elf64_auxv_t){.a_type = type, .a_un.a_val = value})) < 0)
		die("out of memory");
}

void core_build_file(struct core_build *b, addr_t start, addr_t end, uint64_t page_off,
		     const char *path)
{
	struct built_file f = {start, end, page_off, strdup(path)};

	if (!f.path || vec_push(&b->files, f) < 0)
		die("out of memory");
}

static void add_file_note(struct core_build *b, struct buffer *notes)
{
	struct buffer desc = {0};

	append_u64(&desc, b->files.n);
	append_u64(&desc, 4096);
	for (size_t i = 0; i < b->files.n; i++) {
		append_u64(&desc, b->files.v[i].start);
		append_u64(&desc, b->files.v[i].end);
		append_u64(&desc, b->files.v[i].page_off);
	}
	for (size_t i = 0; i < b->files.n; i++)
		append(&desc, b->files.v[i].path, strlen(b->files.v[i].path) + 1);
	add_note(notes, b->note_align, "CORE", NT_FILE, desc.b.v, desc.b.n);
	vec_deinit(&desc.b);
}

static void add_late_notes(struct core_build *b, struct buffer *notes)
{
	Elf64_auxv_t end = {0};

	if (b->auxv.n) {
		struct buffer desc = {0};

		append(&desc, b->auxv.v, b->auxv.n * sizeof(*b->auxv.v));
		append(&desc, &end, sizeof(end));
		add_note(notes, b->note_align, "CORE", NT_AUXV, desc.b.v, desc.b.n);
		vec_deinit(&desc.b);
	}
	if (b->files.n)
		add_file_note(b, notes);
}

static void add_ehdr(struct core_build *b, struct buffer *out, size_t n_ph, uint64_t shoff)
{
	bool many = n_ph >= PN_XNUM;
	Elf64_Ehdr eh = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = b->machine == MACHINE_AARCH64 ? EM_AARCH64 : EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_shoff = many ? shoff : 0,
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = many ? PN_XNUM : (uint16_t)n_ph,
		.e_shentsize = many ? sizeof(Elf64_Shdr) : 0,
		.e_shnum = many,
	};

	append(out, &eh, sizeof(eh));
}

uint8_t *core_build_finish(struct core_build *b, size_t *size)
{
	struct buffer out = {0}, notes = {0};
	size_t n_ph = b->segments.n + 1, off = sizeof(Elf64_Ehdr) + n_ph * sizeof(Elf64_Phdr);
	uint64_t bytes = 0;
	Elf64_Phdr ph = {.p_type = PT_NOTE, .p_align = b->note_align};

	append(&notes, b->notes.b.v, b->notes.b.n);
	add_late_notes(b, &notes);
	for (size_t i = 0; i < b->segments.n; i++)
		bytes += b->segments.v[i].filesz;
	add_ehdr(b, &out, n_ph, off + notes.b.n + bytes);
	ph.p_offset = off;
	ph.p_filesz = notes.b.n;
	append(&out, &ph, sizeof(ph));
	off += notes.b.n;
	for (size_t i = 0; i < b->segments.n; off += b->segments.v[i++].filesz) {
		const struct built_segment *s = &b->segments.v[i];

		ph = (Elf64_Phdr){PT_LOAD, s->prot, off, s->addr, 0, s->filesz, s->memsz, 4096};
		append(&out, &ph, sizeof(ph));
	}
	append(&out, notes.b.v, notes.b.n);
	for (size_t i = 0; i < b->segments.n; i++)
		append(&out, b->segments.v[i].bytes, b->segments.v[i].filesz);
	if (n_ph >= PN_XNUM)
		append(&out, &(Elf64_Shdr){.sh_info = (uint32_t)n_ph}, sizeof(Elf64_Shdr));
	vec_deinit(&notes.b);
	*size = out.b.n;
	return out.b.v;
}

void core_build_save(const char *path, const void *bytes, size_t n)
{
	FILE *f = fopen(path, "wb");

	if (!f || (n && fwrite(bytes, 1, n, f) != n) || fclose(f))
		die("cannot write a file");
}
