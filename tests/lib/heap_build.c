/*
 * Chunks are only listed while a test allocates; finish writes headers, bins and lists:
 *
 *	brk   [ tcache struct ][ chunk ][ chunk ] … [ top      ]
 *	heap  { heap_info, malloc_state }[ chunk ] … [ top      ]
 *
 *	chunk  ┬ size of the one before, if free │ size │ flags ┬ user …
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/heap_build.h"

#define PAGE	   0x1000ull
#define HEAP_SPAN  0x4000000ull
#define BRK_SIZE   0x8000ull
#define HEAP_SIZE  0x3000ull
#define HEAP_INFO  0x30
#define TCP	   (BUILT_TCB + PAGE)	 /* the thread pointer */
#define DTV	   (BUILT_TCB + 0x50)	 /* its length word lies 16 bytes below */
#define LIBC_DYN   (BUILT_LIBC + 0x2e00) /* PT_DYNAMIC of libc */
#define LIBC_TLS   0x40			 /* bytes of libc's TLS block; `tcache` is at 0x10 of it */
#define R_DEBUG	   (BUILT_EXE + 0x1100)
#define LINK_MAP_1 (BUILT_EXE + 0x1200)
#define LINK_MAP_2 (BUILT_EXE + 0x1300)

enum { N_BINS = 127, N_CACHE_BINS = 64, MAX_ARENAS = 64, TCACHE_CHUNK = 0x290 };

enum built_state { USED, FREE, FAST, CACHED, INTERNAL };

struct built_chunk {
	addr_t at;
	uint64_t size;
	size_t arena;
	enum built_state state;
};

struct built_arena {
	addr_t state, end, next; /* of the memory, of the next chunk */
	uint64_t system_mem;
};

struct heap_build {
	enum machine machine;
	struct core_build *core;
	struct built_arena arenas[MAX_ARENAS];
	size_t n_arenas;
	VEC(struct built_chunk) chunks; /* of each arena by address */
	uint32_t n_mmaps;
	uint64_t mmapped, mmapped_usable;
	addr_t next_mmap;
	struct built_thread thread;
};

static void die(const char *what)
{
	fprintf(stderr, "heap_build: %s\n", what);
	abort();
}

void heap_build_put(struct heap_build *h, addr_t at, uint64_t word)
{
	core_build_put(h->core, at, word);
}

/* The headers of an ELF file of one read-only page and n writable bytes behind it. */
static void put_headers(struct heap_build *h, addr_t base, uint64_t n, addr_t dyn, addr_t tls)
{
	Elf64_Ehdr eh = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_DYN,
		.e_machine = h->machine == MACHINE_AARCH64 ? EM_AARCH64 : EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = tls ? 4 : 3,
	};
	Elf64_Phdr ph[] = {
		{PT_LOAD, PF_R | PF_X, 0, 0, 0, PAGE, PAGE, PAGE},
		{PT_LOAD, PF_R | PF_W, PAGE, PAGE, PAGE, n, n, PAGE},
		{PT_DYNAMIC, PF_R | PF_W, dyn - base, dyn - base, 0, 0x40, 0x40, 8},
		{PT_TLS, PF_R, tls - base, tls - base, 0, 8, LIBC_TLS, 8},
	};

	memcpy(core_build_at(h->core, base, sizeof(eh)), &eh, sizeof(eh));
	memcpy(core_build_at(h->core, base + sizeof(eh), sizeof(ph)), ph, sizeof(ph));
}

static void map_module(struct heap_build *h, addr_t base, uint64_t n, const char *path)
{
	core_build_map(h->core, base, PAGE, PROT_R | PROT_X);
	core_build_map(h->core, base + PAGE, n, PROT_R | PROT_W);
	core_build_file(h->core, base, base + PAGE, 0, path);
	core_build_file(h->core, base + PAGE, base + PAGE + n, 1, path);
}

