/*
 * Which module covers a place in the code, and where its unwind tables are.
 */
#ifndef HEAPDUMP_DUMP_UNWIND_MODULES_H
#define HEAPDUMP_DUMP_UNWIND_MODULES_H

#include <stdbool.h>
#include <stdint.h>

#include "dump/unwind_cfi.h"

enum hd_modules_by {
	HD_MODULES_BY_LIBC, /* glibc's own index (2.35 and later), else the table */
	HD_MODULES_BY_TABLE,
};

/* Looks for glibc's index, else makes a table of the modules that are loaded. Once; takes the loader's lock. */
void hd_modules_init(enum hd_modules_by by);

/* Modules came or went: makes the table anew where there is one. Takes the loader's lock. */
void hd_modules_changed(void);

/*
 * False: no module, or none that has tables which can be read. *known: there is a module. Lock-free and
 * async-signal-safe; nanoseconds.
 */
bool hd_modules_find(uint64_t at, struct hd_cfi *cfi, bool *known);

#endif
