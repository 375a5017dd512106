/*
 * The module log.
 *
 *	generation 0      [ prog ][ libc ][ plugin A ············ ]
 *	generation 1      [ prog ][ libc ]              [ plugin B ]     dlclose(A) began it
 *
 * At the start, before and after a dlclose() the loader is asked (dl_iterate_phdr: it has a lock, so never while
 * sampling). What is loaded in between is noticed by the first site in it, by the link_map that _dl_find_object knows
 * without a lock (glibc 2.35; on older ones the next dlclose() or image tells).
 *
 * One lock, always inside the loader's: taken in dl_iterate_phdr's callback, or tried while sampling. A file that
 * comes back to where it was opens its entry again, so a loop of dlopen and dlclose does not fill the log; nor the sites:
 * only stacks through an address range that was unmapped once are told apart by generation.
 *
 * Limit: a module that libc itself unloads (iconv, NSS) is noticed at the next dlclose() of the program's.
 */
#include "dump/module_log.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <string.h>

#include "dump/bucket.h"
#include "dump/stack.h"
#include "dump/tables.h"

enum { BUILD_ID_MAX = 31, MAX_CHANGED = 16, MAX_SEEN = 512 };

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

/* Where something was unmapped, and the generation that began then. Overlapping ones are one. */
static struct {
	uint64_t lo, hi, generation;
} changed[MAX_CHANGED];
static uint32_t n_changed;

static bool lock(void)
{
	for (uint32_t tries = 0; __atomic_exchange_n(&writing, 1, __ATOMIC_ACQUIRE); tries++) {
		if (tries > HD_SPIN_LIMIT)
			return false;
		hd_spin(tries);
	}
	return true;
}

static void unlock(void)
{
	__atomic_store_n(&writing, 0, __ATOMIC_RELEASE);
}

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

static bool overlap(const struct heapimage_module *m, uint64_t lo, uint64_t hi)
{
	return m->lo < hi && lo < m->hi;
}

/* The range joins one that it overlaps, or the last one where there is no room. */
static void note_change(const struct heapimage_module *m)
{
	uint64_t generation = heapdump_anchor->generation + 1;
	uint32_t i = 0;

	while (i < n_changed && (changed[i].lo >= m->hi || m->lo >= changed[i].hi))
		i++;
	if (i == MAX_CHANGED)
		i--;
	if (i < n_changed) {
		changed[i].lo = changed[i].lo < m->lo ? changed[i].lo : m->lo;
		changed[i].hi = changed[i].hi > m->hi ? changed[i].hi : m->hi;
		__atomic_store_n(&changed[i].generation, generation, __ATOMIC_RELEASE);
		return;
	}
	changed[i].lo = m->lo;
	changed[i].hi = m->hi;
	changed[i].generation = generation;
	__atomic_store_n(&n_changed, i + 1, __ATOMIC_RELEASE);
}

uint64_t hd_module_log_changed(const uint64_t *frames, uint32_t n)
{
	uint32_t n_ranges = __atomic_load_n(&n_changed, __ATOMIC_ACQUIRE);
	uint64_t last = 0;

	for (uint32_t r = 0; r < n_ranges; r++) {
		uint64_t lo = changed[r].lo, size = changed[r].hi - lo;
		uint64_t generation = __atomic_load_n(&changed[r].generation, __ATOMIC_RELAXED);

		if (generation <= last)
			continue;
		for (uint32_t i = 0; i < n; i++)
			if (frames[i] - 1 - lo < size) {
				last = generation;
				break;
			}
	}
	return last;
}

static void close_entry(struct heapimage_module *m)
{
	m->generation_last = (uint32_t)heapdump_anchor->generation;
	note_change(m);
}

static bool is_same_file(const struct heapimage_module *a, const struct heapimage_module *b)
{
	return a->lo == b->lo && a->hi == b->hi && a->path_size == b->path_size &&
	       !strcmp(a->path, b->path) && a->n_build_id == b->n_build_id &&
	       !memcmp(a->build_id, b->build_id, sizeof(a->build_id));
}

/* The youngest entry of what was or is mapped there, or NULL. */
static struct heapimage_module *last_entry(uint64_t lo, uint64_t hi)
{
	uint64_t n = __atomic_load_n(&heapdump_anchor->modules.n, __ATOMIC_ACQUIRE);

	while (n--) {
		struct heapimage_module *m = hd_module_at((uint32_t)n);

		if (m->state == HEAPIMAGE_LIVE && overlap(m, lo, hi))
			return m;
	}
	return NULL;
}

/* What is mapped there now is m, whatever the log says. */
static void enter(const struct heapimage_module *m)
{
	struct heapimage_module *e = last_entry(m->lo, m->hi);
	uint64_t i;

	if (e && is_same_file(e, m)) {
		e->generation_last = UINT32_MAX;
		return;
	}
	if (e && e->generation_last == UINT32_MAX)
		close_entry(e);
	i = hd_tables_take(HD_MODULES, 1);
	if (i == UINT64_MAX)
		return;
	e = hd_module_at((uint32_t)i);
	e->state = HEAPIMAGE_WRITING;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	*e = *m;
	e->state = HEAPIMAGE_WRITING;
	e->generation_last = UINT32_MAX;
	__atomic_store_n(&e->state, HEAPIMAGE_LIVE, __ATOMIC_RELEASE);
}

