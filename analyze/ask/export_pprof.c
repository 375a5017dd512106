/*
 * The sampler's sites as a profile of pprof. The values are the sites' own sums, which are estimates
 * already (pprof does not scale):
 *
 *	alloc_objects  alloc_space      since sampling began
 *	inuse_objects  inuse_space      of these, not freed: alloc − freed
 *
 * A location is a return address less one, as pprof expects of calls, with the module that was there
 * in the site's generation: code of a library that was unmapped and other code later mapped at the
 * same place are two locations. Inlined functions are further lines of one location.
 *
 *	sites ─► samples ─► locations (by address) ─► functions, mappings ─► strings (by first use)
 *
 * Limit: a dump that is no image has no time.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/ask/allocated.h"
#include "analyze/ask/callers.h"
#include "analyze/ask/export.h"
#include "analyze/ask/interner.h"
#include "base/cleanup.h"
#include "formats/pack_gzip.h"
#include "formats/pprof_write.h"

enum { MAX_LINES = 16, N_VALUES = 4 };

/* A place of code; its id is its rank + 1. */
struct place {
	addr_t pc;
	const struct heapimage_module *unmapped; /* or NULL: what is there now */
};

struct exporter {
	struct session *s;
	struct pprof_writer w;
	struct interner strings, functions; /* functions: "name\1symbol\1file" by numbers */
	VEC(struct place) places;	    /* sorted, each once; the first stands for "no stack" */
	struct pprof_mapping *mappings; /* modules, then the log's unmapped ones; by their index */
	struct export_account *account;
};

static int by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->pc != y->pc)
		return x->pc < y->pc ? -1 : 1;
	return x->unmapped < y->unmapped ? -1 : x->unmapped > y->unmapped;
}

static struct place place_of(const struct exporter *e, addr_t pc, uint32_t generation)
{
	return (struct place){pc, sampled_unmapped(&e->s->sampled, pc - 1, generation)};
}

/* The site's return addresses, without those in heapdump's own library. */
static size_t frames_of(struct exporter *e, const struct site_ref *site, addr_t *pcs)
{
	struct session *s = e->s;
	size_t n = sampled_frames(&s->sampled, &s->space, &site->site, pcs, MAX_SITE_FRAMES);
	size_t skip = callers_own(s, pcs, n);

	memmove(pcs, pcs + skip, (n - skip) * sizeof(*pcs));
	return n - skip;
}

static int collect_places(struct exporter *e, struct err *err)
{
	const struct sampled *t = &e->s->sampled;
	addr_t pcs[MAX_SITE_FRAMES];
	size_t kept = 0;

	if (vec_push(&e->places, ((struct place){0})) < 0)
		return err_nomem(err);
	for (size_t i = 0; i < t->sites.n; i++) {
		size_t n = frames_of(e, &t->sites.v[i], pcs);

		for (size_t k = 0; k < n; k++)
			if (vec_push(&e->places,
				     place_of(e, pcs[k], t->sites.v[i].site.generation)) < 0)
				return err_nomem(err);
	}
	qsort(e->places.v, e->places.n, sizeof(*e->places.v), by_place);
	for (size_t i = 0; i < e->places.n; i++)
		if (!kept || by_place(&e->places.v[kept - 1], &e->places.v[i]))
			e->places.v[kept++] = e->places.v[i];
	e->places.n = kept;
	return 0;
}

static uint64_t location_of(const struct exporter *e, struct place p)
{
	const struct place *found = bsearch(&p, e->places.v, e->places.n, sizeof(p), by_place);

	return found ? (uint64_t)(found - e->places.v) + 1 : 1;
}

/* a − b, 0 where a crash came between the two counts. */
static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* The values of a profile are signed. */
static uint64_t bounded(uint64_t v)
{
	return v < INT64_MAX ? v : INT64_MAX;
}

static void add_to(uint64_t *sum, uint64_t v)
{
	*sum = bounded(*sum + v);
}

static uint64_t whole(uint64_t q16)
{
	return (q16 >> 16) + (q16 >> 15 & 1);
}

