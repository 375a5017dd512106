/*
 * The image of a running process that knows nothing of us: its threads stand still while it is made to fork a
 * copy-on-write snapshot of itself, and run on while that is read (about 27 ms per resident GB of 4 KiB pages, a tenth
 * of that with huge pages). Or, where it cannot be made to fork, they stand still while it is copied.
 *
 * The program notices nothing but the time: registers, signals, signal masks and system calls of its threads are as
 * they were, it gets no SIGCHLD, and no wait() of its own sees the snapshot. Should we die, whatever of, it runs on.
 *
 * Not thread-safe: one at a time, from a process with one thread. SIGCHLD is blocked meanwhile.
 */
#ifndef HEAPDUMP_DUMP_ATTACH_H
#define HEAPDUMP_DUMP_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct attach_options {
	const char *path; /* a new file, as heapdump_write() makes it; NULL: fd */
	int fd;
	bool stop;    /* no snapshot: it stands still until it is copied */
	bool no_sync; /* no fsync before the file gets its name */
	bool has_filter;
	uint32_t
		filter; /* what is stored, by kind, as /proc/PID/coredump_filter (core(5)); else: by default */
	/* Called about five times a second with bytes of data so far and about how many there are; may be NULL. */
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void *progress_arg;
};

struct attach_result {
	char name[16];		   /* of the program */
	uint64_t pause_ns;	   /* how long it stood still */
	uint64_t stop_ns, fork_ns; /* of that: until all threads had stopped, and the fork */
	uint64_t
		second_ns; /* how long one thread stood still at the end, to take the snapshot away */
	uint64_t total_ns;
	uint64_t file_bytes, data_bytes; /* apparent size; bytes that were written */
	uint32_t n_threads, n_not_stopped;
	bool stopped; /* it was copied while it stood still */
	bool left_snapshot; /* the snapshot's entry could not be taken away: a zombie until the program ends */
};

/*
 * ERR_ABSENT: there is no such process, or it ended meanwhile. ERR_IO: not permitted, or the system refused. ERR_UNSUPPORTED:
 * it cannot be made to fork; options->stop would do. No file is left behind then.
 */
WARN_UNUSED int attach_write(uint32_t pid, const struct attach_options *options,
			     struct attach_result *result, struct err *err);

#endif
