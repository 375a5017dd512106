/*
 * What one dump knows of types: one table and one list of variables for all
 * modules, each module's debug information read when first asked for.
 *
 * No debug information is the normal case: everything then answers "not known".
 */
#ifndef HEAPDUMP_TYPES_TYPES_H
#define HEAPDUMP_TYPES_TYPES_H

#include "analyze/types/containers.h"
#include "analyze/types/dwarf.h"
#include "analyze/types/site_types.h"

struct types {
	struct type_table table;
	struct variables variables;
	struct containers containers;	/* after types_need_all() */
	struct dwarf_account *accounts; /* per module; zero before it is read */
	bool *read;			/* per module */
	struct debuginfo *debuginfo;
	const struct modules *modules;
	struct warnings *warnings;
	struct locals locals;	      /* of the frames that are watched */
	struct locals_search *search; /* NULL: of none, or it is over */
	struct site_types sites;      /* whose calls are looked at, too */
	bool broken; /* out of memory in the middle: the table is empty and stays so */
};

/* All pointers must outlive the types. Reads nothing yet. ERR_NOMEM. */
WARN_UNUSED int types_init(struct types *t, struct debuginfo *debuginfo,
			   const struct modules *modules, struct warnings *warnings,
			   struct err *err);
void types_deinit(struct types *t);

/*
 * Before anything is read: the locals of live frames are wanted, too. They are there after
 * types_need_all(). ERR_NOMEM. threads: for thread-locals and registers of vectors; may be NULL.
 */
WARN_UNUSED int types_watch(struct types *t, const struct frames *frames,
			    const struct threads *threads, const struct space *space,
			    struct err *err);

/*
 * Makes sure that a module's types and variables are in the table. Ids stay. Once per module
 * O(bytes of its .debug_info), measured 1 s for 60 MB. ERR_NOMEM, ERR_LIMIT: the table is empty then.
 */
WARN_UNUSED int types_need(struct types *t, uint32_t module, struct err *err);

/* The same for every module; then which of their types are containers. */
WARN_UNUSED int types_need_all(struct types *t, struct err *err);

#endif
