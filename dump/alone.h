/*
 * Counting and locking for one thread or many: while the process has but one, no bus lock is needed, which is half of what
 * tracking an object costs. The C library knows (glibc's malloc decides by the same word); where it does not say, there
 * may be others.
 *
 * Only for what a signal handler leaves alone while its thread is at it (hd_thread.busy), as a handler can come in between.
 * Threads begin between two calls of ours, never within one.
 */
#ifndef HEAPDUMP_DUMP_ALONE_H
#define HEAPDUMP_DUMP_ALONE_H

#include <stdbool.h>
#include <stdint.h>

/* glibc 2.32 and later: not 0 while there is one thread. */
extern char __libc_single_threaded __attribute__((weak));

static inline bool hd_alone(void)
{
	return &__libc_single_threaded && __libc_single_threaded;
}

/* *p += by; what it is then. */
static inline uint64_t hd_add(uint64_t *p, uint64_t by)
{
	uint64_t sum;

	if (!hd_alone())
		return __atomic_add_fetch(p, by, __ATOMIC_RELAXED);
	sum = __atomic_load_n(p, __ATOMIC_RELAXED) + by;
	__atomic_store_n(p, sum, __ATOMIC_RELAXED);
	return sum;
}

#endif
