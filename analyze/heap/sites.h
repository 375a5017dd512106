/*
 * Where objects were allocated: the sampler's live samples joined with the objects that the
 * allocator says are in use, and what they stand for by site.
 */
#ifndef HEAPDUMP_HEAP_SITES_H
#define HEAPDUMP_HEAP_SITES_H

#include "analyze/heap/announced.h"

/* An object that was sampled. */
struct birth {
	obj_id object;
	uint32_t slot;	/* of its sample */
	uint32_t site;	/* its number; may be of no known site */
	uint32_t slack; /* usable bytes beyond what was asked for; UINT32_MAX: that many or more */
};

/* What n samples stand for, in objects and bytes in use (usable sizes, and requested ones). */
struct estimate {
	uint64_t n;
	double objects, bytes, requested;
	double objects_var, bytes_var; /* variances; 0 where every object was sampled */
};

struct sites {
	VEC(struct birth) births; /* by object */
	struct estimate *by_site; /* beside sampled.sites; one more: of unknown sites */
	struct estimate all;
	uint64_t n_stale;  /* live samples of memory that the allocator has free */
	uint64_t n_reused; /* live samples where another object is now */
	uint64_t
		n_unwalked; /* samples in memory that is not parsed, or not in the dump: in the sums only */
};

/* lost_bytes: of the heap, not walked. Stale samples add to warnings. Fails only out of memory. O(samples × log objects). */
WARN_UNUSED int sites_init(struct sites *s, const struct sampled *sampled,
			   const struct space *space, const struct objects *objects,
			   const struct announced *announced, uint64_t lost_bytes,
			   struct warnings *warnings, struct err *err);
void sites_deinit(struct sites *s);

/* The object's birth, or NULL: it was not sampled. O(log n). */
const struct birth *sites_birth(const struct sites *s, obj_id o);

/* Adds one sample, of an object of so many usable bytes, to what e stands for. */
void sites_weigh(struct estimate *e, const struct heapimage_sample *sample, uint64_t usable);

enum sample_verdict {
	SAMPLE_COUNTS,
	SAMPLE_STALE,	 /* the allocator has the memory free */
	SAMPLE_REUSED,	 /* another object is there */
	SAMPLE_REPLACED, /* announced objects took its object's place */
};

/* The object that a live sample is of, and its usable size. */
struct sampled_object {
	obj_id object; /* OBJ_NONE: none, or in memory that is not parsed, or not in the dump */
	uint64_t usable;
	enum sample_verdict verdict;
};
struct sampled_object sites_object_of(const struct objects *objects, const struct announced *a,
				      const struct space *space,
				      const struct heapimage_sample *sample);

/* Announced object i of sampled.regions as a sample that stands for itself; false: it is no object. */
bool sites_announced(const struct objects *objects, const struct sampled *sampled, size_t i,
		     struct heapimage_sample *out);

#endif
