/*
 * Live samples by address. Entries are dense and two-phase (heapimage_sample); the index over them is chained
 * buckets, each with a lock of a few instructions in its head, and grows by migration.
 *
 * Callers must not nest in one thread (hd_thread.busy): a signal handler that interrupts one defers its free instead.
 * After fork() the locks that other threads held are void (hd_samples_after_fork).
 */
#ifndef HEAPDUMP_DUMP_SAMPLE_TABLE_H
#define HEAPDUMP_DUMP_SAMPLE_TABLE_H

#include "dump/tables.h"

/* After hd_tables_init. 0, or −ENOMEM. */
int hd_samples_init(void);

/*
 * Makes s (all but state and next) a live sample. An older one at its address goes: its free was not seen.
 * *stale: that one, its addr 0 if there was none. false: no room, or the index is contended: s is lost.
 */
bool hd_samples_put(const struct heapimage_sample *s, struct heapimage_sample *stale);

/* Takes the sample at addr out, if it was born before serial. Its index, or UINT32_MAX; *out what it was. */
uint32_t hd_samples_take(uint64_t addr, uint64_t before, struct heapimage_sample *out);

/*
 * A free seen while this thread is busy in here: done when it is not any more. Of more than 256 at once the rest is
 * forgotten: the sample then stays until its address is sampled again.
 */
void hd_samples_defer(uint64_t addr);
extern uint32_t hd_samples_n_deferred __attribute__((visibility("hidden"))); /* that can be done */

static inline bool hd_samples_any_deferred(void)
{
	return __builtin_expect(__atomic_load_n(&hd_samples_n_deferred, __ATOMIC_ACQUIRE) != 0, 0);
}

/* The next deferred free, 0: none. *before: only samples born before that may be meant. */
uint64_t hd_samples_deferred(uint64_t *before);

/* How many there are. O(samples). */
uint64_t hd_samples_live(void);

/* That hd_samples_put for addr is near: its bucket and the entry it will take are fetched meanwhile. */
void hd_samples_expect(uint64_t addr);

/* Around fork(), for pthread_atfork. */
void hd_samples_before_fork(void);
void hd_samples_after_fork(bool child);

#endif