static void put_site(struct exporter *e, const struct site_ref *r)
{
	const struct heapimage_site *site = &r->site;
	addr_t pcs[MAX_SITE_FRAMES];
	size_t n = frames_of(e, r, pcs);
	uint64_t locations[MAX_SITE_FRAMES] = {1};
	const uint64_t values[N_VALUES] = {
		whole(site->alloc_objects_q16), bounded(site->alloc_bytes),
		whole(less(site->alloc_objects_q16, site->freed_objects_q16)),
		bounded(less(site->alloc_bytes, site->freed_bytes))};
	struct pprof_sample sample = {.locations = locations,
				      .values = values,
				      .n_locations = n ? n : 1,
				      .n_values = N_VALUES};

	if (!values[0] && !values[1])
		return;
	for (size_t i = 0; i < n; i++)
		locations[i] = location_of(e, place_of(e, pcs[i], site->generation));
	if (values[0] && values[1]) {
		sample.label_key = interner_number(&e->strings, "bytes");
		sample.label_unit = sample.label_key;
		sample.label = values[1] / values[0];
	}
	pprof_sample(&e->w, &sample);
	e->account->sites++;
	add_to(&e->account->in_use_objects, values[2]);
	add_to(&e->account->in_use_bytes, values[3]);
}

/* pprof opens sources by their path, so it is made absolute. */
static uint32_t file_of(struct exporter *e, const struct caller *c)
{
	_cleanup_free_ char *path = NULL;

	if (!c->path || *c->path == '/' || !c->folder)
		return interner_number(&e->strings, c->path);
	if (asprintf(&path, "%s/%s", c->folder, c->path) < 0) {
		path = NULL;
		e->strings.nomem = true;
	}
	return interner_number(&e->strings, path);
}

static uint64_t function_of(struct exporter *e, const struct caller *c)
{
	uint32_t name = interner_number(&e->strings, c->function ? c->function : c->symbol);
	uint32_t symbol = interner_number(&e->strings, c->inlined ? c->function : c->symbol);
	uint32_t file = file_of(e, c);
	char key[64];

	if (!name)
		return 0;
	snprintf(key, sizeof(key), "%u %u %u", name, symbol ? symbol : name, file);
	return interner_number(&e->functions, key) + 1;
}

/* A function that stands for what has no name: a module that is gone, or no stack at all. */
static uint64_t nameless(struct exporter *e, const char *name)
{
	return function_of(e, &(struct caller){.function = name, .symbol = name});
}

static void put_location(struct exporter *e, size_t i)
{
	const struct place *p = &e->places.v[i];
	struct session *s = e->s;
	struct caller list[MAX_LINES];
	struct pprof_line lines[MAX_LINES];
	size_t n = p->unmapped || !i ? 0 : callers_here(s, p->pc, list, MAX_LINES), n_lines = 0;
	struct pprof_mapping *m = NULL;

	if (p->unmapped)
		m = &e->mappings[s->modules.list.n + (size_t)(p->unmapped - s->sampled.modules.v)];
	else if (n && list[0].module != INDEX_NONE)
		m = &e->mappings[list[0].module];
	for (size_t k = 0; k < n; k++) {
		struct pprof_line line = {function_of(e, &list[k]), list[k].line};

		if (!line.function)
			continue;
		lines[n_lines++] = line;
		if (!m)
			continue;
		m->has_functions = true;
		m->has_filenames |= list[k].path != NULL;
		m->has_lines |= list[k].line != 0;
		m->has_inlines |= list[k].inlined;
	}
	if (!i)
		lines[n_lines++] = (struct pprof_line){nameless(e, "(no stack)"), 0};
	if (p->unmapped) {
		lines[n_lines++] =
			(struct pprof_line){nameless(e, callers_base_name(p->unmapped->path)), 0};
		m->has_functions = true;
	}
	if (m)
		m->start = m->start ? m->start : 1;
	pprof_location(&e->w, i + 1, m ? m->id : 0, i ? p->pc - 1 : 0, lines, n_lines);
}

static uint64_t build_id_text(struct exporter *e, const uint8_t *id, size_t n)
{
	char text[2 * MAX_BUILD_ID + 1] = "";

	for (size_t i = 0; i < n && i < MAX_BUILD_ID; i++)
		snprintf(text + 2 * i, 3, "%02x", id[i]);
	return interner_number(&e->strings, text);
}

/* The executable is the first mapping: pprof takes that for the program. */
static int number_mappings(struct exporter *e, struct err *err)
{
	const struct modules *m = &e->s->modules;
	uint64_t id = m->exe == INDEX_NONE ? 1 : 2;

	e->mappings = calloc(m->list.n + e->s->sampled.modules.n + 1, sizeof(*e->mappings));
	if (!e->mappings)
		return err_nomem(err);
	for (uint32_t i = 0; i < m->list.n; i++)
		e->mappings[i].id = i == m->exe ? 1 : id++;
	for (size_t i = 0; i < e->s->sampled.modules.n; i++)
		e->mappings[m->list.n + i].id = id++;
	return 0;
}

