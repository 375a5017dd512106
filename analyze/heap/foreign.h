/*
 * Allocators and collectors that we recognise but cannot parse: by the name of
 * a module, or by a variable of theirs where they are linked in.
 */
#ifndef HEAPDUMP_HEAP_FOREIGN_H
#define HEAPDUMP_HEAP_FOREIGN_H

#include "analyze/heap/walker.h"

/* Adds what is seen to heap->unknown. Call after mappings_add(). Fails only out of memory. */
WARN_UNUSED int foreign_find(struct walk *w, struct err *err);

/* One warning per allocator seen, with the bytes that it may own. Call when the objects are sealed. */
void foreign_warn(struct walk *w);

#endif
