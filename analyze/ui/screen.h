/*
 * What all text screens share: where they write, colour, the line-drawing
 * characters, numbers, and how the facts of ask/describe.h read as a line.
 */
#ifndef HEAPDUMP_UI_SCREEN_H
#define HEAPDUMP_UI_SCREEN_H

#include <stdio.h>

#include "analyze/ask/fact.h"

struct screen {
	FILE *out;
	bool color;
	bool utf8;
};

/* Style for what stands out; "" without colour. Never the only carrier of meaning. */
const char *screen_bold(const struct screen *s);
const char *screen_dim(const struct screen *s);
const char *screen_plain(const struct screen *s);

/* Line-drawing pieces in UTF-8, or their ASCII stand-ins. */
enum glyph { GLYPH_TOP, GLYPH_STEP, GLYPH_LAST, GLYPH_BAR, GLYPH_DOWN, GLYPH_TIMES, N_GLYPHS };
const char *screen_glyph(const struct screen *s, enum glyph g);

/* A number's text, in one of a few static-free buffers of the caller. */
struct text {
	char s[64];
};

/* "1,234,567" */
struct text screen_count(uint64_t n);

/* "5,412 B" up to 9,999 B, then "92.4 MB" (powers of 1024). */
struct text screen_bytes(uint64_t n);

/* "61.0 %" of the whole; "0 %" of nothing. */
struct text screen_share(uint64_t n, uint64_t whole);

/* One line about an object or a root as describe.h set it, without a newline. */
void screen_object(const struct screen *s, const struct fact *object);
void screen_root(const struct screen *s, const struct fact *root);
/* Either, by which key the fact has. */
void screen_vertex(const struct screen *s, const struct fact *step);

/* Text from the dump: control characters shown as dots. */
void screen_text(const struct screen *s, const char *text);

#endif
