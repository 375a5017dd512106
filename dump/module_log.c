/*
 * The module log.
 *
 *	generation 0      [ prog ][ libc ][ plugin A ············ ]
 *	generation 1      [ prog ][ libc ]              [ plugin B ]     dlclose(A) began it
 *
 * At the start and after a dlclose() the loader is asked (dl_iterate_phdr: it has a lock, so never while sampling).
 * What is loaded in between is noticed by the first site in it, by the link_map that _dl_find_object knows without a
 * lock (glibc 2.35; on older ones the next dlclose() or image tells).
 *
 * Limit: a module that libc itself unloads (iconv, NSS) is noticed at the next dlclose() of the program's.
 */
#include "dump/module_log.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <string.h>

#include "dump/stack.h"
#include "dump/tables.h"

enum { BUILD_ID_MAX = 31 };

struct find_object {
	unsigned long long flags;
	void *map_start, *map_end;
	struct link_map *link_map;
	void *eh_frame;
	unsigned long long reserved[7];
};
typedef int find_object_fn(void *pc, struct find_object *out);

static find_object_fn *find_object;
static uint64_t n_unloaded; /* dlpi_subs when last asked */
static uint32_t writing;

static void set_path(struct heapimage_module *m, const char *path)
{
	size_t n = strlen(path), room = sizeof(m->path) - 1;

	m->path_size = (uint32_t)n;
	memcpy(m->path, n > room ? path + n - room : path, n > room ? room : n);
}

/* The GNU build-id among the notes at p. */
static void set_build_id(struct heapimage_module *m, const uint8_t *p, uint64_t size)
{
	uint64_t at = 0;

	while (size - at >= sizeof(ElfW(Nhdr))) {
		ElfW(Nhdr) n;
		uint64_t desc;

		memcpy(&n, p + at, sizeof(n));
		desc = at + sizeof(n) + ((n.n_namesz + 3ull) & ~3ull);
		if (desc > size || n.n_descsz > size - desc)
			return;
		if (n.n_type == NT_GNU_BUILD_ID && n.n_namesz == 4 && n.n_descsz <= BUILD_ID_MAX) {
			memcpy(m->build_id, p + desc, n.n_descsz);
			m->n_build_id = (uint8_t)n.n_descsz;
			return;
		}
		at = desc + ((n.n_descsz + 3ull) & ~3ull);
		if (at > size)
			return;
	}
}

/* From the ELF header that is mapped at its start. */
static void set_build_id_of_image(struct heapimage_module *m, uint64_t size)
{
	const uint8_t *base = (const uint8_t *)(uintptr_t)m->lo;
	const ElfW(Ehdr) *eh = (const ElfW(Ehdr) *)base;
	const ElfW(Phdr) *ph = (const ElfW(Phdr) *)(base + eh->e_phoff);

	if (memcmp(eh->e_ident, ELFMAG, SELFMAG) || eh->e_phoff > 4096 ||
	    eh->e_phoff + eh->e_phnum * sizeof(*ph) > size)
		return;
	for (int i = 0; i < eh->e_phnum && !m->n_build_id; i++)
		/* the header's own segment comes first, so an offset in it is an offset in memory */
		if (ph[i].p_type == PT_NOTE && ph[i].p_offset < 4096 && ph[i].p_memsz < 4096 &&
		    ph[i].p_offset + ph[i].p_memsz <= size)
			set_build_id(m, base + ph[i].p_offset, ph[i].p_memsz);
}

/* The log's open entry that begins there, or NULL. */
static struct heapimage_module *open_entry(uint64_t lo)
{
	uint64_t n = __atomic_load_n(&heapdump_anchor->modules.n, __ATOMIC_ACQUIRE);

	while (n--) {
		struct heapimage_module *m = hd_module_at((uint32_t)n);

		if (m->lo == lo && m->generation_last == UINT32_MAX && m->state == HEAPIMAGE_LIVE)
			return m;
	}
	return NULL;
}

static struct heapimage_module *add_entry(uint64_t lo, uint64_t hi, const char *path)
{
	uint64_t i = hd_tables_take(HD_MODULES, 1);
	struct heapimage_module *m;

	if (i == UINT64_MAX)
		return NULL;
	m = hd_module_at((uint32_t)i);
	m->state = HEAPIMAGE_WRITING;
	m->lo = lo;
	m->hi = hi;
	m->generation_first = (uint32_t)heapdump_anchor->generation;
	m->generation_last = UINT32_MAX;
	set_path(m, path);
	return m;
}

struct survey {
	uint64_t subs;
	uint64_t seen[512]; /* where modules begin */
	uint32_t n_seen;
};

