/*
 * The address index: which object holds this address, millions of times a
 * second. A start bit per 16-byte granule with rank words (facts: batches of
 * 64 with prefetch scan 3 GB/s per core), over the sorted object table.
 * Objects need not start on a granule edge; regions far apart cost nothing between them.
 */
#ifndef HEAPDUMP_GRAPH_INDEX_H
#define HEAPDUMP_GRAPH_INDEX_H

#include "analyze/heap/objects.h"

struct index; /* opaque */

WARN_UNUSED int index_new(struct index **out, const struct objects *objects, struct err *err);
void index_free(struct index *x);

/*
 * The object with addr ≤ a < addr + size, or the one that ends at a when none starts there; else
 * OBJ_NONE. Agrees with objects_find() on every address.
 */
obj_id index_find(const struct index *x, addr_t a);

#define INDEX_BATCH 64

/* The same for n ≤ INDEX_BATCH addresses at once, with the memory latencies overlapped. */
void index_find_batch(const struct index *x, const addr_t *a, size_t n, obj_id *out);

/* No address outside of [lo, hi] is in an object. */
struct range index_span(const struct index *x);

#endif
