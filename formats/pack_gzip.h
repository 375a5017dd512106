/*
 * Packs a stream as one gzip member (RFC 1952), the same bytes for the same input: no time, no name.
 */
#ifndef HEAPDUMP_FORMATS_PACK_GZIP_H
#define HEAPDUMP_FORMATS_PACK_GZIP_H

#include "formats/unpack.h"

struct pack_gzip; /* opaque */

/* Packed bytes go to the sink, which must outlive it. ERR_NOMEM. */
WARN_UNUSED int pack_gzip_new(struct pack_gzip **out, const struct sink *to, struct err *err);

/* Packs n bytes. Fails with the sink's code. */
WARN_UNUSED int pack_gzip_write(struct pack_gzip *p, const void *bytes, size_t n, struct err *err);

/* Ends the member; nothing may be written then. */
WARN_UNUSED int pack_gzip_end(struct pack_gzip *p, struct err *err);
void pack_gzip_free(struct pack_gzip *p);

#endif
