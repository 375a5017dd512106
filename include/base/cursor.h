/*
 * The bounded byte cursor: every number that comes from a file passes here.
 * A read beyond the end yields zeros and marks the cursor bad; the caller
 * reads a whole record and then asks once. Little endian only: big-endian
 * input is refused before a cursor is made.
 *
 *	struct cursor c = cursor_at(bytes, size, off);
 *	uint32_t namesz = cursor_u32(&c), descsz = cursor_u32(&c);
 *	if (c.bad) return err_at_offset(...);
 */
#ifndef HEAPDUMP_BASE_CURSOR_H
#define HEAPDUMP_BASE_CURSOR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *bytes;
	uint64_t size; /* of the whole */
	uint64_t off;  /* ≤ size */
	bool bad;      /* something was read beyond the end */
};

static inline struct cursor cursor_at(const void *bytes, uint64_t size, uint64_t off)
{
	return (struct cursor){bytes, size, off < size ? off : size, off > size};
}

static inline uint64_t cursor_left(const struct cursor *c)
{
	return c->size - c->off;
}

/* The next n bytes, or NULL (and bad) if there are fewer. */
static inline const uint8_t *cursor_take(struct cursor *c, uint64_t n)
{
	const uint8_t *p = c->bytes + c->off;

	if (n > cursor_left(c)) {
		c->bad = true;
		c->off = c->size;
		return NULL;
	}
	c->off += n;
	return p;
}

/* Moves to the next multiple of align (a power of two), counted from the start of the bytes. */
static inline void cursor_align(struct cursor *c, uint64_t align)
{
	cursor_take(c, -c->off & (align - 1));
}

#define CURSOR_READ(name, type)                                                                    \
	static inline type name(struct cursor *c)                                                  \
	{                                                                                          \
		const uint8_t *p = cursor_take(c, sizeof(type));                                   \
		type v = 0;                                                                        \
                                                                                                   \
		if (p)                                                                             \
			memcpy(&v, p, sizeof(v));                                                  \
		return v;                                                                          \
	}
CURSOR_READ(cursor_u8, uint8_t)
CURSOR_READ(cursor_u16, uint16_t)
CURSOR_READ(cursor_u32, uint32_t)
CURSOR_READ(cursor_u64, uint64_t)
#undef CURSOR_READ

/* A NUL-terminated string inside the bytes, or NULL (and bad) if it is not terminated. */
static inline const char *cursor_str(struct cursor *c)
{
	const uint8_t *p = c->bytes + c->off;
	const uint8_t *end = cursor_left(c) ? memchr(p, 0, cursor_left(c)) : NULL;

	if (!end) {
		c->bad = true;
		c->off = c->size;
		return NULL;
	}
	c->off += (uint64_t)(end - p) + 1;
	return (const char *)p;
}

#endif
