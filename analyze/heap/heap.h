/*
 * The heap of the process: all objects of all allocators, free and cached
 * memory counted, what could not be parsed named. Runs every walker, then makes
 * each unclaimed writable anonymous or shared mapping an OBJECT_MAPPING.
 */
#ifndef HEAPDUMP_HEAP_HEAP_H
#define HEAPDUMP_HEAP_HEAP_H

#include "analyze/heap/walker.h"

/* An allocator arena, for `info`. */
struct heap_arena {
	const char *kind;			    /* "main", "thread", "mmapped" */
	addr_t addr;				    /* of its state */
	uint64_t system_bytes;			    /* obtained from the system */
	uint64_t in_use_chunks, in_use_chunk_bytes; /* cached not included, internal bytes are */
	uint64_t cached_chunks, cached_chunk_bytes; /* tcache */
	uint64_t fast_chunks,
		fast_chunk_bytes; /* fastbins: free, but marked in use in the chunks */
	uint64_t free_chunks, free_chunk_bytes; /* bins and top */
	uint64_t lost_bytes; /* not walked, because of damage or missing dump pages */
};

/* An allocator that was recognised but cannot be parsed. */
struct heap_unknown {
	const char *name; /* "jemalloc", "tcmalloc", "mimalloc", "musl" */
	char *evidence;	  /* "module libjemalloc.so.2", "symbol mallocx in redis-server"; owned */
};

struct heap {
	struct objects objects;
	VEC(struct heap_arena) arenas;
	VEC(struct heap_unknown) unknown;
	uint64_t
		unknown_bytes; /* dumped bytes in unknown mappings, which an unknown allocator may own */
	bool is_absent;	       /* nothing that the process wrote to its own memory is in the dump */
	const char *allocator;	  /* "glibc malloc", or NULL: none recognised */
	char allocator_note[128]; /* how it was found: "by structure, libc has no debug symbols" */
	uint64_t
		in_use_chunk_bytes; /* chunk sizes, headers included, tcache excluded, mmapped included */
	uint64_t cached_chunks, cached_chunk_bytes;
	/*
	 * Used up, but no objects: thread caches' structs (the chunks), and arena headers, fenceposts,
	 * alignment, gaps that others took with sbrk (bytes only). Part of in_use_chunk_bytes, as
	 * mallinfo2 counts them too.
	 */
	uint64_t internal_chunks, internal_chunk_bytes;
	uint64_t free_chunks, free_chunk_bytes; /* bins, fastbins, top */
	uint64_t mmapped_chunks, mmapped_bytes;
	uint64_t lost_bytes;
};

/* Fails only out of memory or ids. The walk's heap and objects are set here. */
WARN_UNUSED int heap_init(struct heap *heap, const struct space *space,
			  const struct modules *modules, struct symbols *symbols,
			  struct debuginfo *debuginfo, const struct threads *threads,
			  struct claims *claims, struct warnings *warnings, struct err *err);
void heap_deinit(struct heap *heap);

#endif
