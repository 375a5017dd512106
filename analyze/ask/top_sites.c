/*
 * top by site, by thread, by type and site: who allocated what is in use, from the samples of objects that are.
 *
 *	row = Σ over its samples of 1/p objects and size/p bytes      (heap/sites.h)
 *
 * Where every object was sampled, and all samples are here, the rows are exact, and what no sample is of (allocated before the
 * library was there, or past it) stands as the difference to what is in use.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/ask/allocated.h"
#include "analyze/ask/answers.h"
#include "analyze/ask/top_sites.h"
#include "analyze/ask/type_rows.h"
#include "base/cleanup.h"

struct site_row {
	uint32_t key;  /* the site's number, or a tid; INDEX_NONE: of no known site */
	uint32_t type; /* its number; by site or thread alone INDEX_NONE */
	struct estimate all, leaked;
};

struct site_rows {
	VEC(struct site_row) list;
	struct type_rows types;
	bool exact; /* every sample stands for itself, and none is missing */
};

static int by_key(const void *a, const void *b)
{
	const struct site_row *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->type < y->type ? -1 : x->type > y->type;
}

static int by_estimate(const void *a, const void *b)
{
	const struct site_row *x = a, *y = b;

	if (x->all.bytes != y->all.bytes)
		return x->all.bytes > y->all.bytes ? -1 : 1;
	return by_key(a, b);
}

/* A sample on its way to a row, or the region of an announced object. */
struct placed {
	uint32_t key, type, place;
	bool is_region;
};

static int by_row(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	if (x->is_region != y->is_region)
		return x->is_region - y->is_region;
	return x->place < y->place ? -1 : x->place > y->place;
}

static bool is_leaked(const struct session *s, obj_id o)
{
	return o != OBJ_NONE &&
	       (s->reach.verdict[o] == LEAKED_DIRECTLY || s->reach.verdict[o] == LEAKED_INDIRECTLY);
}

static uint32_t site_key(const struct session *s, uint32_t number)
{
	return sampled_site(&s->sampled, number) ? number : INDEX_NONE;
}

/* The sample, and the object that it counts for; false: it counts for none. */
static bool sample_at(const struct session *s, const struct placed *p, struct heapimage_sample *e,
		      struct sampled_object *so)
{
	const struct objects *objects = &s->heap.objects;

	if (p->is_region) {
		if (!sites_announced(objects, &s->sampled, p->place, e))
			return false;
		*so = (struct sampled_object){objects_find(objects, e->addr), e->size,
					      SAMPLE_COUNTS};
		return true;
	}
	if (!sampled_get(&s->sampled, &s->space, p->place, e))
		return false;
	*so = sites_object_of(objects, &s->announced, &s->space, e);
	return so->verdict == SAMPLE_COUNTS;
}

/* All samples by row, and by site the announced objects; malloc'd, NULL out of memory. */
static struct placed *place_samples(const struct session *s, enum top_by by,
				    struct type_rows *types, size_t *n)
{
	size_t n_samples = s->sampled.samples.n;
	size_t n_regions = by == TOP_BY_THREAD ? 0 : s->sampled.regions.n;
	struct placed *v = calloc(n_samples + n_regions + 1, sizeof(*v));

	*n = v ? n_samples + n_regions : 0;
	for (uint32_t i = 0; i < *n; i++) {
		const struct sample_ref *r = i < n_samples ? &s->sampled.samples.v[i] : NULL;
		struct heapimage_sample e;
		struct sampled_object so;

		v[i] = (struct placed){INDEX_NONE, INDEX_NONE,
				       r ? r->slot : i - (uint32_t)n_samples, !r};
		if (!r)
			v[i].key = site_key(s, s->sampled.regions.v[v[i].place].site);
		else if (by != TOP_BY_THREAD)
			v[i].key = site_key(s, r->site);
		else if (sampled_get(&s->sampled, &s->space, r->slot, &e))
			v[i].key = e.tid;
		if (by == TOP_BY_TYPE_SITE && sample_at(s, &v[i], &e, &so))
			v[i].type = type_rows_of(types, s, so.object);
	}
	if (*n)
		qsort(v, *n, sizeof(*v), by_row);
	return v;
}

