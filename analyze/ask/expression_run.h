/*
 * What the files expression*.c share. No other file includes this.
 */
#ifndef HEAPDUMP_ASK_EXPRESSION_RUN_H
#define HEAPDUMP_ASK_EXPRESSION_RUN_H

#include "analyze/ask/expression.h"
#include "analyze/types/container_view.h"

enum { EXPRESSION_MAX_TEXT = 1000, EXPRESSION_MAX_PIECE = 400 };

/* What the text stands for: see expression.c. */
enum expression_form { VALUE, POINTER, INSIDE, CONTROL };

struct expression {
	struct session *s;
	char text[EXPRESSION_MAX_TEXT + EXPRESSION_MAX_PIECE];
	char piece[EXPRESSION_MAX_PIECE]; /* of this hop */
	char last[EXPRESSION_MAX_PIECE];  /* the text's end, times over */
	uint64_t times;			  /* 0: last is not to be repeated */
	enum expression_form form;
	bool is_smart; /* POINTER: a smart one */
	bool is_guess;
	type_id target;		    /* POINTER: to what, peeled */
	addr_t word;		    /* and where */
	struct container_view view; /* INSIDE */
};

/* A thing in memory, and the byte of it that is asked for. */
struct expression_place {
	type_id type; /* peeled */
	addr_t at;
	uint64_t off;
	const char *access; /* before the next member: "." or "->" */
};

/* expression.c: onto the piece of this hop; false: it is too long. */
WARN_UNUSED bool expression_add(struct expression *e, const char *text);
WARN_UNUSED bool expression_add_index(struct expression *e, int64_t index);

/* The piece onto the text, or counted if it is the last one again; it is empty then. */
WARN_UNUSED bool expression_take_piece(struct expression *e);

/* Around all that is text so far: "std::get<1>(" and ")". */
WARN_UNUSED bool expression_wrap(struct expression *e, const char *before, const char *behind);

/* expression_place.c: names members down to the pointer at the place; what the text stands for behind it. */
WARN_UNUSED bool expression_descend(struct expression *e, struct expression_place p);

#endif
