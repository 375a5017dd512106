/*
 * Private to the glibc walker's files: what they know of one process's malloc.
 *
 *	glibc_layout.c   where the fields of malloc_state, heap_info and mp_ are
 *	glibc_arenas.c   arenas, their heaps, the regions of chunks
 *	glibc_bins.c     fastbins → taken; bins and top → the cross-check
 *	glibc_tcache.c   thread caches → taken
 *	glibc_chunks.c   the size walk over the regions, minus taken → objects
 *	glibc_resync.c   where a walk can go on behind damage
 *	glibc_mmapped.c  chunks with a mapping of their own
 */
#ifndef HEAPDUMP_HEAP_GLIBC_H
#define HEAPDUMP_HEAP_GLIBC_H

#include <string.h>

#include "analyze/heap/heap.h"

enum {
	CHUNK_PREV_IN_USE = 1,
	CHUNK_MMAPPED = 2,
	CHUNK_NON_MAIN = 4,
	CHUNK_HEADER = 16, /* two words: the chunk before's size, one's own size and flags */
	CHUNK_MIN = 32,
	CHUNK_ALIGN = 16,
	FENCE_SIZE = 16, /* the fenceposts that close an abandoned top */
	PAGE = 4096,	 /* what sizes are multiples of; larger pages are multiples of it */
	N_BINS = 127,
	N_FASTBINS = 10,
	BINS_BYTES = N_BINS * 16,
};

/* Far above what any process has; bounds what a crafted ring costs. */
#define GLIBC_ARENAS_MAX 16384

extern const uint32_t glibc_layout_bins_off[3]; /* of the releases known, newest but one first */

#define HEAP_SPAN_DEFAULT (64ull << 20) /* HEAP_MAX_SIZE of 64-bit glibc */

/* The last run looked into, so that a walk asks the space once per run and not per word. */
struct glibc_view {
	const struct space *space;
	addr_t lo;
	uint64_t size;
	const uint8_t *data;
};

struct glibc_params {
	addr_t addr; /* of mp_.mmapped_mem, two words before sbrk_base; 0: not found */
	uint64_t n_mmaps, mmapped_bytes;
	addr_t sbrk_base;
};

struct glibc_arena {
	addr_t state; /* 0: main_arena is not in the dump, only its chunks are */
	uint32_t
		bins_off; /* of bins[] in malloc_state: 112, 104 before 2.27, 24 without fastbins */
	bool is_main, contiguous;
	addr_t top; /* 0: it has no chunks yet */
	uint64_t top_size;
	uint64_t system_bytes;
	uint64_t overhead; /* heap_info, malloc_state, fenceposts, foreign sbrk: in uordblks */
	bool damaged;
	struct glibc_params params; /* of the main arena's libc */
	struct heap_arena sums;
};

/* A run of adjacent chunks. */
struct glibc_region {
	addr_t base; /* what the arena got from the system starts here */
	addr_t lo;   /* the first chunk's header */
	addr_t hi;   /* end of the last chunk: of top, or of the heap */
	uint32_t arena;
	bool in_heap; /* a heap_info's: ends in a chunk of size 0; else brk or a piece in its stead */
};

enum glibc_taken_kind { TAKEN_FAST, TAKEN_CACHED, TAKEN_TCACHE };

/* A chunk that is marked in use but no live object. */
struct glibc_taken {
	addr_t chunk;
	enum glibc_taken_kind kind;
};

struct glibc {
	struct walk *w;
	struct glibc_view view;
	VEC(struct glibc_arena) arenas;	  /* each main arena before its ring's others */
	VEC(struct glibc_region) regions; /* sorted, disjoint */
	VEC(struct glibc_taken) taken;	  /* sorted by chunk, unique */
	struct heap_arena mapped;	  /* sums of the chunks with a mapping of their own */
	uint64_t heap_span;		  /* alignment of heaps */
	uint64_t state_budget;		  /* malloc_states that may still be looked at */
	uint64_t tls_budget;		  /* words that may still be taken for a cache's address */
	uint64_t list_budget;	/* links that may still be followed: bounds crafted lists */
	uint64_t resync_budget; /* words that may still be tried */
	bool resync_ended;	/* none was left, and that has been said */
	bool has_symbols;
};

/* Points the view at the run that holds [a, a + 8). */
bool glibc_view_move(struct glibc_view *v, addr_t a);

/* The first readable, aligned word at or above a; end if there is none below end. */
addr_t glibc_view_next(struct glibc_view *v, addr_t a, addr_t end);

