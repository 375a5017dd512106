/*
 * Owner of liblz4: a stream of LZ4 frames, as systemd-coredump writes .lz4.
 */
#include <lz4frame.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "formats/unpack.h"

enum { OUT_ROOM = 1 << 20 };

static void cleanup_context(LZ4F_dctx **d)
{
	LZ4F_freeDecompressionContext(*d);
}

int unpack_lz4(const uint8_t *bytes, uint64_t size, const struct sink *to, bool *ended,
	       struct err *err)
{
	_cleanup_(cleanup_context) LZ4F_dctx *context = NULL;
	_cleanup_free_ void *out = malloc(OUT_ROOM);
	uint64_t off = 0;
	size_t left = 1;

	if (!out || LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)))
		return err_nomem(err);
	for (;;) {
		size_t n_out = OUT_ROOM, n_in = size - off;
		int rc;

		left = LZ4F_decompress(context, out, &n_out, bytes + off, &n_in, NULL);
		if (LZ4F_isError(left))
			break;
		off += n_in;
		rc = n_out ? to->write(to->arg, out, n_out, err) : 0;
		if (rc < 0)
			return rc;
		/* asked once more, it would want another frame */
		if ((!n_in && !n_out) || (!left && off == size))
			break;
	}
	*ended = left != 0 || off < size;
	return 0;
}
