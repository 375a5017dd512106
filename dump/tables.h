/*
 * The memory that the sampler's tables live in: one reservation, the anchor in its first page, and arrays that grow
 * in place (include/heapimage.h has their layout).
 *
 *	reservation  │ anchor │ samples ···│ sites ···│ frames ···│ modules ···│ regions ···│ index ···│
 *	                        committed ─┘ not yet: PROT_NONE, MADV_DONTDUMP
 *
 * Only what is committed is in a core. Memory is never given back. No lock is held while anything is waited for.
 */
#ifndef HEAPDUMP_DUMP_TABLES_H
#define HEAPDUMP_DUMP_TABLES_H

#include <stdbool.h>

#include "heapimage.h"

/* NULL until hd_tables_init has succeeded. Exported: a reader finds it by this name. */
extern struct heapimage_anchor *heapdump_anchor;

/* Where the large ones begin: what the anchor says, one load nearer. */
extern struct hd_table_bases {
	struct heapimage_sample *samples;
	struct heapimage_site *sites;
	uint64_t *frames;
} hd_table_bases __attribute__((visibility("hidden")));

/*
 * Once. With less address space (RLIMIT_AS) the tables are smaller; 0, or a negative errno where not even small ones
 * could be had: there is no sampling then.
 */
int hd_tables_init(void);

/* What hd_tables_take hands out an entry of. */
enum hd_table { HD_SAMPLES, HD_SITES, HD_FRAMES, HD_MODULES, HD_REGIONS, HD_N_TABLES };

/* n entries in a row that were never used, zeroed; UINT64_MAX: no room (counted in n_lost). Lock-free but for growth. */
uint64_t hd_tables_take(enum hd_table which, uint64_t n);

/* In the child of a fork(): growth that another thread was at is started anew. */
void hd_tables_forked(void);

/* Committed bytes of all tables. */
uint64_t hd_tables_bytes(void);

static inline struct heapimage_sample *hd_sample_at(uint32_t i)
{
	return hd_table_bases.samples + i;
}

static inline struct heapimage_site *hd_site_at(uint32_t i)
{
	return hd_table_bases.sites + i;
}

static inline uint64_t *hd_frame_at(uint64_t i)
{
	return hd_table_bases.frames + i;
}

static inline struct heapimage_module *hd_module_at(uint32_t i)
{
	return (struct heapimage_module *)(uintptr_t)heapdump_anchor->modules.addr + i;
}

static inline struct heapimage_region *hd_region_at(uint32_t i)
{
	return (struct heapimage_region *)(uintptr_t)heapdump_anchor->regions.addr + i;
}

#endif
