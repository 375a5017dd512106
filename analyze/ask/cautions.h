/*
 * What stands between the numbers and the truth: sentences for the first lines of an answer.
 */
#ifndef HEAPDUMP_ASK_CAUTIONS_H
#define HEAPDUMP_ASK_CAUTIONS_H

#include "analyze/ask/fact.h"
#include "analyze/ask/session.h"

/*
 * Sets cautions[]: why the sums may be short (an allocator that is not parsed, memory that could not be
 * walked), why something may seem leaked that is not (memory that is not in the dump), and why a leak may
 * be hidden. Empty if nothing is known against the numbers. Beside it leaks_doubtful (something may seem
 * leaked that is not) and heap_absent. Needs the graph.
 */
void cautions_set(const struct session *s, struct fact *out);

/* The same for one object that nothing reaches: only what may hold it unseen. */
void cautions_set_unreached(const struct session *s, struct fact *out);

#endif
