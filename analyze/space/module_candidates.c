/*
 * Four witnesses, in this order, each adding what the others did not know:
 *
 *	1. the file table (NT_FILE): an entry at file offset 0 begins a file
 *	2. the auxiliary vector: AT_PHDR lies in the executable, AT_SYSINFO_EHDR is the vdso
 *	3. ELF headers at the start of a mapping, where there is no file table
 *	4. the loader's list (link_map), found through some module's DT_DEBUG
 *
 * A core without ELF headers (bit 4 of coredump_filter clear) shows DT_DEBUG only once the files'
 * own headers say where it is: the fourth is then asked again.
 *
 * A file that is mapped but never executable and in no list is data (a debugger maps ELF files to
 * read them): dropped at the end.
 *
 * A program started as "ld.so PROGRAM" has the loader in its auxiliary vector; the first entry of
 * the loader's list is the program, so the list decides which module is the executable.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/space/link_map.h"
#include "analyze/space/module_candidates.h"

enum { MAX_PATH = 4096, NEIGHBOURS = 16 };
#define PAGE_MASK 4095ull

/*
 * All modules together have that many program headers, and as many more as fit into the dump: in a
 * crafted one a table may serve many modules.
 */
#define HEADERS_MIN 16384
#define VDSO	    "linux-vdso.so" /* in the loader's list */

static addr_t page_up(addr_t a)
{
	return (a + PAGE_MASK) & ~PAGE_MASK;
}

/*
 * The one whose range holds addr. Ranges are as long as headers say, so that a damaged one may lie over
 * its neighbours: a few of those below are looked at.
 */
static struct candidate *candidate_holding(struct candidates *c, addr_t addr)
{
	size_t lo = 0, hi = c->n_sorted;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (c->list.v[mid].module.at.lo <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	hi = lo > NEIGHBOURS ? lo - NEIGHBOURS : 0;
	for (size_t i = lo; addr && i-- > hi;)
		if (range_has(c->list.v[i].module.at, addr))
			return &c->list.v[i];
	for (size_t i = c->n_sorted; addr && i < c->list.n; i++)
		if (range_has(c->list.v[i].module.at, addr))
			return &c->list.v[i];
	return NULL;
}

/* Where the image ends in memory, at least. */
static addr_t image_end(const struct elf_image *img, addr_t base)
{
	uint64_t bias = elf_image_bias(img, base);
	addr_t end = base;

	for (size_t i = 0; i < img->ph.n; i++) {
		const Elf64_Phdr *ph = &img->ph.v[i];
		addr_t hi;

		if (ph->p_type == PT_LOAD &&
		    !__builtin_add_overflow(ph->p_vaddr + bias, ph->p_memsz, &hi) && hi > end &&
		    ph->p_vaddr + bias >= base)
			end = page_up(hi);
	}
	return end;
}

/* Adds one; its range grows to what its headers say. *out may be NULL. */
static int add(struct candidates *c, const struct space *s, struct range at, const char *path,
	       struct candidate **out, struct err *err)
{
	struct candidate x = {.base = at.lo, .module = {.at = at, .fd = -1, .debug_fd = -1}};
	addr_t end;
	int rc = elf_image_read(&x.image, s, at.lo, err);

