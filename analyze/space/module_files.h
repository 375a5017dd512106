/*
 * Finding a module's ELF file and its separate debug file on this machine.
 */
#ifndef HEAPDUMP_SPACE_MODULE_FILES_H
#define HEAPDUMP_SPACE_MODULE_FILES_H

#include "analyze/space/modules.h"

/*
 * Sets file, elf, debug_file, debug_elf and state of m, whose path, is_exe and build_id are known;
 * a build-id that only the file has stays unset. What could not be found adds to warnings.
 */
WARN_UNUSED int module_files_find(struct module *m, const struct module_search *search,
				  struct warnings *warnings, struct err *err);

/* Closes what module_files_find opened. */
void module_files_close(struct module *m);

#endif
