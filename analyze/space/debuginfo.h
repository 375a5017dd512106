/*
 * The process as libdwfl sees it: one Dwfl with every module's ELF and debug
 * file reported at its address, made on first use and shared by frames.c,
 * lines.c and layouts.c. Nothing else in the tree touches libdw.
 */
#ifndef HEAPDUMP_SPACE_DEBUGINFO_H
#define HEAPDUMP_SPACE_DEBUGINFO_H

#include "analyze/space/modules.h"

struct debuginfo; /* opaque */
struct Dwfl;
struct Dwfl_Module;

WARN_UNUSED int debuginfo_new(struct debuginfo **out, const struct space *space,
			      const struct modules *modules, struct err *err);
void debuginfo_free(struct debuginfo *d);

/* For the three files named above. NULL where the module has no usable file. */
struct Dwfl *debuginfo_dwfl(struct debuginfo *d);
struct Dwfl_Module *debuginfo_module(struct debuginfo *d, uint32_t module);

#endif
