/*
 * Lines, numbers and paths, in the caller's memory. Everything is async-signal-safe.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include "dump/proc_text.h"
#include "dump/sys.h"

enum { STATUS_BYTES = 4096, DIRENT_BYTES = 4096, DIRENT_RECLEN_OFF = 16, DIRENT_NAME_OFF = 19 };

int hd_text_open(struct hd_text *t, const char *path, char *buf, uint32_t size)
{
	*t = (struct hd_text){.buf = buf, .size = size, .fd = hd_sys_open(path, O_RDONLY, 0)};
	return t->fd < 0 ? t->fd : 0;
}

void hd_text_close(struct hd_text *t)
{
	hd_sys_close(t->fd);
	t->fd = -1;
}

/* Moves what is left to the front and reads behind it; false: nothing came. */
static bool refill(struct hd_text *t)
{
	long got;

	memmove(t->buf, t->buf + t->at, t->end - t->at);
	t->end -= t->at;
	t->at = 0;
	if (t->end == t->size - 1)
		return false;
	do
		got = hd_sys3(SYS_read, t->fd, t->buf + t->end, t->size - 1 - t->end);
	while (got == -EINTR);
	if (got <= 0)
		return false;
	t->end += (uint32_t)got;
	return true;
}

char *hd_text_line(struct hd_text *t)
{
	char *start, *newline;
	uint32_t seen = 0;

	for (;;) {
		start = t->buf + t->at;
		newline = memchr(start + seen, '\n', t->end - t->at - seen);
		if (newline)
			break;
		seen = t->end - t->at;
		if (!refill(t)) {
			start = t->buf + t->at;
			newline = t->buf + t->end;
			if (start == newline)
				return NULL;
			*newline = 0;
			t->at = t->end;
			return start;
		}
	}
	*newline = 0;
	t->at = (uint32_t)(newline + 1 - t->buf);
	return start;
}

static unsigned digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	return 99;
}

bool hd_text_number(const char **at, unsigned base, uint64_t *value)
{
	const char *p = *at;
	uint64_t v = 0;

	while (*p == ' ' || *p == '\t')
		p++;
	if (digit(*p) >= base)
		return false;
	for (; digit(*p) < base; p++)
		v = v * base + digit(*p);
	*at = p;
	*value = v;
	return true;
}

bool hd_text_key(const char *line, const char *key, const char **rest)
{
	size_t n = strlen(key);

	if (strncmp(line, key, n) != 0)
		return false;
	*rest = line + n;
	return true;
}

int64_t hd_text_whole(const char *path, char *buf, uint64_t size)
{
	int fd = hd_sys_open(path, O_RDONLY, 0);
	int64_t n;

	if (fd < 0)
		return fd;
	n = hd_sys_read(fd, buf, size - 1);
	hd_sys_close(fd);
	buf[n > 0 ? n : 0] = 0;
	return n;
}

void hd_path(char *to, uint64_t size, ...)
{
	uint64_t n = 0;
	va_list parts;

	va_start(parts, size);
	for (const char *part; (part = va_arg(parts, const char *));)
		while (*part && n + 1 < size)
			to[n++] = *part++;
	va_end(parts);
	to[n] = 0;
}

const char *hd_decimal(char buf[24], uint64_t value)
{
	char *p = buf + 23;

	*p = 0;
	do
		*--p = (char)('0' + value % 10);
	while (value /= 10);
	return p;
}

int hd_numbers_in(const char *folder, int (*each)(void *arg, uint32_t number), void *arg)
{
	char buf[DIRENT_BYTES] __attribute__((aligned(8)));
	int fd = hd_sys_open(folder, O_RDONLY | O_DIRECTORY, 0), rc = 0;
	long got = 0;

	if (fd < 0)
		return fd;
	while (!rc && (got = hd_sys3(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
		uint16_t size;

		for (long at = 0; !rc && at < got; at += size) {
			const char *name = buf + at + DIRENT_NAME_OFF;
			uint64_t number;

			memcpy(&size, buf + at + DIRENT_RECLEN_OFF, sizeof(size));
			if (hd_text_number(&name, 10, &number) && !*name)
				rc = each(arg, (uint32_t)number);
		}
	}
	hd_sys_close(fd);
	return rc ? rc : (int)got;
}

uint64_t hd_status_value(const char *path, const char *key)
{
	char buf[STATUS_BYTES];
	uint64_t value = 0;
	struct hd_text text;

	if (hd_text_open(&text, path, buf, sizeof(buf)) < 0)
		return 0;
	for (const char *line, *rest; (line = hd_text_line(&text));)
		if (hd_text_key(line, key, &rest))
			hd_text_number(&rest, 10, &value);
	hd_text_close(&text);
	return value;
}

bool hd_fd_is(const char *proc, uint32_t fd, const char *what)
{
	char path[96], target[32];
	long n;

	hd_path(path, sizeof(path), proc, "/fd/", HD_DECIMAL(fd), NULL);
	n = hd_sys4(SYS_readlinkat, AT_FDCWD, path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = 0;
	return !strcmp(target, what);
}
