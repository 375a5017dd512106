/*
 * Source lines: file:line of a code address and of a
 * variable's declaration, from DWARF. Every answer is optional: stripped
 * modules have none.
 */
#ifndef HEAPDUMP_SPACE_LINES_H
#define HEAPDUMP_SPACE_LINES_H

#include "analyze/space/debuginfo.h"

struct source_line {
	const char *
		file; /* as DWARF has it, cut to the last two components; lives as long as the lines */
	uint32_t line;
};

struct lines; /* opaque: caches per module */

WARN_UNUSED int lines_new(struct lines **out, struct debuginfo *debuginfo,
			  const struct modules *modules, struct err *err);
void lines_free(struct lines *l);

/* Of the instruction at pc (for a return address pass pc − 1). */
bool lines_of_code(struct lines *l, addr_t pc, struct source_line *out);

/*
 * Of the declaration of the variable whose storage holds addr (globals, file and function statics).
 * The first call in a module reads its compile units once: O(top-level DIEs).
 */
bool lines_of_variable(struct lines *l, addr_t addr, struct source_line *out);

/* The same for a thread-local, by module and offset in its TLS block. */
bool lines_of_tls(struct lines *l, uint32_t module, uint64_t off, struct source_line *out);

#endif
