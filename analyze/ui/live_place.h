/*
 * Where the image of a running process is kept while a question is answered: a file without a name.
 */
#ifndef HEAPDUMP_UI_LIVE_PLACE_H
#define HEAPDUMP_UI_LIVE_PLACE_H

#include <stdint.h>

#include "base/err.h"

/*
 * In memory where twice the size of the process's own memory is free, or an outage for want of memory would
 * be made worse; else in TMPDIR, or /var/tmp. The file descriptor, the caller's; ERR_IO.
 */
WARN_UNUSED int live_place_open(uint32_t pid, struct err *err);

/*
 * Bytes that the control groups of a process leave it, UINT64_MAX where none limits it. group is its
 * /proc/PID/cgroup, root where the groups are mounted (/sys/fs/cgroup); version 1 and 2.
 */
uint64_t live_place_left(const char *group, const char *root);

#endif