struct survey {
	uint64_t subs;
	uint64_t seen[MAX_SEEN]; /* where modules begin */
	uint32_t n_seen;
	bool locked, refused, unmapped;
};

/* From its program headers. False: nothing of it is mapped. */
static bool describe(const struct dl_phdr_info *info, struct heapimage_module *m)
{
	uint64_t lo = UINT64_MAX, hi = 0;

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uint64_t at = info->dlpi_addr + ph->p_vaddr;

		if (ph->p_type == PT_NOTE && !m->n_build_id)
			set_build_id(m, (const uint8_t *)(uintptr_t)at, ph->p_memsz);
		if (ph->p_type != PT_LOAD)
			continue;
		lo = at < lo ? at : lo;
		hi = at + ph->p_memsz > hi ? at + ph->p_memsz : hi;
	}
	m->lo = lo & ~4095ull;
	m->hi = (hi + 4095) & ~4095ull;
	set_path(m, info->dlpi_name ? info->dlpi_name : "");
	return hi > lo;
}

static int note_module(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct survey *s = arg;
	struct heapimage_module m = {0};

	if (!s->locked) {
		s->locked = lock();
		s->refused = !s->locked;
		if (s->refused)
			return 1;
		if (size >= offsetof(struct dl_phdr_info, dlpi_subs) + sizeof(info->dlpi_subs))
			s->subs = info->dlpi_subs;
		s->unmapped = s->subs != n_unloaded;
	}
	if (!describe(info, &m))
		return 0;
	m.generation_first = (uint32_t)heapdump_anchor->generation + s->unmapped;
	if (s->n_seen < MAX_SEEN)
		s->seen[s->n_seen++] = m.lo;
	enter(&m);
	return 0;
}

static bool was_seen(const struct survey *s, uint64_t lo)
{
	for (uint32_t i = 0; i < s->n_seen; i++)
		if (s->seen[i] == lo)
			return true;
	return s->n_seen == MAX_SEEN;
}

/* Closes what the loader no longer has; those that stayed go on. */
static void close_gone(const struct survey *s)
{
	uint64_t n = __atomic_load_n(&heapdump_anchor->modules.n, __ATOMIC_ACQUIRE);

	for (uint64_t i = 0; i < n; i++) {
		struct heapimage_module *m = hd_module_at((uint32_t)i);

		if (m->generation_last == UINT32_MAX && m->state == HEAPIMAGE_LIVE &&
		    !was_seen(s, m->lo))
			close_entry(m);
	}
}

void hd_module_log_look(void)
{
	struct survey s = {0};
	uint64_t generation = 0;

	if (!heapdump_anchor)
		return;
	dl_iterate_phdr(note_module, &s);
	if (!s.locked)
		return;
	if (s.unmapped) {
		n_unloaded = s.subs;
		close_gone(&s);
		generation = __atomic_add_fetch(&heapdump_anchor->generation, 1, __ATOMIC_SEQ_CST);
	}
	unlock();
	/* it may take the loader's lock, under which others wait for ours */
	if (generation)
		hd_stack_new_generation(generation);
}

void hd_module_log_start(void)
{
	find_object = (find_object_fn *)dlsym(RTLD_DEFAULT, "_dl_find_object");
	dlerror(); /* the program shall not find our failure there */
	hd_module_log_look();
}

void hd_module_log_forked(void)
{
	writing = 0;
}

static void note_found(const struct find_object *at)
{
	struct heapimage_module m = {0};
	const struct heapimage_module *e;

	m.lo = (uint64_t)(uintptr_t)at->map_start & ~4095ull;
	m.hi = ((uint64_t)(uintptr_t)at->map_end + 4095) & ~4095ull;
	e = last_entry(m.lo, m.hi);
	/* whoever exchanges it looks at the log behind that */
	if (e && e->lo == m.lo && e->generation_last == UINT32_MAX)
		return;
	m.generation_first = (uint32_t)heapdump_anchor->generation;
	set_path(&m, at->link_map && at->link_map->l_name ? at->link_map->l_name : "");
	set_build_id_of_image(&m, m.hi - m.lo);
	enter(&m);
}

void hd_module_log_note(const uint64_t *frames, uint32_t n)
{
	struct find_object at = {0};

	if (!find_object || __atomic_exchange_n(&writing, 1, __ATOMIC_ACQUIRE))
		return;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t pc = frames[i] - 1, lo = (uint64_t)(uintptr_t)at.map_start;

		if (pc - lo < (uint64_t)(uintptr_t)at.map_end - lo)
			continue;
		if (find_object((void *)(uintptr_t)pc, &at))
			at = (struct find_object){0};
		else
			note_found(&at);
	}
	unlock();
}
