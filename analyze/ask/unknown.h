/*
 * Where telling one type (--type) would make the most known.
 */
#ifndef HEAPDUMP_ASK_UNKNOWN_H
#define HEAPDUMP_ASK_UNKNOWN_H

#include "analyze/ask/fact.h"
#include "analyze/ask/session.h"

/* Adds "unknown_behind", the first max places that lead to unknown objects. Needs the graph and types. */
WARN_UNUSED int unknown_set(struct session *s, struct fact *into, size_t max, struct err *err);

#endif
