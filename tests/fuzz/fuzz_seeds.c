/*
 * Writes what the fuzzers start from: fuzz_seeds FOLDER makes FOLDER/fuzz_core, …, with built cores
 * and packed bytes. What a fuzzer found is kept in tests/fuzz/corpus.
 */
#include <lz4frame.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#include "heapimage.h"
#include "tests/fuzz/fuzz_tables.h"

static const char *folder;

static void save(const char *target, const char *name, const void *bytes, size_t n)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", folder, target);
	mkdir(path, 0777);
	snprintf(path, sizeof(path), "%s/%s/%s", folder, target, name);
	core_build_save(path, bytes, n);
}

/* Every kind of note, a segment in part, two threads. */
static void seed_notes(enum machine machine, const char *name)
{
	struct core_build *b = core_build_new(machine);
	uint8_t vector[64] = {1, 2, 3};
	struct built_thread t = {.tid = 1, .tp = 0x7000, .fpregs = vector, .n_fpregs = 64};
	uint8_t *bytes;
	size_t n;

	core_build_map(b, 0x10000, 64, PROT_R | PROT_X);
	core_build_map_part(b, 0x20000, 0x1000, 32, PROT_R | PROT_W);
	core_build_thread(b, &t);
	core_build_process(b, 1, "name", "name -x");
	core_build_signal(b, 11, 1, 0x1234);
	core_build_thread(b, &t);
	core_build_auxv(b, AT_PAGESZ, 4096);
	core_build_file(b, 0x10000, 0x11000, 0, "/nonexistent/a");
	core_build_file(b, 0x20000, 0x21000, 1, "/nonexistent/b");
	bytes = core_build_finish(b, &n);
	save("fuzz_core", name, bytes, n);
	save("fuzz_session", name, bytes, n);
	free(bytes);
	core_build_free(b);
}

/* Objects that hold each other, in every state, in n_arenas arenas. */
static void fill(struct heap_build *h, size_t n_arenas)
{
	addr_t last = 0;

	for (size_t arena = 0; arena < n_arenas; arena++) {
		arena = arena ? heap_build_arena(h) : 0;
		for (uint64_t i = 0; i < 30; i++) {
			addr_t a = heap_build_alloc(h, arena, 24 + i % 5 * 24);

			if (i % 6 == 1)
				heap_build_release(h, a);
			else if (i % 6 == 2)
				heap_build_cache(h, a);
			else if (i % 6 == 4)
				heap_build_fast(h, a);
			else
				heap_build_put(h, a + 8, last);
			last = i % 6 == 0 || i % 6 == 3 ? a : last;
		}
	}
	heap_build_put(h, BUILT_GLOBALS + 16, last);
	heap_build_put(h, BUILT_STACK + 0x900, heap_build_alloc(h, 0, 40));
	heap_build_thread(h)->gpr[3] = heap_build_alloc(h, 0, 40);
}

static void seed_heap(enum machine machine, size_t n_arenas, bool mapped, const char *name)
{
	struct heap_build *h = heap_build_new(machine);
	uint8_t *bytes;
	size_t n;

	fill(h, n_arenas);
	if (mapped)
		heap_build_put(h, BUILT_GLOBALS, heap_build_mmap(h, 4000));
	bytes = heap_build_finish(h, &n);
	save("fuzz_session", name, bytes, n);
	save("fuzz_core", name, bytes, n > 4096 ? 4096 : n);
	free(bytes);
	heap_build_free(h);
}

