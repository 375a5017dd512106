/*
 * libunwind without its pipe.
 *
 * Before it reads a word, libunwind asks whether the word can be read: it reads a byte from a pipe and writes the word's
 * first byte into it. The pipe is two file descriptors in somebody else's process: the program's next ones have other
 * numbers, a child that was to have no standard input has one; and a program that closes all it did not open (a
 * daemon) may have its database under these numbers afterwards, which then loses a byte and gets one.
 *
 *	libunwind's imports    pipe2 ─► two numbers that are no descriptors
 *	                       write ─► of such a number: hd_reach_probe(); of others: write
 *	                       read, close likewise
 *
 * The functions that the loader bound it to are replaced in its own table (.got.plt, or .got where it was linked that way):
 * nobody else's calls are touched. The program may use the same libunwind: the answers are the same, and a pipe that
 * it has already stays in use.
 *
 * Limits: a libunwind that makes its pipe by other calls keeps it.
 */
#include "dump/libunwind_pipe.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dump/sys.h"
#include "dump/unwind_reach.h"

#if defined(__x86_64__)
enum { IS_CALL = R_X86_64_JUMP_SLOT, IS_WORD = R_X86_64_GLOB_DAT };
#else
enum { IS_CALL = R_AARCH64_JUMP_SLOT, IS_WORD = R_AARCH64_GLOB_DAT };
#endif

/* As high as no descriptor ever is. */
enum { PAGE = 4096, READ_END = INT32_MAX - 1, WRITE_END = INT32_MAX };

static bool is_ours(int fd)
{
	return fd == READ_END || fd == WRITE_END;
}

static int make_none(int ends[2], int flags)
{
	ends[0] = READ_END;
	ends[1] = WRITE_END;
	return 0;
}

/* (Some versions ask errno also after a success.) */
static ssize_t read_none(int fd, void *buf, size_t n)
{
	if (!is_ours(fd))
		return read(fd, buf, n);
	errno = 0;
	return 1;
}

static ssize_t write_none(int fd, const void *buf, size_t n)
{
	if (!is_ours(fd))
		return write(fd, buf, n);
	errno = hd_reach_probe((uint64_t)(uintptr_t)buf & ~7ull) ? 0 : EFAULT;
	return errno ? -1 : (ssize_t)n;
}

static int close_none(int fd)
{
	return is_ours(fd) ? 0 : close(fd);
}

/* In the order in which they may be replaced while another thread is in there. */
static const struct import {
	const char *name;
	void *ours;
} imports[] = {
	{"write", (void *)write_none},
	{"read", (void *)read_none},
	{"close", (void *)close_none},
	{"pipe2", (void *)make_none},
};
enum { N_IMPORTS = sizeof(imports) / sizeof(*imports) };

struct bound {
	const struct link_map *module;
	uint64_t relro_lo, relro_hi; /* of whole pages that are read-only by now */
	void **slots[N_IMPORTS];
};

/* Some loaders relocate the addresses in a dynamic section, some do not. */
static const void *address_in(const struct link_map *m, const ElfW(Dyn) * d)
{
	return (const void *)(d->d_un.d_ptr < m->l_addr ? d->d_un.d_ptr + m->l_addr
							: d->d_un.d_ptr);
}

static const ElfW(Dyn) * entry(const struct link_map *m, ElfW(Sxword) tag)
{
	for (const ElfW(Dyn) *d = m->l_ld; d->d_tag != DT_NULL; d++)
		if (d->d_tag == tag)
			return d;
	return NULL;
}

static void find_slots(struct bound *b, ElfW(Sxword) table, ElfW(Sxword) table_size)
{
	const ElfW(Dyn) *rela = entry(b->module, table), *size = entry(b->module, table_size);
	const ElfW(Dyn) *symtab = entry(b->module, DT_SYMTAB);
	const ElfW(Dyn) *strtab = entry(b->module, DT_STRTAB);
	const ElfW(Rela) * r, *end;

	if (!rela || !size || !symtab || !strtab)
		return;
	r = address_in(b->module, rela);
	end = r + size->d_un.d_val / sizeof(*r);
	for (; r < end; r++) {
		const ElfW(Sym) *sym = address_in(b->module, symtab);
		const char *name = address_in(b->module, strtab);
		uint32_t type = ELF64_R_TYPE(r->r_info);

		if (type != IS_CALL && type != IS_WORD)
			continue;
		name += sym[ELF64_R_SYM(r->r_info)].st_name;
		for (int i = 0; i < N_IMPORTS; i++)
			if (!strcmp(name, imports[i].name))
				b->slots[i] = (void **)(b->module->l_addr + r->r_offset);
	}
}

static int find_relro(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct bound *b = arg;

	if (info->dlpi_addr != b->module->l_addr || strcmp(info->dlpi_name, b->module->l_name))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_GNU_RELRO) {
			b->relro_lo = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
			b->relro_hi = b->relro_lo + info->dlpi_phdr[i].p_memsz;
			b->relro_lo &= -(uint64_t)PAGE;
			b->relro_hi &= -(uint64_t)PAGE;
		}
	return 1;
}

static void replace(const struct bound *b, int i)
{
	uint64_t at = (uint64_t)(uintptr_t)b->slots[i], page = at & -(uint64_t)PAGE;
	bool read_only = at >= b->relro_lo && at < b->relro_hi;

	if (read_only && hd_sys3(SYS_mprotect, page, PAGE, PROT_READ | PROT_WRITE) < 0)
		return;
	__atomic_store_n(b->slots[i], imports[i].ours, __ATOMIC_RELEASE);
	if (read_only)
		hd_sys3(SYS_mprotect, page, PAGE, PROT_READ);
}

void hd_libunwind_pipe_init(void)
{
	void *library = dlopen("libunwind.so.8", RTLD_LOCAL | RTLD_NOW);
	struct link_map *module = NULL;
	struct bound b = {0};

	if (library && dlinfo(library, RTLD_DI_LINKMAP, &module) == 0 && module) {
		b.module = module;
		find_slots(&b, DT_JMPREL, DT_PLTRELSZ);
		find_slots(&b, DT_RELA, DT_RELASZ);
		dl_iterate_phdr(find_relro, &b);
	}
	for (int i = 0; i < N_IMPORTS; i++)
		if (!b.slots[i])
			module = NULL;
	for (int i = 0; module && i < N_IMPORTS; i++)
		replace(&b, i);
	dlerror(); /* the program shall not find our failure there */
}
