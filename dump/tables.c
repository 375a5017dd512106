/*
 * Reservation, anchor, growth.
 *
 * The whole is reserved at once without access and left out of cores (a debugger's gcore would write gigabytes of
 * zeros); each table commits its part in steps, populated for writing: a sampled allocation must not cost the page
 * faults of its table's first touch (measured: 12 % of a short program, 4 % when dense; facts/runtime.md §3.1).
 *
 *	n ≤ committed / entry_size ≤ capacity
 *
 * Low in the address space, because truncated cores lose high addresses first; the hint is above where a non-PIE
 * program's brk grows and below where the kernel maps libraries.
 *
 * Where address space is limited (RLIMIT_AS) the tables take a sixteenth of it at most, or are not made. Limit: a
 * program that lowers the limit while it runs has them in its account.
 */
#include "dump/tables.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "dump/bucket.h"
#include "heapdump.h"

#define PAGE	    4096ull
#define WHERE	    0x100000000000ull /* a hint only */
#define MIB	    (1ull << 20)
#define HUGE_STEP   (2 * MIB)
#define TRY_SMALLER 5  /* times, by a factor of 8 */
#define SHARE	    16 /* of the address space that the program may have */

enum { CRC_BYTES = 64 };

struct heapimage_anchor *heapdump_anchor __attribute__((visibility("default")));
struct hd_table_bases hd_table_bases;

static const struct shape {
	uint32_t entry_size;
	uint64_t bytes; /* of address space, at most */
	uint64_t step;	/* committed at a time */
} shapes[HD_N_TABLES] = {
	[HD_SAMPLES] = {sizeof(struct heapimage_sample), 4096 * MIB, 256 << 10},
	[HD_SITES] = {sizeof(struct heapimage_site), 64 * MIB, 64 << 10},
	[HD_FRAMES] = {sizeof(uint64_t), 512 * MIB, 128 << 10},
	[HD_MODULES] = {sizeof(struct heapimage_module), MIB, 16 << 10},
	[HD_REGIONS] = {sizeof(struct heapimage_region), 1024 * MIB, 64 << 10},
};

/* Of each table: bytes committed, and who is growing it. */
static struct growth {
	uint64_t committed;
	uint32_t lock;
} growths[HD_N_TABLES];

static struct heapimage_table *table_of(enum hd_table which)
{
	struct heapimage_anchor *a = heapdump_anchor;

	switch (which) {
	case HD_SAMPLES:
		return &a->samples;
	case HD_SITES:
		return &a->sites;
	case HD_FRAMES:
		return &a->frames;
	case HD_MODULES:
		return &a->modules;
	default:
		return &a->regions;
	}
}

