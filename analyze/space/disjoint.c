/*
 *	before   [ a ················]          after   [ a ·][ b ···][ c ····]
 *	              [ b ··········]
 *	                      [ c ····]
 *
 * Whoever begins inside another ends it: a stack goes down to its stack pointer, so what lies above
 * another thread's pointer is not ours. Empty ranges end nobody.
 */
#include <stdlib.h>

#include "analyze/space/disjoint.h"

static int by_start(const void *a, const void *b)
{
	const struct range *x = *(struct range *const *)a, *y = *(struct range *const *)b;

	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	return x->hi < y->hi ? -1 : x->hi > y->hi;
}

void disjoint_cut(struct range **v, size_t n)
{
	struct range *last = NULL;

	if (n)
		qsort(v, n, sizeof(*v), by_start);
	for (size_t i = 0; i < n; i++) {
		if (v[i]->lo >= v[i]->hi)
			continue;
		if (last && last->hi > v[i]->lo)
			last->hi = v[i]->lo;
		last = v[i];
	}
}