static void put_link_map(struct heap_build *h, addr_t at, addr_t bias, addr_t dyn, addr_t next)
{
	heap_build_put(h, at, bias);
	heap_build_put(h, at + 8, at + 0x78); /* an empty name */
	heap_build_put(h, at + 16, dyn);
	heap_build_put(h, at + 24, next);
}

/* The loader's list; libc's entry with its row of TLS numbers. */
static void put_loader(struct heap_build *h)
{
	const uint64_t row[] = {BUILT_LIBC + 0x2f00,
				8,
				LIBC_TLS,
				8,
				0,
				h->machine == MACHINE_AARCH64 ? 0x10 : LIBC_TLS,
				1};

	heap_build_put(h, BUILT_EXE + PAGE, DT_DEBUG);
	heap_build_put(h, BUILT_EXE + PAGE + 8, R_DEBUG);
	heap_build_put(h, R_DEBUG, 1);
	heap_build_put(h, R_DEBUG + 8, LINK_MAP_1);
	put_link_map(h, LINK_MAP_1, BUILT_EXE, BUILT_EXE + PAGE, LINK_MAP_2);
	put_link_map(h, LINK_MAP_2, BUILT_LIBC, LIBC_DYN, 0);
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		heap_build_put(h, LINK_MAP_2 + 0x80 + 8 * i, row[i]);
}

static addr_t libc_block(const struct heap_build *h)
{
	return h->machine == MACHINE_AARCH64 ? TCP + 0x10 : TCP - LIBC_TLS;
}

static void put_thread(struct heap_build *h)
{
	bool arm = h->machine == MACHINE_AARCH64;

	core_build_map(h->core, BUILT_TCB, 2 * PAGE, PROT_R | PROT_W);
	core_build_map(h->core, BUILT_STACK, PAGE, PROT_R | PROT_W);
	heap_build_put(h, TCP, arm ? DTV : TCP);
	heap_build_put(h, TCP + 8, arm ? 0 : DTV);
	if (!arm)
		heap_build_put(h, TCP + 16, TCP);
	core_build_put32(h->core, arm ? TCP - 2304 + 0xd0 : TCP + 0x2d0, BUILT_TID);
	heap_build_put(h, DTV - 16, 2);
	heap_build_put(h, DTV + 16, libc_block(h));
	heap_build_put(h, libc_block(h) + 0x10, heap_build_tcache(h));
	h->thread = (struct built_thread){.tid = BUILT_TID, .signal = 6, .tp = TCP};
	h->thread.gpr[arm ? 31 : 7] = BUILT_STACK + PAGE / 2;
	h->thread.gpr[arm ? 32 : 16] = BUILT_EXE + 0x300;
}

static struct built_chunk *add_chunk(struct heap_build *h, size_t arena, uint64_t size)
{
	struct built_arena *a = &h->arenas[arena];
	struct built_chunk c = {a->next, size, arena, USED};

	if (arena >= h->n_arenas || size > a->end - a->next - 0x20)
		die("the arena is full");
	a->next += size;
	if (vec_push(&h->chunks, c) < 0)
		die("out of memory");
	return &h->chunks.v[h->chunks.n - 1];
}

struct heap_build *heap_build_new(enum machine machine)
{
	struct heap_build *h = calloc(1, sizeof(*h));

	if (!h)
		die("out of memory");
	h->machine = machine;
	h->core = core_build_new(machine);
	map_module(h, BUILT_EXE, PAGE, "/nonexistent/bin/app");
	map_module(h, BUILT_LIBC, 2 * PAGE, "/nonexistent/lib/libc.so.6");
	put_headers(h, BUILT_EXE, PAGE, BUILT_EXE + PAGE, 0);
	put_headers(h, BUILT_LIBC, 2 * PAGE, LIBC_DYN, BUILT_LIBC + 0x2f00);
	core_build_map(h->core, BUILT_BRK, BRK_SIZE, PROT_R | PROT_W);
	h->arenas[0] = (struct built_arena){BUILT_ARENA, BUILT_BRK + BRK_SIZE, BUILT_BRK, BRK_SIZE};
	h->n_arenas = 1;
	h->next_mmap = BUILT_MMAPPED;
	put_loader(h);
	put_thread(h);
	add_chunk(h, 0, TCACHE_CHUNK)->state = INTERNAL;
	return h;
}

