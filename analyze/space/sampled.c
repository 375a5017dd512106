/*
 * The sampler's tables. Each is an array in memory that grew while the program ran:
 *
 *	samples[] ─ site ─► sites[] ─ first_frame, n_frames ─► frames[] ─► code
 *	modules[]           regions[]
 *
 * All of it is hostile until checked. A table is stepped through by the entry size that it states,
 * over the bytes that the dump has of it, whatever number of entries it claims: time and memory
 * stay linear in the dump. Entries are written in two phases, so a crash leaves them EMPTY, WRITING
 * (torn: counted, not believed) or whole.
 *
 * No two sites share frames, so all of theirs are no more than the dump has:
 *
 *	Σ n_frames ≤ n of frames,  and ≤ dumped bytes / 8
 *
 * Sorted by address or number where looked up so. Two live samples of one address: the one born
 * later counts (its elder's free was not seen).
 */
#include <string.h>

#include "analyze/space/sampled.h"

enum { ENTRY_MAX = 65536 };

/* One table on its way through. */
struct walk_table {
	struct sampled *s;
	const struct space *space;
	const struct heapimage_table *table;
	uint64_t n;   /* entries to look at, clipped */
	size_t known; /* bytes of an entry that version 1.0 has */
	/* Takes one entry; <0 out of memory. */
	int (*take)(struct sampled *s, uint32_t index, const uint8_t *entry);
};

static addr_t entry_addr(const struct heapimage_table *t, uint64_t i)
{
	return t->addr + i * t->entry_size;
}

/* How many entries can be meant: inside the capacity, the address space and our numbers. */
static uint64_t clip_entries(const struct heapimage_table *t, size_t known)
{
	uint64_t n = t->n < t->capacity ? t->n : t->capacity;

	if (t->entry_size < known || t->entry_size > ENTRY_MAX || !t->addr)
		return 0;
	if (n > UINT32_MAX - 1)
		n = UINT32_MAX - 1;
	if (n > (UINT64_MAX - t->addr) / t->entry_size)
		n = (UINT64_MAX - t->addr) / t->entry_size;
	return n;
}

/* Passes over what is in no run: zeros that are EMPTY, or absent. The next entry to look at. */
static uint64_t pass_gap(struct walk_table *w, uint64_t i, addr_t next)
{
	uint64_t to = (next - w->table->addr) / w->table->entry_size;
	struct range gap;

	to = to > i ? to : i + 1;
	to = to < w->n ? to : w->n;
	gap = (struct range){entry_addr(w->table, i), entry_addr(w->table, to)};
	gap.hi = gap.hi < next ? gap.hi : next;
	w->s->n_absent +=
		(range_size(gap) - space_zero_bytes(w->space, gap) + w->table->entry_size - 1) /
		w->table->entry_size;
	return to;
}

static int each_entry(struct walk_table *w, struct err *err)
{
	uint8_t entry[sizeof(struct heapimage_module)];

	for (uint64_t i = 0; i < w->n;) {
		addr_t at = entry_addr(w->table, i), next = space_next(w->space, at);

		if (next > at) {
			i = pass_gap(w, i, next);
			continue;
		}
		if (space_read(w->space, at, entry, w->known) < w->known)
			w->s->n_absent++;
		else if (w->take(w->s, (uint32_t)i, entry) < 0)
			return err_nomem(err);
		i++;
	}
	return 0;
}

/* Whether an entry in that state is to be believed. */
static bool is_live(struct sampled *s, uint32_t state)
{
	s->n_torn += state == HEAPIMAGE_WRITING;
	return state == HEAPIMAGE_LIVE;
}

static int take_sample(struct sampled *s, uint32_t index, const uint8_t *entry)
{
	struct heapimage_sample e;

	memcpy(&e, entry, sizeof(e));
	if (!is_live(s, e.state) || !e.interval)
		return 0;
	return vec_push(&s->samples, ((struct sample_ref){e.addr, index, e.site}));
}

