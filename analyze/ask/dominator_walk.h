/*
 * Depth first through the dominator tree.
 */
#ifndef HEAPDUMP_ASK_DOMINATOR_WALK_H
#define HEAPDUMP_ASK_DOMINATOR_WALK_H

#include "analyze/ask/session.h"

/*
 * Calls enter for every vertex before those below it, and leave behind them; the super-root is left out.
 * Needs dominators. 8 bytes a vertex while it lasts; no recursion. O(V). ERR_NOMEM.
 */
WARN_UNUSED int dominator_walk(const struct session *s, void (*enter)(void *arg, vertex_id v),
			       void (*leave)(void *arg, vertex_id v), void *arg, struct err *err);

#endif
