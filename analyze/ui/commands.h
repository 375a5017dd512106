/*
 * The command table: what heapdump can be asked.
 */
#ifndef HEAPDUMP_UI_COMMANDS_H
#define HEAPDUMP_UI_COMMANDS_H

#include "analyze/ui/options.h"
#include "analyze/ui/screen.h"

/* Exit codes, as documented in heapdump(1). */
enum {
	EXIT_ANSWERED = 0,
	EXIT_ABSENT = 1, /* the thing asked for is not in the dump */
	EXIT_BAD = 2,	 /* usage, unreadable input, no memory, output that could not be written */
	EXIT_OVER = 3,	 /* leaks --fail-over: more leaked than that */
};

struct command {
	const char *name;
	const char *operands; /* as shown in help */
	const char *summary;
	const char *details; /* options of its own and what it shows; may be empty */
	size_t min_operands, max_operands;
	unsigned options; /* OPTION_… bits: those that are not of every command */

	/* Fills the answer. */
	int (*ask)(struct session *s, const struct options *o, struct fact *out, struct err *err);

	/* Shows it. */
	void (*show)(const struct screen *screen, const struct fact *answer);
};

/* The command of that name, or NULL. */
const struct command *commands_find(const char *name);

/* The list of commands, or one command's page. */
void commands_help(FILE *out, const struct command *c);

/* export: writes the file, or to standard output (output: null), where nothing else may go then. */
WARN_UNUSED int export_ask(struct session *s, const struct options *o, struct fact *out,
			   struct err *err);
void export_show(const struct screen *s, const struct fact *a);

/* Parts of screens: where an object was allocated; what an image says of itself; rows of sites, of types; the value
 * of a field. */
void text_allocation(const struct screen *s, const struct fact *a);
void text_image(const struct screen *s, const struct fact *a);
void text_top_sites(const struct screen *s, const struct fact *a);
void text_value(const struct screen *s, const struct fact *field);
void text_top_types(const struct screen *s, const struct fact *a);

/* The text screens, one file each. */
void text_info(const struct screen *s, const struct fact *a);
void text_top(const struct screen *s, const struct fact *a);
void text_leaks(const struct screen *s, const struct fact *a);
void text_who(const struct screen *s, const struct fact *a);
void text_map(const struct screen *s, const struct fact *a);
void text_show(const struct screen *s, const struct fact *a);
void text_tree(const struct screen *s, const struct fact *a);

#endif
