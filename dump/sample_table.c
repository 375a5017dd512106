/*
 * The index of live samples.
 *
 *	level 0   [ head │ head │ MOVED │ head ]           head: { lock : 32, first sample + 1 : 32 }
 *	level 1   [ · · h · · · h · ]                      a bucket of level 0 becomes two of level 1, n apart
 *	             sample.next → sample.next → 0         chains, newest first
 *
 * A hash's low bits choose the bucket, so the two buckets that one becomes have entries of no other: whoever holds the
 * lock of the old one fills them without a lock, then marks it MOVED. Two levels are in use at most; every call
 * moves a few buckets while there are two.
 *
 * A bucket is locked while its head's lock word is the present epoch. fork() makes a new epoch in the child, which frees
 * all locks at once; chains are whole at any moment, as each change is one store (but for those that are being moved:
 * a fork waits for that). A lock that is not given within
 * HD_SPIN_LIMIT is given up and the sample lost (counted), rather than make the program wait.
 */
#include "dump/sample_table.h"

#include <errno.h>

#include "dump/alone.h"
#include "dump/bucket.h"

enum {
	FIRST_BITS = 12,
	MAX_LEVELS = 16,
	MOVE_AT_ONCE = 8,
	DEFERRED = 256,
	HALF_WRITTEN = 1, /* as an address */
	FORK_SPINS = 200000,
};

struct level {
	uint64_t *heads;
	uint64_t mask; /* of a hash: which head */
	uint32_t bits;
	uint64_t next_to_move, n_moved;
};

static struct level levels[MAX_LEVELS];
static uint32_t n_levels, first_level;
static uint32_t growing;
static uint32_t n_moving, no_moving; /* threads in move_some; forks that are on their way */
static uint32_t epoch = 1;
static struct hd_free_list free_list = {HD_NO_ITEM};

static struct {
	uint64_t addr, serial;
} deferred[DEFERRED];
uint32_t hd_samples_n_deferred; /* none is forgotten while others are */

static uint32_t now(void)
{
	return __atomic_load_n(&epoch, __ATOMIC_RELAXED);
}

static uint32_t *next_of(uint32_t item)
{
	return &hd_sample_at(item)->next;
}

/* Neighbours in memory are neighbours in the index: what is allocated together is looked up together. */
static uint64_t hash_of(uint64_t addr)
{
	uint64_t page = (addr >> 12) * 0x9e3779b97f4a7c15ull;

	return (page ^ page >> 32) + (addr >> 4 & 255);
}

/*
 * A link is { tag : 4, last : 1, item + 1 : 27 }; 0 ends a chain. The tag is the linked sample's, and last says that none
 * comes behind it: so most samples that are not meant are passed over untouched. Each would be a cache miss.
 */
enum { ITEM_BITS = 27, LAST = 1 << ITEM_BITS, TAG_SHIFT = ITEM_BITS + 1 };

static uint32_t tag_of(uint64_t addr)
{
	return (uint32_t)(addr * 0xbf58476d1ce4e5b9ull >> 60);
}

/* A link that is put before a chain. */
static uint32_t link_before(uint32_t chain, uint32_t item, uint32_t tag)
{
	return tag << TAG_SHIFT | (chain ? 0 : LAST) | (item + 1);
}

static uint32_t item_of(uint32_t link)
{
	return (link & (LAST - 1)) - 1;
}

static uint64_t *head_in(const struct level *l, uint64_t hash)
{
	return &l->heads[hash & l->mask];
}

static int make_level(uint32_t i, uint32_t bits)
{
	uint64_t *heads = hd_sys_map(0, sizeof(uint64_t) << bits);

	if (!heads)
		return -ENOMEM;
	hd_sys_huge(heads, sizeof(uint64_t) << bits);
	levels[i] = (struct level){.heads = heads, .mask = (1ull << bits) - 1, .bits = bits};
	__atomic_store_n(&n_levels, i + 1, __ATOMIC_RELEASE);
	return 0;
}