static int take_site(struct sampled *s, uint32_t index, const uint8_t *entry)
{
	struct site_ref r = {.number = index};
	uint64_t n_frames = clip_entries(&s->anchor.frames, sizeof(uint64_t));

	memcpy(&r.site, entry, sizeof(r.site));
	if (!is_live(s, r.site.state))
		return 0;
	if (r.site.first_frame > n_frames)
		r.site.n_frames = 0;
	else if (r.site.n_frames > n_frames - r.site.first_frame)
		r.site.n_frames = (uint32_t)(n_frames - r.site.first_frame);
	if (r.site.n_frames > MAX_SITE_FRAMES)
		r.site.n_frames = MAX_SITE_FRAMES;
	if (r.site.n_frames > s->frames_left) {
		r.site.n_frames = 0;
		s->n_overlapping++;
	}
	s->frames_left -= r.site.n_frames;
	return vec_push(&s->sites, r);
}

static int take_module(struct sampled *s, uint32_t index, const uint8_t *entry)
{
	struct heapimage_module m;

	memcpy(&m, entry, sizeof(m));
	if (!is_live(s, m.state) || m.lo >= m.hi)
		return 0;
	if (m.n_build_id > sizeof(m.build_id))
		m.n_build_id = 0;
	m.path[sizeof(m.path) - 1] = 0;
	if (s->modules.n == MAX_LOG_MODULES) {
		s->n_lost++;
		return 0;
	}
	return vec_push(&s->modules, m);
}

static int take_region(struct sampled *s, uint32_t index, const uint8_t *entry)
{
	struct heapimage_region r;

	memcpy(&r, entry, sizeof(r));
	if (!is_live(s, r.state) || !r.size || r.addr + r.size < r.addr)
		return 0;
	r.name[sizeof(r.name) - 1] = 0;
	return vec_push(&s->regions, r);
}

