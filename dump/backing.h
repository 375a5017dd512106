/*
 * What exists of a shared mapping. The page tables of a snapshot have nothing of it, and what other processes put there
 * is in no page tables of ours: its file is asked, where it can be opened.
 */
#ifndef HEAPDUMP_DUMP_BACKING_H
#define HEAPDUMP_DUMP_BACKING_H

#include <stdbool.h>
#include <stdint.h>

#include "dump/snapshot.h"

/* Of one mapping at a time. */
struct hd_backing {
	uint64_t lo, hi; /* the mapping */
	uint64_t off;	 /* of lo in the file */
	int fd;		 /* of the file; < 0: none is to be had */
};

/* The mapping's; one that was open before is closed. */
void hd_backing_open(struct hd_backing *b, const struct hd_dump *d, const struct hd_mapping *m);
void hd_backing_close(struct hd_backing *b);

/* The first run of pages in [lo, hi) that exist in the file. false: there is none. Only where there is an fd. */
bool hd_backing_next(struct hd_backing *b, uint64_t lo, uint64_t hi, uint64_t *run_lo,
		     uint64_t *run_hi);

#endif
