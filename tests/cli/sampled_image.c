/*
 * Writes an image that has something of everything that only images and samplers have, to argv[1].
 * Its memory is built (tests/lib), so its addresses and times are the same in every run.
 *
 *	BUILT_GLOBALS     ─► kept ─► pool
 *	"queue" (a named root)  ─► queued
 *	epoll 5, fd 7           ─► epolled
 *	nobody                  ─► lost
 */
#include <stdlib.h>
#include <string.h>

#include "tests/lib/heap_build.h"
#include "tests/lib/tables_build.h"

enum { TABLES = 0x50000000, QUEUE = 0x60000000, MAIN = 0, OTHER = 1 };

struct lists {
	struct heapimage_thread threads[2];
	struct heapimage_kernel_word words[1];
	struct heapimage_range ranges[2];
};

/* A note for one of the lists, which stand one after the other behind the core. */
static void add_list(struct core_build *b, uint32_t type, size_t entry_size, uint32_t n)
{
	struct heapimage_list l = {TABLES_LIST_AT, n * entry_size, n, (uint32_t)entry_size, 0, 0};

	core_build_note(b, HEAPIMAGE_OWNER, type, &l, sizeof(l));
}

static void add_notes(struct core_build *b)
{
	const struct heapimage_info info = {.major = 1,
					    .size = sizeof(info),
					    .method = HEAPIMAGE_FORK,
					    .freeze = HEAPIMAGE_PTRACE,
					    .consistency = HEAPIMAGE_MEMORY_SKIPPED,
					    .trigger = HEAPIMAGE_BY_GROWTH,
					    .pid = BUILT_TID,
					    .tid = BUILT_TID,
					    .time_ns = 1700000061500000000,
					    .monotonic_ns = 62500000000,
					    .pause_ns = 2500000,
					    .stop_ns = 400000,
					    .fork_ns = 2000000,
					    .n_threads = 2,
					    .n_not_stopped = 1,
					    .rss_bytes = 5 << 20};
	const struct heapimage_anchor_note anchor = {TABLES, sizeof(struct heapimage_anchor)};

	core_build_note(b, HEAPIMAGE_OWNER, HEAPIMAGE_NOTE_INFO, &info, sizeof(info));
	core_build_note(b, HEAPIMAGE_OWNER, HEAPIMAGE_NOTE_ANCHOR, &anchor, sizeof(anchor));
	core_build_note(b, HEAPIMAGE_OWNER, HEAPIMAGE_NOTE_WHY, "it grew", 7);
	add_list(b, HEAPIMAGE_NOTE_THREADS, sizeof(struct heapimage_thread), 2);
	add_list(b, HEAPIMAGE_NOTE_KERNEL, sizeof(struct heapimage_kernel_word), 1);
	add_list(b, HEAPIMAGE_NOTE_RANGES, sizeof(struct heapimage_range), 2);
}

/* Puts each list's bytes behind the core and its place into its note, in the order of the notes. */
static uint8_t *add_lists(uint8_t *core, size_t *size, const struct lists *l)
{
	const struct {
		const void *bytes;
		size_t n;
	} parts[] = {{l->threads, sizeof(l->threads)},
		     {l->words, sizeof(l->words)},
		     {l->ranges, sizeof(l->ranges)}};
	uint64_t mark = TABLES_LIST_AT;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		uint64_t off = *size;
		uint8_t *at = memmem(core, *size, &mark, sizeof(mark));

		memcpy(at, &off, sizeof(off));
		core = realloc(core, *size + parts[i].n);
		memcpy(core + *size, parts[i].bytes, parts[i].n);
		*size += parts[i].n;
	}
	return core;
}

static void add_sample(struct tables_build *t, addr_t addr, uint64_t size, uint32_t site,
		       uint64_t interval)
{
	struct heapimage_site *s = tables_build_site_at(t, site);

	tables_build_sample(t, &(struct heapimage_sample){.addr = addr,
							  .size = size,
							  .site = site,
							  .interval = interval,
							  .time_ns = 2000000000 + addr % 4096,
							  .tid = BUILT_TID});
	s->alloc_objects_q16 += 3 << 16;
	s->alloc_bytes += 3 * size;
	s->freed_objects_q16 += 1 << 16;
	s->freed_bytes += size;
}

static void fill(struct heap_build *h, struct tables_build *t, struct lists *l)
{
	const struct heapimage_module gone = {.lo = 0x70000000,
					      .hi = 0x70002000,
					      .n_build_id = 4,
					      .build_id = {0xab, 0xcd, 0xef, 0x01},
					      .path = "/usr/lib/plugin.so"};
	addr_t kept = heap_build_alloc(h, 0, 100), pool = heap_build_alloc(h, 0, 2000);
	addr_t queued = heap_build_alloc(h, 0, 40), epolled = heap_build_alloc(h, 0, 40);
	addr_t lost = heap_build_alloc(h, 0, 3000), stale = heap_build_alloc(h, 0, 60);

	heap_build_put(h, BUILT_GLOBALS, kept);
	heap_build_put(h, kept, pool);
	heap_build_put(h, kept + 8, pool + 64);
	heap_build_put(h, QUEUE, queued);
	heap_build_release(h, stale);
	l->words[0].word = epolled;
	tables_build_site(t, (addr_t[]){BUILT_EXE + 0x100, BUILT_EXE + 0x200}, 2);
	tables_build_site(t, (addr_t[]){0x70000100, BUILT_EXE + 0x300}, 2);
	tables_build_module(t, &gone);
	add_sample(t, kept, 90, MAIN, 512);
	add_sample(t, lost, 3000, OTHER, 512);
	add_sample(t, queued, 33, MAIN, 512);
	add_sample(t, stale, 60, MAIN, 512);
	tables_build_region(t, QUEUE, 64, 1, "queue");
	tables_build_region(t, pool + 64, 128, 2, "conn");
}

int main(int argc, char **argv)
{
	struct lists l = {.threads = {{.tid = BUILT_TID, .state = 1, .name = "main"},
				      {.tid = BUILT_TID + 1, .state = 2, .name = "worker"}},
			  .words = {{.kind = 1, .fd = 5, .target_fd = 7}},
			  .ranges = {{0x71000000, 0x71010000, HEAPIMAGE_DONTDUMP, 0},
				     {0x72000000, 0x72001000, HEAPIMAGE_UNREADABLE, 14}}};
	struct heap_build *h = heap_build_new(MACHINE_X86_64);
	struct tables_build t;
	uint8_t *bytes;
	size_t n;

	if (argc != 2)
		return 2;
	tables_build_init(&t, heap_build_core(h), TABLES);
	core_build_map(heap_build_core(h), QUEUE, 4096, PROT_R | PROT_W);
	t.anchor.interval = 512;
	fill(h, &t, &l);
	tables_build_finish(&t);
	add_notes(heap_build_core(h));
	bytes = add_lists(heap_build_finish(h, &n), &n, &l);
	core_build_save(argv[1], bytes, n);
	free(bytes);
	heap_build_free(h);
	return 0;
}
