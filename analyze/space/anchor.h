/*
 * The sampler's anchor: where, in the memory of a process that had libheapdump, its tables begin
 * (heapimage.h). In any core: an image says where it is, a library with symbols does, and else the
 * pages are looked through.
 */
#ifndef HEAPDUMP_SPACE_ANCHOR_H
#define HEAPDUMP_SPACE_ANCHOR_H

#include "analyze/space/symbols.h"

enum anchor_source { ANCHOR_NONE, ANCHOR_BY_NOTE, ANCHOR_BY_SYMBOL, ANCHOR_BY_SCAN };

/*
 * Finds it; *out is a copy, as the process had it, with self as its address. Several copies of the
 * library add to warnings, and the one that began last is taken. One that is refused (damaged, of
 * another version or machine) adds to warnings and is counted. O(log) by note and symbol, O(pages) by scan.
 */
enum anchor_source anchor_find(struct heapimage_anchor *out, const struct space *space,
			       const struct modules *modules, struct symbols *symbols,
			       uint32_t *n_refused, struct warnings *warnings);

/* "note", "symbol", "scan". */
const char *anchor_source_name(enum anchor_source source);

#endif
