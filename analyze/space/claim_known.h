/*
 * Claims what the dump itself explains: modules, read-only files, unreadable reservations.
 */
#ifndef HEAPDUMP_SPACE_CLAIM_KNOWN_H
#define HEAPDUMP_SPACE_CLAIM_KNOWN_H

#include "analyze/space/claims.h"
#include "analyze/space/modules.h"

/* To be called once, before threads and heap claim theirs. Fails only out of memory. */
WARN_UNUSED int claim_known(struct claims *c, const struct space *s, const struct modules *m,
			    struct err *err);

#endif
