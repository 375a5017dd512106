/*
 * What the tool could not know and must say: an ordered list of sentences.
 * Damaged input never stops an analysis, it adds a line here. Equal lines are
 * kept once; beyond WARNINGS_MAX only their number is kept, so that a crafted
 * file cannot make the list as large as itself.
 */
#ifndef HEAPDUMP_BASE_WARNINGS_H
#define HEAPDUMP_BASE_WARNINGS_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ids.h"
#include "base/vec.h"

#define WARNINGS_MAX 200

struct warnings {
	VEC(char *) lines; /* owned, no newline */
	size_t n_dropped;  /* lines not kept: beyond the limit, or out of memory */
};

/* Adds one sentence without a newline. Never fails: what cannot be kept is counted. */
PRINTF_LIKE(2, 3)
static inline void warnings_add(struct warnings *w, const char *fmt, ...)
{
	char text[512];
	char *line;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < w->lines.n; i++)
		if (!strcmp(w->lines.v[i], text))
			return;
	line = w->lines.n < WARNINGS_MAX ? strdup(text) : NULL;
	if (!line || vec_push(&w->lines, line) < 0) {
		free(line);
		w->n_dropped++;
	}
}

static inline void warnings_deinit(struct warnings *w)
{
	for (size_t i = 0; i < w->lines.n; i++)
		free(w->lines.v[i]);
	vec_deinit(&w->lines);
}

#endif
