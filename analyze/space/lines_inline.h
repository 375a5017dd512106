/*
 * The functions that a code address is in, inlined ones included, by DWARF.
 */
#ifndef HEAPDUMP_SPACE_LINES_INLINE_H
#define HEAPDUMP_SPACE_LINES_INLINE_H

#include "analyze/space/debuginfo.h"

enum { SCOPE_MAX = 256 };

/* One of them; strings live as long as the debuginfo. */
struct code_level {
	const char *function; /* as DWARF names it, unqualified; NULL: not known */
	const char *
		linkage; /* mangled; NULL: DWARF has none, as of C, or of what is local to a file */
	char scope[SCOPE_MAX]; /* "ns::Class::" of the former, where there is no linkage name */
	const char *path;      /* of the source, as DWARF has it; NULL: not known */
	const char *folder;    /* that a relative path is relative to; NULL: not known */
	uint32_t
		line; /* in this function: where the code is, or the inlined call of the level before */
};

/*
 * The levels at pc (for a return address pass pc − 1), the innermost first; all but the last, the
 * function that has the code, are inlined. 0: no debug information. O(DIEs of the compile unit).
 */
size_t lines_inline_at(struct debuginfo *d, const struct modules *modules, addr_t pc,
		       struct code_level *out, size_t max);

/* The last two components of a path. */
const char *lines_short_path(const char *path);

#endif
