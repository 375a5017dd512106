/*
 * A hash bucket whose head is its lock: { lock : 32, first item + 1 : 32 }. It is locked while the lock word is the present
 * epoch; a new epoch (in the child of a fork) frees all locks at once. Held for a few instructions; never while anything
 * is waited for.
 *
 * alone: there is but one thread (alone.h), and its signal handlers leave what is locked here alone. Nothing is written to
 * lock a bucket then, as nobody would see it, and no bus lock is needed. Else false.
 */
#ifndef HEAPDUMP_DUMP_BUCKET_H
#define HEAPDUMP_DUMP_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "dump/sys.h"

enum { HD_SPIN_LIMIT = 20000000 }; /* mostly yields: some seconds */
#define HD_BUCKET_MOVED UINT32_MAX /* a lock word: what was here is elsewhere now */

static inline uint32_t hd_bucket_first(uint64_t head)
{
	return (uint32_t)head;
}

static inline void hd_bucket_unlock(uint64_t *head, uint32_t first)
{
	__atomic_store_n(head, first, __ATOMIC_RELEASE);
}

static inline void hd_spin(uint32_t tries)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
	/* the holder may have lost its processor */
	if (tries > 64 && !hd_sys_confined)
		hd_sys0(SYS_sched_yield);
}

/* The same as hd_bucket_lock, where it did not succeed at once. */
__attribute__((noinline, unused)) static int hd_bucket_wait(uint64_t *head, uint32_t epoch)
{
	for (uint32_t tries = 0; tries < HD_SPIN_LIMIT; tries++) {
		uint64_t seen = __atomic_load_n(head, __ATOMIC_ACQUIRE);

		if (seen >> 32 == HD_BUCKET_MOVED)
			return 0;
		if (seen >> 32 == epoch) {
			hd_spin(tries);
			continue;
		}
		if (__atomic_compare_exchange_n(head, &seen,
						(uint64_t)epoch << 32 | hd_bucket_first(seen), true,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return 1;
	}
	return -1;
}

/* 1: locked; 0: it has moved; −1: not to be had in HD_SPIN_LIMIT tries. */
static inline int hd_bucket_lock(uint64_t *head, uint32_t epoch, bool alone)
{
	uint64_t seen = __atomic_load_n(head, __ATOMIC_ACQUIRE);

	if (seen >> 32 != HD_BUCKET_MOVED && seen >> 32 != epoch &&
	    (alone ||
	     __atomic_compare_exchange_n(head, &seen, (uint64_t)epoch << 32 | hd_bucket_first(seen),
					 true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)))
		return 1;
	return hd_bucket_wait(head, epoch);
}

/*
 * Entries that may be used again: a stack threaded through their next words, tagged against ABA.
 */
struct hd_free_list {
	uint64_t head; /* { tag : 32, item : 32 }; HD_NO_ITEM: empty */
};
#define HD_NO_ITEM UINT32_MAX

typedef uint32_t *hd_next_fn(uint32_t item);

/* What hd_free_pop would take now; HD_NO_ITEM: nothing. */
static inline uint32_t hd_free_first(const struct hd_free_list *l)
{
	return (uint32_t)__atomic_load_n(&l->head, __ATOMIC_RELAXED);
}

/* The head becomes another if it is still what was seen. */
static inline bool hd_free_set(struct hd_free_list *l, uint64_t *seen, uint64_t head, bool alone)
{
	if (!alone)
		return __atomic_compare_exchange_n(&l->head, seen, head, true, __ATOMIC_ACQ_REL,
						   __ATOMIC_ACQUIRE);
	__atomic_store_n(&l->head, head, __ATOMIC_RELEASE);
	return true;
}

static inline void hd_free_push(struct hd_free_list *l, uint32_t item, hd_next_fn *next, bool alone)
{
	uint64_t seen = __atomic_load_n(&l->head, __ATOMIC_RELAXED);

	do
		__atomic_store_n(next(item), (uint32_t)seen, __ATOMIC_RELAXED);
	while (!hd_free_set(l, &seen, ((seen >> 32) + 1) << 32 | item, alone));
}

static inline uint32_t hd_free_pop(struct hd_free_list *l, hd_next_fn *next, bool alone)
{
	uint64_t seen = __atomic_load_n(&l->head, __ATOMIC_ACQUIRE);
	uint32_t after;

	do {
		if ((uint32_t)seen == HD_NO_ITEM)
			return HD_NO_ITEM;
		after = __atomic_load_n(next((uint32_t)seen), __ATOMIC_RELAXED);
	} while (!hd_free_set(l, &seen, ((seen >> 32) + 1) << 32 | after, alone));
	return (uint32_t)seen;
}

#endif
