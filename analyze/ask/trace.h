/*
 * A path as an answer: hops with the words they go through, runs folded.
 */
#ifndef HEAPDUMP_ASK_TRACE_H
#define HEAPDUMP_ASK_TRACE_H

#include "analyze/ask/describe.h"

/*
 * Sets hops, guesses, steps and what expression_set() does. A step is a vertex and, but for the first, the hop into it:
 * {"via": {"offset", "class", "times", "more_words"}, "object": …}. times > 1: a run of equal hops
 * (same offset, same class) through objects of one size, of which only the last is shown.
 * O(bytes of the objects on the path).
 */
void trace_path(struct session *s, struct fact *into, const struct path *p);

/* The dominators of v from the outermost in; the middle of a long chain is cut: omitted. O(depth). */
void trace_dominators(struct session *s, struct fact *into, vertex_id v);

#endif
