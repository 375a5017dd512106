/*
 * Owner of libzstd: a stream of zstd frames (RFC 8878), as systemd-coredump writes .zst.
 * The window is capped, so that a crafted frame cannot ask for gigabytes.
 */
#include <stdlib.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "formats/unpack.h"

enum { MAX_WINDOW_LOG = 27 }; /* 128 MiB, the tool's own default limit */

static void cleanup_dstream(ZSTD_DStream **d)
{
	ZSTD_freeDStream(*d);
}

int unpack_zstd(const uint8_t *bytes, uint64_t size, const struct sink *to, bool *ended,
		struct err *err)
{
	_cleanup_(cleanup_dstream) ZSTD_DStream *stream = ZSTD_createDStream();
	size_t room = ZSTD_DStreamOutSize(), left = 1;
	_cleanup_free_ void *out = malloc(room);
	ZSTD_inBuffer in = {bytes, size, 0};

	if (!stream || !out)
		return err_nomem(err);
	ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, MAX_WINDOW_LOG);
	while (in.pos < in.size) {
		ZSTD_outBuffer o = {out, room, 0};
		size_t before = in.pos;
		int rc;

		left = ZSTD_decompressStream(stream, &o, &in);
		if (ZSTD_isError(left))
			break;
		rc = o.pos ? to->write(to->arg, out, o.pos, err) : 0;
		if (rc < 0)
			return rc;
		if (!o.pos && in.pos == before)
			break;
	}
	/* The input may be used up while the decoder still holds output. */
	while (left && !ZSTD_isError(left)) {
		ZSTD_outBuffer o = {out, room, 0};
		int rc;

		left = ZSTD_decompressStream(stream, &o, &in);
		if (ZSTD_isError(left) || !o.pos)
			break;
		rc = to->write(to->arg, out, o.pos, err);
		if (rc < 0)
			return rc;
	}
	*ended = left != 0;
	return 0;
}
