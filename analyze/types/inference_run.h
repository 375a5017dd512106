/*
 * What the files inference*.c share while they run. No other file includes this.
 */
#ifndef HEAPDUMP_TYPES_INFERENCE_RUN_H
#define HEAPDUMP_TYPES_INFERENCE_RUN_H

#include "analyze/types/inference.h"
#include "analyze/types/layout_pointers.h"
#include "base/bitset.h"

/* Where words are being read. */
struct inference_source {
	enum inference_reason reason; /* of what its pointers lead to: FIELD, VARIABLE */
	uint32_t from;
	type_id type; /* peeled */
	addr_t addr;
	uint64_t size, element; /* element: bytes from one copy of the type to the next */
	bool has_bad_words;
};

struct inference_run {
	const struct inference_input *in;
	struct inference *out;
	struct layout_pointers **lists; /* per type; NULL: not worked out yet */
	struct bitset heads;		/* types that another begins with */
	VEC(obj_id) queue;
	size_t queue_head;
	struct bitset queued;
};

/*
 * inference.c: a better line replaces the object's, and queues it; an equal one of another type
 * contradicts. Type and fit are worked out here. ERR_NOMEM.
 */
WARN_UNUSED int inference_propose(struct inference_run *r, obj_id o, struct inference_line line,
				  struct err *err);

/* The pointers of so many copies of the source's type, each followed. ERR_NOMEM. */
WARN_UNUSED int inference_read(struct inference_run *r, struct inference_source *s,
			       uint64_t elements, struct err *err);

/* inference_seeds.c: what is known before anything is followed. */
WARN_UNUSED int inference_seed(struct inference_run *r, struct err *err);

/* inference_confidence.c: how sure each line is, and the sums; after the last proposal. */
WARN_UNUSED int inference_decide(struct inference_run *r, struct err *err);

#endif
