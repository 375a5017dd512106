/*
 * Text that may go to a terminal.
 */
#ifndef HEAPDUMP_UI_PRINTABLE_H
#define HEAPDUMP_UI_PRINTABLE_H

#include <stdbool.h>

/* Whether the locale's terminal takes UTF-8. */
bool printable_utf8(void);

/*
 * A copy, malloc'd (NULL: no memory), in which nothing acts on a terminal: control characters of both
 * kinds, marks that turn the direction of writing or cannot be seen, and bytes that are not UTF-8
 * become \n, \t or \xNN. Without utf8 all that is not ASCII does, but for the signs of our own
 * sentences, which have ASCII stand-ins.
 */
char *printable(const char *text, bool utf8);

#endif
