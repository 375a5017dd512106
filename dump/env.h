/*
 * Numbers from the environment.
 */
#ifndef HEAPDUMP_DUMP_ENV_H
#define HEAPDUMP_DUMP_ENV_H

#include <stdbool.h>
#include <stdint.h>

/* A decimal number of bytes with an optional k, m or g (powers of 1024); false: it is none. */
bool hd_env_bytes(const char *text, uint64_t *out);

/* That number, from a variable; what is none is said on stderr, and the usual taken, as where there is nothing. */
uint64_t hd_env_number(const char *name, uint64_t usual);

/* Says that a variable is not understood. */
void hd_env_refuse(const char *name);

#endif
