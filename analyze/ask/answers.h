/*
 * The questions, one file each (info.c, top.c, …). Every function fills an
 * empty object with the answer as data; the keys are in docs/json.md. All run
 * the passes they need. They fail with ERR_ABSENT where the thing asked for is
 * not there; the object then holds what is there instead, if anything.
 */
#ifndef HEAPDUMP_ASK_ANSWERS_H
#define HEAPDUMP_ASK_ANSWERS_H

#include "analyze/ask/fact.h"
#include "analyze/ask/session.h"

enum top_by {
	TOP_BY_SIZE,
	TOP_BY_MODULE,
	TOP_BY_ROOT,
	TOP_BY_SITE,
	TOP_BY_THREAD,
	TOP_BY_TYPE,
	TOP_BY_TYPE_SITE
};

/* The dump, the process, the heap, what is explained and what is not. */
WARN_UNUSED int info_answer(struct session *s, struct fact *out, struct err *err);

/* The heap grouped; limit rows, the largest first. */
WARN_UNUSED int top_answer(struct session *s, enum top_by by, size_t limit, struct fact *out,
			   struct err *err);

/* What nobody holds; groups of equal shape in one row, limit rows. */
WARN_UNUSED int leaks_answer(struct session *s, size_t limit, struct fact *out, struct err *err);

/* Who retains X: the shortest path, the dominator chain, other ways in. */
WARN_UNUSED int who_answer(struct session *s, const char *x, struct fact *out, struct err *err);

/* What is at an address. */
WARN_UNUSED int map_answer(struct session *s, const char *address, struct fact *out,
			   struct err *err);

/*
 * The fields of X with their values; as: read as that type (NULL: as its own). depth: 1 for X alone, more to
 * follow pointers. limit: elements of an array, or words.
 */
WARN_UNUSED int show_answer(struct session *s, const char *x, const char *as, unsigned depth,
			    size_t limit, struct fact *out, struct err *err);

/* The dominator tree below X (NULL: the whole heap), depth levels, limit children each. */
WARN_UNUSED int tree_answer(struct session *s, const char *x, unsigned depth, size_t limit,
			    struct fact *out, struct err *err);

#endif
