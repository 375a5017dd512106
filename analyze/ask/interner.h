/*
 * Strings by number: the same text gets the same number, in the order of first use.
 */
#ifndef HEAPDUMP_ASK_INTERNER_H
#define HEAPDUMP_ASK_INTERNER_H

#include "base/ids.h"
#include "base/vec.h"

struct interner {
	VEC(char *) list; /* owned */
	uint32_t *slots;  /* 1 + number, by hash; 0: free */
	size_t n_slots;	  /* a power of two, more than twice list.n */
	bool nomem;	  /* something could not be kept: its number was 0 */
};

/* The text's number; NULL counts as "". */
uint32_t interner_number(struct interner *in, const char *text);
void interner_deinit(struct interner *in);

#endif
