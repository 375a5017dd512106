/*
 *	executable's PT_DYNAMIC ─ DT_DEBUG ─► struct r_debug ─ r_map ─► link_map ─ l_next ─► link_map …
 *	                                      └ r_next ─► r_debug of the next namespace
 */
#include <elf.h>

#include "analyze/space/link_map.h"

enum { MAX_OBJECTS = 16384, MAX_NAMESPACES = 64, MAX_DYNAMIC = 4096 };

/* struct r_debug and struct link_map, LP64. */
enum { R_VERSION = 0, R_MAP = 8, R_NEXT = 40 };
enum { L_ADDR = 0, L_NAME = 8, L_LD = 16, L_NEXT = 24 };

static addr_t find_r_debug(const struct space *s, struct range dynamic)
{
	addr_t at = dynamic.lo;

	for (size_t i = 0; i < MAX_DYNAMIC && at + 16 <= dynamic.hi; i++, at += 16) {
		uint64_t tag, value;

		if (!space_u64(s, at, &tag) || !space_u64(s, at + 8, &value) || tag == DT_NULL)
			return 0;
		if (tag == DT_DEBUG)
			return value;
	}
	return 0;
}

static int read_namespace(struct link_maps *maps, const struct space *s, addr_t first,
			  struct err *err)
{
	addr_t at = first;

	while (at) {
		struct link_map_entry e = {.addr = at};

		if (maps->list.n >= MAX_OBJECTS || !space_u64(s, at + L_ADDR, &e.bias) ||
		    !space_u64(s, at + L_NAME, &e.name) || !space_u64(s, at + L_LD, &e.dynamic) ||
		    !space_u64(s, at + L_NEXT, &at)) {
			maps->whole = false;
			return 0;
		}
		if (vec_push(&maps->list, e) < 0)
			return err_nomem(err);
	}
	return 0;
}

int link_maps_read(struct link_maps *maps, const struct space *s, struct range dynamic,
		   struct err *err)
{
	addr_t debug = find_r_debug(s, dynamic);
	int rc = 0;

	*maps = (struct link_maps){.whole = debug != 0};
	for (size_t i = 0; rc == 0 && debug && i < MAX_NAMESPACES; i++) {
		uint32_t version;
		uint64_t first;

		if (!space_u32(s, debug + R_VERSION, &version) ||
		    !space_u64(s, debug + R_MAP, &first)) {
			maps->whole = false;
			break;
		}
		rc = read_namespace(maps, s, first, err);
		if (version < 2 || !space_u64(s, debug + R_NEXT, &debug))
			break;
	}
	if (!maps->list.n)
		maps->whole = false;
	return rc;
}
