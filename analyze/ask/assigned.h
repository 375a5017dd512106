/*
 * Types that allocation sites assign their objects to (site_types.h), for the sites of a session.
 */
#ifndef HEAPDUMP_ASK_ASSIGNED_H
#define HEAPDUMP_ASK_ASSIGNED_H

#include "analyze/ask/session.h"

/* Before debug information is read: which calls are to be looked at. O(sites). ERR_NOMEM. */
WARN_UNUSED int assigned_watch(struct session *s, struct err *err);

/* Afterwards: what they say of objects. ERR_NOMEM. */
WARN_UNUSED int assigned_claim(const struct session *s, struct inference_claims *out,
			       struct err *err);

#endif