static void put_mapping(struct exporter *e, struct pprof_mapping *m, struct range at,
			const char *path, const uint8_t *build_id, size_t n)
{
	m->start = at.lo;
	m->limit = at.hi;
	m->filename = interner_number(&e->strings, path);
	m->build_id = build_id_text(e, build_id, n);
	pprof_mapping(&e->w, m);
}

/* All modules of the process, and of those that were unmapped the ones that a location is in. */
static void put_mappings(struct exporter *e)
{
	const struct modules *m = &e->s->modules;
	const struct sampled *t = &e->s->sampled;

	for (uint32_t k = 0; k <= m->list.n; k++) {
		uint32_t i = k ? k - 1 : m->exe;
		const struct module *x = i < m->list.n ? &m->list.v[i] : NULL;

		if (x && (i == m->exe) == !k)
			put_mapping(e, &e->mappings[i], x->at, x->path, x->build_id, x->n_build_id);
	}
	for (size_t i = 0; i < t->modules.n; i++) {
		const struct heapimage_module *x = &t->modules.v[i];
		struct pprof_mapping *out = &e->mappings[m->list.n + i];

		if (out->start)
			put_mapping(e, out, (struct range){x->lo, x->hi}, x->path, x->build_id,
				    x->n_build_id);
	}
}

/* Each key has the numbers of its three strings. */
static void put_functions(struct exporter *e)
{
	for (size_t i = 0; i < e->functions.list.n; i++) {
		char *at = e->functions.list.v[i];
		uint64_t name = strtoull(at, &at, 10), symbol = strtoull(at, &at, 10);

		pprof_function(&e->w, i + 1, name, symbol, strtoull(at, NULL, 10));
	}
}

static void put_types(struct exporter *e)
{
	static const char *const types[N_VALUES][2] = {{"alloc_objects", "count"},
						       {"alloc_space", "bytes"},
						       {"inuse_objects", "count"},
						       {"inuse_space", "bytes"}};
	const struct heapimage_anchor *a = &e->s->sampled.anchor;

	interner_number(&e->strings, "");
	for (size_t i = 0; i < N_VALUES; i++) {
		uint64_t type = interner_number(&e->strings, types[i][0]);

		pprof_sample_type(&e->w, type, interner_number(&e->strings, types[i][1]));
	}
	pprof_period_type(&e->w, interner_number(&e->strings, "space"),
			  interner_number(&e->strings, "bytes"));
	pprof_number(&e->w, PPROF_PERIOD, a->interval ? a->interval : 1);
	pprof_number(&e->w, PPROF_TIME_NANOS, e->s->parts.image.info.time_ns);
	pprof_number(&e->w, PPROF_DEFAULT_SAMPLE_TYPE, interner_number(&e->strings, "inuse_space"));
}

static int put_profile(struct exporter *e, struct err *err)
{
	const struct sampled *t = &e->s->sampled;

	put_types(e);
	for (size_t i = 0; i < t->sites.n; i++)
		put_site(e, &t->sites.v[i]);
	for (size_t i = 0; i < e->places.n; i++)
		put_location(e, i);
	put_mappings(e);
	put_functions(e);
	for (size_t i = 0; i < e->strings.list.n; i++)
		pprof_string(&e->w, e->strings.list.v[i]);
	if (e->strings.nomem || e->functions.nomem)
		return err_nomem(err);
	return e->w.rc;
}

static int write_packed(void *arg, const void *bytes, size_t n, struct err *err)
{
	return pack_gzip_write(arg, bytes, n, err);
}

int export_pprof(struct session *s, const struct sink *to, struct export_account *out,
		 struct err *err)
{
	struct pack_gzip *packed = NULL;
	struct sink inner = {.write = write_packed};
	struct exporter e = {.s = s, .w = {.to = &inner, .err = err}, .account = out};
	int rc = session_need_sampled(s, err);

	*out = (struct export_account){.missing = rc == 0 ? sampled_missing(&s->sampled) : 0};
	if (rc == 0 && !s->sampled.source)
		rc = allocated_absent(s, err);
	if (rc == 0)
		rc = pack_gzip_new(&packed, to, err);
	inner.arg = packed;
	if (rc == 0)
		rc = number_mappings(&e, err);
	if (rc == 0)
		rc = collect_places(&e, err);
	if (rc == 0)
		rc = put_profile(&e, err);
	if (rc == 0)
		rc = pack_gzip_end(packed, err);
	pack_gzip_free(packed);
	vec_deinit(&e.places);
	free(e.mappings);
	interner_deinit(&e.strings);
	interner_deinit(&e.functions);
	return rc;
}
