/*
 * A sample is believed if the allocator agrees: an object in use starts at its address and has room
 * for what was asked for. Where the allocator says free, or has another object there, the free was
 * not seen (it went past the hooks) and the sample is stale.
 *
 *	sample ─ addr ─► object starts there, usable ≥ requested    joined
 *	                 a block that was split (announced.c)       joined with its head, or replaced
 *	                 an unknown mapping                         weighed by the requested size
 *	                 memory that the dump lacks                 weighed by the requested size
 *	                 nothing                                    stale
 *	                 anything else                              reused
 *
 *	samples = joined + weighed + replaced + stale + reused
 *
 * Estimates are Horvitz and Thompson's (1952): with p = 1 − e^(−(requested + 1) / interval) a sample
 * stands for 1/p objects and size/p bytes; the variance of these sums is estimated without bias by
 * Σ (1 − p)/p² and Σ size² (1 − p)/p². The interval 1 means p = 1: nothing is estimated then.
 */
#include <math.h>

#include "analyze/heap/sites.h"

enum { SUB_OBJECT = 2 };

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

/* Of a block that was split at announced objects the sample is its head's, if it kept one. */
static struct sampled_object in_split(const struct objects *objects, const struct split_block *b,
				      const struct heapimage_sample *sample)
{
	obj_id o = objects_find(objects, b->addr);

	if (sample->size > b->size)
		return (struct sampled_object){o, 0, SAMPLE_REUSED};
	if (o == OBJ_NONE || objects_addr(objects, o) != b->addr ||
	    objects_kind(objects, o) == OBJECT_ANNOUNCED)
		return (struct sampled_object){OBJ_NONE, 0, SAMPLE_REPLACED};
	return (struct sampled_object){o, objects_size(objects, o), SAMPLE_COUNTS};
}

/* Whether what follows the object at once was announced: it was split there. */
static bool was_split(const struct objects *objects, obj_id o)
{
	addr_t end = objects_addr(objects, o) + objects_size(objects, o);

	return o + 1 < objects_count(objects) && objects_addr(objects, o + 1) == end &&
	       objects_kind(objects, o + 1) == OBJECT_ANNOUNCED;
}

/* In an unknown mapping, from off on: what the sample was asked for, less what was announced in it. */
static struct sampled_object in_mapping(const struct objects *objects, obj_id o, uint64_t off,
					uint64_t asked)
{
	uint64_t left = objects_size(objects, o) - off;

	if (asked > left && !was_split(objects, o))
		return (struct sampled_object){o, 0, SAMPLE_REUSED};
	return (struct sampled_object){OBJ_NONE, asked < left ? asked : left, SAMPLE_COUNTS};
}

struct sampled_object sites_object_of(const struct objects *objects, const struct announced *a,
				      const struct space *space,
				      const struct heapimage_sample *sample)
{
	const struct split_block *block = announced_block(a, sample->addr);
	obj_id o = objects_find(objects, sample->addr);
	uint64_t off = o == OBJ_NONE ? 0 : sample->addr - objects_addr(objects, o);
	uint64_t size = o == OBJ_NONE ? 0 : objects_size(objects, o);
	uint64_t asked = sample->size ? sample->size : 1, avail;

	if (block)
		return in_split(objects, block, sample);
	if ((o == OBJ_NONE || off >= size) && !space_at(space, sample->addr, &avail) &&
	    space_mapping(space, sample->addr))
		return (struct sampled_object){OBJ_NONE, asked, SAMPLE_COUNTS};
	if (o == OBJ_NONE || off >= size)
		return (struct sampled_object){OBJ_NONE, 0, SAMPLE_STALE};
	if (objects_kind(objects, o) == OBJECT_MAPPING)
		return in_mapping(objects, o, off, asked);
	if (!off && objects_kind(objects, o) == OBJECT_ANNOUNCED)
		return (struct sampled_object){OBJ_NONE, 0, SAMPLE_REPLACED};
	if (sample->size > size || off)
		return (struct sampled_object){o, 0, SAMPLE_REUSED};
	return (struct sampled_object){o, size, SAMPLE_COUNTS};
}

