/*
 * From a place in the code to the segment that holds its module's unwind tables.
 *
 * glibc 2.35 and later have an index of all modules that is read without a lock (_dl_find_object); it knows a module's
 * range and its .eh_frame_hdr. Before, and where libc is another, a table of our own is filled by dl_iterate_phdr when
 * the library is loaded and when modules come or go: never within a capture, for the loader's lock is held there by
 * threads that wait for the program's.
 *
 *	table: two halves; one is read while the other is filled; `version` is odd meanwhile
 *
 * The segment's bounds are those of the program headers, which lie in a module's first page behind the ELF header.
 *
 * Limits: a module that is unmapped while another thread walks over an address in it (which is then on no stack any
 * more: garbage) is not guarded against. The table has MODULES entries; those behind have no tables.
 */
#include "dump/unwind_modules.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stddef.h>

enum { MODULES = 512, PAGE = 4096 };

/* struct dl_find_object of glibc's <dlfcn.h>, spelled out so that older headers serve, too. */
struct found_object {
	unsigned long long flags;
	uint64_t start, end;
	void *link_map;
	uint64_t hdr;
	unsigned long long reserved[7];
};
_Static_assert(sizeof(struct found_object) == 96, "as in glibc 2.35");

struct module {
	uint64_t start, end; /* of all of it */
	uint64_t seg, size;  /* of the segment with the tables */
	uint64_t hdr;
};

static int (*find_object)(void *at, struct found_object *found);

static struct {
	uint64_t version;
	uint32_t changes; /* asked for and not done */
	uint32_t n[2];
	struct module of[2][MODULES];
} table;

/* The segment of a module that holds an address. */
static bool segment_of(const ElfW(Phdr) * phdr, unsigned n, uint64_t bias, uint64_t addr,
		       uint64_t *seg, uint64_t *size)
{
	for (unsigned i = 0; i < n; i++) {
		if (phdr[i].p_type != PT_LOAD || !(phdr[i].p_flags & PF_R) ||
		    addr - bias - phdr[i].p_vaddr >= phdr[i].p_filesz)
			continue;
		*seg = bias + phdr[i].p_vaddr;
		*size = phdr[i].p_filesz;
		return true;
	}
	return false;
}

/* The same by the headers in a module's first page. */
static bool segment_by_headers(uint64_t start, uint64_t hdr, uint64_t *seg, uint64_t *size)
{
	const ElfW(Ehdr) *ehdr = (const void *)(uintptr_t)start;
	const ElfW(Phdr) * phdr;
	unsigned first = 0;
	uint64_t bias;

	if (memcmp(ehdr->e_ident, ELFMAG, SELFMAG) != 0 || ehdr->e_phentsize != sizeof(*phdr) ||
	    ehdr->e_phoff > PAGE || ehdr->e_phoff % sizeof(uint64_t) ||
	    ehdr->e_phnum > (PAGE - ehdr->e_phoff) / sizeof(*phdr))
		return false;
	phdr = (const void *)(uintptr_t)(start + ehdr->e_phoff);
	while (first < ehdr->e_phnum && phdr[first].p_type != PT_LOAD)
		first++;
	if (first == ehdr->e_phnum)
		return false;
	bias = start - (phdr[first].p_vaddr & -(uint64_t)PAGE);
	return segment_of(phdr, ehdr->e_phnum, bias, hdr, seg, size);
}

static bool to_cfi(uint64_t seg, uint64_t size, uint64_t hdr, struct hd_cfi *cfi)
{
	*cfi = (struct hd_cfi){(const uint8_t *)(uintptr_t)seg, size, hdr - seg};
	return true;
}

static bool by_libc(uint64_t at, struct hd_cfi *cfi, bool *known)
{
	struct found_object found;
	uint64_t seg, size;

	*known = find_object((void *)(uintptr_t)at, &found) == 0;
	return *known && found.hdr && segment_by_headers(found.start, found.hdr, &seg, &size) &&
	       to_cfi(seg, size, found.hdr, cfi);
}

/* The entry that covers a place, whole: what was read while the half was filled does not count. */
static bool by_table(uint64_t at, struct hd_cfi *cfi, bool *known)
{
	uint64_t version = __atomic_load_n(&table.version, __ATOMIC_ACQUIRE);
	unsigned half = version / 2 % 2;
	struct module found = {0};

	*known = false;
	for (uint32_t i = 0; i < table.n[half] && !found.end; i++) {
		const struct module *m = &table.of[half][i];

		if (at >= m->start && at < m->end)
			found = *m;
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	/* one change fills the other half; the second would fill this one */
	if (__atomic_load_n(&table.version, __ATOMIC_RELAXED) - (version & ~UINT64_C(1)) > 2)
		return false;
	*known = found.end != 0;
	return found.size && to_cfi(found.seg, found.size, found.hdr, cfi);
}

bool hd_modules_find(uint64_t at, struct hd_cfi *cfi, bool *known)
{
	return find_object ? by_libc(at, cfi, known) : by_table(at, cfi, known);
}

static int add_module(const struct dl_phdr_info *info, unsigned half)
{
	struct module m = {.start = UINT64_MAX};

	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uint64_t start = info->dlpi_addr + p->p_vaddr;

		if (p->p_type == PT_GNU_EH_FRAME)
			m.hdr = start;
		if (p->p_type != PT_LOAD)
			continue;
		m.start = start < m.start ? start : m.start;
		m.end = start + p->p_memsz > m.end ? start + p->p_memsz : m.end;
	}
	if (m.hdr &&
	    !segment_of(info->dlpi_phdr, info->dlpi_phnum, info->dlpi_addr, m.hdr, &m.seg, &m.size))
		m.size = 0;
	if (table.n[half] < MODULES)
		table.of[half][table.n[half]++] = m;
	return 0;
}

static int fill_table(struct dl_phdr_info *info, size_t size, void *half)
{
	return add_module(info, *(const unsigned *)half);
}

static void change_table(void)
{
	unsigned half = (table.version / 2 + 1) % 2;

	__atomic_store_n(&table.version, table.version + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	table.n[half] = 0;
	dl_iterate_phdr(fill_table, &half);
	__atomic_store_n(&table.version, table.version + 1, __ATOMIC_RELEASE);
}

/* Who comes while another makes the table leaves a mark instead of waiting: it is then made once more. */
void hd_modules_changed(void)
{
	if (find_object || __atomic_fetch_add(&table.changes, 1, __ATOMIC_ACQ_REL))
		return;
	for (uint32_t seen = 1; seen;
	     seen = __atomic_sub_fetch(&table.changes, seen, __ATOMIC_ACQ_REL)) {
		seen = __atomic_load_n(&table.changes, __ATOMIC_ACQUIRE);
		change_table();
	}
}

void hd_modules_init(enum hd_modules_by by)
{
	find_object = NULL;
	if (by == HD_MODULES_BY_LIBC)
		find_object = (int (*)(void *, struct found_object *))(uintptr_t)dlsym(
			RTLD_DEFAULT, "_dl_find_object");
	hd_modules_changed();
}
