/*
 * The symbols that a stripped file carries packed (.gnu_debugdata, "MiniDebugInfo"). Owner of liblzma.
 */
#ifndef HEAPDUMP_SPACE_MINIDEBUG_H
#define HEAPDUMP_SPACE_MINIDEBUG_H

#include "base/ids.h"

struct minidebug {
	uint8_t *bytes; /* owned */
	void *elf;	/* Elf * over them; NULL: the file has none, or it cannot be unpacked */
};

/* Unpacks what the open file (a libelf Elf *) has; nothing where memory is out. */
void minidebug_open(struct minidebug *d, void *elf);
void minidebug_close(struct minidebug *d);

#endif
