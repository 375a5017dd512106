/*
 * Objects whose first word is a vtable of C++: their class is written in them.
 */
#ifndef HEAPDUMP_TYPES_VTABLES_H
#define HEAPDUMP_TYPES_VTABLES_H

#include "analyze/space/symbols.h"
#include "analyze/types/inference.h"

struct vtables_input {
	const struct type_table *table;
	const struct space *space;
	const struct modules *modules;
	struct symbols *symbols;
	const struct objects *objects;
};

/*
 * Adds a claim for each object of a class that has a vtable and is in the table: certain where only
 * that class can be of this size. O(objects); each vtable is looked into once. ERR_NOMEM.
 */
WARN_UNUSED int vtables_claim(const struct vtables_input *in, struct inference_claims *out,
			      struct err *err);

/* class_names.c: a hash of the class's name by which demangled names and DWARF's agree. */
uint64_t class_names_key(const char *name);

#endif