static struct estimate *row_of(const struct sites *s, const struct sampled *sampled,
			       uint32_t number)
{
	const struct site_ref *site = sampled_site(sampled, number);

	return &s->by_site[site ? (size_t)(site - sampled->sites.v) : sampled->sites.n];
}

static int join_one(struct sites *s, const struct sampled *sampled, const struct space *space,
		    const struct objects *objects, const struct announced *announced, uint32_t slot,
		    const struct heapimage_sample *e)
{
	struct sampled_object so = sites_object_of(objects, announced, space, e);
	uint64_t slack;

	s->n_stale += so.verdict == SAMPLE_STALE;
	s->n_reused += so.verdict == SAMPLE_REUSED;
	if (so.verdict != SAMPLE_COUNTS)
		return 0;
	sites_weigh(row_of(s, sampled, e->site), e, so.usable);
	sites_weigh(&s->all, e, so.usable);
	if (so.object == OBJ_NONE) {
		s->n_unwalked++;
		return 0;
	}
	slack = e->size < so.usable ? so.usable - e->size : 0;
	return vec_push(&s->births,
			((struct birth){so.object, slot, e->site,
					slack < UINT32_MAX ? (uint32_t)slack : UINT32_MAX}));
}

bool sites_announced(const struct objects *objects, const struct sampled *sampled, size_t i,
		     struct heapimage_sample *out)
{
	const struct heapimage_region *r = &sampled->regions.v[i];
	obj_id o = r->kind == SUB_OBJECT ? objects_find(objects, r->addr) : OBJ_NONE;

	/* one that was announced twice is the first of them */
	if (o == OBJ_NONE || sampled_region(sampled, r->addr, r->kind, r->size) != r ||
	    objects_addr(objects, o) != r->addr || objects_size(objects, o) != r->size ||
	    objects_kind(objects, o) != OBJECT_ANNOUNCED)
		return false;
	*out = (struct heapimage_sample){
		.addr = r->addr, .size = r->size, .interval = 1, .site = r->site};
	return true;
}

/* Announced objects count as samples that stand for themselves. */
static void weigh_announced(struct sites *s, const struct sampled *sampled,
			    const struct objects *objects)
{
	for (size_t i = 0; i < sampled->regions.n; i++) {
		struct heapimage_sample e;

		if (!sites_announced(objects, sampled, i, &e))
			continue;
		sites_weigh(row_of(s, sampled, e.site), &e, e.size);
		sites_weigh(&s->all, &e, e.size);
	}
}

static void warn(const struct sites *s, uint64_t lost_bytes, struct warnings *warnings)
{
	if (s->n_stale)
		warnings_add(
			warnings,
			"%llu live samples are of memory that the allocator has free%s: stale, "
			"left out",
			(unsigned long long)s->n_stale,
			lost_bytes ? ", or that could not be walked" : "");
	if (s->n_reused)
		warnings_add(warnings,
			     "%llu live samples are where other objects are now: stale, left out",
			     (unsigned long long)s->n_reused);
}

int sites_init(struct sites *s, const struct sampled *sampled, const struct space *space,
	       const struct objects *objects, const struct announced *announced,
	       uint64_t lost_bytes, struct warnings *warnings, struct err *err)
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
		    join_one(s, sampled, space, objects, announced, slot, &e) < 0) {
			sites_deinit(s);
			return err_nomem(err);
		}
	}
	weigh_announced(s, sampled, objects);
	warn(s, lost_bytes, warnings);
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
	size_t lo = vec_bisect(&s->births, e, e->object < o);

	return lo < s->births.n && s->births.v[lo].object == o ? &s->births.v[lo] : NULL;
}
