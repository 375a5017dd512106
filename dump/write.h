/*
 * heapdump_write() as the triggers call it: with what made them.
 */
#ifndef HEAPDUMP_DUMP_WRITE_H
#define HEAPDUMP_DUMP_WRITE_H

#include "heapdump.h"
#include "heapimage.h"

/* heapdump_write(), for another reason than the program's own call. Async-signal-safe like it. */
int hd_write(const char *path, const struct heapdump_options *options,
	     struct heapdump_result *result, enum heapimage_trigger trigger);

#endif
