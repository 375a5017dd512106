/*
 * What all text screens share: where they write, colour, the line-drawing
 * characters, numbers, and how the facts of ask/describe.h read as a line.
 *
 * The strings of an answer are safe to print when a screen gets it (printable.h).
 */
#ifndef HEAPDUMP_UI_SCREEN_H
#define HEAPDUMP_UI_SCREEN_H

#include <stdio.h>

#include "analyze/ask/fact.h"

struct screen {
	FILE *out;
	bool color;
	bool utf8;
	bool *has_guess; /* set when a type is shown that is not certain: the foot explains the mark */
};

/* Style for what stands out; "" without colour. Never the only carrier of meaning. */
const char *screen_bold(const struct screen *s);
const char *screen_dim(const struct screen *s);
const char *screen_plain(const struct screen *s);

/* Line-drawing pieces in UTF-8, or their ASCII stand-ins. */
enum glyph {
	GLYPH_TOP,
	GLYPH_STEP,
	GLYPH_LAST,
	GLYPH_BAR,
	GLYPH_DOWN,
	GLYPH_TIMES,
	GLYPH_MORE,
	GLYPH_TO,
	N_GLYPHS
};
const char *screen_glyph(const struct screen *s, enum glyph g);

/* A number's text, in one of a few static-free buffers of the caller. */
struct text {
	char s[64];
};

/* "1,234,567" */
struct text screen_count(uint64_t n);

/* "1 object", "1,234 objects"; what: without the s. */
struct text screen_counted(uint64_t n, const char *what);

/* "5,412 B" up to 9,999 B, then "92.4 MB" (powers of 1024). */
struct text screen_bytes(uint64_t n);

/* "61.0 %" of the whole; "<0.1 %", which is more than nothing; "0 %" of nothing. */
struct text screen_share(uint64_t n, uint64_t whole);

/* The text, filled up with blanks to so many columns. */
void screen_padded(const struct screen *s, const char *text, size_t columns);

/* At most so many columns of the text; "…" where it was cut. JSON has all of it. */
void screen_short(const struct screen *s, const char *text, size_t columns);

/* Cut, or filled up. */
void screen_fitted(const struct screen *s, const char *text, size_t columns);

/* What a frame is called: its function, or its pc. */
void screen_function(const struct screen *s, const struct fact *frame);

/* "[symbol]" and what text the object begins with, if it does; each behind gap. */
void screen_look(const struct screen *s, const struct fact *object, const char *gap);

/* How many columns it takes: its characters, each taken for one column. */
size_t screen_columns(const char *text);

/* How lines that stand below each other are set. Zero: each by itself. */
struct layout {
	int addr, size;	  /* columns of objects' addresses and sizes */
	uint64_t whole;	  /* of which a share of what is retained is shown; 0: none is */
	bool no_retained; /* it stands elsewhere in the line */
	bool with_type;	  /* of variables */
};

/* The layout in which the objects of a list of vertices are aligned. */
struct layout screen_layout(const struct fact *list);

/* A fact's "type" as people write it (type_text.h); "" where it has none. */
struct type_words {
	char s[320];
};
struct type_words screen_type_name(const struct fact *f);

/* What the object is: its type, with a ? if that is not certain, or its kind. */
void screen_type(const struct screen *s, const struct fact *object);

/* One line about an object or a root as describe.h set it, without a newline. layout may be NULL. */
void screen_object(const struct screen *s, const struct fact *object, const struct layout *layout);
void screen_root(const struct screen *s, const struct fact *root, const struct layout *layout);
/* Either, by which key the fact has. */
void screen_vertex(const struct screen *s, const struct fact *step, const struct layout *layout);

/* A function on an allocation's stack: "buf_grow util/buf.c:41". */
void screen_caller(const struct screen *s, const struct fact *caller);

/* An indented line for each vertex of the list, aligned; how many there are in all, if more. */
void screen_list(const struct screen *s, const struct fact *list, uint64_t all);

/* The first words about a heap in which nothing was found: that, or that it is not in the dump. */
void screen_no_objects(const struct screen *s, const struct fact *answer);

/* "Caution: …", a line for each of the answer's; nothing if there are none. */
void screen_cautions(const struct screen *s, const struct fact *answer);

#endif