static int note_module(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct survey *s = arg;
	struct heapimage_module *m;
	uint64_t lo = UINT64_MAX, hi = 0;

	if (size >= offsetof(struct dl_phdr_info, dlpi_subs) + sizeof(info->dlpi_subs))
		s->subs = info->dlpi_subs;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type != PT_LOAD)
			continue;
		if (info->dlpi_addr + ph->p_vaddr < lo)
			lo = (info->dlpi_addr + ph->p_vaddr) & ~4095ull;
		if (info->dlpi_addr + ph->p_vaddr + ph->p_memsz > hi)
			hi = (info->dlpi_addr + ph->p_vaddr + ph->p_memsz + 4095) & ~4095ull;
	}
	if (hi <= lo)
		return 0;
	if (s->n_seen < sizeof(s->seen) / sizeof(*s->seen))
		s->seen[s->n_seen++] = lo;
	if (open_entry(lo))
		return 0;
	m = add_entry(lo, hi, info->dlpi_name ? info->dlpi_name : "");
	for (int i = 0; m && i < info->dlpi_phnum && !m->n_build_id; i++)
		if (info->dlpi_phdr[i].p_type == PT_NOTE)
			set_build_id(m,
				     (const uint8_t *)info->dlpi_addr + info->dlpi_phdr[i].p_vaddr,
				     info->dlpi_phdr[i].p_memsz);
	if (m)
		__atomic_store_n(&m->state, HEAPIMAGE_LIVE, __ATOMIC_RELEASE);
	return 0;
}

static bool was_seen(const struct survey *s, uint64_t lo)
{
	for (uint32_t i = 0; i < s->n_seen; i++)
		if (s->seen[i] == lo)
			return true;
	return s->n_seen == sizeof(s->seen) / sizeof(*s->seen);
}

/* Closes what the loader no longer has; those that stayed go on. */
static void close_gone(const struct survey *s)
{
	uint64_t n = __atomic_load_n(&heapdump_anchor->modules.n, __ATOMIC_ACQUIRE);
	uint32_t last = (uint32_t)heapdump_anchor->generation;

	for (uint64_t i = 0; i < n; i++) {
		struct heapimage_module *m = hd_module_at((uint32_t)i);

		if (m->generation_last == UINT32_MAX && !was_seen(s, m->lo))
			m->generation_last = last;
	}
}

void hd_module_log_start(void)
{
	struct survey s = {0};

	find_object = (find_object_fn *)dlsym(RTLD_DEFAULT, "_dl_find_object");
	if (!heapdump_anchor)
		return;
	dl_iterate_phdr(note_module, &s);
	n_unloaded = s.subs;
}

void hd_module_log_closed(void)
{
	struct survey s = {0};

	if (!heapdump_anchor || __atomic_exchange_n(&writing, 1, __ATOMIC_ACQUIRE))
		return;
	dl_iterate_phdr(note_module, &s);
	if (s.subs != n_unloaded) {
		n_unloaded = s.subs;
		close_gone(&s);
		hd_stack_new_generation(
			__atomic_add_fetch(&heapdump_anchor->generation, 1, __ATOMIC_SEQ_CST));
	}
	__atomic_store_n(&writing, 0, __ATOMIC_RELEASE);
}

void hd_module_log_forked(void)
{
	writing = 0;
}

void hd_module_log_note(const uint64_t *frames, uint32_t n)
{
	struct find_object at = {0};

	if (!find_object || __atomic_exchange_n(&writing, 1, __ATOMIC_ACQUIRE))
		return;
	for (uint32_t i = 0; i < n; i++) {
		struct heapimage_module *m;
		uint64_t pc = frames[i] - 1, lo;

		if (pc - (uint64_t)(uintptr_t)at.map_start <
		    (uint64_t)(uintptr_t)at.map_end - (uint64_t)(uintptr_t)at.map_start)
			continue;
		if (find_object((void *)(uintptr_t)pc, &at)) {
			at = (struct find_object){0};
			continue;
		}
		lo = (uint64_t)(uintptr_t)at.map_start & ~4095ull;
		if (open_entry(lo))
			continue;
		m = add_entry(lo, (uint64_t)(uintptr_t)at.map_end,
			      at.link_map && at.link_map->l_name ? at.link_map->l_name : "");
		if (!m)
			break;
		set_build_id_of_image(m, (uint64_t)(uintptr_t)at.map_end - lo);
		__atomic_store_n(&m->state, HEAPIMAGE_LIVE, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&writing, 0, __ATOMIC_RELEASE);
}
