/*
 * Reads an ELF core file (ET_CORE) of x86-64 or aarch64 Linux into parts:
 * kernel cores, gcore's, our images. Sources: System V gABI ch. 5; Linux
 * fs/binfmt_elf.c and include/uapi/linux/elf.h for the notes; gABI's PN_XNUM.
 */
#ifndef HEAPDUMP_FORMATS_CORE_READ_H
#define HEAPDUMP_FORMATS_CORE_READ_H

#include "formats/parts.h"
#include "base/err.h"

/*
 * bytes must outlive parts (it points into them). What is damaged but readable adds to warnings
 * and the rest is read: truncation, overlapping segments (the first wins), notes that overrun.
 * ERR_FORMAT: not an ELF file, no core (says what it is instead), no segments.
 * ERR_UNSUPPORTED: 32-bit, big-endian, another machine, by name. O(file headers), never O(file).
 * On failure parts is left empty.
 */
WARN_UNUSED int core_read(struct parts *parts, const void *bytes, uint64_t size,
			  struct warnings *warnings, struct err *err);

#endif
