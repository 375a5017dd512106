/*
 * libheapdump: the public interface.
 *
 * The library samples allocations from the moment it is loaded (linked with -lheapdump, or preloaded by
 * `heapdump record`) and writes images of the whole process on request: ELF cores that debuggers open,
 * and in which `heapdump` finds what holds an object and where it was allocated.
 *
 * Every function here may be called from any thread; where one may also be called from a signal handler,
 * it says so. What can fail returns 0 or a negative errno value and sets nothing; heapdump_strerror() has a
 * sentence for each. Environment variables of the triggers: heapdump(3).
 */
#ifndef HEAPDUMP_H
#define HEAPDUMP_H

#include <stddef.h>
#include <stdint.h>

#define HEAPDUMP_VERSION_MAJOR 0
#define HEAPDUMP_VERSION_MINOR 2
#define HEAPDUMP_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The version of the library that is loaded, as "major.minor.patch": a constant string, never NULL.
 * It may differ from the macros above, which are those the program was compiled with.
 * Thread-safe and async-signal-safe.
 */
const char *heapdump_version(void);

/* --- Images. --- */

enum heapdump_flags {
	HEAPDUMP_IN_PLACE = 1,	     /* no fork: write while all threads are stopped */
	HEAPDUMP_BY_SIGNAL_ONLY = 2, /* stop threads by signal, without trying ptrace first */
	HEAPDUMP_NO_SYNC = 4,	     /* no fsync before the rename */
	HEAPDUMP_NO_SHARED = 8,	     /* leave shared mappings out */
};

/* Zeroed but for size, it asks for the defaults. */
struct heapdump_options {
	size_t size;	/* sizeof(struct heapdump_options) */
	unsigned flags; /* HEAPDUMP_…, or-ed */
	int fd; /* where path is NULL: an open file, pipe or socket to write to; not closed */
	const char *why; /* kept in the image; may be NULL */
	uint64_t
		max_bytes; /* refuse (−EFBIG) an image that would have more bytes of data; 0: no limit */
};

/* What a write cost; filled where it is not NULL, also after a failure as far as it got. */
struct heapdump_result {
	size_t size;		   /* sizeof(struct heapdump_result), set by the caller */
	uint64_t pause_ns;	   /* how long the program stood still */
	uint64_t stop_ns, fork_ns; /* of that: until all threads had stopped, and the fork */
	uint64_t total_ns;
	uint64_t file_bytes, data_bytes; /* apparent size; bytes that were written */
	unsigned n_threads, n_not_stopped;
	int in_place;  /* 1: no snapshot could be forked, or none was wanted */
	int by_signal; /* 1: threads were stopped by signal */
};

/*
 * Writes the image of this process to path, and returns when it is whole: as a new file of mode 0600 which
 * appears under its name only then (a file that was there is replaced). The threads stand still for the freeze
 * and the fork (about 27 ms per resident GB of 4 KiB pages, a tenth of that with huge pages), and run on while
 * the snapshot is written. options and result may be NULL.
 *
 * Thread-safe; a second call while one is under way gets −EBUSY. Async-signal-safe, also on a corrupted heap
 * and on an alternate signal stack (4 KiB of it are used): it allocates nothing and takes no lock.
 * errno is left alone.
 *
 * −ENOSYS under valgrind; −EPERM where the threads cannot be stopped, or a seccomp filter of the program's forbids it.
 * −EBUSY, −ENOSPC, −EIO, −EROFS, −EACCES, −ENOENT, −EFBIG, −EINVAL, … as open, write, fsync and rename have them;
 * no file is left behind then and the program is unharmed.
 */
int heapdump_write(const char *path, const struct heapdump_options *options,
		   struct heapdump_result *result);

/* A sentence for a negative return value; a constant string. Async-signal-safe. */
const char *heapdump_strerror(int error);

/* --- Sampling. --- */

/*
 * Sets the mean number of bytes between samples: 1 tracks every object from now on, 0 stops sampling (samples that
 * are there stay). Returns what it was. Threads follow at their next sample, or after 64 MiB of allocations
 * where sampling was off. Samples keep the interval they were taken with, so weights stay right.
 */
uint64_t heapdump_set_interval(uint64_t bytes);

/* How sampling goes. Estimates are of the whole program, weighted from the samples. */
struct heapdump_stats {
	size_t size; /* sizeof(struct heapdump_stats), set by the caller */
	uint64_t interval;
	uint64_t samples_live, samples_taken, samples_dropped;
	uint64_t sites;
	uint64_t in_use_objects, in_use_bytes, alloc_objects, alloc_bytes;
	uint64_t table_bytes; /* memory of the sampler's own */
};
int heapdump_get_stats(struct heapdump_stats *stats);

/* --- What the program knows better. --- */

/*
 * Names [addr, addr + size) as a root: what its words point to is held by this name. For memory that no variable
 * holds (a mapping of one's own, a device's queue). The same addr again renames it. −ENOMEM: no room.
 */
int heapdump_name_root(const void *addr, size_t size, const char *name);
int heapdump_forget_root(const void *addr);

/*
 * For pools: tells that [addr, addr + size) was handed out by the program's own allocator, with a kind's name (may be
 * NULL), and that it was taken back. The analyzer then shows the sub-object instead of the pool's block, with
 * the call stack of this call as its site. About 100 ns each.
 */
int heapdump_announce(const void *addr, size_t size, const char *name);
int heapdump_retire(const void *addr);

#ifdef __cplusplus
}
#endif

#endif