/* CRC-32 of IEEE 802.3, bit by bit: 64 bytes once. */
static uint32_t crc32_of(const uint8_t *p, size_t n)
{
	uint32_t crc = UINT32_MAX;

	while (n--) {
		crc ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void seal(struct heapimage_anchor *a)
{
	a->pid = hd_sys_pid();
	a->crc = 0;
	a->crc = crc32_of((const uint8_t *)a, CRC_BYTES);
}

static void fill_anchor(struct heapimage_anchor *a)
{
	memcpy(a->magic, HEAPIMAGE_MAGIC, sizeof(a->magic));
	a->self = (uint64_t)(uintptr_t)a;
	a->major = HEAPIMAGE_MAJOR;
	a->minor = HEAPIMAGE_MINOR;
	a->size = sizeof(*a);
#if defined(__x86_64__)
	a->machine = EM_X86_64;
#else
	a->machine = EM_AARCH64;
#endif
	a->start_ns = hd_sys_clock(CLOCK_MONOTONIC);
	a->start_realtime_ns = hd_sys_clock(CLOCK_REALTIME);
	strncpy(a->library, heapdump_version(), sizeof(a->library) - 1);
	seal(a);
}

static uint64_t size_of(enum hd_table which, unsigned shift)
{
	uint64_t bytes = shapes[which].bytes >> shift;

	return bytes < shapes[which].step ? shapes[which].step : bytes & ~(PAGE - 1);
}

static uint64_t size_of_all(unsigned shift)
{
	uint64_t sum = PAGE;

	for (int i = 0; i < HD_N_TABLES; i++)
		sum += size_of((enum hd_table)i, shift);
	return sum;
}

/* What may be taken of the address space. */
static uint64_t allowance(void)
{
	struct rlimit limit;

	if (hd_sys4(SYS_prlimit64, 0, RLIMIT_AS, 0, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_cur / SHARE;
}

int hd_tables_init(void)
{
	struct heapimage_anchor *a = NULL;
	uint64_t allowed = allowance(), at;
	unsigned shift = 0;

	for (; !a && shift < 3 * TRY_SMALLER; shift += a ? 0 : 3)
		if (size_of_all(shift) <= allowed)
			a = hd_sys_reserve(WHERE, size_of_all(shift));
	if (!a)
		return -ENOMEM;
	hd_sys3(SYS_madvise, a, size_of_all(shift), MADV_DONTDUMP);
	if (hd_sys_commit(a, PAGE) < 0)
		return -ENOMEM;
	hd_sys3(SYS_madvise, a, PAGE, MADV_DODUMP);
	fill_anchor(a);
	a->own_size = size_of_all(shift);
	heapdump_anchor = a;
	at = (uint64_t)(uintptr_t)a + PAGE;
	for (int i = 0; i < HD_N_TABLES; i++) {
		uint64_t bytes = size_of((enum hd_table)i, shift);

		*table_of((enum hd_table)i) = (struct heapimage_table){
			.addr = at,
			.capacity = bytes / shapes[i].entry_size,
			.entry_size = shapes[i].entry_size,
		};
		at += bytes;
	}
	hd_table_bases.samples = (struct heapimage_sample *)(uintptr_t)a->samples.addr;
	hd_table_bases.sites = (struct heapimage_site *)(uintptr_t)a->sites.addr;
	hd_table_bases.frames = (uint64_t *)(uintptr_t)a->frames.addr;
	return 0;
}

/* How much more to commit at p: little at first; whole huge pages once the table is large. */
static uint64_t step_at(enum hd_table which, const char *p, uint64_t committed)
{
	if (committed < 2 * HUGE_STEP)
		return shapes[which].step;
	return HUGE_STEP - ((uint64_t)(uintptr_t)p & (HUGE_STEP - 1));
}

/* Makes [0, bytes) of a table usable; false: there is no more, or somebody else takes too long over it. */
static bool grow(enum hd_table which, uint64_t bytes)
{
	struct growth *g = &growths[which];
	const struct heapimage_table *t = table_of(which);
	uint64_t limit = t->capacity * t->entry_size;
	uint32_t tries = 0;

	for (; __atomic_exchange_n(&g->lock, 1, __ATOMIC_ACQUIRE); tries++) {
		if (tries > HD_SPIN_LIMIT)
			return false;
		hd_spin(tries);
	}
	while (g->committed < bytes && g->committed < limit) {
		char *p = (char *)(uintptr_t)t->addr + g->committed;
		uint64_t step = step_at(which, p, g->committed);

		if (step > limit - g->committed)
			step = limit - g->committed;
		hd_sys_huge(p, step);
		if (hd_sys_commit(p, step) < 0)
			break;
		hd_sys3(SYS_madvise, p, step, MADV_DODUMP);
		__atomic_store_n(&g->committed, g->committed + step, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&g->lock, 0, __ATOMIC_RELEASE);
	return g->committed >= bytes;
}

uint64_t hd_tables_take(enum hd_table which, uint64_t n)
{
	struct heapimage_table *t = table_of(which);
	uint64_t first = __atomic_load_n(&t->n, __ATOMIC_RELAXED);

	do {
		uint64_t bytes = (first + n) * t->entry_size;

		if (first + n > t->capacity ||
		    (bytes > __atomic_load_n(&growths[which].committed, __ATOMIC_ACQUIRE) &&
		     !grow(which, bytes))) {
			__atomic_fetch_add(&t->n_lost, 1, __ATOMIC_RELAXED);
			return UINT64_MAX;
		}
	} while (!__atomic_compare_exchange_n(&t->n, &first, first + n, true, __ATOMIC_ACQ_REL,
					      __ATOMIC_RELAXED));
	return first;
}

void hd_tables_forked(void)
{
	for (int i = 0; i < HD_N_TABLES; i++)
		__atomic_store_n(&growths[i].lock, 0, __ATOMIC_RELAXED);
	if (heapdump_anchor)
		seal(heapdump_anchor);
}

uint64_t hd_tables_bytes(void)
{
	uint64_t sum = PAGE;

	for (int i = 0; i < HD_N_TABLES; i++)
		sum += __atomic_load_n(&growths[i].committed, __ATOMIC_RELAXED);
	return sum;
}