/* A sampler's tables: one sample of each object, two sites, a module, a root. */
static void put_anchor(struct heap_build *h, addr_t at, const addr_t *objects, size_t n)
{
	struct heapimage_anchor a = {.self = at, .major = HEAPIMAGE_MAJOR, .size = sizeof(a)};
	struct heapimage_site *sites;
	struct heapimage_sample *samples;
	struct heapimage_region *region;

	memcpy(a.magic, HEAPIMAGE_MAGIC, sizeof(a.magic));
	a.machine = EM_X86_64;
	a.pid = BUILT_TID;
	a.interval = 512 << 10;
	a.own_size = 0x1000;
	a.samples = (struct heapimage_table){at + 0x200, n, n, sizeof(*samples), 0};
	a.sites = (struct heapimage_table){at + 0x400, 2, 2, sizeof(*sites), 0};
	a.frames = (struct heapimage_table){at + 0x500, 4, 4, 8, 0};
	a.modules = (struct heapimage_table){at + 0x600, 1, 1, sizeof(struct heapimage_module), 0};
	a.regions = (struct heapimage_table){at + 0x700, 1, 1, sizeof(*region), 0};
	a.crc = (uint32_t)crc32(0, (const void *)&a, 64);
	core_build_map(heap_build_core(h), at, 0x1000, PROT_R | PROT_W);
	memcpy(core_build_at(heap_build_core(h), at, sizeof(a)), &a, sizeof(a));
	samples = (void *)core_build_at(heap_build_core(h), at + 0x200, n * sizeof(*samples));
	sites = (void *)core_build_at(heap_build_core(h), at + 0x400, 2 * sizeof(*sites));
	region = (void *)core_build_at(heap_build_core(h), at + 0x700, sizeof(*region));
	for (size_t i = 0; i < n; i++)
		samples[i] = (struct heapimage_sample){.addr = objects[i],
						       .size = 40,
						       .interval = a.interval,
						       .serial = i + 1,
						       .site = i % 2,
						       .state = HEAPIMAGE_LIVE,
						       .weight_q16 = 65536 * 100};
	for (size_t i = 0; i < 2; i++) {
		sites[i] = (struct heapimage_site){.first_frame = 2 * i,
						   .n_frames = 2,
						   .state = HEAPIMAGE_LIVE,
						   .alloc_objects_q16 = 65536 * 200,
						   .alloc_bytes = 8000};
		heap_build_put(h, at + 0x500 + 16 * i, BUILT_EXE + 0x100);
		heap_build_put(h, at + 0x508 + 16 * i, BUILT_EXE + 0x200);
	}
	*region = (struct heapimage_region){BUILT_GLOBALS, 64, 1, HEAPIMAGE_LIVE, 0, 0, "pool"};
}

#define LIST_AT 0xfeedfacefeedface /* stands for a list's file offset until that is known */

static void add_list(struct core_build *b, uint32_t type, uint32_t n, uint32_t entry_size)
{
	struct heapimage_list l = {LIST_AT, n * entry_size, n, entry_size, 0, 0};

	core_build_note(b, "HEAPDUMP", type, &l, sizeof(l));
}

static void seed_image(void)
{
	struct heap_build *h = heap_build_new(MACHINE_X86_64);
	struct core_build *b = heap_build_core(h);
	struct heapimage_info info = {.major = HEAPIMAGE_MAJOR, .size = sizeof(info), .method = 1};
	struct heapimage_anchor_note note = {0x50000000, sizeof(struct heapimage_anchor)};
	uint64_t list[16], mark = LIST_AT;
	addr_t objects[4];
	uint8_t *bytes, *at;
	size_t n;

	for (size_t i = 0; i < 4; i++)
		objects[i] = heap_build_alloc(h, 0, 40);
	put_anchor(h, note.addr, objects, 4);
	core_build_note(b, "HEAPDUMP", HEAPIMAGE_NOTE_INFO, &info, sizeof(info));
	core_build_note(b, "HEAPDUMP", HEAPIMAGE_NOTE_ANCHOR, &note, sizeof(note));
	core_build_note(b, "HEAPDUMP", HEAPIMAGE_NOTE_WHY, "it grew", 7);
	add_list(b, HEAPIMAGE_NOTE_THREADS, 2, sizeof(struct heapimage_thread));
	add_list(b, HEAPIMAGE_NOTE_MODULES, 1, sizeof(struct heapimage_module));
	add_list(b, HEAPIMAGE_NOTE_KERNEL, 2, sizeof(struct heapimage_kernel_word));
	add_list(b, HEAPIMAGE_NOTE_RANGES, 2, sizeof(struct heapimage_range));
	bytes = heap_build_finish(h, &n);
	/* the lists share the bytes behind the core */
	bytes = realloc(bytes, n + sizeof(list));
	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		list[i] = i % 2 ? objects[1] + 64 * i : objects[0];
	memcpy(bytes + n, list, sizeof(list));
	while ((at = memmem(bytes, n, &mark, 8)))
		memcpy(at, &n, 8);
	n += sizeof(list);
	save("fuzz_session", "image", bytes, n);
	save("fuzz_core", "image", bytes, n);
	free(bytes);
	heap_build_free(h);
}

