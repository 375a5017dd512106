/*
 * What std::function and std::any keep on the heap: their class is written in the function that manages it.
 *
 *	any.manager ──► symbol std::any::_Manager_external<Job>::_S_manage ──► that class's argument: Job
 */
#ifndef HEAPDUMP_TYPES_ERASED_H
#define HEAPDUMP_TYPES_ERASED_H

#include "analyze/space/symbols.h"
#include "analyze/types/type_table.h"

struct erased;

/* Costs nothing until it is asked. */
WARN_UNUSED int erased_new(struct erased **out, const struct type_table *t, struct symbols *symbols,
			   struct err *err);
void erased_free(struct erased *e);

/*
 * The type that the function at this address manages on the heap; TYPE_NONE: not known, or it may be kept in the
 * object itself. The first call is O(types), each function is looked up once. ERR_NOMEM.
 */
WARN_UNUSED int erased_type(struct erased *e, addr_t manager, type_id *out, struct err *err);

#endif
