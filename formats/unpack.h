/*
 * Unpackers of packed dumps, one file per library. Each streams from memory to a sink.
 */
#ifndef HEAPDUMP_FORMATS_UNPACK_H
#define HEAPDUMP_FORMATS_UNPACK_H

#include "base/err.h"

/* Receives unpacked bytes in order. Returns 0, or a negative code that ends the unpacking. */
struct sink {
	int (*write)(void *arg, const void *bytes, size_t n, struct err *err);
	void *arg;
};

/*
 * Unpacks bytes into the sink. ended: the stream stopped early or is damaged; what came before has
 * been written. Fails with the sink's code, or ERR_NOMEM.
 */
typedef int unpack_fn(const uint8_t *bytes, uint64_t size, const struct sink *to, bool *ended,
		      struct err *err);

unpack_fn unpack_zstd, unpack_lz4, unpack_gzip;

#endif
