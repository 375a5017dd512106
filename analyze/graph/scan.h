/*
 * The conservative scan: every aligned word of every object and root that hits
 * an object is an edge. Accounts for what it saw:
 *
 *	words = dismissed + missed + duplicate + followed
 *	dismissed: outside every object's span · missed: inside the span, no object there
 *	duplicate: the same source hit that object before, or itself
 */
#ifndef HEAPDUMP_GRAPH_SCAN_H
#define HEAPDUMP_GRAPH_SCAN_H

#include "analyze/graph/graph.h"
#include "analyze/graph/index.h"
#include "analyze/heap/heap.h"
#include "analyze/heap/sites.h"
#include "analyze/space/roots.h"

struct scan_options {
	/* bits that a program may set in its pointers: a word outside every object is looked up again
	   without them; 0: none */
	uint64_t pointer_mask;
	const struct sites *sites; /* who knows what was asked for; NULL: nobody */
	bool without_mappings;	   /* unknown mappings hold nothing */
	unsigned threads;	   /* that may be used; the result is the same. 0: one */
};

struct scan_account {
	uint64_t words, dismissed, missed, duplicate, followed;
	uint64_t absent_bytes; /* object bytes that are not in the dump */
	uint64_t by_class[N_EDGE_CLASSES];
};

WARN_UNUSED int scan_graph(struct graph *g, struct scan_account *account, const struct space *space,
			   const struct objects *objects, const struct index *index,
			   const struct roots *roots, const struct scan_options *options,
			   struct err *err);

/*
 * For an explanation: the offsets in the source's bytes of up to max words that hit the target, in
 * order; returns how many there are in all. The source is an object or a root.
 */
size_t scan_words_to(const struct space *space, const struct objects *objects,
		     const struct roots *roots, const struct graph *g, vertex_id from, vertex_id to,
		     const struct scan_options *options, uint64_t *offs, size_t max);

#endif
