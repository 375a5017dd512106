/*
 * Writable memory that nobody explained: each piece is an object of its own.
 */
#ifndef HEAPDUMP_HEAP_MAPPINGS_H
#define HEAPDUMP_HEAP_MAPPINGS_H

#include "analyze/heap/walker.h"

/*
 * Adds an OBJECT_MAPPING for every unclaimed writable piece, and claims what needs no explanation:
 * reservations without access, read-only file pages. Sums heap->unknown_bytes. O(mappings).
 */
WARN_UNUSED int mappings_add(struct walk *w, struct err *err);

#endif
