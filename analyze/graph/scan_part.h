/*
 * Private to scan*.c: the edges of some consecutive sources, found by one thread.
 */
#ifndef HEAPDUMP_GRAPH_SCAN_PART_H
#define HEAPDUMP_GRAPH_SCAN_PART_H

#include "analyze/graph/scan.h"
#include "base/vec.h"

/* What every part of a scan reads. */
struct scan_input {
	const struct space *space;
	const struct objects *objects;
	const struct index *index;
	const struct roots *roots;
	const struct scan_options *options;
	struct range span;	  /* of the objects; [UINT64_MAX, UINT64_MAX): there are none */
	VEC(struct range) rooted; /* words of objects that are roots, by address */
};

/* A part: the objects [first, end), and before them all roots if with_roots. */
struct scan_part {
	bool with_roots;
	obj_id first, end;
	struct scan_account account; /* by_class included */
	vertex_id *out;
	uint8_t *out_class; /* as the graph's */
	uint64_t n_edges;
};

/*
 * Finds the part's edges. off: the graph's; the part puts where each of its sources' edges begin, counted
 * from its own first edge. ERR_NOMEM: the part is empty then.
 */
WARN_UNUSED int scan_part_run(struct scan_part *part, const struct scan_input *in,
			      struct offsets *off, struct err *err);
void scan_part_deinit(struct scan_part *part);

#endif