/* Tables with all kinds of entries, as fuzz_tables.c takes them: their memory. */
static void seed_tables(uint64_t interval, const char *name)
{
	addr_t objects[FUZZ_OBJECTS];
	struct heap_build *h = fuzz_tables_heap(objects);
	struct heapimage_module module = {BUILT_EXE, BUILT_EXE + 0x1000, 1, 3, .path_size = 4};
	struct tables_build t;

	tables_build_init(&t, heap_build_core(h), FUZZ_TABLES);
	t.anchor.interval = interval;
	strcpy(module.path, "/a/b");
	for (uint32_t i = 0; i < 4; i++)
		tables_build_site(&t, (addr_t[]){BUILT_EXE + 0x100 * (i + 1), BUILT_EXE, 7}, 3);
	for (uint32_t i = 0; i < FUZZ_OBJECTS; i++)
		tables_build_sample(&t, &(struct heapimage_sample){.addr = objects[i],
								   .size = 40,
								   .interval = interval,
								   .tid = BUILT_TID + i % 3,
								   .site = i % 5});
	tables_build_sample(&t, &(struct heapimage_sample){.addr = FUZZ_POOL + 64, .size = 40});
	tables_build_module(&t, &module);
	tables_build_region(&t, BUILT_GLOBALS, 64, 1, "root");
	tables_build_region(&t, objects[7] + 64, 256, 2, "piece");
	tables_build_region(&t, objects[7] + 512, 100, 2, "piece");
	tables_build_region(&t, FUZZ_POOL + 0x1000, 64, 2, "far");
	tables_build_region(&t, objects[7] + 64, 256, 2, "again");
	tables_build_region(&t, objects[7] + 64, 5000, 2, "too large");
	tables_build_finish(&t);
	save("fuzz_tables", name,
	     core_build_at(heap_build_core(h), FUZZ_TABLES, TABLES_PAGES * TABLES_PAGE),
	     TABLES_PAGES * TABLES_PAGE);
	heap_build_free(h);
}

static void save_packed(uint8_t which, const char *name, const void *packed, size_t n)
{
	uint8_t all[4096];

	all[0] = which;
	memcpy(all + 1, packed, n);
	save("fuzz_unpack", name, all, n + 1);
}

static void seed_packed(void)
{
	uint8_t plain[6000] = {0}, packed[4095];
	z_stream z = {.next_in = plain, .avail_in = sizeof(plain)};

	memset(plain + 1000, 'x', 3000);
	for (size_t i = 5000; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i * i >> 3);
	save_packed(0, "zstd", packed,
		    ZSTD_compress(packed, sizeof(packed), plain, sizeof(plain), 3));
	save_packed(1, "lz4", packed,
		    LZ4F_compressFrame(packed, sizeof(packed), plain, 2000, NULL));
	deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
	z.next_out = packed;
	z.avail_out = sizeof(packed);
	deflate(&z, Z_FINISH);
	save_packed(2, "gzip", packed, z.total_out);
	deflateEnd(&z);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	folder = argv[1];
	mkdir(folder, 0777);
	seed_notes(MACHINE_X86_64, "notes-x86-64");
	seed_notes(MACHINE_AARCH64, "notes-aarch64");
	seed_heap(MACHINE_X86_64, 1, false, "heap-x86-64");
	seed_heap(MACHINE_AARCH64, 1, true, "heap-aarch64");
	seed_heap(MACHINE_X86_64, 3, true, "arenas-x86-64");
	seed_image();
	seed_tables(1, "all");
	seed_tables(4096, "some");
	seed_packed();
	return 0;
}