	if (rc == ERR_NOMEM)
		return rc;
	if (x.image.ph.n > c->header_budget) {
		elf_image_deinit(&x.image);
		rc = ERR_LIMIT;
	}
	c->header_budget -= x.image.ph.n;
	end = rc == 0 ? image_end(&x.image, at.lo) : at.hi;
	if (end > at.hi)
		x.module.at.hi = end;
	x.module.path = strdup(path);
	if (!x.module.path || vec_push(&c->list, x) < 0) {
		free((char *)x.module.path);
		elf_image_deinit(&x.image);
		return err_nomem(err);
	}
	if (out)
		*out = &c->list.v[c->list.n - 1];
	return 0;
}

static bool is_executable(const struct space *s, struct range at)
{
	const struct mapping *m = space_mapping(s, at.lo);

	for (; m && m < s->mappings.v + s->mappings.n && m->at.lo < at.hi; m++)
		if (m->prot & PROT_X)
			return true;
	return false;
}

static bool first_byte_dumped(const struct space *s, addr_t a)
{
	uint64_t avail;

	return space_at(s, a, &avail) != NULL;
}

static int add_from_files(struct candidates *c, const struct space *s, struct err *err)
{
	const struct mapped_file *v = s->parts->files.v;
	size_t n = s->parts->files.n;

	for (size_t i = 0; i < n; i++) {
		struct range at = {v[i].start, v[i].end};
		int rc;

		if (v[i].file_off || (first_byte_dumped(s, at.lo) && !elf_image_at(s, at.lo)))
			continue;
		for (size_t k = i + 1; k < n && !strcmp(v[k].path, v[i].path) && v[k].file_off; k++)
			at.hi = v[k].end;
		if (!first_byte_dumped(s, at.lo) && !is_executable(s, at))
			continue;
		rc = add(c, s, at, v[i].path, NULL, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int add_from_memory(struct candidates *c, const struct space *s, struct err *err)
{
	for (size_t i = 0; !s->parts->has_file_note && i < s->mappings.n; i++) {
		struct range at = s->mappings.v[i].at;
		int rc;

		if ((c->list.n && at.lo < c->list.v[c->list.n - 1].module.at.hi) ||
		    !elf_image_at(s, at.lo))
			continue;
		rc = add(c, s, at, "", NULL, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int add_vdso(struct candidates *c, const struct space *s, struct err *err)
{
	addr_t at = parts_auxv(s->parts, AT_SYSINFO_EHDR);
	const struct mapping *m = at ? space_mapping(s, at) : NULL;
	struct candidate *x = candidate_holding(c, at);
	int rc = 0;

	if (m && !x)
		rc = add(c, s, m->at, "[vdso]", &x, err);
	if (rc < 0 || !x)
		return rc;
	if (!*x->module.path) {
		free((char *)x->module.path);
		x->module.path = strdup("[vdso]");
		if (!x->module.path)
			return err_nomem(err);
	}
	x->module.is_vdso = x->listed = true;
	return 0;
}

/* The executable by AT_PHDR: it may be in no file table, and its headers not in the dump. */
static int add_executable(struct candidates *c, const struct space *s, struct err *err)
{
	addr_t phdr = parts_auxv(s->parts, AT_PHDR);
	const struct mapping *m = phdr ? space_mapping(s, phdr) : NULL;
	struct candidate *x = candidate_holding(c, phdr);
	struct candidate *interp = candidate_holding(c, parts_auxv(s->parts, AT_BASE));

	if (!x && m) {
		int rc = add(c, s, m->at, m->path ? m->path : "", &x, err);

		if (rc < 0)
			return rc;
	}
	if (interp)
		interp->module.is_interp = interp->listed = true;
	if (x) {
		x->listed = true;
		c->exe = (size_t)(x - c->list.v);
	}
	return 0;
}

static struct range dynamic_of(const struct candidate *x)
{
	const Elf64_Phdr *dyn = elf_image_find(&x->image, PT_DYNAMIC);
	addr_t at = dyn ? dyn->p_vaddr + elf_image_bias(&x->image, x->base) : 0;

	return dyn ? (struct range){at, at + dyn->p_memsz} : (struct range){0};
}

static int set_path(struct candidate *x, const struct space *s, addr_t name, struct err *err)
{
	char path[MAX_PATH];
	char *copy;

	if (*x->module.path || !name || !space_str(s, name, path, sizeof(path)) || !*path)
		return 0;
	copy = strdup(path);
	if (!copy)
		return err_nomem(err);
	free((char *)x->module.path);
	x->module.path = copy;
	return 0;
}

/* Joins one loader entry with its candidate, which is made if nobody else saw the file. */
static int join_entry(struct candidates *c, const struct space *s, const struct link_map_entry *e,
		      struct err *err)
{
	struct candidate *x = candidate_holding(c, e->dynamic);
	const struct mapping *m = x || !e->bias ? NULL : space_mapping(s, e->bias);
	int rc = 0;

	if (!x && m && m->at.lo == e->bias)
		rc = add(c, s, m->at, m->path ? m->path : "", &x, err);
	if (rc < 0 || !x)
		return rc;
	x->listed = true;
	if (!x->module.link_map)
		x->module.link_map = e->addr;
	rc = set_path(x, s, e->name, err);
	x->module.is_vdso |= !strncmp(x->module.path, VDSO, strlen(VDSO));
	return rc;
}

static int read_link_map(struct candidates *c, const struct space *s, struct err *err)
{
	struct link_maps maps = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && !maps.list.n && i < c->list.n; i++) {
		vec_deinit(&maps.list);
		rc = link_maps_read(&maps, s, dynamic_of(&c->list.v[i]), err);
	}
	for (size_t i = 0; rc == 0 && i < maps.list.n; i++)
		rc = join_entry(c, s, &maps.list.v[i], err);
	if (rc == 0 && maps.list.n) {
		struct candidate *first = candidate_holding(c, maps.list.v[0].dynamic);

		c->whole_link_map = maps.whole;
		if (first)
			c->exe = (size_t)(first - c->list.v);
	}
	vec_deinit(&maps.list);
	return rc;
}

/* Drops mapped ELF files that are data, and marks the executable. */
static void settle(struct candidates *c, const struct space *s)
{
	size_t n = 0, n_sorted = 0, exe = SIZE_MAX;

	for (size_t i = 0; i < c->list.n; i++) {
		struct candidate *x = &c->list.v[i];

		if (!x->listed && !is_executable(s, x->module.at)) {
			elf_image_deinit(&x->image);
			free((char *)x->module.path);
			continue;
		}
		if (i == c->exe)
			exe = n;
		n_sorted += i < c->n_sorted;
		c->list.v[n++] = *x;
	}
	c->list.n = n;
	c->n_sorted = n_sorted;
	c->exe = exe;
}

/* How much the headers look like the program's: the kernel maps it below the libraries. */
static int likeness(const struct candidate *x)
{
	bool writable = false;

	for (size_t i = 0; i < x->image.ph.n; i++)
		writable |= x->image.ph.v[i].p_type == PT_LOAD && x->image.ph.v[i].p_flags & PF_W;
	if (x->image.type == ET_EXEC)
		return 3;
	return elf_image_find(&x->image, PT_INTERP) ? 2 : writable;
}

/* Where neither the auxiliary vector nor the loader tells. */
static void guess_executable(struct candidates *c)
{
	int best = 0;

	for (size_t i = 0; c->exe == SIZE_MAX && i < c->list.n; i++)
		if (likeness(&c->list.v[i]) > best)
			best = likeness(&c->list.v[i]);
	for (size_t i = 0; best && c->exe == SIZE_MAX && i < c->list.n; i++)
		if (likeness(&c->list.v[i]) == best)
			c->exe = i;
}

/* AT_EXECFN is what the kernel started: the program, or the loader that was given it. */
static int name_executable(struct candidates *c, const struct space *s, struct err *err)
{
	struct candidate *started = candidate_holding(c, parts_auxv(s->parts, AT_PHDR));

	for (size_t i = 0; i < c->list.n; i++)
		c->list.v[i].module.is_exe = i == c->exe;
	if (!started && c->exe < c->list.n)
		started = &c->list.v[c->exe];
	return started ? set_path(started, s, parts_auxv(s->parts, AT_EXECFN), err) : 0;
}

int candidates_find(struct candidates *c, const struct space *s, struct err *err)
{
	int rc;

	*c = (struct candidates){.exe = SIZE_MAX, .header_budget = HEADERS_MIN};
	c->header_budget += space_dumped_bytes(s) / sizeof(Elf64_Phdr);
	rc = add_from_files(c, s, err);
	if (rc == 0)
		rc = add_from_memory(c, s, err);
	c->n_sorted = c->list.n;
	if (rc == 0)
		rc = add_vdso(c, s, err);
	if (rc == 0)
		rc = add_executable(c, s, err);
	if (rc == 0)
		rc = read_link_map(c, s, err);
	if (rc == 0) {
		settle(c, s);
		guess_executable(c);
		rc = name_executable(c, s, err);
	}
	if (rc < 0)
		candidates_deinit(c);
	return rc;
}

int candidates_ask_loader(struct candidates *c, const struct space *s, struct err *err)
{
	int rc = c->whole_link_map ? 0 : read_link_map(c, s, err);

	return rc < 0 ? rc : name_executable(c, s, err);
}

void candidates_deinit(struct candidates *c)
{
	for (size_t i = 0; i < c->list.n; i++) {
		free((char *)c->list.v[i].module.path);
		elf_image_deinit(&c->list.v[i].image);
	}
	vec_deinit(&c->list);
}
