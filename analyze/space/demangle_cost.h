/*
 * Private to demangle*.c.
 */
#ifndef HEAPDUMP_SPACE_DEMANGLE_COST_H
#define HEAPDUMP_SPACE_DEMANGLE_COST_H

#include "base/ids.h"

/*
 * Whether the C++ name is one, and printing it is bounded work. O(length²) at worst, as a rule O(length).
 */
bool demangle_cost_is_small(const char *name, int options);

#endif
