/*
 * What happens to an allocation that may be sampled, and to a free that may be of a sample.
 *
 *	malloc ─ size ≥ left? ─ no ─► left −= size + 1                              the fast path, in the hooks
 *	             │ yes
 *	             ▼
 *	        thread new: draw a gap, count again
 *	        off: look at the interval again after OFF_GAP bytes
 *	        else: stack → site, weight → sums, entry → table, filter + 1; draw the next gap
 *
 *	free ─ filter[slot] ─ 0 ─► the allocator                                   the fast path, in the hooks
 *	             │ else
 *	             ▼
 *	        entry out of the table, sums, filter − 1
 *
 * A thread that is in here (busy) passes its own nested allocations through: a signal handler's, the unwinder's. Its
 * nested frees are put off until it leaves.
 *
 * The filter counts samples per slot; a count that reaches 255 stays. From interval 1 on it is all 255: every free
 * asks the table.
 */
#include "dump/sampler.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "dump/alone.h"
#include "dump/module_log.h"
#include "dump/poisson.h"
#include "dump/region_table.h"
#include "dump/sample_table.h"
#include "dump/site_table.h"
#include "dump/sys.h"
#include "dump/trigger.h"

enum { MAX_FRAMES = 64, LOOKS_BACK = 4 };
#define OFF_GAP	  (64ull << 20)
#define OFTEN	  (1 << 20) /* an interval up to which the last capture helps the next */
#define NO_SAMPLE UINT32_MAX

__thread struct hd_thread hd_thread;
uint8_t hd_filter[1 << HD_FILTER_BITS];
uint64_t hd_filter_mask = (1 << HD_FILTER_BITS) - 1;

static bool ready;
static uint64_t seed;
static int64_t live_bytes; /* estimate of what is in use; kept only for the growth trigger */

/* For good. The bytes first, for those who still have the old mask. */
static void let_all_frees_in(void)
{
	memset(hd_filter, 255, sizeof(hd_filter));
	__atomic_store_n(&hd_filter_mask, 0, __ATOMIC_RELEASE);
}

