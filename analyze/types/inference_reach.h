/*
 * Greatest unknown reach: which one answer ("this member points to a struct x") would make the most known.
 */
#ifndef HEAPDUMP_TYPES_INFERENCE_REACH_H
#define HEAPDUMP_TYPES_INFERENCE_REACH_H

#include "analyze/graph/graph.h"
#include "analyze/types/inference.h"

/* A place that leads from what is known to what is not. */
struct inference_unknown {
	type_id type;	   /* it is in objects of this type; TYPE_NONE: in a root */
	vertex_id root;	   /* then; else VERTEX_NONE */
	uint64_t off;	   /* of the pointer in the type, or in one element */
	obj_id example;	   /* the first unknown object that it leads to */
	uint64_t n_direct; /* unknown objects that it leads to at once; 1: it is only the example */
	uint64_t n, bytes; /* unknown objects behind it, these included */
};

struct inference_reach {
	VEC(struct inference_unknown) list; /* by bytes, the largest first */
	uint64_t n, bytes; /* unknown objects that are behind none: nothing known leads there */
};

struct inference_reach_input {
	const struct type_table *table;
	const struct space *space;
	const struct objects *objects;
	const struct index *index;
	const struct graph *graph;
};

/*
 * Each unknown object counts once, for the place that reaches it in the fewest steps (known objects by address before
 * roots). Mappings are left out. O(objects + edges + bytes of known objects that lead to unknown ones), 8
 * bytes an object while it runs. ERR_NOMEM.
 */
WARN_UNUSED int inference_reach_init(struct inference_reach *out, const struct inference *r,
				     const struct inference_reach_input *in, struct err *err);
void inference_reach_deinit(struct inference_reach *r);

#endif