void heap_build_free(struct heap_build *h)
{
	core_build_free(h->core);
	vec_deinit(&h->chunks);
	free(h);
}

struct core_build *heap_build_core(struct heap_build *h)
{
	return h->core;
}

struct built_thread *heap_build_thread(struct heap_build *h)
{
	return &h->thread;
}

addr_t heap_build_tcache(const struct heap_build *h)
{
	return BUILT_BRK + 16;
}

addr_t heap_build_state(const struct heap_build *h, size_t arena)
{
	return h->arenas[arena].state;
}

size_t heap_build_arena(struct heap_build *h)
{
	addr_t heap = BUILT_HEAPS + HEAP_SPAN * h->n_arenas;
	addr_t state = heap + HEAP_INFO, first = state + BUILT_STATE_SIZE;

	if (h->n_arenas == MAX_ARENAS)
		die("too many arenas");
	core_build_map(h->core, heap, HEAP_SIZE, PROT_R | PROT_W);
	heap_build_put(h, heap, state);
	heap_build_put(h, heap + 16, HEAP_SIZE);
	heap_build_put(h, heap + 24, HEAP_SIZE);
	heap_build_put(h, heap + 32, PAGE);
	h->arenas[h->n_arenas] =
		(struct built_arena){state, heap + HEAP_SIZE, (first + 15) & ~15ull, HEAP_SIZE};
	return h->n_arenas++;
}

addr_t heap_build_alloc(struct heap_build *h, size_t arena, uint64_t size)
{
	uint64_t n = (size + 8 + 15) & ~15ull;

	return add_chunk(h, arena, n < 32 ? 32 : n)->at + 16;
}

addr_t heap_build_mmap(struct heap_build *h, uint64_t size)
{
	uint64_t n = (size + 16 + PAGE - 1) & ~(PAGE - 1);
	addr_t at = h->next_mmap;

	core_build_map(h->core, at, n, PROT_R | PROT_W);
	heap_build_put(h, at + 8, n | 2);
	h->next_mmap += n + PAGE;
	h->n_mmaps++;
	h->mmapped += n;
	h->mmapped_usable += n - 16;
	return at + 16;
}

static void set_state(struct heap_build *h, addr_t object, enum built_state state)
{
	for (size_t i = 0; i < h->chunks.n; i++)
		if (h->chunks.v[i].at == object - 16) {
			h->chunks.v[i].state = state;
			return;
		}
	die("no such object");
}

void heap_build_release(struct heap_build *h, addr_t object)
{
	set_state(h, object, FREE);
}

void heap_build_fast(struct heap_build *h, addr_t object)
{
	set_state(h, object, FAST);
}

void heap_build_cache(struct heap_build *h, addr_t object)
{
	set_state(h, object, CACHED);
}

/* Pushes slot's chunk onto the list whose head word is at head; links are mangled with their place. */
static void push(struct heap_build *h, addr_t head, addr_t link, addr_t slot)
{
	heap_build_put(h, slot, core_build_get(h->core, head) ^ slot >> 12);
	heap_build_put(h, head, link);
}

/* Puts the chunk behind the head of the unsorted bin. */
static void put_unsorted(struct heap_build *h, addr_t state, addr_t chunk)
{
	addr_t bin = state + BUILT_BINS_OFF - 16, next = core_build_get(h->core, bin + 16);

	heap_build_put(h, chunk + 16, next);
	heap_build_put(h, chunk + 24, bin);
	heap_build_put(h, next + 24, chunk);
	heap_build_put(h, bin + 16, chunk);
}