int hd_samples_init(void)
{
	return make_level(0, FIRST_BITS);
}

void hd_samples_before_fork(void)
{
	__atomic_fetch_add(&no_moving, 1, __ATOMIC_SEQ_CST);
	for (uint32_t tries = 0; __atomic_load_n(&n_moving, __ATOMIC_SEQ_CST); tries++) {
		/* the mover may be what this thread's signal handler, which forks, has interrupted */
		if (tries > FORK_SPINS)
			return;
		hd_spin(tries);
	}
}

/* What other threads were at is not theirs any more. */
static void recount_deferred(void)
{
	hd_samples_n_deferred = 0;
	for (uint32_t i = 0; i < DEFERRED; i++) {
		if (deferred[i].addr == HALF_WRITTEN)
			deferred[i].addr = 0;
		hd_samples_n_deferred += deferred[i].addr != 0;
	}
}

void hd_samples_after_fork(bool child)
{
	if (!child) {
		__atomic_fetch_sub(&no_moving, 1, __ATOMIC_SEQ_CST);
		return;
	}
	__atomic_fetch_add(&epoch, 1, __ATOMIC_RELAXED);
	growing = 0;
	n_moving = 0;
	no_moving = 0;
	recount_deferred();
}

static const struct level *oldest_level(void)
{
	return &levels[__atomic_load_n(&first_level, __ATOMIC_ACQUIRE)];
}

/* The locked bucket of a hash that has left a level; NULL: not to be had. */
__attribute__((noinline)) static uint64_t *lock_moved(const struct level *left, uint64_t hash)
{
	while (++left < levels + __atomic_load_n(&n_levels, __ATOMIC_ACQUIRE)) {
		uint64_t *head = head_in(left, hash);
		int got = hd_bucket_lock(head, now(), hd_alone());

		if (got)
			return got > 0 ? head : NULL;
	}
	return NULL;
}

/* The locked bucket of a hash, in whichever level has it now; NULL: not to be had. */
static inline uint64_t *lock_hash(uint64_t hash)
{
	const struct level *l = oldest_level();
	uint64_t *head = head_in(l, hash);
	int got = hd_bucket_lock(head, now(), hd_alone());

	if (__builtin_expect(got > 0, 1))
		return head;
	return got ? NULL : lock_moved(l, hash);
}

/* Makes the buckets of the next level out of one that is locked. */
static void split_chain(const struct level *to, uint32_t link)
{
	while (link) {
		struct heapimage_sample *s = hd_sample_at(item_of(link));
		uint64_t *head = head_in(to, hash_of(s->addr));
		uint32_t next = s->next;

		s->next = hd_bucket_first(*head);
		*head = link_before(s->next, item_of(link), link >> TAG_SHIFT);
		link = next;
	}
}

/* Moves a few buckets of a level that has a younger one. */
static void move_buckets(uint32_t i)
{
	struct level *l = &levels[i];
	uint64_t at, end;

	at = __atomic_fetch_add(&l->next_to_move, MOVE_AT_ONCE, __ATOMIC_RELAXED);
	for (end = at + MOVE_AT_ONCE; at < end && !(at >> l->bits); at++) {
		/* one that is not to be had stays where it is: both levels are looked at then */
		if (hd_bucket_lock(&l->heads[at], now(), hd_alone()) <= 0)
			continue;
		split_chain(&levels[i + 1], hd_bucket_first(l->heads[at]));
		__atomic_store_n(&l->heads[at], (uint64_t)HD_BUCKET_MOVED << 32, __ATOMIC_RELEASE);
		if (__atomic_add_fetch(&l->n_moved, 1, __ATOMIC_ACQ_REL) >> l->bits)
			__atomic_store_n(&first_level, i + 1, __ATOMIC_RELEASE);
	}
}

