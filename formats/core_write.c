/*
 * What makes debuggers open a core (Linux fs/binfmt_elf.c writes the same):
 *
 *	PT_NOTE first, a PT_LOAD for every mapping in address order, also where no byte of it is stored
 *	per thread NT_PRSTATUS, NT_FPREGSET, vector state; the first one is the current thread
 *	NT_PRPSINFO, NT_SIGINFO, NT_AUXV, NT_FILE once, behind the first NT_PRSTATUS
 *
 * 65,535 program headers and more do not fit e_phnum: it is PN_XNUM then, and the number is in sh_info of
 * section header 0 (gABI ch. 4, "Section Header 0").
 *
 * The descriptors are laid out by offset and not by libc's structs, whose size is that of the machine we run on.
 */
#include <elf.h>
#include <string.h>

#include "formats/core_write.h"

/* struct elf_prstatus and elf_prpsinfo, LP64: Linux include/uapi/linux/elfcore.h, include/linux/elfcore.h. */
enum {
	PRSTATUS_CURSIG_OFF = 12,
	PRSTATUS_PID_OFF = 32,
	PRSTATUS_REG_OFF = 112,
	PSINFO_NICE_OFF = 3,
	PSINFO_UID_OFF = 16,
	PSINFO_NAME_OFF = 40,
	PSINFO_ARGS_OFF = 56,
	PSINFO_SIZE = 136,
};

void core_put(struct core_sink *s, const void *bytes, uint64_t n)
{
	if (s->n < s->size && n)
		memcpy(s->at + s->n, bytes, n < s->size - s->n ? n : s->size - s->n);
	s->n += n;
}

void core_put_zeros(struct core_sink *s, uint64_t n)
{
	if (s->n < s->size)
		memset(s->at + s->n, 0, n < s->size - s->n ? n : s->size - s->n);
	s->n += n;
}

void core_put_align(struct core_sink *s, uint64_t align)
{
	core_put_zeros(s, -s->n & (align - 1));
}

static void put_note_head(struct core_sink *s, const char *owner, uint32_t type, uint64_t n)
{
	Elf64_Nhdr head = {
		.n_namesz = (uint32_t)strlen(owner) + 1,
		.n_descsz = (uint32_t)n,
		.n_type = type,
	};

	core_put(s, &head, sizeof(head));
	core_put(s, owner, head.n_namesz);
	core_put_align(s, 4);
}

void core_put_note(struct core_sink *s, const char *owner, uint32_t type, const void *desc,
		   uint64_t n)
{
	put_note_head(s, owner, type, n);
	core_put(s, desc, n);
	core_put_align(s, 4);
}

static void put_prstatus(struct core_sink *s, const struct core_process *p,
			 const struct core_thread *t)
{
	uint8_t head[PRSTATUS_REG_OFF] = {0};
	uint32_t ids[4] = {t->tid, p->ppid, p->pgrp, p->sid};
	uint64_t fp_valid = t->fp != NULL;

	memcpy(head, &t->signal, sizeof(t->signal));
	memcpy(head + PRSTATUS_CURSIG_OFF, &t->signal, 2);
	memcpy(head + PRSTATUS_PID_OFF, ids, sizeof(ids));
	put_note_head(s, "CORE", NT_PRSTATUS, sizeof(head) + t->regs_size + sizeof(fp_valid));
	core_put(s, head, sizeof(head));
	if (t->regs)
		core_put(s, t->regs, t->regs_size);
	else
		core_put_zeros(s, t->regs_size);
	core_put(s, &fp_valid, sizeof(fp_valid));
}

void core_put_thread(struct core_sink *s, const struct core_process *p, const struct core_thread *t)
{
	put_prstatus(s, p, t);
	if (t->fp)
		core_put_note(s, "CORE", NT_FPREGSET, t->fp, t->fp_size);
	if (t->more)
		core_put_note(s, "LINUX", t->more_type, t->more, t->more_size);
}

