/*
 * Owner of zlib, its packing half: deflate with a gzip header of zeros.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "formats/pack_gzip.h"

enum { OUT_ROOM = 1 << 16, GZIP_HEADER = 16, MEM_LEVEL = 8, OS_UNKNOWN = 255 };
#define IN_STEP (1u << 30) /* zlib counts its input in 32 bits */

struct pack_gzip {
	z_stream z;
	gz_header header;
	const struct sink *to;
	uint8_t out[OUT_ROOM];
};

int pack_gzip_new(struct pack_gzip **out, const struct sink *to, struct err *err)
{
	struct pack_gzip *p = calloc(1, sizeof(*p));

	if (!p || deflateInit2(&p->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + GZIP_HEADER,
			       MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
		free(p);
		return err_nomem(err);
	}
	p->header.os = OS_UNKNOWN;
	deflateSetHeader(&p->z, &p->header);
	p->to = to;
	*out = p;
	return 0;
}

void pack_gzip_free(struct pack_gzip *p)
{
	if (p)
		deflateEnd(&p->z);
	free(p);
}

/* Runs deflate until it has taken all input, and at the end given all output. */
static int run(struct pack_gzip *p, int flush, struct err *err)
{
	int status = Z_OK;

	do {
		size_t n;
		int rc;

		p->z.next_out = p->out;
		p->z.avail_out = sizeof(p->out);
		status = deflate(&p->z, flush);
		n = sizeof(p->out) - p->z.avail_out;
		rc = n ? p->to->write(p->to->arg, p->out, n, err) : 0;
		if (rc < 0)
			return rc;
	} while (p->z.avail_in || (flush == Z_FINISH && status == Z_OK));
	return 0;
}

int pack_gzip_write(struct pack_gzip *p, const void *bytes, size_t n, struct err *err)
{
	const uint8_t *at = bytes;
	int rc = 0;

	while (rc == 0 && n) {
		uInt step = n < IN_STEP ? (uInt)n : IN_STEP;

		p->z.next_in = (uint8_t *)at;
		p->z.avail_in = step;
		rc = run(p, Z_NO_FLUSH, err);
		at += step;
		n -= step;
	}
	return rc;
}

int pack_gzip_end(struct pack_gzip *p, struct err *err)
{
	return run(p, Z_FINISH, err);
}
