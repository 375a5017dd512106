/*
 * Builds the core of a small process whose memory glibc's malloc gave out: an executable, a libc
 * with main_arena and mp_, the loader's list, one thread with its TLS, brk memory, thread arenas
 * and mapped chunks. Files of the process exist nowhere (/nonexistent/…), as with a core from
 * another machine.
 *
 *	struct heap_build *h = heap_build_new(MACHINE_AARCH64);
 *	addr_t a = heap_build_alloc(h, 0, 48);
 *	heap_build_put(h, BUILT_GLOBALS, a);
 *	bytes = heap_build_finish(h, &size);
 *
 * The chunks and lists are written when it is finished, and may then be damaged by address and
 * finished again with core_build_finish(). Layout of glibc 2.36 (malloc/malloc.c, malloc/arena.c).
 */
#ifndef HEAPDUMP_TESTS_HEAP_BUILD_H
#define HEAPDUMP_TESTS_HEAP_BUILD_H

#include "tests/lib/core_build.h"

/* Where things are. */
#define BUILT_EXE     0x400000ull	/* a page of headers, then a page of data */
#define BUILT_GLOBALS 0x401800ull	/* the executable's variables: half a page */
#define BUILT_BRK     0x801000ull	/* brk memory */
#define BUILT_HEAPS   0x7e0000000000ull /* thread arenas, 64 MiB apart */
#define BUILT_MMAPPED 0x7e8000000000ull /* mapped chunks, with gaps between */
#define BUILT_LIBC    0x7f0000000000ull /* a page of headers, then two of data */
#define BUILT_PARAMS  0x7f0000001100ull /* mp_, as the walker sees it: from n_mmaps on */
#define BUILT_ARENA   0x7f0000001200ull /* main_arena */
#define BUILT_TCB     0x7f0000010000ull /* two pages with the thread pointer in the middle */
#define BUILT_STACK   0x7ffc00000000ull /* a page, the stack pointer in its middle */

enum { BUILT_TID = 4321, BUILT_BINS_OFF = 112, BUILT_STATE_SIZE = 2200 };

struct heap_build;

/* One thread, no objects. */
struct heap_build *heap_build_new(enum machine machine);
void heap_build_free(struct heap_build *h);
struct core_build *heap_build_core(struct heap_build *h);

/* A thread arena with a heap of its own; its number (main is 0). */
size_t heap_build_arena(struct heap_build *h);
addr_t heap_build_state(const struct heap_build *h, size_t arena);

/* What malloc(size) would have returned; the memory is mapped at once and zero. */
addr_t heap_build_alloc(struct heap_build *h, size_t arena, uint64_t size);

/* The same above mmap_threshold. */
addr_t heap_build_mmap(struct heap_build *h, uint64_t size);

/* How free() left it: in the unsorted bin, in its fastbin, in the thread's cache. */
void heap_build_release(struct heap_build *h, addr_t object);
void heap_build_fast(struct heap_build *h, addr_t object);
void heap_build_cache(struct heap_build *h, addr_t object);

/* The thread's registers, which start as 0 but for sp and pc. */
struct built_thread *heap_build_thread(struct heap_build *h);

void heap_build_put(struct heap_build *h, addr_t at, uint64_t word);

/* Where tcache's chunk is: what the thread's `tcache` points to. */
addr_t heap_build_tcache(const struct heap_build *h);

/* Writes chunks, bins and notes; once. Then the core. */
uint8_t *heap_build_finish(struct heap_build *h, size_t *size);

/* Bytes of chunks by state, over all arenas; for the sums. */
struct built_sums {
	uint64_t n_used, used_usable; /* objects, mapped ones included */
	uint64_t n_cached, cached;    /* chunk bytes */
	uint64_t n_fast, fast, n_free, free;
};
struct built_sums heap_build_sums(const struct heap_build *h);

#endif
