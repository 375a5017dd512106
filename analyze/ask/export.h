/*
 * What the dump says, in the format of other tools.
 */
#ifndef HEAPDUMP_ASK_EXPORT_H
#define HEAPDUMP_ASK_EXPORT_H

#include "analyze/ask/session.h"
#include "formats/unpack.h"

enum export_format { EXPORT_PPROF };

/* What was written. */
struct export_account {
	uint64_t sites, in_use_objects, in_use_bytes;
	uint64_t missing; /* entries of the sampler's tables that are in no sum */
};

/*
 * The allocation profile as profile.proto, packed: alloc_objects, alloc_space, inuse_objects and
 * inuse_space by site. The same dump with the same files at hand gives the same bytes. ERR_ABSENT:
 * the program ran without libheapdump. Fails with the sink's code too.
 */
WARN_UNUSED int export_pprof(struct session *s, const struct sink *to, struct export_account *out,
			     struct err *err);

#endif
