/*
 * The sampler's word on one object: who made it, when, in which thread. Times are the process's own
 * CLOCK_MONOTONIC; only an image says when it was taken, so only there an age is known. From any core
 * the birth is known as a time of day, by the moment at which sampling began.
 */
#include <math.h>
#include <string.h>
#include <time.h>

#include "analyze/ask/allocated.h"
#include "analyze/ask/callers.h"

enum { SHOWN_FRAMES = 64, SUB_OBJECT = 2 };

static const struct heapimage_region *announced_as(const struct session *s, obj_id o)
{
	const struct objects *objects = &s->heap.objects;

	if (objects_kind(objects, o) != OBJECT_ANNOUNCED)
		return NULL;
	return sampled_region(&s->sampled, objects_addr(objects, o), SUB_OBJECT,
			      objects_size(objects, o));
}

uint32_t allocated_site(const struct session *s, obj_id o)
{
	const struct heapimage_region *r = announced_as(s, o);
	const struct birth *b = sites_birth(&s->sites, o);
	uint32_t site = r ? r->site : b ? b->site : INDEX_NONE;

	return sampled_site(&s->sampled, site) ? site : INDEX_NONE;
}

void allocated_set_label(struct session *s, struct fact *into, uint32_t number)
{
	const struct site_ref *site = sampled_site(&s->sampled, number);
	struct caller c;

	fact_set_u64(into, "number", number);
	if (site && callers_label_of(s, site, &c))
		callers_describe(s, into, &c);
}

void allocated_set_stack(struct session *s, struct fact *into, uint32_t number)
{
	struct caller list[SHOWN_FRAMES];
	const struct site_ref *site = sampled_site(&s->sampled, number);
	size_t n = site ? callers_of(s, site, list, SHOWN_FRAMES) : 0;
	size_t label = callers_label(list, n);
	struct fact *array;

	fact_set_u64(into, "number", number);
	if (n)
		callers_describe(s, into, &list[label]);
	fact_set_u64(into, "label", label);
	array = fact_set_array(into, "frames");
	for (size_t i = 0; i < n; i++)
		callers_describe(s, fact_add_object(array), &list[i]);
	fact_set_bool(into, "frames_cut", n == SHOWN_FRAMES);
}

void allocated_set_site(struct session *s, struct fact *object, obj_id o)
{
	const struct heapimage_region *r = announced_as(s, o);
	uint32_t site = allocated_site(s, o);

	if (r && *r->name)
		fact_set_str(object, "announced", r->name);
	if (site != INDEX_NONE)
		allocated_set_label(s, fact_set_object(object, "site"), site);
}

uint64_t allocated_rounded(double v)
{
	return v < 0 ? 0 : v >= 9.2e18 ? INT64_MAX : (uint64_t)(v + 0.5);
}

void allocated_set_estimate(struct fact *into, const struct estimate *e)
{
	fact_set_u64(into, "samples", e->n);
	fact_set_u64(into, "objects", allocated_rounded(e->objects));
	fact_set_u64(into, "bytes", allocated_rounded(e->bytes));
	fact_set_u64(into, "requested_bytes", allocated_rounded(e->requested));
	fact_set_u64(into, "objects_error", allocated_rounded(sqrt(e->objects_var)));
	fact_set_u64(into, "bytes_error", allocated_rounded(sqrt(e->bytes_var)));
}

int allocated_absent(const struct session *s, struct err *err)
{
	if (s->sampled.n_refused)
		return err_set(err, ERR_ABSENT,
			       "has no allocation sites: the tables of libheapdump's sampler in it "
			       "are damaged or of another version; heapdump info says more");
	if (s->parts.truncated || s->input.truncated || s->parts.image.anchor)
		return err_set(
			err, ERR_ABSENT,
			"has no allocation sites: the tables of libheapdump's sampler are not "
			"in what there is of the dump, or the program ran without it");
	return err_set(err, ERR_ABSENT,
		       "has no allocation sites: the program ran without libheapdump "
		       "(heapdump record, or -lheapdump)");
}

const char *allocated_thread_name(const struct session *s, uint32_t tid)
{
	const struct image *image = &s->parts.image;
	size_t i = vec_bisect(&image->threads, e, e->tid < tid);
	const struct named_thread *t = i < image->threads.n ? &image->threads.v[i] : NULL;

	return t && t->tid == tid && *t->name ? t->name : NULL;
}

void allocated_set_time(struct fact *into, const char *key, uint64_t ns)
{
	time_t sec = (time_t)(ns / 1000000000);
	struct tm tm;
	char text[64];
	size_t n = ns && gmtime_r(&sec, &tm)
			   ? strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm)
			   : 0;

	if (n)
		fact_set_strf(into, key, "%s.%03uZ", text, (unsigned)(ns % 1000000000 / 1000000));
}

/* When it was made, and how long before the dump, if that is known. */
static void set_birth(const struct session *s, struct fact *into, const struct heapimage_sample *e)
{
	const struct heapimage_anchor *a = &s->sampled.anchor;
	const struct heapimage_info *info = &s->parts.image.info;

	fact_set_u64(into, "serial", e->serial);
	fact_set_u64(into, "births", a->serial);
	/* the clock of samples is a coarse one: the first may seem older than the start */
	if (e->time_ns && a->start_realtime_ns)
		allocated_set_time(into, "born", e->time_ns - a->start_ns + a->start_realtime_ns);
	if (info->major && info->monotonic_ns >= e->time_ns)
		fact_set_u64(into, "age_ns", info->monotonic_ns - e->time_ns);
	fact_set_u64(into, "thread", e->tid);
	fact_set_str(into, "thread_name", allocated_thread_name(s, e->tid));
}

static void set_site(struct session *s, struct fact *f, uint32_t number)
{
	const struct site_ref *site = sampled_site(&s->sampled, number);
	struct fact *of;

	if (!site)
		return;
	of = fact_set_object(f, "site");
	allocated_set_stack(s, of, number);
	allocated_set_estimate(of, &s->sites.by_site[site - s->sampled.sites.v]);
}

void allocated_set(struct session *s, struct fact *into, obj_id o)
{
	const struct heapimage_region *r = announced_as(s, o);
	const struct birth *b = sites_birth(&s->sites, o);
	struct heapimage_sample e;
	struct fact *f;

	if (!s->sampled.source || objects_kind(&s->heap.objects, o) == OBJECT_MAPPING)
		return;
	if (r) {
		f = fact_set_object(into, "allocation");
		fact_set_str(f, "announced", r->name);
		set_site(s, f, r->site);
	} else if (b && sampled_get(&s->sampled, &s->space, b->slot, &e)) {
		f = fact_set_object(into, "allocation");
		fact_set_u64(f, "requested", e.size);
		fact_set_u64(f, "interval", e.interval);
		set_site(s, f, b->site);
		set_birth(s, f, &e);
	} else {
		fact_set_u64(into, "sampling_interval", s->sampled.anchor.interval);
	}
}
