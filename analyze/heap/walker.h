/*
 * What every allocator's walker offers. To add one:
 *
 *  1. one file (or one prefix of files) named after the allocator, e.g. jemalloc.c
 *  2. find: is it in this process? By structure first, symbols second, versions never
 *  3. walk: add each live object with its usable size; claim every range it owns
 *     (CLAIM_HEAP) and its own variables (claims_add_state); count free and cached memory
 *  4. damage: warn with the address, resync or end that arena, go on with the rest
 *  5. a row in the table of heap.c; a test with a real core whose figures the process printed
 *  6. what it cannot parse stays named with its bytes (heap_unknown), never a silent zero
 */
#ifndef HEAPDUMP_HEAP_WALKER_H
#define HEAPDUMP_HEAP_WALKER_H

#include "analyze/heap/objects.h"
#include "analyze/space/layouts.h"
#include "analyze/space/threads.h"

/* What the walkers may look at and add to. */
struct walk {
	const struct space *space;
	const struct modules *modules;
	struct symbols *symbols;
	struct debuginfo *debuginfo;
	const struct threads *threads;
	struct claims *claims;
	struct objects *objects;
	struct heap *heap; /* the counters below */
	struct warnings *warnings;
};

struct walker {
	const char *name;

	/* *found: this allocator served the process. Its state may be parked in *state. */
	int (*find)(struct walk *w, bool *found, void **state, struct err *err);

	/* Adds the objects. Damage warns; fails only out of memory or ids. */
	int (*walk)(struct walk *w, void *state, struct err *err);
	void (*release)(void *state);
};

extern const struct walker glibc_walker;

#endif
