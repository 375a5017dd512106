/*
 * Private to who*.c: all objects of a type.
 */
#ifndef HEAPDUMP_ASK_WHO_TYPE_H
#define HEAPDUMP_ASK_WHO_TYPE_H

#include "analyze/ask/answers.h"

/* How many there are, the largest, and who holds most of them. Needs dominators and types. O(vertices). */
WARN_UNUSED int who_type(struct session *s, const char *name, struct fact *out, struct err *err);

#endif
