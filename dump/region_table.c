/*
 * Regions by kind and address: chained buckets over the dense table, as the samples have, without migration: pools tell of
 * thousands of sub-objects, roots are a handful.
 */
#include "dump/region_table.h"

#include <errno.h>
#include <string.h>

#include "dump/bucket.h"

enum { BUCKET_BITS = 16 };

static uint64_t *buckets;
static uint32_t epoch = 1;
static struct hd_free_list free_list = {HD_NO_ITEM};

static uint32_t *next_of(uint32_t item)
{
	return &hd_region_at(item)->next;
}

/* The buckets come with the first region; of two threads that make them one gives its own back. */
static uint64_t *buckets_of(void)
{
	uint64_t *have = __atomic_load_n(&buckets, __ATOMIC_ACQUIRE), *made;

	if (have || !heapdump_anchor)
		return have;
	made = hd_sys_map(0, sizeof(*made) << BUCKET_BITS);
	if (made && !__atomic_compare_exchange_n(&buckets, &have, made, false, __ATOMIC_ACQ_REL,
						 __ATOMIC_ACQUIRE)) {
		hd_sys_unmap(made, sizeof(*made) << BUCKET_BITS);
		return have;
	}
	return made;
}

static uint64_t *lock_addr(uint64_t addr)
{
	uint64_t *all = buckets_of();
	uint64_t *head = all ? &all[addr * 0x9e3779b97f4a7c15ull >> (64 - BUCKET_BITS)] : NULL;

	return head && hd_bucket_lock(head, __atomic_load_n(&epoch, __ATOMIC_RELAXED), false) > 0
		       ? head
		       : NULL;
}

/* Takes the region out of a locked chain; *first: what the chain begins with then. */
static uint32_t unlink_from(uint64_t *head, enum hd_region_kind kind, uint64_t addr,
			    uint32_t *first)
{
	uint32_t item = hd_bucket_first(*head), previous = 0;

	*first = item;
	for (; item; previous = item, item = hd_region_at(item - 1)->next) {
		struct heapimage_region *r = hd_region_at(item - 1);

		if (r->addr != addr || r->kind != kind)
			continue;
		if (previous)
			hd_region_at(previous - 1)->next = r->next;
		else
			*first = r->next;
		return item - 1;
	}
	return HD_NO_ITEM;
}

static void retire(uint32_t item)
{
	if (item == HD_NO_ITEM)
		return;
	__atomic_store_n(&hd_region_at(item)->state, HEAPIMAGE_FREED, __ATOMIC_RELEASE);
	hd_free_push(&free_list, item, next_of, false);
}

static uint32_t new_item(const struct heapimage_region *r)
{
	uint32_t item = hd_free_pop(&free_list, next_of, false);
	struct heapimage_region *e;

	if (item == HD_NO_ITEM) {
		uint64_t i = hd_tables_take(HD_REGIONS, 1);

		if (i >= HD_NO_ITEM)
			return HD_NO_ITEM;
		item = (uint32_t)i;
	}
	e = hd_region_at(item);
	__atomic_store_n(&e->state, HEAPIMAGE_WRITING, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	e->addr = r->addr;
	e->size = r->size;
	e->kind = r->kind;
	e->site = r->site;
	memcpy(e->name, r->name, sizeof(e->name));
	return item;
}

int hd_regions_enter(enum hd_region_kind kind, uint64_t addr, uint64_t size, uint32_t site,
		     const char *name)
{
	struct heapimage_region r = {.addr = addr, .size = size, .kind = kind, .site = site};
	uint64_t *head = lock_addr(addr);
	uint32_t item, old, first;

	if (!head)
		return -ENOMEM;
	if (name)
		strncpy(r.name, name, sizeof(r.name) - 1);
	item = new_item(&r);
	if (item == HD_NO_ITEM) {
		hd_bucket_unlock(head, hd_bucket_first(*head));
		return -ENOMEM;
	}
	old = unlink_from(head, kind, addr, &first);
	hd_region_at(item)->next = first;
	__atomic_store_n(&hd_region_at(item)->state, HEAPIMAGE_LIVE, __ATOMIC_RELEASE);
	hd_bucket_unlock(head, item + 1);
	retire(old);
	return 0;
}

int hd_regions_leave(enum hd_region_kind kind, uint64_t addr)
{
	uint64_t *head = lock_addr(addr);
	uint32_t item, first;

	if (!head)
		return -ENOENT;
	item = unlink_from(head, kind, addr, &first);
	hd_bucket_unlock(head, first);
	retire(item);
	return item == HD_NO_ITEM ? -ENOENT : 0;
}

void hd_regions_forked(void)
{
	__atomic_fetch_add(&epoch, 1, __ATOMIC_RELAXED);
}
