/*
 * Layouts of named structs and values of named constants, from a module's
 * DWARF: what a heap walker or thread reader asks before it falls back on
 * invariants. Absent DWARF is the normal case.
 */
#ifndef HEAPDUMP_SPACE_LAYOUTS_H
#define HEAPDUMP_SPACE_LAYOUTS_H

#include "analyze/space/debuginfo.h"

/* Byte offset of a member of a struct (or its typedef) in the module's DWARF; false: not known. */
bool layouts_offset(struct debuginfo *d, uint32_t module, const char *type, const char *member,
		    uint64_t *off);

/* sizeof the named struct or typedef; false: not known. */
bool layouts_size(struct debuginfo *d, uint32_t module, const char *type, uint64_t *size);

#endif
