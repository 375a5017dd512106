/*
 * What the program tells of its own memory: named roots, sub-objects of its pools. Thread-safe; not for signal handlers.
 */
#ifndef HEAPDUMP_DUMP_REGION_TABLE_H
#define HEAPDUMP_DUMP_REGION_TABLE_H

#include "dump/tables.h"

enum hd_region_kind { HD_REGION_ROOT = 1, HD_REGION_OBJECT = 2 };

/* Enters a region; an equal kind at the same address is replaced. 0, or −ENOMEM. name may be NULL. */
int hd_regions_enter(enum hd_region_kind kind, uint64_t addr, uint64_t size, uint32_t site,
		     const char *name);

/* 0, or −ENOENT. */
int hd_regions_leave(enum hd_region_kind kind, uint64_t addr);

void hd_regions_forked(void);

#endif
