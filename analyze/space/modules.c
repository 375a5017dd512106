/*
 * Modules are assembled in three steps:
 *
 *	candidates (what was mapped where) → files on this machine → addresses by program headers
 *	        └──── the loader's list, when only files tell where it is ────┘
 *
 * A module's headers come from memory; where the dump lacks them, from the file. The file's bytes
 * then fill what the dump left out, but only under segments the process could not write: what was
 * writable and is not in the dump stays unknown.
 *
 *	bias + p_vaddr            file bytes serve         never
 *	┌ r-- headers ┬ r-x text ┬ r-- rodata ┬ rw- relro, data, bss ┐
 */
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/space/disjoint.h"
#include "analyze/space/module_candidates.h"
#include "analyze/space/module_files.h"
#include "base/cleanup.h"

#define PAGE_MASK 4095ull

static int set_addresses(struct module *m, const struct elf_image *img, addr_t base,
			 struct err *err)
{
	m->bias = elf_image_bias(img, base);
	for (size_t i = 0; i < img->ph.n; i++) {
		const Elf64_Phdr *ph = &img->ph.v[i];
		struct range at = {.lo = ph->p_vaddr + m->bias};

		if (__builtin_add_overflow(at.lo, ph->p_memsz, &at.hi) || at.hi == at.lo)
			continue;
		if (ph->p_type == PT_TLS) {
			m->tls_image = (struct range){at.lo, at.lo + ph->p_filesz};
			m->tls_memsz = ph->p_memsz;
			m->tls_align = ph->p_align;
		}
		if (ph->p_type != PT_LOAD)
			continue;
		if (vec_push(&m->loads, at) < 0 ||
		    (ph->p_flags & PF_W && vec_push(&m->writable, at) < 0))
			return err_nomem(err);
		if (at.hi > m->at.hi)
			m->at.hi = (at.hi + PAGE_MASK) & ~PAGE_MASK;
	}
	return 0;
}

/* Puts the file's bytes under its read-only segments. */
static int add_file_bytes(struct space *s, const struct module *m, const struct elf_image *img,
			  struct err *err)
{
	size_t size = 0;
	const uint8_t *raw = m->elf ? (const uint8_t *)elf_rawfile(m->elf, &size) : NULL;

