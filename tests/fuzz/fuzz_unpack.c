/*
 * The unpackers. The first byte chooses one, the rest are its packed bytes.
 */
#include <stdlib.h>

#include "formats/unpack.h"
#include "tests/fuzz/fuzz.h"

enum { ENOUGH = 32 << 20 };

static int take(void *arg, const void *bytes, size_t n, struct err *err)
{
	size_t *sum = arg;
	const uint8_t *p = bytes;

	if (!n || p[0] + p[n - 1] > 2 * 255)
		abort();
	*sum += n;
	return *sum > ENOUGH ? err_set(err, ERR_IO, "enough") : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	unpack_fn *const unpack[] = {unpack_zstd, unpack_lz4, unpack_gzip};
	size_t sum = 0;
	struct sink sink = {take, &sum};
	struct err err = {0};
	bool ended = false;

	if (!size)
		return 0;
	if (unpack[bytes[0] % 3](bytes + 1, size - 1, &sink, &ended, &err) < 0 && !err.code)
		abort();
	return 0;
}
