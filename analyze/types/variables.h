/*
 * Variables with a fixed place, and their types: globals, statics of files and
 * functions, thread-locals. Filled by dwarf.c, asked by address or by name.
 */
#ifndef HEAPDUMP_TYPES_VARIABLES_H
#define HEAPDUMP_TYPES_VARIABLES_H

#include "analyze/types/type_table.h"

struct variable {
	uint64_t at; /* target address; thread-local: offset in its module's block */
	type_id type;
	uint32_t name;	   /* in the type table's names, as the source has it: "ns::g_table" */
	uint32_t function; /* a static of this function; 0: of none */
	uint32_t module;
	bool is_tls;
};

struct variables {
	VEC(struct variable) list; /* by is_tls, module, at; after variables_sort() */
};

void variables_deinit(struct variables *v);

/* Sorts, and drops what is there twice. O(n log n). To be called after variables were added. */
void variables_sort(struct variables *v);

/*
 * The variable whose storage holds the address; of several (a union of the linker's) the first in
 * the list. False: none, or its size is not known and the address is not its first byte.
 */
bool variables_at(const struct variables *v, const struct type_table *t, uint32_t module,
		  addr_t addr, struct variable *out);

/* The thread-local that holds that offset of its module's block. */
bool variables_tls(const struct variables *v, const struct type_table *t, uint32_t module,
		   uint64_t off, struct variable *out);

/* Those of that name, in the list's order: up to max are stored, the number found is returned. O(n). */
size_t variables_by_name(const struct variables *v, const struct type_table *t, const char *name,
			 struct variable *out, size_t max);

#endif
