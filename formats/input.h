/*
 * The bytes of an input file, mapped read-only and never copied. A .zst, .lz4
 * or .gz file (recognised by its magic, not its name) is unpacked into an
 * unlinked temporary file first, zero pages as holes, and that is mapped.
 *
 * A core of a process with much untouched memory is sparse: its holes are told, as far as the file
 * system knows them, so that nobody has to read zeros from them. Small ones are not.
 *
 * A file that shrinks while it is mapped would kill the reader with SIGBUS;
 * input_open() takes the size once and the caller may not assume more.
 * Not thread-safe; no global state.
 */
#ifndef HEAPDUMP_FORMATS_INPUT_H
#define HEAPDUMP_FORMATS_INPUT_H

#include "base/err.h"
#include "base/ids.h"
#include "base/vec.h"

struct input {
	const uint8_t *bytes; /* NULL when size is 0 */
	uint64_t size;
	char *path;	      /* as given */
	const char *packing;  /* "zstd", "lz4", "gzip", or NULL */
	bool truncated;	      /* the packed stream ended early: what could be unpacked is there */
	uint64_t packed_size; /* of the file itself, when packed */
	VEC(struct range)
	holes; /* file offsets without data on the disk: zeros, and no use in reading them; sorted */
};

/*
 * Maps the file. tmpdir (may be NULL: $TMPDIR, else /var/tmp) is where a packed
 * file is unpacked. ERR_IO, ERR_FORMAT (a damaged stream before the first byte), ERR_NOMEM.
 */
WARN_UNUSED int input_open(struct input *in, const char *path, const char *tmpdir, struct err *err);
void input_close(struct input *in);

#endif
