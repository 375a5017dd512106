/*
 * Down by the first child, on by the next, up by idom.
 */
#include <stdlib.h>

#include "analyze/ask/dominator_walk.h"
#include "base/cleanup.h"

int dominator_walk(const struct session *s, void (*enter)(void *arg, vertex_id v),
		   void (*leave)(void *arg, vertex_id v), void *arg, struct err *err)
{
	const vertex_id *idom = s->dominators.idom;
	uint32_t n = graph_vertices(&s->graph);
	_cleanup_free_ vertex_id *first = calloc(n, sizeof(*first));
	_cleanup_free_ vertex_id *next = calloc(n, sizeof(*next));
	vertex_id v;

	if (!first || !next)
		return err_nomem(err);
	for (vertex_id w = n; w-- > 1;)
		if (idom[w] != VERTEX_NONE) {
			next[w] = first[idom[w]];
			first[idom[w]] = w;
		}
	v = first[0];
	while (v) {
		enter(arg, v);
		if (first[v]) {
			v = first[v];
			continue;
		}
		for (; v && !next[v]; v = idom[v])
			leave(arg, v);
		if (v) {
			leave(arg, v);
			v = next[v];
		}
	}
	return 0;
}