__attribute__((noinline)) static void move_some_of(uint32_t i)
{
	if (__atomic_load_n(&levels[i].next_to_move, __ATOMIC_RELAXED) >> levels[i].bits)
		return;
	__atomic_fetch_add(&n_moving, 1, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&no_moving, __ATOMIC_SEQ_CST))
		move_buckets(i); /* not the oldest of now, which may be the last */
	__atomic_fetch_sub(&n_moving, 1, __ATOMIC_SEQ_CST);
}

static inline void move_some(void)
{
	uint32_t i = __atomic_load_n(&first_level, __ATOMIC_ACQUIRE);

	if (i + 1 < __atomic_load_n(&n_levels, __ATOMIC_ACQUIRE))
		move_some_of(i);
}

/* Starts a level of twice as many buckets when three quarters of them could be taken: by the most there ever were. */
static void grow_if_full(void)
{
	uint32_t n = __atomic_load_n(&n_levels, __ATOMIC_ACQUIRE);

	if (__atomic_load_n(&heapdump_anchor->samples.n, __ATOMIC_RELAXED) <
		    3ull << (levels[n - 1].bits - 2) ||
	    __atomic_load_n(&first_level, __ATOMIC_RELAXED) != n - 1 || n == MAX_LEVELS)
		return;
	if (__atomic_exchange_n(&growing, 1, __ATOMIC_ACQUIRE))
		return;
	if (n == n_levels)
		(void)make_level(n, levels[n - 1].bits + 1);
	__atomic_store_n(&growing, 0, __ATOMIC_RELEASE);
}

/* The entry that the next sample will get is fetched: it was freed long ago, or never used. */
static void expect_item(void)
{
	uint32_t item = hd_free_first(&free_list);

	if (item != HD_NO_ITEM)
		__builtin_prefetch(hd_sample_at(item), 1);
}

