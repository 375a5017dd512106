/*
 * What stands between the numbers and the truth: sentences for the first lines of an answer.
 */
#ifndef HEAPDUMP_ASK_CAUTIONS_H
#define HEAPDUMP_ASK_CAUTIONS_H

#include "analyze/ask/fact.h"
#include "analyze/ask/session.h"

/*
 * Sets cautions[]: why the sums may be short (an allocator that is not parsed, memory that could not be
 * walked) and why something may seem leaked that is not (memory that is not in the dump). Empty if
 * nothing is known against the numbers. Needs the graph.
 */
void cautions_set(const struct session *s, struct fact *out);

#endif
