/*
 * Whether a fork of the program would be told to a handler of its page faults (userfaultfd(2)), and hang.
 */
#ifndef HEAPDUMP_DUMP_USERFAULT_H
#define HEAPDUMP_DUMP_USERFAULT_H

#include <stdbool.h>

/* Of the process whose folder is proc. Reads the names of all its descriptors (about 1 µs each). Needs no lock. */
bool hd_userfault_tells_forks(const char *proc);

#endif
