/*
 * Ranges that a sane process keeps apart: the live stacks of its threads, the data of its modules. A
 * crafted dump can lay thousands of them over the same bytes.
 */
#ifndef HEAPDUMP_SPACE_DISJOINT_H
#define HEAPDUMP_SPACE_DISJOINT_H

#include "base/ids.h"

/*
 * Ends each range where the next one begins, so that no address is in two. Reorders the pointers,
 * by address. Of ranges that begin together all but one become empty. O(n log n).
 */
void disjoint_cut(struct range **v, size_t n);

#endif