static void filter_add(const void *p)
{
	uint8_t *slot = &hd_filter[hd_filter_slot(p)];
	uint8_t seen = __atomic_load_n(slot, __ATOMIC_RELAXED);

	while (seen != 255 && !__atomic_compare_exchange_n(slot, &seen, (uint8_t)(seen + 1), true,
							   __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static void filter_remove(const void *p)
{
	uint8_t *slot = &hd_filter[hd_filter_slot(p)];
	uint8_t seen = __atomic_load_n(slot, __ATOMIC_RELAXED);

	while (seen && seen != 255 &&
	       !__atomic_compare_exchange_n(slot, &seen, (uint8_t)(seen - 1), true,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/* Draws the thread's next gap with the interval of now. */
static void draw(struct hd_thread *t)
{
	t->interval = __atomic_load_n(&heapdump_anchor->interval, __ATOMIC_RELAXED);
	if (!t->interval)
		t->left = OFF_GAP;
	else if (t->interval == 1)
		t->left = 0;
	else
		t->left = hd_poisson_gap(&t->random, t->interval);
}

static void start_thread(struct hd_thread *t)
{
	t->random = __atomic_add_fetch(&seed, 0x632be59bd9b4e019ull, __ATOMIC_RELAXED);
	t->started = 1;
	draw(t);
}

/* Whether the allocation that took the slow path is to be sampled. */
static bool is_hit(struct hd_thread *t, size_t size)
{
	if (!t->started) {
		start_thread(t);
		if (size < t->left) {
			t->left -= size + 1;
			return false;
		}
	}
	if (t->interval)
		return true;
	draw(t);
	return false;
}

static void count_dropped(uint64_t size, uint64_t weight)
{
	__atomic_fetch_add(&heapdump_anchor->n_dropped, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&heapdump_anchor->n_dropped_bytes,
			   (uint64_t)((unsigned __int128)size * weight >> 16), __ATOMIC_RELAXED);
}

static void count_live(const struct heapimage_sample *s, int sign)
{
	int64_t bytes = (int64_t)((unsigned __int128)s->size * s->weight_q16 >> 16);

	if (hd_trigger_limit != UINT64_MAX)
		__atomic_fetch_add(&live_bytes, sign * bytes, __ATOMIC_RELAXED);
}

static void account_gone(const struct heapimage_sample *s)
{
	filter_remove((const void *)(uintptr_t)s->addr);
	hd_sites_gone(s->site, s->size, s->weight_q16);
	count_live(s, -1);
}

/* Puts a sample in, sums and filter with it: a new one, or one that was taken out too early. */
static void put(const struct heapimage_sample *s, bool new)
{
	struct heapimage_sample stale;

	if (!hd_samples_put(s, &stale)) {
		count_dropped(s->size, s->weight_q16);
		return;
	}
	filter_add((const void *)(uintptr_t)s->addr);
	if (new)
		hd_sites_born(s->site, s->size, s->weight_q16);
	else
		hd_sites_back(s->site, s->size, s->weight_q16);
	count_live(s, 1);
	if (stale.addr) {
		account_gone(&stale);
		__atomic_fetch_add(&heapdump_anchor->n_foreign_frees, 1, __ATOMIC_RELAXED);
	}
}

/* The site of the stack. */
static uint32_t site_of(struct hd_thread *t, const struct hd_stack_context *from)
{
	uint64_t frames[MAX_FRAMES], hash;
	bool cut = false;
	unsigned n = hd_stack_capture(from, &t->stack, t->interval <= OFTEN, frames, MAX_FRAMES,
				      &cut, &hash);

	if (cut)
		__atomic_fetch_add(&heapdump_anchor->n_cut_stacks, 1, __ATOMIC_RELAXED);
	return hd_sites_of(frames, n, hash);
}

static inline uint64_t weight_of(const struct hd_thread *t, size_t size)
{
	return t->interval == 1 ? 65536 : hd_poisson_weight(size, t->interval);
}

static void take_sample(struct hd_thread *t, void *p, size_t size,
			const struct hd_stack_context *from)
{
	struct heapimage_sample s = {.addr = (uint64_t)(uintptr_t)p,
				     .size = size,
				     .interval = t->interval,
				     .weight_q16 = weight_of(t, size)};

	hd_samples_expect(s.addr);
	s.site = site_of(t, from);
	if (s.site == UINT32_MAX) {
		count_dropped(size, s.weight_q16);
		return;
	}
	if (!t->tid)
		t->tid = hd_sys_tid();
	s.tid = t->tid;
	s.serial = hd_add(&heapdump_anchor->serial, 1);
	s.time_ns = hd_sys_clock(CLOCK_MONOTONIC_COARSE);
	put(&s, true);
}

static void forget(uint64_t addr, uint64_t before)
{
	struct heapimage_sample was;

	if (hd_samples_take(addr, before, &was) != NO_SAMPLE)
		account_gone(&was);
}

/* The frees that were seen while their thread was busy. */
static void do_deferred(void)
{
	uint64_t addr, before;

	while ((addr = hd_samples_deferred(&before)))
		forget(addr, before);
}

static void enter(struct hd_thread *t)
{
	t->busy = 1;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Out, unless a handler put a free off: it may until the very last moment. */
static inline bool get_out(struct hd_thread *t)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	t->busy = 0;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return !hd_samples_any_deferred();
}

__attribute__((noinline, cold)) static void leave_late(struct hd_thread *t)
{
	for (int i = 0; i < LOOKS_BACK; i++) {
		enter(t);
		do_deferred();
		if (get_out(t))
			return;
	}
}

static inline void leave(struct hd_thread *t)
{
	if (!get_out(t))
		leave_late(t);
}

void hd_sampler_born(void *p, size_t size, const struct hd_stack_context *from)
{
	struct hd_thread *t = &hd_thread;
	int error = errno;

	t->births++;
	if (!ready)
		return;
	if (t->busy) {
		/* at interval 1 it would have been one for certain */
		if (p && t->interval == 1)
			count_dropped(size, hd_poisson_weight(size, 1));
		return;
	}
	enter(t);
	if (is_hit(t, size)) {
		if (p)
			take_sample(t, p, size, from);
		draw(t);
	}
	leave(t);
	if (p)
		hd_trigger_growth(hd_sampler_live_bytes());
	errno = error;
}

void hd_sampler_gone(const void *p, struct hd_gone *was)
{
	struct hd_thread *t = &hd_thread;

	was->sample.addr = 0;
	if (!ready)
		return;
	if (t->busy) {
		hd_samples_defer((uint64_t)(uintptr_t)p);
		return;
	}
	enter(t);
	if (hd_samples_take((uint64_t)(uintptr_t)p, UINT64_MAX, &was->sample) == NO_SAMPLE)
		was->sample.addr = 0;
	else
		account_gone(&was->sample);
	leave(t);
}

void hd_sampler_back(const struct hd_gone *was)
{
	struct hd_thread *t = &hd_thread;

	if (!was->sample.addr || t->busy)
		return;
	enter(t);
	put(&was->sample, false);
	leave(t);
}

uint64_t hd_sampler_set_interval(uint64_t interval)
{
	uint64_t was;

	if (!ready)
		return 0;
	if (interval == 1)
		let_all_frees_in();
	was = __atomic_exchange_n(&heapdump_anchor->interval, interval, __ATOMIC_SEQ_CST);
	/* this thread follows at once; the others at the end of their gap */
	hd_thread.started = 0;
	hd_thread.left = 0;
	return was;
}

uint32_t hd_sampler_site(const struct hd_stack_context *from)
{
	struct hd_thread *t = &hd_thread;
	uint32_t site;

	if (!ready || t->busy)
		return UINT32_MAX;
	enter(t);
	site = site_of(t, from);
	leave(t);
	return site;
}

uint64_t hd_sampler_live_bytes(void)
{
	int64_t bytes = __atomic_load_n(&live_bytes, __ATOMIC_RELAXED);

	/* what was there before the trigger was armed is not in it, but may be freed */
	return bytes > 0 ? (uint64_t)bytes : 0;
}

static void before_fork(void)
{
	hd_samples_before_fork();
}

static void in_parent(void)
{
	hd_samples_after_fork(false);
}

static void in_child(void)
{
	hd_tables_forked();
	hd_samples_after_fork(true);
	hd_module_log_forked();
	hd_regions_forked();
	hd_trigger_forked();
	hd_thread.tid = 0;
}

void hd_sampler_init(uint64_t interval, uint64_t random_seed, enum hd_unwinder how)
{
	if (hd_tables_init() < 0 || hd_samples_init() < 0) {
		heapdump_anchor = NULL;
		hd_sys_say("no room for the sampler's tables: allocations are not sampled");
		return;
	}
	seed = random_seed ? random_seed
			   : hd_sys_clock(CLOCK_MONOTONIC) ^ (uint64_t)hd_sys_pid() << 32 ^
				     (uint64_t)(uintptr_t)heapdump_anchor;
	hd_stack_init(how);
	hd_module_log_start();
	pthread_atfork(before_fork, in_parent, in_child);
	if (interval == 1)
		let_all_frees_in();
	heapdump_anchor->interval = interval;
	__atomic_store_n(&ready, true, __ATOMIC_RELEASE);
}
