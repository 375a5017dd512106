/*
 * Private to scan*.c: the words of a source, piece by piece.
 */
#ifndef HEAPDUMP_GRAPH_SCAN_WORDS_H
#define HEAPDUMP_GRAPH_SCAN_WORDS_H

#include "analyze/graph/scan.h"

/* Consecutive words in this process's memory; the first is off bytes into the source. */
struct words {
	const uint8_t *bytes; /* unaligned */
	uint64_t n;	      /* of 8 bytes */
	uint64_t off;
};

/* Walks the dumped words of [addr, addr + size) in order. */
struct words_at {
	const struct space *space;
	size_t run; /* where the last piece was: sources come in address order */
	addr_t addr, end;
	addr_t start;
	uint64_t absent; /* bytes passed over because the dump lacks them */
};

/* Up to the next word's address; UINT64_MAX where there is none above. */
static inline addr_t words_align(addr_t a)
{
	return a > UINT64_MAX - 7 ? UINT64_MAX : (a + 7) & ~7ull;
}

static inline struct words_at words_begin(const struct space *space, size_t run, addr_t addr,
					  uint64_t size)
{
	addr_t end = addr + size;

	return (struct words_at){.space = space,
				 .run = run,
				 .addr = words_align(addr),
				 .end = end < addr ? UINT64_MAX : end,
				 .start = addr};
}

/* The next piece; false: no more. */
bool words_next(struct words_at *w, struct words *out);

#endif