static void put_chunk(struct heap_build *h, const struct built_chunk *c, bool prev_in_use)
{
	addr_t state = h->arenas[c->arena].state, tcache = heap_build_tcache(h), count;
	uint64_t bin = c->size / 16 - 2;

	heap_build_put(h, c->at + 8, c->size | prev_in_use | (c->arena ? 4 : 0));
	if (c->state == FREE) {
		heap_build_put(h, c->at + c->size, c->size);
		put_unsorted(h, state, c->at);
	}
	if (c->state == FAST)
		push(h, state + 16 + 8 * bin, c->at, c->at + 16);
	if (c->state == CACHED) {
		push(h, tcache + 2 * N_CACHE_BINS + 8 * bin, c->at + 16, c->at + 16);
		count = tcache + 2 * bin;
		++*core_build_at(h->core, count, 1);
	}
}

/* malloc_state with empty bins. */
static void put_state(struct heap_build *h, size_t i)
{
	const struct built_arena *a = &h->arenas[i];
	addr_t bins = a->state + BUILT_BINS_OFF, tail = bins + 16 * N_BINS + 16;

	heap_build_put(h, a->state, i ? 2ull << 32 : 0); /* thread arenas are not contiguous */
	for (addr_t head = bins; head < bins + 16 * N_BINS; head += 16) {
		heap_build_put(h, head, head - 16);
		heap_build_put(h, head + 8, head - 16);
	}
	heap_build_put(h, bins - 16, a->next);
	heap_build_put(h, tail, h->arenas[(i + 1) % h->n_arenas].state);
	heap_build_put(h, tail + 16, 1);
	heap_build_put(h, tail + 24, a->system_mem);
	heap_build_put(h, tail + 32, a->system_mem);
}

static void put_arena(struct heap_build *h, size_t arena)
{
	const struct built_arena *a = &h->arenas[arena];
	bool prev_in_use = true;

	put_state(h, arena);
	for (size_t i = 0; i < h->chunks.n; i++) {
		if (h->chunks.v[i].arena != arena)
			continue;
		put_chunk(h, &h->chunks.v[i], prev_in_use);
		prev_in_use = h->chunks.v[i].state != FREE;
	}
	heap_build_put(h, a->next + 8, (a->end - a->next) | prev_in_use);
}

static void put_params(struct heap_build *h)
{
	heap_build_put(h, BUILT_PARAMS, h->n_mmaps | 65536ull << 32);
	heap_build_put(h, BUILT_PARAMS + 8, h->n_mmaps);
	heap_build_put(h, BUILT_PARAMS + 16, h->mmapped);
	heap_build_put(h, BUILT_PARAMS + 24, h->mmapped);
	heap_build_put(h, BUILT_PARAMS + 32, BUILT_BRK);
}

uint8_t *heap_build_finish(struct heap_build *h, size_t *size)
{
	for (size_t i = 0; i < h->n_arenas; i++)
		put_arena(h, i);
	put_params(h);
	core_build_thread(h->core, &h->thread);
	core_build_process(h->core, BUILT_TID, "app", "app --built");
	core_build_signal(h->core, 6, 0, 0);
	core_build_auxv(h->core, AT_PHDR, BUILT_EXE + sizeof(Elf64_Ehdr));
	core_build_auxv(h->core, AT_RANDOM, BUILT_STACK + PAGE - 64);
	return core_build_finish(h->core, size);
}

struct built_sums heap_build_sums(const struct heap_build *h)
{
	struct built_sums s = {.n_used = h->n_mmaps, .used_usable = h->mmapped_usable};

	for (size_t i = 0; i < h->chunks.n; i++) {
		const struct built_chunk *c = &h->chunks.v[i];

		if (c->state == USED) {
			s.n_used++;
			s.used_usable += c->size - 8;
		}
		s.n_cached += c->state == CACHED;
		s.cached += c->state == CACHED ? c->size : 0;
		s.n_fast += c->state == FAST;
		s.fast += c->state == FAST ? c->size : 0;
		s.n_free += c->state == FREE;
		s.free += c->state == FREE ? c->size : 0;
	}
	for (size_t i = 0; i < h->n_arenas; i++) {
		s.n_free++;
		s.free += h->arenas[i].end - h->arenas[i].next;
	}
	return s;
}
