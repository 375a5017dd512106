/*
 * A sample is believed if the allocator agrees: an object in use starts at its address and has room
 * for what was asked for. Where the allocator says free, or has another object there, the free was
 * not seen (it went past the hooks) and the sample is stale.
 *
 *	sample ─ addr ─► object starts there, usable ≥ requested    joined
 *	                 an announced object, an unknown mapping    weighed by the requested size
 *	                 nothing                                    stale
 *	                 anything else                              reused
 *
 *	samples = joined + weighed + stale + reused
 *
 * Estimates are Horvitz and Thompson's (1952): with p = 1 − e^(−(requested + 1) / interval) a sample
 * stands for 1/p objects and size/p bytes; the variance of these sums is estimated without bias by
 * Σ (1 − p)/p² and Σ size² (1 − p)/p². The interval 1 means p = 1: nothing is estimated then.
 */
#include <math.h>

#include "analyze/heap/sites.h"

void sites_weigh(struct estimate *e, const struct heapimage_sample *sample, uint64_t usable)
{
	double size = (double)usable, interval = (double)sample->interval;
	double p = sample->interval <= 1 ? 1 : -expm1(-((double)sample->size + 1) / interval);

	e->n++;
	e->objects += 1 / p;
	e->bytes += size / p;
	e->requested += (double)sample->size / p;
	e->objects_var += (1 - p) / (p * p);
	e->bytes_var += size * size * (1 - p) / (p * p);
}

struct sampled_object sites_object_of(const struct objects *objects,
				      const struct heapimage_sample *sample)
{
	obj_id o = objects_find(objects, sample->addr);
	addr_t lo = o == OBJ_NONE ? 0 : objects_addr(objects, o);
	uint64_t size = o == OBJ_NONE ? 0 : objects_size(objects, o);
	enum object_kind kind = o == OBJ_NONE ? OBJECT_ARENA : objects_kind(objects, o);
	uint64_t asked = sample->size ? sample->size : 1;

	if (o == OBJ_NONE || sample->addr - lo >= size)
		return (struct sampled_object){OBJ_NONE, 0};
	if (kind == OBJECT_ANNOUNCED)
		return (struct sampled_object){OBJ_NONE, asked};
	if (kind == OBJECT_MAPPING)
		return (struct sampled_object){
			OBJ_NONE, sample->size <= size - (sample->addr - lo) ? asked : 0};
	if (sample->addr != lo || sample->size > size)
		return (struct sampled_object){o, 0};
	return (struct sampled_object){o, size};
}

static int join_one(struct sites *s, const struct sampled *sampled, const struct objects *objects,
		    const struct heapimage_sample *e, uint32_t slot)
{
	struct sampled_object so = sites_object_of(objects, e);
	const struct site_ref *site = sampled_site(sampled, e->site);
	size_t at = site ? (size_t)(site - sampled->sites.v) : sampled->sites.n;

	if (!so.usable) {
		s->n_stale += so.object == OBJ_NONE;
		s->n_reused += so.object != OBJ_NONE;
		return 0;
	}
	sites_weigh(&s->by_site[at], e, so.usable);
	sites_weigh(&s->all, e, so.usable);
	if (so.object == OBJ_NONE) {
		s->n_unwalked++;
		return 0;
	}
	return vec_push(&s->births, ((struct birth){so.object, slot, e->site}));
}

static void warn(const struct sites *s, struct warnings *warnings)
{
	if (s->n_stale)
		warnings_add(warnings,
			     "%llu live samples are of memory that the allocator has free: stale, "
			     "left out",
			     (unsigned long long)s->n_stale);
	if (s->n_reused)
		warnings_add(warnings,
			     "%llu live samples are where other objects are now: stale, left out",
			     (unsigned long long)s->n_reused);
}

int sites_init(struct sites *s, const struct sampled *sampled, const struct space *space,
	       const struct objects *objects, struct warnings *warnings, struct err *err)
{
	*s = (struct sites){0};
	if (!sampled->source)
		return 0;
	s->by_site = calloc(sampled->sites.n + 1, sizeof(*s->by_site));
	if (!s->by_site)
		return err_nomem(err);
	for (size_t i = 0; i < sampled->samples.n; i++) {
		struct heapimage_sample e;
		uint32_t slot = sampled->samples.v[i].slot;

		if (sampled_get(sampled, space, slot, &e) &&
		    join_one(s, sampled, objects, &e, slot) < 0) {
			sites_deinit(s);
			return err_nomem(err);
		}
	}
	warn(s, warnings);
	return 0;
}

void sites_deinit(struct sites *s)
{
	vec_deinit(&s->births);
	free(s->by_site);
	*s = (struct sites){0};
}

const struct birth *sites_birth(const struct sites *s, obj_id o)
{
	size_t lo = 0, hi = s->births.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->births.v[mid].object < o)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->births.n && s->births.v[lo].object == o ? &s->births.v[lo] : NULL;
}
