/*
 * The command line: one set of options for every command, before or after the operands.
 */
#ifndef HEAPDUMP_UI_OPTIONS_H
#define HEAPDUMP_UI_OPTIONS_H

#include "analyze/ask/answers.h"
#include "analyze/ask/export.h"

enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

#define MAX_OPERANDS 4

/* The options that only some commands have, as bits. */
enum {
	OPTION_BY = 1 << 0,
	OPTION_LIMIT = 1 << 1,
	OPTION_DEPTH = 1 << 2,
	OPTION_FAIL_OVER = 1 << 3,
	OPTION_TO = 1 << 4,
	OPTION_OUT = 1 << 5,
	OPTION_AS = 1 << 6,
};

struct options {
	struct session_options session;
	bool json, help, version;
	bool stop; /* of a process in place of a file: let it stand still until it is copied */
	enum color color;
	enum top_by by;
	size_t limit; /* 0: the command's own default */
	unsigned depth;
	bool has_fail_over;
	uint64_t fail_over; /* bytes */
	enum export_format to;
	const char *as;	 /* NULL: its own type */
	const char *out; /* NULL: standard output */
	unsigned given;	 /* which OPTION_… were */
	const char *operands[MAX_OPERANDS];
	size_t n_operands;
};

/* Parses; ERR_USAGE with a sentence. Strings point into argv. */
WARN_UNUSED int options_parse(struct options *o, int argc, char **argv, struct err *err);

/* "--by": the option of the lowest bit that is set. */
const char *options_name(unsigned bits);

#endif
