/*
 * Where each row of a long list begins: 4 bytes an entry as long as no offset needs more, else 8. The branch
 * goes one way throughout a pass, which costs less than the memory of the wide form.
 *
 *	row i is [offsets_at(o, i), offsets_at(o, i + 1))
 */
#ifndef HEAPDUMP_GRAPH_OFFSETS_H
#define HEAPDUMP_GRAPH_OFFSETS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/big_array.h"
#include "base/ids.h"

/* One of the two is not NULL. Zeroed: none there. */
struct offsets {
	uint32_t *narrow;
	uint64_t *wide;
};

/* n entries, for offsets up to max; zeroed if asked. 0, or -1 out of memory. */
WARN_UNUSED static inline int offsets_init(struct offsets *o, uint64_t n, uint64_t max, int zeroed)
{
	*o = (struct offsets){0};
	if (max <= UINT32_MAX)
		o->narrow = big_array(n, sizeof(*o->narrow), zeroed);
	else
		o->wide = big_array(n, sizeof(*o->wide), zeroed);
	return o->narrow || o->wide ? 0 : -1;
}

static inline void offsets_deinit(struct offsets *o)
{
	free(o->narrow);
	free(o->wide);
	*o = (struct offsets){0};
}

/*
 * Makes n entries that ascend narrow, if the last allows it; for whoever could not tell before. 0, or -1 out of
 * memory.
 */
WARN_UNUSED static inline int offsets_narrow(struct offsets *o, uint64_t n)
{
	uint32_t *narrow = (uint32_t *)(void *)o->wide;

	if (!o->wide || o->wide[n - 1] > UINT32_MAX)
		return 0;
	/* an entry is read before its half is written */
	for (uint64_t i = 0; i < n; i++) {
		uint32_t off = (uint32_t)o->wide[i];

		memcpy(&narrow[i], &off, sizeof(off));
	}
	o->wide = NULL;
	o->narrow = realloc(narrow, n * sizeof(*narrow));
	if (o->narrow)
		return 0;
	free(narrow);
	return -1;
}

static inline bool offsets_there(const struct offsets *o)
{
	return o->narrow || o->wide;
}

static inline uint64_t offsets_at(const struct offsets *o, uint64_t i)
{
	return o->narrow ? o->narrow[i] : o->wide[i];
}

/* off must not be above the init's max. */
static inline void offsets_set(struct offsets *o, uint64_t i, uint64_t off)
{
	if (o->narrow)
		o->narrow[i] = (uint32_t)off;
	else
		o->wide[i] = off;
}

static inline void offsets_prefetch(const struct offsets *o, uint64_t i)
{
	if (o->narrow)
		__builtin_prefetch(&o->narrow[i]);
	else
		__builtin_prefetch(&o->wide[i]);
}

/* Adds 1 to entry i; returns what it was. */
static inline uint64_t offsets_count(struct offsets *o, uint64_t i)
{
	return o->narrow ? o->narrow[i]++ : o->wide[i]++;
}

/* Entry i of n becomes the sum of all up to it. */
static inline void offsets_sum(struct offsets *o, uint64_t n)
{
	for (uint64_t i = 1; i < n; i++)
		offsets_set(o, i, offsets_at(o, i) + offsets_at(o, i - 1));
}

#endif
