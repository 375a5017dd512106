/*
 * Names of the words in a thread's vector state.
 */
#ifndef HEAPDUMP_SPACE_VECTORS_H
#define HEAPDUMP_SPACE_VECTORS_H

#include "formats/parts.h"

struct vector_word {
	char name[16];	 /* "xmm3", "ymm9", "zmm17", "k1", "v8" */
	bool is_guessed; /* where the register lies was guessed from the size of the state */
};

/* The register of which the word at byte off of t->vec is a part; false: none that has a name. */
bool vectors_name(const struct parts *p, const struct thread_regs *t, uint64_t off,
		  struct vector_word *out);

#endif
