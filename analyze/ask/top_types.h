/*
 * Private to top*.c: the heap by what objects are.
 */
#ifndef HEAPDUMP_ASK_TOP_TYPES_H
#define HEAPDUMP_ASK_TOP_TYPES_H

#include "analyze/ask/answers.h"

/* The rows of TOP_BY_TYPE. Needs dominators and types. O(vertices). */
WARN_UNUSED int top_types(struct session *s, size_t limit, struct fact *out, struct err *err);

#endif
