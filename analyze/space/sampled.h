/*
 * What the sampler kept in the memory of the process: live samples, allocating call stacks (sites),
 * the modules that were mapped when, and what the program told of itself (heapimage.h). Read through
 * the dumped bytes; of what the dump lacks the rest is there, and the counts say how much.
 *
 * A site's number is its place in the table; a sample's slot likewise.
 */
#ifndef HEAPDUMP_SPACE_SAMPLED_H
#define HEAPDUMP_SPACE_SAMPLED_H

#include "analyze/space/anchor.h"
#include "analyze/space/claims.h"
#include "analyze/space/unmapped.h"

enum { MAX_SITE_FRAMES = 512 };	  /* deeper stacks are cut */
enum { MAX_LOG_MODULES = 65536 }; /* the library keeps 8,192 */

struct sample_ref {
	addr_t addr;
	uint32_t slot, site;
};

struct site_ref {
	uint32_t number;
	struct heapimage_site
		site; /* n_frames ≤ MAX_SITE_FRAMES, all inside the table; Σ ≤ frames */
};

struct sampled {
	enum anchor_source source; /* ANCHOR_NONE: no sampler; all below is empty */
	uint32_t n_refused;	   /* anchors that cannot be used */
	struct heapimage_anchor anchor;
	VEC(struct sample_ref) samples;	      /* live ones, by address */
	VEC(struct site_ref) sites;	      /* live ones, by number */
	VEC(struct heapimage_module) modules; /* n_build_id fits, path ends */
	struct unmapped unmapped;	      /* of modules */
	VEC(struct heapimage_region) regions; /* live ones, by address; name ends, none is empty */
	uint64_t n_torn;		      /* entries that were being written */
	uint64_t n_absent;		      /* entries whose bytes the dump lacks */
	uint64_t n_siteless;		      /* live samples whose site is not known */
	uint64_t n_cut_sites;		      /* sites of whose frames the dump lacks some or all */
	uint64_t
		n_overlapping; /* sites left without frames, because others have as many as there are */
	uint64_t n_lost;       /* entries that the program's tables had no room for */
	uint64_t frames_left; /* while reading: what no site has taken yet */
	uint64_t n_twice;     /* live samples of an address that has one already: left out */
};

/* Fails only out of memory. O(dumped bytes of the tables). */
WARN_UNUSED int sampled_init(struct sampled *s, const struct space *space,
			     const struct modules *modules, struct symbols *symbols,
			     struct warnings *warnings, struct err *err);
void sampled_deinit(struct sampled *s);

/* Entries of the tables that are known to be missing: what they stood for is in no sum. */
uint64_t sampled_missing(const struct sampled *s);

/* Claims the sampler's memory: what its tables point to is not held by them. */
WARN_UNUSED int sampled_claim(const struct sampled *s, const struct space *space,
			      struct claims *claims, struct err *err);

/* A sample by slot; false: the dump lacks it. */
bool sampled_get(const struct sampled *s, const struct space *space, uint32_t slot,
		 struct heapimage_sample *out);

/* The live sample of that address, or NULL. */
const struct sample_ref *sampled_find(const struct sampled *s, addr_t addr);

/* The site of that number, or NULL. */
const struct site_ref *sampled_site(const struct sampled *s, uint32_t number);

/* The site's return addresses, leaf first, up to max; the number known. */
size_t sampled_frames(const struct sampled *s, const struct space *space,
		      const struct heapimage_site *site, addr_t *pcs, size_t max);

/*
 * The module that was mapped at addr in that generation and is not any more, or NULL: modules.h
 * knows what is there now.
 */
const struct heapimage_module *sampled_unmapped(const struct sampled *s, addr_t addr,
						uint32_t generation);

/* The region of that kind (1: root, 2: sub-object) and size that starts at addr, or NULL. O(log n). */
const struct heapimage_region *sampled_region(const struct sampled *s, addr_t addr, uint32_t kind,
					      uint64_t size);

#endif
