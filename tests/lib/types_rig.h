/*
 * Types of one ELF file on this machine, as if it were mapped at a bias.
 */
#ifndef HEAPDUMP_TESTS_TYPES_RIG_H
#define HEAPDUMP_TESTS_TYPES_RIG_H

#include "analyze/types/types.h"

enum { TYPES_RIG_BIAS = 0x10000000 };

struct types_rig {
	struct modules modules;
	struct debuginfo *debuginfo;
	struct warnings warnings;
	struct types types;
	char *path;
};

/* Reads nothing yet. False out of memory. */
bool types_rig_open(struct types_rig *r, const char *path);
void types_rig_close(struct types_rig *r);

#endif
