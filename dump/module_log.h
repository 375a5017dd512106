/*
 * Which ELF files the frames of sites are in, kept after dlclose() took them away.
 */
#ifndef HEAPDUMP_DUMP_MODULE_LOG_H
#define HEAPDUMP_DUMP_MODULE_LOG_H

#include <stdint.h>

/* From the constructor: notes every module that is loaded. */
void hd_module_log_start(void);

/*
 * Before and after dlclose(): notes what is loaded now. If something was unmapped since, a new generation begins, modules
 * that are gone are closed in the log, and rules of the unwinder about them are void. Takes the loader's lock.
 */
void hd_module_log_look(void);

/*
 * The generation that began when something was last unmapped at one of these places, 0: never. The same addresses
 * mean the same code while this stays. Lock-free; some 10 ns for a stack.
 */
uint64_t hd_module_log_changed(const uint64_t *frames, uint32_t n);

/* Notes the modules of a new site's frames that are not in the log yet. Takes no lock of the loader's. */
void hd_module_log_note(const uint64_t *frames, uint32_t n);

/* In the child of a fork(): what another thread was writing stays unwritten. */
void hd_module_log_forked(void);

#endif
