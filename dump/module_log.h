/*
 * Which ELF files the frames of sites are in, kept after dlclose() took them away.
 */
#ifndef HEAPDUMP_DUMP_MODULE_LOG_H
#define HEAPDUMP_DUMP_MODULE_LOG_H

#include <stdint.h>

/* Notes every module that is loaded now. From the constructor, and after a dlclose() that unmapped something. */
void hd_module_log_start(void);

/*
 * After dlclose(): if something was unmapped, a new generation begins, modules that are gone are closed in the log, and
 * rules of the unwinder about them are void.
 */
void hd_module_log_closed(void);

/* Notes the modules of a new site's frames that are not in the log yet. Takes no lock of the loader's. */
void hd_module_log_note(const uint64_t *frames, uint32_t n);

/* In the child of a fork(): what another thread was writing stays unwritten. */
void hd_module_log_forked(void);

#endif
