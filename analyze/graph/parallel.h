/*
 * A pass in several threads. They live as long as the pass does; nothing is kept between passes.
 */
#ifndef HEAPDUMP_GRAPH_PARALLEL_H
#define HEAPDUMP_GRAPH_PARALLEL_H

#include "base/err.h"

/* More threads than that are not made, whoever asks for them. */
enum { PARALLEL_MAX = 64 };

/* Where nobody says how many: the processors that this process may run on, at most 8. */
unsigned parallel_default(void);

/*
 * Calls part(arg, i, err) for each i < n ≤ PARALLEL_MAX, each in a thread of its own, the first in this one,
 * and waits for all. Each has an err to itself. 0, or what the first by number that failed returned, with
 * its err. Where no thread can be had, its part runs here.
 */
typedef int parallel_part(void *arg, unsigned i, struct err *err);
WARN_UNUSED int parallel_run(unsigned n, parallel_part *part, void *arg, struct err *err);

#endif
