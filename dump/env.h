/*
 * Numbers from the environment.
 */
#ifndef HEAPDUMP_DUMP_ENV_H
#define HEAPDUMP_DUMP_ENV_H

#include <stdbool.h>
#include <stdint.h>

/* A decimal number of bytes with an optional k, m or g (powers of 1024); false: it is none. */
bool hd_env_bytes(const char *text, uint64_t *out);

#endif
