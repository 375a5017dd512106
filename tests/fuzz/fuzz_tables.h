/*
 * The process whose sampler's tables are fuzzed, and their place in it.
 */
#ifndef HEAPDUMP_TESTS_FUZZ_TABLES_H
#define HEAPDUMP_TESTS_FUZZ_TABLES_H

#include "tests/lib/heap_build.h"
#include "tests/lib/tables_build.h"

enum { FUZZ_TABLES = 0x50000000, FUZZ_POOL = 0x60000000, FUZZ_OBJECTS = 24 };

/* Objects of some sizes, some free, and a mapping that is nobody's. */
static inline struct heap_build *fuzz_tables_heap(addr_t *objects)
{
	struct heap_build *h = heap_build_new(MACHINE_X86_64);

	core_build_map(heap_build_core(h), FUZZ_POOL, 0x4000, PROT_R | PROT_W);
	for (size_t i = 0; i < FUZZ_OBJECTS; i++)
		objects[i] = heap_build_alloc(h, 0, i % 8 == 7 ? 4000 : 40 + 24 * (i % 5));
	for (size_t i = 0; i < FUZZ_OBJECTS; i += 6)
		heap_build_release(h, objects[i]);
	for (size_t i = 1; i + 1 < FUZZ_OBJECTS; i += 4)
		heap_build_put(h, BUILT_GLOBALS + 8 * i, objects[i]);
	return h;
}

#endif
