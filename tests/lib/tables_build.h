/*
 * Builds the sampler's tables in a core's memory (heapimage.h): a page for the anchor and one for each
 * table, written entry by entry.
 *
 *	struct tables_build t;
 *	tables_build_init(&t, core, 0x50000000);
 *	site = tables_build_site(&t, (addr_t[]){0x400100, 0x400200}, 2);
 *	tables_build_sample(&t, &(struct heapimage_sample){.addr = a, .size = 40, .site = site, …});
 *	tables_build_finish(&t);
 *
 * A damaged table is a built one whose anchor the test changes before it is finished.
 */
#ifndef HEAPDUMP_TESTS_TABLES_BUILD_H
#define HEAPDUMP_TESTS_TABLES_BUILD_H

#include "heapimage.h"
#include "tests/lib/core_build.h"

enum { TABLES_PAGE = 4096, TABLES_PAGES = 6 };

struct tables_build {
	struct core_build *core;
	addr_t at;
	struct heapimage_anchor anchor;
};

/* Maps the six pages at `at` and sets an anchor of x86-64 with empty tables, interval 1. */
void tables_build_init(struct tables_build *t, struct core_build *core, addr_t at);

/* Entries as they are, but for what is 0 and must not be: state LIVE, interval 1, the next serial. */
uint32_t tables_build_sample(struct tables_build *t, const struct heapimage_sample *sample);
uint32_t tables_build_site(struct tables_build *t, const addr_t *pcs, uint32_t n);
void tables_build_module(struct tables_build *t, const struct heapimage_module *module);
void tables_build_region(struct tables_build *t, addr_t addr, uint64_t size, uint32_t kind,
			 const char *name);

/* The entry of that site or sample, in the core's memory; valid until the next map. */
struct heapimage_site *tables_build_site_at(struct tables_build *t, uint32_t number);
struct heapimage_sample *tables_build_sample_at(struct tables_build *t, uint32_t slot);

/* Writes the anchor, with its checksum. May be called again. */
void tables_build_finish(struct tables_build *t);

/* A finished core with a heapimage_list note of file offset TABLES_LIST_AT gets the bytes behind it. */
#define TABLES_LIST_AT 0xfeedfacefeedfaceull
uint8_t *tables_build_append(uint8_t *core, size_t *size, const void *list, size_t n);

#endif
