/*
 * How a failure travels: a function that can fail returns 0 or a negative
 * code and leaves the context (one sentence, and where) in the caller's
 * struct err. Fixed size, never allocates, so it also works out of memory.
 *
 *	return err_at_offset(err, ERR_FORMAT, off, "the program header table ends beyond the file");
 *
 * Not for the runtime in a stranger's process after the freeze: vsnprintf is used.
 */
#ifndef HEAPDUMP_BASE_ERR_H
#define HEAPDUMP_BASE_ERR_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "base/ids.h"

enum err_code {
	ERR_IO = -1,	      /* the system refused: open, read, mmap, write */
	ERR_FORMAT = -2,      /* the input is not what it says it is, or damaged beyond use */
	ERR_UNSUPPORTED = -3, /* understood by name, but not something we read */
	ERR_NOMEM = -4,	      /* an allocation failed */
	ERR_ABSENT = -5,      /* the thing asked for is not there */
	ERR_USAGE = -6,	      /* the question itself is wrong */
	ERR_LIMIT = -7,	      /* more than we can number (2^32−2 objects) */
};

enum err_place { ERR_NOWHERE, ERR_FILE_OFFSET, ERR_ADDRESS };

struct err {
	enum err_code code; /* 0: no error */
	enum err_place place;
	uint64_t where; /* file offset or target address, by place */
	char text[232]; /* one sentence without a full stop, no newline */
};

PRINTF_LIKE(5, 0)
static inline int err_setv(struct err *e, enum err_code code, enum err_place place, uint64_t where,
			   const char *fmt, va_list ap)
{
	if (e) {
		e->code = code;
		e->place = place;
		e->where = where;
		vsnprintf(e->text, sizeof(e->text), fmt, ap);
	}
	return code;
}

/* Fills *e (may be NULL) and returns the code, so that callers write "return err_set(...)". */
PRINTF_LIKE(3, 4)
static inline int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_setv(e, code, ERR_NOWHERE, 0, fmt, ap);
	va_end(ap);
	return code;
}

/* The same, at an offset of the input file. */
PRINTF_LIKE(4, 5)
static inline int err_at_offset(struct err *e, enum err_code code, uint64_t off, const char *fmt,
				...)
{
	va_list ap;

	va_start(ap, fmt);
	err_setv(e, code, ERR_FILE_OFFSET, off, fmt, ap);
	va_end(ap);
	return code;
}

/* The same, at an address of the dumped process. */
PRINTF_LIKE(4, 5)
static inline int err_at_addr(struct err *e, enum err_code code, addr_t at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_setv(e, code, ERR_ADDRESS, at, fmt, ap);
	va_end(ap);
	return code;
}

static inline int err_nomem(struct err *e)
{
	return err_set(e, ERR_NOMEM, "out of memory");
}

#endif
