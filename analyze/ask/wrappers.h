/*
 * Functions that merely pass an allocation on, by their names.
 */
#ifndef HEAPDUMP_ASK_WRAPPERS_H
#define HEAPDUMP_ASK_WRAPPERS_H

#include <stdbool.h>

/* Whether a function of that name (of the source, or mangled) is one of the malloc family, or wraps it. */
bool wrappers_match(const char *function);

#endif