void core_put_process(struct core_sink *s, const struct core_process *p)
{
	uint8_t info[PSINFO_SIZE] = {0};
	uint32_t ids[6] = {p->uid, p->gid, p->pid, p->ppid, p->pgrp, p->sid};

	info[1] = (uint8_t)p->state;
	info[PSINFO_NICE_OFF] = (uint8_t)p->nice;
	memcpy(info + PSINFO_UID_OFF, ids, sizeof(ids));
	memcpy(info + PSINFO_NAME_OFF, p->name, sizeof(p->name));
	memcpy(info + PSINFO_ARGS_OFF, p->args, sizeof(p->args));
	core_put_note(s, "CORE", NT_PRPSINFO, info, sizeof(info));
}

void core_put_files(struct core_sink *s, const struct core_file *files, uint64_t n)
{
	uint64_t head[2] = {n, CORE_PAGE}, size = sizeof(head);

	for (uint64_t i = 0; i < n; i++)
		size += 3 * sizeof(uint64_t) + strlen(files[i].path) + 1;
	put_note_head(s, "CORE", NT_FILE, size);
	core_put(s, head, sizeof(head));
	for (uint64_t i = 0; i < n; i++) {
		uint64_t row[3] = {files[i].lo, files[i].hi, files[i].off / CORE_PAGE};

		core_put(s, row, sizeof(row));
	}
	for (uint64_t i = 0; i < n; i++)
		core_put(s, files[i].path, strlen(files[i].path) + 1);
	core_put_align(s, 4);
}

static uint64_t align_up(uint64_t off, uint64_t align)
{
	return (off + align - 1) & ~(align - 1);
}

void core_layout(struct core_layout *l, struct core_segment *segments, uint64_t n,
		 uint64_t notes_size)
{
	uint64_t off;

	l->n_headers = n + 1;
	l->notes_off = sizeof(Elf64_Ehdr) + l->n_headers * sizeof(Elf64_Phdr);
	if (l->n_headers >= PN_XNUM)
		l->notes_off += sizeof(Elf64_Shdr);
	l->notes_size = notes_size;
	off = l->data_off = align_up(l->notes_off + notes_size, CORE_PAGE);
	for (uint64_t i = 0; i < n; i++) {
		off = align_up(off, segments[i].type == PT_LOAD ? CORE_PAGE : 8);
		segments[i].off = off;
		off += segments[i].filesz;
	}
	l->file_size = off;
}

static void put_segment(struct core_sink *s, const struct core_segment *g)
{
	Elf64_Phdr h = {
		.p_type = g->type,
		.p_flags = g->flags,
		.p_offset = g->off,
		.p_vaddr = g->addr,
		.p_filesz = g->filesz,
		.p_memsz = g->memsz,
		.p_align = g->type == PT_LOAD	? CORE_PAGE
			   : g->type == PT_NOTE ? 4
						: 8,
	};

	core_put(s, &h, sizeof(h));
}

void core_put_headers(struct core_sink *s, uint16_t machine, const struct core_layout *l,
		      const struct core_segment *segments, uint64_t n)
{
	bool many = l->n_headers >= PN_XNUM;
	struct core_segment notes = {.type = PT_NOTE, .filesz = l->notes_size, .off = l->notes_off};
	Elf64_Shdr zero = {.sh_info = (uint32_t)l->n_headers};
	Elf64_Ehdr h = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = machine,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(h),
		.e_ehsize = sizeof(h),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = many ? PN_XNUM : (uint16_t)l->n_headers,
		.e_shoff = many ? l->notes_off - sizeof(zero) : 0,
		.e_shentsize = many ? sizeof(zero) : 0,
		.e_shnum = many,
	};

	core_put(s, &h, sizeof(h));
	put_segment(s, &notes);
	for (uint64_t i = 0; i < n; i++)
		put_segment(s, &segments[i]);
	if (many)
		core_put(s, &zero, sizeof(zero));
}
