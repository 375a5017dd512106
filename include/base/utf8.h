/*
 * One character of UTF-8, from bytes that may be anything.
 */
#ifndef HEAPDUMP_BASE_UTF8_H
#define HEAPDUMP_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

enum { UTF8_NONE = -1 };

/* The character at s, which ends in NUL, and its length in bytes; UTF8_NONE and 1 if it is none. */
static inline int32_t utf8_decode(const unsigned char *s, size_t *len)
{
	static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = *s < 0x80   ? 1
		   : *s < 0xc2 ? 0
		   : *s < 0xe0 ? 2
		   : *s < 0xf0 ? 3
		   : *s < 0xf5 ? 4
			       : 0;
	int32_t c = n == 1 ? *s : *s & (0x7f >> n);

	*len = 1;
	if (!n)
		return UTF8_NONE;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return UTF8_NONE;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return UTF8_NONE;
	*len = n;
	return c;
}

#endif
