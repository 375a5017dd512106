/*
 * Owner of zlib: a file of gzip members (RFC 1952).
 */
#include <stdlib.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "formats/unpack.h"

enum { OUT_ROOM = 1 << 20, GZIP_ONLY = 16 };
#define IN_STEP (1u << 30) /* zlib counts its input in 32 bits */

static void cleanup_stream(z_stream *z)
{
	inflateEnd(z);
}

int unpack_gzip(const uint8_t *bytes, uint64_t size, const struct sink *to, bool *ended,
		struct err *err)
{
	_cleanup_(cleanup_stream) z_stream z = {0};
	_cleanup_free_ uint8_t *out = malloc(OUT_ROOM);
	uint64_t off = 0;
	int status = Z_OK;

	if (!out || inflateInit2(&z, MAX_WBITS + GZIP_ONLY) != Z_OK)
		return err_nomem(err);
	for (;;) {
		uint32_t step = size - off < IN_STEP ? (uint32_t)(size - off) : IN_STEP;
		size_t n;
		int rc;

		z.next_in = (uint8_t *)bytes + off;
		z.avail_in = step;
		z.next_out = out;
		z.avail_out = OUT_ROOM;
		status = inflate(&z, Z_NO_FLUSH);
		off += step - z.avail_in;
		n = OUT_ROOM - z.avail_out;
		rc = n ? to->write(to->arg, out, n, err) : 0;
		if (rc < 0)
			return rc;
		if (status == Z_STREAM_END && off < size && inflateReset(&z) == Z_OK)
			continue;
		if (status != Z_OK || (!n && off == size))
			break;
	}
	*ended = status != Z_STREAM_END;
	return 0;
}