static int collect(const struct session *s, enum top_by by, struct site_rows *rows, struct err *err)
{
	size_t n;
	_cleanup_free_ struct placed *v = place_samples(s, by, &rows->types, &n);

	if (!v)
		return err_nomem(err);
	rows->exact = s->sampled.anchor.interval == 1 && !sampled_missing(&s->sampled);
	for (size_t i = 0; i < n; i++) {
		struct heapimage_sample e;
		struct sampled_object so;
		struct site_row *row;

		if (!sample_at(s, &v[i], &e, &so))
			continue;
		row = rows->list.n ? &rows->list.v[rows->list.n - 1] : NULL;
		if ((!row || row->key != v[i].key || row->type != v[i].type) &&
		    vec_push(&rows->list, ((struct site_row){.key = v[i].key, .type = v[i].type})) <
			    0)
			return err_nomem(err);
		row = &rows->list.v[rows->list.n - 1];
		sites_weigh(&row->all, &e, so.usable);
		if (is_leaked(s, so.object))
			sites_weigh(&row->leaked, &e, so.usable);
		rows->exact &= e.interval <= 1;
	}
	if (rows->list.n)
		qsort(rows->list.v, rows->list.n, sizeof(*rows->list.v), by_estimate);
	return 0;
}

static void set_row(struct session *s, struct fact *f, enum top_by by, const struct site_rows *rows,
		    const struct site_row *r)
{
	if (by == TOP_BY_TYPE_SITE)
		fact_set_str(f, "type", type_rows_name(&rows->types, r->type));
	if (by == TOP_BY_THREAD) {
		fact_set_u64(f, "thread", r->key);
		fact_set_str(f, "thread_name", allocated_thread_name(s, r->key));
	} else if (r->key != INDEX_NONE) {
		allocated_set_stack(s, fact_set_object(f, "site"), r->key);
	} else {
		fact_set_str(f, "site", NULL);
	}
	allocated_set_estimate(f, &r->all);
	fact_set_u64(f, "leaked_samples", r->leaked.n);
	fact_set_u64(f, "leaked_bytes", allocated_rounded(r->leaked.bytes));
}

static void set_rows(struct session *s, struct fact *out, enum top_by by,
		     const struct site_rows *rows, size_t limit)
{
	struct fact *list = fact_set_array(out, "rows");
	double cut = 0;

	for (size_t i = 0; i < rows->list.n; i++)
		if (i < limit)
			set_row(s, fact_add_object(list), by, rows, &rows->list.v[i]);
		else
			cut += rows->list.v[i].all.bytes;
	fact_set_u64(out, "rows_cut", rows->list.n > limit ? rows->list.n - limit : 0);
	fact_set_u64(out, "bytes_cut", allocated_rounded(cut));
}

int top_sites(struct session *s, enum top_by by, size_t limit, struct fact *out, struct err *err)
{
	struct site_rows rows = {0};
	int rc;

	if (!s->sampled.source)
		return allocated_absent(s, err);
	rc = type_rows_init(&rows.types, s, err);
	if (rc == 0)
		rc = collect(s, by, &rows, err);
	if (rc == 0) {
		fact_set_bool(out, "exact", rows.exact);
		fact_set_u64(out, "sampling_interval", s->sampled.anchor.interval);
		fact_set_u64(out, "missing", sampled_missing(&s->sampled));
		allocated_set_estimate(fact_set_object(out, "estimated"), &s->sites.all);
		set_rows(s, out, by, &rows, limit);
	}
	vec_deinit(&rows.list);
	type_rows_deinit(&rows.types);
	return rc;
}
