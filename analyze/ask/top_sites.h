/*
 * Private to top*.c: the heap by who allocated it.
 */
#ifndef HEAPDUMP_ASK_TOP_SITES_H
#define HEAPDUMP_ASK_TOP_SITES_H

#include "analyze/ask/answers.h"

/* The rows of TOP_BY_SITE, TOP_BY_TYPE_SITE or TOP_BY_THREAD. Needs the graph. ERR_ABSENT: there was no sampler. */
WARN_UNUSED int top_sites(struct session *s, enum top_by by, size_t limit, struct fact *out,
			  struct err *err);

#endif
