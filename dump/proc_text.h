/*
 * /proc as text, read line by line into the caller's buffer: no allocation, no libc state. And numbers and paths
 * made without stdio.
 */
#ifndef HEAPDUMP_DUMP_PROC_TEXT_H
#define HEAPDUMP_DUMP_PROC_TEXT_H

#include <stdbool.h>
#include <stdint.h>

struct hd_text {
	char *buf;
	uint32_t size, at, end;
	int fd;
};

/* 0 or a negative errno. A line must fit into size − 1 bytes; a longer one is cut into several. */
int hd_text_open(struct hd_text *t, const char *path, char *buf, uint32_t size);
void hd_text_close(struct hd_text *t);

/* The next line without its newline, valid until the next call; NULL: the end. */
char *hd_text_line(struct hd_text *t);

/* Reads a number and moves *at behind it; false: there is none. Blanks before it are skipped. */
bool hd_text_number(const char **at, unsigned base, uint64_t *value);

/* Whether the line begins with key; *rest is behind it then. */
bool hd_text_key(const char *line, const char *key, const char **rest);

/* The whole of a small file, NUL-terminated: bytes, or a negative errno. */
int64_t hd_text_whole(const char *path, char *buf, uint64_t size);

/* The decimal number behind key in a file like /proc/PID/status ("TracerPid:"); 0 if there is none. */
uint64_t hd_status_value(const char *path, const char *key);

/*
 * A path of parts, the last one NULL, cut at size. Numbers come as text:
 * hd_path(buf, sizeof(buf), "/proc/", HD_DECIMAL(pid), "/maps", NULL)
 */
void hd_path(char *to, uint64_t size, ...) __attribute__((sentinel));
const char *hd_decimal(char buf[24], uint64_t value);
#define HD_DECIMAL(v) hd_decimal((char[24]){0}, (v))

/* Whether the descriptor of the process whose folder is proc is open to what ("anon_inode:[eventpoll]"; 31 bytes at most). */
bool hd_fd_is(const char *proc, uint32_t fd, const char *what);

/* Calls each for every name of a folder that is a number. 0 or a negative errno; stops at each's first non-zero. */
int hd_numbers_in(const char *folder, int (*each)(void *arg, uint32_t number), void *arg);

#endif
