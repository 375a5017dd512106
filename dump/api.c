/*
 * The public functions about sampling and about what the program knows better (include/heapdump.h). Images: write.c.
 */
#include <errno.h>
#include <string.h>

#include "dump/region_table.h"
#include "dump/sample_table.h"
#include "dump/sampler.h"
#include "heapdump.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT uint64_t heapdump_set_interval(uint64_t bytes)
{
	return hd_sampler_set_interval(bytes);
}

static void add_sites(struct heapdump_stats *s)
{
	uint64_t alloc_q16 = 0, freed_q16 = 0, freed = 0;

	for (uint32_t i = 0; i < s->sites; i++) {
		const struct heapimage_site *site = hd_site_at(i);

		alloc_q16 += __atomic_load_n(&site->alloc_objects_q16, __ATOMIC_RELAXED);
		freed_q16 += __atomic_load_n(&site->freed_objects_q16, __ATOMIC_RELAXED);
		s->alloc_bytes += __atomic_load_n(&site->alloc_bytes, __ATOMIC_RELAXED);
		freed += __atomic_load_n(&site->freed_bytes, __ATOMIC_RELAXED);
	}
	s->alloc_objects = (alloc_q16 + 32768) >> 16;
	s->in_use_objects = alloc_q16 > freed_q16 ? (alloc_q16 - freed_q16 + 32768) >> 16 : 0;
	s->in_use_bytes = s->alloc_bytes > freed ? s->alloc_bytes - freed : 0;
}

EXPORT int heapdump_get_stats(struct heapdump_stats *stats)
{
	struct heapdump_stats s = {.size = sizeof(s)};

	if (!stats || stats->size < sizeof(stats->size))
		return -EINVAL;
	if (heapdump_anchor) {
		s.interval = heapdump_anchor->interval;
		s.samples_live = hd_samples_live();
		s.samples_taken = __atomic_load_n(&heapdump_anchor->serial, __ATOMIC_RELAXED);
		s.samples_dropped = __atomic_load_n(&heapdump_anchor->n_dropped, __ATOMIC_RELAXED);
		s.sites = __atomic_load_n(&heapdump_anchor->sites.n, __ATOMIC_ACQUIRE);
		s.table_bytes = hd_tables_bytes();
		add_sites(&s);
	}
	if (stats->size < s.size)
		s.size = stats->size;
	memcpy(stats, &s, s.size);
	return 0;
}

EXPORT int heapdump_name_root(const void *addr, size_t size, const char *name)
{
	return hd_regions_enter(HD_REGION_ROOT, (uint64_t)(uintptr_t)addr, size, UINT32_MAX, name);
}

EXPORT int heapdump_forget_root(const void *addr)
{
	return hd_regions_leave(HD_REGION_ROOT, (uint64_t)(uintptr_t)addr);
}

EXPORT int heapdump_announce(const void *addr, size_t size, const char *name)
{
	struct hd_stack_context from = HD_STACK_HERE();

	return hd_regions_enter(HD_REGION_OBJECT, (uint64_t)(uintptr_t)addr, size,
				hd_sampler_site(&from), name);
}

EXPORT int heapdump_retire(const void *addr)
{
	return hd_regions_leave(HD_REGION_OBJECT, (uint64_t)(uintptr_t)addr);
}