	for (size_t i = 0; raw && i < img->ph.n; i++) {
		const Elf64_Phdr *ph = &img->ph.v[i];
		uint64_t n = ph->p_filesz;
		int rc;

		if (ph->p_type != PT_LOAD || ph->p_flags & PF_W || ph->p_offset >= size)
			continue;
		if (n > size - ph->p_offset)
			n = size - ph->p_offset;
		rc = space_add_file(s, ph->p_vaddr + m->bias, n, raw + ph->p_offset, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int join_file(struct candidate *x, struct space *s, const struct module_search *search,
		     struct warnings *warnings, struct err *err)
{
	struct module *m = &x->module;
	void *elf;
	int rc;

	m->name = strrchr(m->path, '/') ? strrchr(m->path, '/') + 1 : m->path;
	memcpy(m->build_id, x->image.build_id, x->image.n_build_id);
	m->n_build_id = x->image.n_build_id;
	rc = module_files_find(m, search, warnings, err);
	if (rc < 0)
		return rc;
	elf = m->elf ? m->elf : m->debug_elf;
	if (!x->image.ph.n && elf && elf_image_of_file(&x->image, elf, err) == ERR_NOMEM)
		return ERR_NOMEM;
	rc = set_addresses(m, &x->image, x->base, err);
	return rc < 0 ? rc : add_file_bytes(s, m, &x->image, err);
}

static int by_address(const void *a, const void *b)
{
	const struct module *x = a, *y = b;

	return x->at.lo < y->at.lo ? -1 : x->at.lo > y->at.lo;
}

/* Finds "release version 2.36" behind glibc's banner in the module's bytes. */
static bool glibc_version(const struct space *s, const struct module *m, char *text, size_t n)
{
	static const char banner[] = "GNU C Library", version[] = "version ";
	uint64_t avail;

	for (size_t i = 0; i < m->loads.n; i++) {
		struct range at = m->loads.v[i];
		const uint8_t *p = space_at(s, at.lo, &avail), *hit, *v;

		if (!p)
			continue;
		avail = avail < range_size(at) ? avail : range_size(at);
		hit = memmem(p, avail, banner, strlen(banner));
		if (!hit)
			continue;
		avail -= (uint64_t)(hit - p);
		v = memmem(hit, avail < 256 ? avail : 256, version, strlen(version));
		if (!v || (uint64_t)(v - hit) + 16 > avail)
			continue;
		v += strlen(version);
		snprintf(text, n, "glibc %.*s", (int)strspn((const char *)v, "0123456789."), v);
		if (text[strlen(text) - 1] == '.')
			text[strlen(text) - 1] = 0;
		return true;
	}
	return false;
}

static int name_libc(struct modules *m, const struct space *s, struct err *err)
{
	uint32_t libc = modules_by_name(m, "libc");
	char text[32] = "";

	for (size_t i = 0; i < m->list.n; i++)
		if (!strncmp(m->list.v[i].name, "ld-musl", 7) ||
		    !strncmp(m->list.v[i].name, "libc.musl", 9))
			strcpy(text, "musl");
	if (!*text && libc == INDEX_NONE)
		libc = m->exe;
	if (!*text && libc != INDEX_NONE)
		glibc_version(s, &m->list.v[libc], text, sizeof(text));
	if (!*text)
		return 0;
	m->libc_name = strdup(text);
	return m->libc_name ? 0 : err_nomem(err);
}

/* No two modules have the same data. */
static int separate_data(struct modules *m, struct err *err)
{
	_cleanup_free_ struct range **v = NULL;
	size_t n = 0;

	for (size_t i = 0; i < m->list.n; i++)
		n += m->list.v[i].writable.n;
	v = malloc((n + 1) * sizeof(*v));
	if (!v)
		return err_nomem(err);
	n = 0;
	for (size_t i = 0; i < m->list.n; i++)
		for (size_t k = 0; k < m->list.v[i].writable.n; k++)
			v[n++] = &m->list.v[i].writable.v[k];
	disjoint_cut(v, n);
	return 0;
}

static int collect(struct modules *m, struct candidates *c, struct err *err)
{
	if (vec_reserve(&m->list, c->list.n) < 0)
		return err_nomem(err);
	for (size_t i = 0; i < c->list.n; i++) {
		m->list.v[m->list.n++] = c->list.v[i].module;
		elf_image_deinit(&c->list.v[i].image);
	}
	vec_deinit(&c->list);
	if (m->list.n)
		qsort(m->list.v, m->list.n, sizeof(*m->list.v), by_address);
	for (uint32_t i = 0; i < m->list.n; i++)
		if (m->list.v[i].is_exe)
			m->exe = i;
	return separate_data(m, err);
}

static void module_deinit(struct module *m)
{
	module_files_close(m);
	free((char *)m->path);
	vec_deinit(&m->loads);
	vec_deinit(&m->writable);
}

/*
 * What coredump_filter or madvise() kept out of the dump. A module's own memory is missed only where
 * all of the process's is: else the kernel left it out because it never was written.
 */
static void warn_absent(const struct modules *m, const struct space *s, struct warnings *warnings)
{
	uint64_t absent[2] = {0}, dumped = 0;
	size_t n[2] = {0};

	for (size_t i = 0; i < s->mappings.n; i++) {
		const struct mapping *x = &s->mappings.v[i];
		bool in_module = modules_find(m, x->at.lo) != INDEX_NONE;

		if (!(x->prot & PROT_W))
			continue;
		dumped += x->path ? 0 : x->n_dumped;
		absent[in_module] += range_size(x->at) - x->n_dumped;
		n[in_module] += range_size(x->at) > x->n_dumped;
	}
	if (!dumped) {
		absent[0] += absent[1];
		n[0] += n[1];
	}
	if (absent[0] && !s->parts->truncated)
		warnings_add(warnings,
			     "%lu bytes of writable memory (%zu mappings) are not in the dump%s: "
			     "what is there is unknown, and what only they hold seems leaked",
			     absent[0], n[0], dumped ? "" : ", the heap among them");
}

static int join_files(struct candidates *c, size_t from, struct space *space,
		      const struct module_search *search, struct warnings *warnings,
		      struct err *err)
{
	int rc = 0;

	for (size_t i = from; rc == 0 && i < c->list.n; i++)
		rc = join_file(&c->list.v[i], space, search, warnings, err);
	return rc;
}

int modules_init(struct modules *m, struct space *space, const struct module_search *search,
		 struct warnings *warnings, struct err *err)
{
	struct candidates c;
	int rc = candidates_find(&c, space, err);
	size_t n = c.list.n;

	*m = (struct modules){.exe = INDEX_NONE};
	if (rc < 0)
		return rc;
	rc = join_files(&c, 0, space, search, warnings, err);
	if (rc == 0)
		rc = candidates_ask_loader(&c, space, err);
	if (rc == 0)
		rc = join_files(&c, n, space, search, warnings, err);
	m->has_link_map = c.whole_link_map;
	if (rc == 0)
		rc = collect(m, &c, err);
	if (rc < 0) {
		for (size_t i = 0; i < c.list.n; i++)
			module_files_close(&c.list.v[i].module);
		candidates_deinit(&c);
	}
	if (rc == 0)
		rc = name_libc(m, space, err);
	if (rc < 0) {
		modules_deinit(m);
		return rc;
	}
	if (m->exe == INDEX_NONE)
		warnings_add(warnings, "the executable could not be told among the dump's files");
	warn_absent(m, space, warnings);
	return 0;
}

void modules_deinit(struct modules *m)
{
	for (size_t i = 0; i < m->list.n; i++)
		module_deinit(&m->list.v[i]);
	vec_deinit(&m->list);
	free((char *)m->libc_name);
	m->libc_name = NULL;
}

uint32_t modules_find(const struct modules *m, addr_t addr)
{
	size_t lo = vec_bisect(&m->list, e, e->at.lo <= addr);

	return lo && range_has(m->list.v[lo - 1].at, addr) ? (uint32_t)lo - 1 : INDEX_NONE;
}

uint32_t modules_by_name(const struct modules *m, const char *name)
{
	size_t n = strlen(name);

	for (uint32_t i = 0; i < m->list.n; i++) {
		const char *x = m->list.v[i].name;

		if (!strncmp(x, name, n) && (!x[n] || x[n] == '.' || x[n] == '-'))
			return i;
	}
	return INDEX_NONE;
}

const char *modules_section(const struct module *m, addr_t addr)
{
	Elf *elf = m->elf ? m->elf : m->debug_elf;
	Elf_Scn *scn = NULL;
	size_t names;

	if (!elf || elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr sh;

		if (gelf_getshdr(scn, &sh) && sh.sh_flags & SHF_ALLOC && !(sh.sh_flags & SHF_TLS) &&
		    addr - m->bias - sh.sh_addr < sh.sh_size)
			return elf_strptr(elf, names, sh.sh_name);
	}
	return NULL;
}

static bool has_dwarf(Elf *elf)
{
	Elf_Scn *scn = NULL;
	size_t names;

	if (!elf || elf_getshdrstrndx(elf, &names))
		return false;
	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr sh;
		const char *name;

		if (!gelf_getshdr(scn, &sh) || sh.sh_type == SHT_NOBITS)
			continue;
		name = elf_strptr(elf, names, sh.sh_name);
		if (name && (!strcmp(name, ".debug_info") || !strcmp(name, ".zdebug_info")))
			return true;
	}
	return false;
}

bool modules_has_dwarf(const struct module *m)
{
	return has_dwarf(m->elf) || has_dwarf(m->debug_elf);
}
