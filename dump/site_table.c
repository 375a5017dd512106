/*
 * An insert-only hash of chains. A new site is written whole, then pushed before the chain it was not found in; when
 * another thread pushed meanwhile only the newcomers are looked at again, so a stack is there once. (It may be there
 * twice where a site was pushed by a thread that ran out of room half-way: readers add equal stacks up.)
 *
 * The same addresses are another stack when a module under one of them has been exchanged: the generation in which that
 * happened last goes into the hash (hd_module_log_changed). Other stacks outlive generations.
 */
#include "dump/site_table.h"

#include <string.h>

#include "dump/alone.h"
#include "dump/module_log.h"

enum { BUCKET_BITS = 14 };

static uint32_t buckets[1 << BUCKET_BITS]; /* site + 1 */

/* The upper bits choose the bucket. */
static uint64_t hash_of(uint64_t hash, const uint64_t *frames, uint32_t n)
{
	hash ^= hd_module_log_changed(frames, n) * 0x9e3779b97f4a7c15ull + n;
	hash = (hash ^ hash >> 32) * 0xff51afd7ed558ccdull;
	return hash ^ hash >> 32;
}

static bool is_same(const struct heapimage_site *s, uint64_t hash, const uint64_t *frames,
		    uint32_t n)
{
	return s->hash == hash && s->n_frames == n &&
	       !memcmp(hd_frame_at(s->first_frame), frames, n * sizeof(*frames));
}

/* The stack's site between two links of a chain; UINT32_MAX: it is not there. */
static uint32_t find_between(uint32_t from, uint32_t end, uint64_t hash, const uint64_t *frames,
			     uint32_t n)
{
	for (uint32_t at = from; at != end; at = hd_site_at(at - 1)->next)
		if (is_same(hd_site_at(at - 1), hash, frames, n))
			return at - 1;
	return UINT32_MAX;
}

static uint32_t make_site(uint64_t hash, const uint64_t *frames, uint32_t n)
{
	uint64_t first = hd_tables_take(HD_FRAMES, n), site;
	struct heapimage_site *s;

	site = first == UINT64_MAX ? UINT64_MAX : hd_tables_take(HD_SITES, 1);
	if (site >= UINT32_MAX)
		return UINT32_MAX;
	s = hd_site_at((uint32_t)site);
	s->state = HEAPIMAGE_WRITING;
	memcpy(hd_frame_at(first), frames, n * sizeof(*frames));
	s->hash = hash;
	s->first_frame = first;
	s->n_frames = n;
	s->generation = (uint32_t)__atomic_load_n(&heapdump_anchor->generation, __ATOMIC_RELAXED);
	__atomic_store_n(&s->state, HEAPIMAGE_LIVE, __ATOMIC_RELEASE);
	return (uint32_t)site;
}

uint32_t hd_sites_of(const uint64_t *frames, uint32_t n, uint64_t hash)
{
	uint32_t *bucket, first, seen, site;

	hash = hash_of(hash, frames, n);
	bucket = &buckets[hash >> (64 - BUCKET_BITS)];
	first = seen = __atomic_load_n(bucket, __ATOMIC_ACQUIRE);
	site = find_between(first, 0, hash, frames, n);
	if (site != UINT32_MAX)
		return site;
	site = make_site(hash, frames, n);
	if (site == UINT32_MAX)
		return site;
	hd_module_log_note(frames, n);
	do {
		uint32_t twin = find_between(first, seen, hash, frames, n);

		/* somebody made it meanwhile: ours stays unused */
		if (twin != UINT32_MAX)
			return twin;
		seen = first;
		hd_site_at(site)->next = first;
	} while (!__atomic_compare_exchange_n(bucket, &first, site + 1, false, __ATOMIC_RELEASE,
					      __ATOMIC_ACQUIRE));
	return site;
}

/* size × weight, rounded; exact where the weight is 1. */
static uint64_t weigh(uint64_t size, uint64_t weight_q16)
{
	return (uint64_t)(((unsigned __int128)size * weight_q16 + 32768) >> 16);
}

void hd_sites_born(uint32_t site, uint64_t size, uint64_t weight_q16)
{
	struct heapimage_site *s = hd_site_at(site);

	hd_add(&s->alloc_objects_q16, weight_q16);
	hd_add(&s->alloc_bytes, weigh(size, weight_q16));
}

void hd_sites_gone(uint32_t site, uint64_t size, uint64_t weight_q16)
{
	struct heapimage_site *s = hd_site_at(site);

	hd_add(&s->freed_objects_q16, weight_q16);
	hd_add(&s->freed_bytes, weigh(size, weight_q16));
}

void hd_sites_back(uint32_t site, uint64_t size, uint64_t weight_q16)
{
	struct heapimage_site *s = hd_site_at(site);

	hd_add(&s->freed_objects_q16, -weight_q16);
	hd_add(&s->freed_bytes, -weigh(size, weight_q16));
}