static inline bool glibc_word(struct glibc_view *v, addr_t a, uint64_t *out)
{
	uint64_t d = a - v->lo;

	if (__builtin_expect(d >= v->size || v->size - d < 8, 0)) {
		if (!glibc_view_move(v, a))
			return false;
		d = a - v->lo;
	}
	memcpy(out, v->data + d, 8);
	return true;
}

static inline uint64_t glibc_chunk_size(uint64_t head)
{
	return head & ~7ull;
}

/* Two words make a chunk that could stand in the region; size 16 (a fencepost) passes too. */
static inline bool glibc_head_fits(const struct glibc_region *r, addr_t chunk, uint64_t head)
{
	uint64_t size = glibc_chunk_size(head);

	return size >= FENCE_SIZE && !(size & (CHUNK_ALIGN - 1)) && !(head & CHUNK_MMAPPED) &&
	       (r->in_heap || !(head & CHUNK_NON_MAIN)) && size <= r->hi - chunk;
}

/*
 * Memory of its own, behind no file. Pages of MAP_HUGETLB (glibc.malloc.hugetlb=2) are, although the
 * kernel names a file for them.
 */
static inline bool glibc_is_anonymous(const struct mapping *m)
{
	return !m->path || !strncmp(m->path, "/anon_hugepage", 14);
}

/* The end of the adjacent writable mappings that hold a; a itself if there are none. */
addr_t glibc_extent_end(const struct space *s, addr_t a);

/* The start of the adjacent writable mappings that hold a. */
addr_t glibc_extent_start(const struct space *s, addr_t a);

/* glibc_layout.c: finds every main arena and its mp_. */
WARN_UNUSED int glibc_layout_find(struct glibc *g, struct err *err);

/* Whether state looks like a malloc_state with its bins at bins_off; fills what is read from it. */
bool glibc_layout_state(struct glibc *g, addr_t state, uint32_t bins_off, struct glibc_arena *out);

/* sizeof(struct malloc_state). */
uint64_t glibc_layout_state_size(const struct glibc_arena *a);

/* Address of malloc_state.next. */
addr_t glibc_layout_next(addr_t state, uint32_t bins_off);

/* glibc_arenas.c: the other arenas of each ring, then heaps and regions; claims them. */
WARN_UNUSED int glibc_arenas_find(struct glibc *g, struct err *err);

/*
 * Without main_arena (its page is not in the dump): arenas that their own heaps name, and the brk
 * heap by its chunks alone.
 */
WARN_UNUSED int glibc_arenas_orphans(struct glibc *g, struct err *err);

/* The region that holds the chunk, or NULL. O(log regions). */
const struct glibc_region *glibc_arenas_region(const struct glibc *g, addr_t chunk);

/* glibc_bins.c */
WARN_UNUSED int glibc_bins_take_fast(struct glibc *g, struct err *err);
void glibc_bins_check(struct glibc *g);

/*
 * Follows one list of user pointers from first (next in the chunk's first word, plain or mangled,
 * whichever validates) and takes its chunks; size 0 allows any. *n_taken: how many, *whole: it
 * ended in NULL.
 */
struct glibc_list {
	addr_t first;
	uint64_t size, max;
	bool is_fast; /* links chunks, not user pointers */
	enum glibc_taken_kind kind;
	uint64_t n_taken;
	bool whole;
};
WARN_UNUSED int glibc_bins_take_list(struct glibc *g, struct glibc_list *l, struct err *err);

/* Sorts taken and drops doubles. */
void glibc_bins_sort_taken(struct glibc *g);

/* glibc_tcache.c */
WARN_UNUSED int glibc_tcache_take(struct glibc *g, struct err *err);

/* glibc_chunks.c: objects and sums of every region. */
WARN_UNUSED int glibc_chunks_walk(struct glibc *g, struct err *err);

/* glibc_resync.c: the lowest chunk from which a chain of chunks leads past beyond; 0: none. */
addr_t glibc_resync_find(struct glibc *g, const struct glibc_region *r, addr_t from, addr_t beyond);

/* Whether many chunks follow each other from the region's first. */
bool glibc_resync_starts(struct glibc *g, const struct glibc_region *r);

/*
 * The end of the chunks that start at a page and close, at a page's end, with fenceposts or the
 * arena's top (a piece mapped in brk's stead); 0: none do.
 */
addr_t glibc_resync_piece(struct glibc *g, const struct glibc_arena *a, struct range within);

/* Whether a chunk lies anywhere in taken, which is sorted. O(log taken). */
bool glibc_bins_is_taken(const struct glibc *g, addr_t chunk);

/* Whether the chunk has a mapping of its own, by its header. */
bool glibc_mmapped_is(struct glibc *g, addr_t chunk);

/* glibc_mmapped.c */
WARN_UNUSED int glibc_mmapped_walk(struct glibc *g, struct err *err);

#endif
