/*
 * The dynamic loader's list of loaded objects, read from the dump.
 * Sources: gABI ch. 5 (DT_DEBUG), glibc elf/link.h (struct r_debug, struct link_map; version 2 of
 * r_debug, since 2.35, chains the namespaces of dlmopen).
 */
#ifndef HEAPDUMP_SPACE_LINK_MAP_H
#define HEAPDUMP_SPACE_LINK_MAP_H

#include "analyze/space/space.h"

struct link_map_entry {
	addr_t addr;	/* of the struct link_map itself */
	uint64_t bias;	/* l_addr */
	addr_t dynamic; /* l_ld: the object's dynamic section */
	addr_t name;	/* of the string l_name; may be empty (the executable) */
};

struct link_maps {
	VEC(struct link_map_entry) list;
	bool whole; /* every namespace's list was read to its end */
};

/*
 * Reads the lists from the executable's dynamic section. A list that cannot be read is left short.
 * O(objects); loops in a damaged list end. Fails only out of memory.
 */
WARN_UNUSED int link_maps_read(struct link_maps *maps, const struct space *s, struct range dynamic,
			       struct err *err);

#endif
