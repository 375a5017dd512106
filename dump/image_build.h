/*
 * The image: which segments there are, what the notes and lists say, the bytes. In the snapshot, or in place while all
 * threads are stopped.
 */
#ifndef HEAPDUMP_DUMP_IMAGE_BUILD_H
#define HEAPDUMP_DUMP_IMAGE_BUILD_H

#include "dump/backing.h"
#include "dump/pages.h"
#include "dump/snapshot.h"
#include "formats/core_write.h"

/* Writes all of d to d->out, up to its end. 0 or a negative errno. */
int hd_image_write(struct hd_dump *d);

/* --- Between image_build.c, image_plan.c and image_body.c. --- */

/* Where a segment's bytes come from. */
enum hd_source {
	HD_FROM_NOWHERE, /* nothing is stored */
	HD_FROM_OWN,	 /* own pages, read where they are; the rest is zero */
	HD_FROM_COPY,	 /* own pages, through a copy; the rest is zero */
	HD_FROM_SHARED,	 /* pages of a shared mapping that exist; the rest is zero */
	HD_FROM_FILE,	 /* every page, through a copy */
};

struct hd_image {
	struct hd_dump *dump;
	struct hd_room *room;
	struct hd_memory_map map; /* with what the snapshot has no copy of */
	struct hd_pages pages;
	struct hd_pages
		*others; /* of the program itself, for what only its page tables tell; NULL */
	struct hd_backing backing;
	uint32_t consistency;

	struct core_segment *segments;
	uint8_t *sources; /* enum hd_source, per segment */
	uint32_t n_segments, capacity;

	struct heapimage_range *ranges;
	uint32_t n_ranges, ranges_capacity, n_ranges_cut;
	uint8_t *copy; /* HD_COPY_BYTES */
};

enum { HD_COPY_BYTES = 256 << 10 };

/* Reads the mappings and makes segments and ranges of them. */
int hd_image_plan(struct hd_image *im);

/* Bytes that the segments would write at most. */
uint64_t hd_image_plan_bytes(struct hd_image *im);

/* The first run of pages in [lo, hi) of a shared mapping that exist. false: there is none. */
bool hd_image_next_shared(struct hd_image *im, uint64_t lo, uint64_t hi, uint64_t *a, uint64_t *b);

/* Adds a range to the list; beyond the capacity it is counted. */
void hd_image_range(struct hd_image *im, uint64_t lo, uint64_t hi, uint32_t why, uint32_t error);

/* Writes the bytes of all segments. */
int hd_image_body(struct hd_image *im);

#endif
