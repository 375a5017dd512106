/*
 * What is known of a DIE, by where it lies in this process's memory (unique
 * among all files that are open). For dwarf.c.
 */
#ifndef HEAPDUMP_TYPES_DWARF_MAP_H
#define HEAPDUMP_TYPES_DWARF_MAP_H

#include "base/err.h"

enum dwarf_map_kind {
	MAP_FREE,
	MAP_TYPE, /* value: a type id, or one of the batch under way (TYPE_RAW) */
	MAP_NAME, /* a declaration of a variable; value: its qualified name */
	MAP_UNIT, /* a unit that was walked */
};

struct dwarf_map_entry {
	const void *die;
	uint32_t kind, value;
};

/* Zeroed memory is an empty map. Entries move when one is added. */
struct dwarf_map {
	struct dwarf_map_entry *v;
	size_t n, n_slots;
};

void dwarf_map_deinit(struct dwarf_map *m);

/* The entry, or NULL. */
struct dwarf_map_entry *dwarf_map_find(const struct dwarf_map *m, const void *die);

/* Adds one that is not there. ERR_NOMEM. */
WARN_UNUSED int dwarf_map_add(struct dwarf_map *m, const void *die, enum dwarf_map_kind kind,
			      uint32_t value, struct err *err);

#endif
