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

#include "tests/lib/heap_build.h"

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
	seed_packed();
	return 0;
}