static uint32_t new_item(const struct heapimage_sample *s)
{
	uint32_t item = hd_free_pop(&free_list, next_of, hd_alone());
	struct heapimage_sample *e;

	if (item == HD_NO_ITEM) {
		uint64_t i = hd_tables_take(HD_SAMPLES, 1);

		if (i >= HD_NO_ITEM)
			return HD_NO_ITEM;
		item = (uint32_t)i;
	}
	expect_item();
	e = hd_sample_at(item);
	__atomic_store_n(&e->state, HEAPIMAGE_WRITING, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	e->addr = s->addr;
	e->size = s->size;
	e->interval = s->interval;
	e->serial = s->serial;
	e->time_ns = s->time_ns;
	e->site = s->site;
	e->tid = s->tid;
	e->weight_q16 = s->weight_q16;
	return item;
}

/* Whether the sample that a tag is of may be in a chain: for most that it is not in, the chain's first link says so. */
static inline bool may_be_in(uint32_t link, uint32_t tag)
{
	return link && (!(link & LAST) || link >> TAG_SHIFT == tag);
}

/* Takes the sample at addr out of a locked chain; HD_NO_ITEM: it is not in it. *first: its first link then. */
static uint32_t unlink_from(uint64_t *head, uint64_t addr, uint64_t before, uint32_t *first)
{
	uint32_t link = hd_bucket_first(*head), previous = 0, tag = tag_of(addr);

	*first = link;
	while (link) {
		bool may_be = link >> TAG_SHIFT == tag;
		struct heapimage_sample *s = hd_sample_at(item_of(link));

		if (!may_be && link & LAST)
			break;
		if (may_be && s->addr == addr) {
			if (s->serial >= before)
				return HD_NO_ITEM;
			if (previous)
				hd_sample_at(item_of(previous))->next = s->next;
			else
				*first = s->next;
			return item_of(link);
		}
		previous = link;
		link = s->next;
	}
	return HD_NO_ITEM;
}

/* What an entry was, before it may be used again. */
static void retire(uint32_t item, struct heapimage_sample *out)
{
	struct heapimage_sample *s = hd_sample_at(item);

	*out = *s;
	__atomic_store_n(&s->state, HEAPIMAGE_FREED, __ATOMIC_RELEASE);
	hd_free_push(&free_list, item, next_of, hd_alone());
}

void hd_samples_expect(uint64_t addr)
{
	__builtin_prefetch(head_in(oldest_level(), hash_of(addr)), 1);
}

bool hd_samples_put(const struct heapimage_sample *s, struct heapimage_sample *stale)
{
	uint32_t item = new_item(s), old = HD_NO_ITEM, tag = tag_of(s->addr), first;
	uint64_t *head;

	stale->addr = 0;
	if (item == HD_NO_ITEM)
		return false;
	head = lock_hash(hash_of(s->addr));
	if (!head) {
		hd_sample_at(item)->state = HEAPIMAGE_FREED;
		hd_free_push(&free_list, item, next_of, hd_alone());
		return false;
	}
	first = hd_bucket_first(*head);
	if (may_be_in(first, tag))
		old = unlink_from(head, s->addr, UINT64_MAX, &first);
	hd_sample_at(item)->next = first;
	__atomic_store_n(&hd_sample_at(item)->state, HEAPIMAGE_LIVE, __ATOMIC_RELEASE);
	hd_bucket_unlock(head, link_before(first, item, tag));
	if (old != HD_NO_ITEM)
		retire(old, stale);
	grow_if_full();
	move_some();
	return true;
}

uint32_t hd_samples_take(uint64_t addr, uint64_t before, struct heapimage_sample *out)
{
	uint64_t hash = hash_of(addr), *head = head_in(oldest_level(), hash);
	uint32_t item, first;

	/* most questions are false positives of the filter: an empty bucket answers them unlocked */
	if (!__atomic_load_n(head, __ATOMIC_ACQUIRE))
		return HD_NO_ITEM;
	head = lock_hash(hash);
	if (!head)
		return HD_NO_ITEM;
	item = unlink_from(head, addr, before, &first);
	hd_bucket_unlock(head, first);
	if (item != HD_NO_ITEM)
		retire(item, out);
	move_some();
	return item;
}

void hd_samples_defer(uint64_t addr)
{
	uint32_t at = (uint32_t)(hash_of(addr) % DEFERRED);

	for (uint32_t i = 0; i < DEFERRED; i++, at = (at + 1) % DEFERRED) {
		uint64_t none = 0;

		if (!__atomic_compare_exchange_n(&deferred[at].addr, &none, HALF_WRITTEN, false,
						 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			continue;
		deferred[at].serial =
			__atomic_load_n(&heapdump_anchor->serial, __ATOMIC_RELAXED) + 1;
		__atomic_store_n(&deferred[at].addr, addr, __ATOMIC_RELEASE);
		__atomic_fetch_add(&hd_samples_n_deferred, 1, __ATOMIC_RELEASE);
		return;
	}
}

uint64_t hd_samples_deferred(uint64_t *before)
{
	for (uint32_t i = 0; i < DEFERRED && hd_samples_any_deferred(); i++) {
		uint64_t addr = __atomic_load_n(&deferred[i].addr, __ATOMIC_ACQUIRE);

		if (addr <= HALF_WRITTEN)
			continue;
		*before = deferred[i].serial;
		if (!__atomic_compare_exchange_n(&deferred[i].addr, &addr, 0, false,
						 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		__atomic_fetch_sub(&hd_samples_n_deferred, 1, __ATOMIC_RELAXED);
		return addr;
	}
	return 0;
}

uint64_t hd_samples_live(void)
{
	uint64_t n = __atomic_load_n(&heapdump_anchor->samples.n, __ATOMIC_ACQUIRE), live = 0;

	for (uint64_t i = 0; i < n; i++)
		live += __atomic_load_n(&hd_sample_at((uint32_t)i)->state, __ATOMIC_RELAXED) ==
			HEAPIMAGE_LIVE;
	return live;
}