static int by_addr(const void *a, const void *b)
{
	const struct sample_ref *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

static int by_place(const void *a, const void *b)
{
	const struct heapimage_region *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return memcmp(x, y, sizeof(*x));
}

static uint64_t serial_of(const struct sampled *s, const struct space *space, uint32_t slot)
{
	struct heapimage_sample e;

	return sampled_get(s, space, slot, &e) ? e.serial : 0;
}

/* Of several samples of one address the youngest stays. */
static void drop_twins(struct sampled *s, const struct space *space)
{
	struct sample_ref *v = s->samples.v;
	size_t kept = 0;

	for (size_t i = 0; i < s->samples.n; i++) {
		bool twin = kept && v[kept - 1].addr == v[i].addr;

		s->n_twice += twin;
		if (!twin)
			v[kept++] = v[i];
		else if (serial_of(s, space, v[i].slot) > serial_of(s, space, v[kept - 1].slot))
			v[kept - 1] = v[i];
	}
	s->samples.n = kept;
}

/* Whether the dump has all of the site's frames. */
static bool has_frames(const struct sampled *s, const struct space *space,
		       const struct heapimage_site *site)
{
	addr_t at = entry_addr(&s->anchor.frames, site->first_frame);
	addr_t end = entry_addr(&s->anchor.frames, site->first_frame + site->n_frames);
	uint64_t avail;

	for (; at < end; at += avail)
		if (!space_at(space, at, &avail))
			return false;
	return true;
}

static void settle(struct sampled *s, const struct space *space)
{
	if (s->samples.n)
		qsort(s->samples.v, s->samples.n, sizeof(*s->samples.v), by_addr);
	if (s->regions.n)
		qsort(s->regions.v, s->regions.n, sizeof(*s->regions.v), by_place);
	drop_twins(s, space);
	for (size_t i = 0; i < s->samples.n; i++)
		s->n_siteless += !sampled_site(s, s->samples.v[i].site);
	for (size_t i = 0; i < s->sites.n; i++)
		s->n_cut_sites += !has_frames(s, space, &s->sites.v[i].site);
}

static void warn(const struct sampled *s, struct warnings *warnings)
{
	const struct heapimage_anchor *a = &s->anchor;
	unsigned long long at = a->self;

	if (s->n_absent)
		warnings_add(warnings,
			     "0x%llx: %llu entries of the sampler's tables are not in the dump: "
			     "samples and sites are incomplete",
			     at, (unsigned long long)s->n_absent);
	if (s->n_torn)
		warnings_add(warnings,
			     "0x%llx: %llu entries of the sampler's tables were being written: "
			     "not used",
			     at, (unsigned long long)s->n_torn);
	if (s->n_siteless)
		warnings_add(warnings, "0x%llx: the sites of %llu samples are not known", at,
			     (unsigned long long)s->n_siteless);
	if (s->n_twice)
		warnings_add(warnings,
			     "0x%llx: %llu samples are older than others of the same address: "
			     "left out",
			     at, (unsigned long long)s->n_twice);
	if (s->n_cut_sites)
		warnings_add(warnings,
			     "0x%llx: the stacks of %llu sites are not in the dump as a whole", at,
			     (unsigned long long)s->n_cut_sites);
	if (s->n_overlapping)
		warnings_add(warnings,
			     "0x%llx: %llu sites share their frames with others: their stacks are "
			     "left out",
			     at, (unsigned long long)s->n_overlapping);
	if (s->n_lost)
		warnings_add(warnings,
			     "the sampler had no room for %llu entries of its tables: what they "
			     "stood for is missing",
			     (unsigned long long)s->n_lost);
	if (a->n_dropped)
		warnings_add(warnings,
			     "the sampler lost %llu samples, which stand for about %llu bytes: "
			     "sums by site are too small by that",
			     (unsigned long long)a->n_dropped,
			     (unsigned long long)a->n_dropped_bytes);
}

static int read_tables(struct sampled *s, const struct space *space, struct warnings *warnings,
		       struct err *err)
{
	const struct {
		const char *name;
		const struct heapimage_table *table;
		size_t known;
		int (*take)(struct sampled *s, uint32_t index, const uint8_t *entry);
	} tables[] = {
		{"samples", &s->anchor.samples, sizeof(struct heapimage_sample), take_sample},
		{"sites", &s->anchor.sites, sizeof(struct heapimage_site), take_site},
		{"modules", &s->anchor.modules, sizeof(struct heapimage_module), take_module},
		{"regions", &s->anchor.regions, sizeof(struct heapimage_region), take_region},
	};
	uint64_t n_frames = clip_entries(&s->anchor.frames, sizeof(uint64_t));
	int rc = 0;

	s->frames_left = space_dumped_bytes(space) / sizeof(uint64_t);
	s->frames_left = n_frames < s->frames_left ? n_frames : s->frames_left;
	s->n_lost = s->anchor.frames.n_lost;
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(tables); i++) {
		struct walk_table w = {.s = s,
				       .space = space,
				       .table = tables[i].table,
				       .n = clip_entries(tables[i].table, tables[i].known),
				       .known = tables[i].known,
				       .take = tables[i].take};

		if (!w.n && w.table->n)
			warnings_add(warnings,
				     "0x%llx: the sampler's table of %s is damaged: not used",
				     (unsigned long long)s->anchor.self, tables[i].name);
		s->n_lost += w.table->n_lost;
		rc = each_entry(&w, err);
	}
	return rc < 0 ? rc : unmapped_init(&s->unmapped, s->modules.v, s->modules.n, err);
}

int sampled_init(struct sampled *s, const struct space *space, const struct modules *modules,
		 struct symbols *symbols, struct warnings *warnings, struct err *err)
{
	int rc;

	*s = (struct sampled){0};
	s->source = anchor_find(&s->anchor, space, modules, symbols, &s->n_refused, warnings);
	if (!s->source)
		return 0;
	rc = read_tables(s, space, warnings, err);
	if (rc < 0) {
		sampled_deinit(s);
		return rc;
	}
	settle(s, space);
	warn(s, warnings);
	return 0;
}

