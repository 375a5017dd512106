/*
 * Writable memory that nobody explained: each piece is an object of its own.
 */
#ifndef HEAPDUMP_HEAP_MAPPINGS_H
#define HEAPDUMP_HEAP_MAPPINGS_H

#include "analyze/heap/walker.h"

/*
 * Adds an OBJECT_MAPPING for every unclaimed writable piece and sums heap->unknown_bytes. Call when
 * everybody has claimed theirs. O(mappings + claims).
 */
WARN_UNUSED int mappings_add(struct walk *w, struct err *err);

#endif
