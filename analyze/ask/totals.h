/*
 * The heap in numbers: objects and bytes by verdict, unknown mappings kept apart.
 *
 *	in use = reachable + leaked + mapping-held
 */
#ifndef HEAPDUMP_ASK_TOTALS_H
#define HEAPDUMP_ASK_TOTALS_H

#include "analyze/ask/session.h"

struct tally {
	uint64_t objects, bytes;
};

struct totals {
	struct tally in_use;
	struct tally by_verdict[5]; /* of objects that are no mappings, by enum verdict */
	struct tally mappings, unreached_mappings;
};

/* Needs the graph. O(objects). */
struct totals totals_of(const struct session *s);

static inline struct tally totals_leaked(const struct totals *t)
{
	const struct tally *d = &t->by_verdict[LEAKED_DIRECTLY];
	const struct tally *i = &t->by_verdict[LEAKED_INDIRECTLY];

	return (struct tally){d->objects + i->objects, d->bytes + i->bytes};
}

#endif