void sampled_deinit(struct sampled *s)
{
	vec_deinit(&s->samples);
	vec_deinit(&s->sites);
	vec_deinit(&s->modules);
	unmapped_deinit(&s->unmapped);
	vec_deinit(&s->regions);
	*s = (struct sampled){0};
}

uint64_t sampled_missing(const struct sampled *s)
{
	return s->n_absent + s->n_torn + s->n_lost + s->anchor.n_dropped;
}

/* What of the range is writable memory of the process. */
static int claim_range(const struct space *space, struct claims *claims, addr_t lo, uint64_t size,
		       struct err *err)
{
	addr_t hi = lo + size < lo ? UINT64_MAX : lo + size;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < space->mappings.n; i++) {
		const struct mapping *m = &space->mappings.v[i];
		struct range at = {m->at.lo > lo ? m->at.lo : lo, m->at.hi < hi ? m->at.hi : hi};

		if (at.lo < at.hi && m->prot & PROT_W && !m->path)
			rc = claims_add(claims, at, CLAIM_SAMPLER, err);
	}
	return rc;
}

int sampled_claim(const struct sampled *s, const struct space *space, struct claims *claims,
		  struct err *err)
{
	const struct heapimage_anchor *a = &s->anchor;
	const struct heapimage_table *tables[] = {&a->samples, &a->sites, &a->frames, &a->modules,
						  &a->regions};
	int rc;

	if (!s->source)
		return 0;
	rc = claim_range(space, claims, a->self, a->own_size > 4096 ? a->own_size : 4096, err);
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(tables); i++)
		rc = claim_range(space, claims, tables[i]->addr,
				 clip_entries(tables[i], 8) * tables[i]->entry_size, err);
	return rc;
}

bool sampled_get(const struct sampled *s, const struct space *space, uint32_t slot,
		 struct heapimage_sample *out)
{
	return space_read(space, entry_addr(&s->anchor.samples, slot), out, sizeof(*out)) ==
	       sizeof(*out);
}

const struct sample_ref *sampled_find(const struct sampled *s, addr_t addr)
{
	size_t lo = vec_bisect(&s->samples, e, e->addr < addr);

	return lo < s->samples.n && s->samples.v[lo].addr == addr ? &s->samples.v[lo] : NULL;
}

const struct site_ref *sampled_site(const struct sampled *s, uint32_t number)
{
	size_t lo = vec_bisect(&s->sites, e, e->number < number);

	return lo < s->sites.n && s->sites.v[lo].number == number ? &s->sites.v[lo] : NULL;
}

size_t sampled_frames(const struct sampled *s, const struct space *space,
		      const struct heapimage_site *site, addr_t *pcs, size_t max)
{
	const struct heapimage_table *t = &s->anchor.frames;
	size_t n = 0;

	while (n < site->n_frames && n < max &&
	       space_u64(space, entry_addr(t, site->first_frame + n), &pcs[n]))
		n++;
	return n;
}

const struct heapimage_module *sampled_unmapped(const struct sampled *s, addr_t addr,
						uint32_t generation)
{
	uint32_t i = unmapped_find(&s->unmapped, addr, generation);
	const struct heapimage_module *m = i == INDEX_NONE ? NULL : &s->modules.v[i];

	return m && m->generation_last != UINT32_MAX ? m : NULL;
}

const struct heapimage_region *sampled_region(const struct sampled *s, addr_t addr, uint32_t kind,
					      uint64_t size)
{
	struct heapimage_region r = {.addr = addr, .size = size, .kind = kind};
	size_t lo = vec_bisect(&s->regions, e, by_place(e, &r) < 0);
	const struct heapimage_region *e = lo < s->regions.n ? &s->regions.v[lo] : NULL;

	return e && e->addr == addr && e->kind == kind && e->size == size ? e : NULL;
}
