/*
 * Linux Documentation/filesystems/proc.rst: /proc/PID/fdinfo of an epoll descriptor has a line per watched file,
 *
 *	tfd:        5 events:       1d data: 7f3a5c0412a0 pos:0 ino:61af sdev:7
 *
 * and /proc/PID/timers four per timer:
 *
 *	ID: 1
 *	signal: 60/00007fff86e452a8
 *	notify: signal/pid.2634
 *	ClockID: 0
 *
 * A timer of SIGEV_THREAD holds glibc's own heap block, as a leak would look without it.
 */
#include <fcntl.h>
#include <string.h>

#include "dump/kernel_words.h"
#include "dump/proc_text.h"
#include "dump/sys.h"

enum { PROC_PATH = 96, LINE_BYTES = 2048, KIND_EPOLL = 1, KIND_TIMER = 2 };

static void add(struct hd_kernel_words *words, const struct heapimage_kernel_word *w)
{
	if (words->n < words->capacity)
		words->v[words->n++] = *w;
	else
		words->n_cut++;
}

static bool field(const char *line, const char *key, unsigned base, uint64_t *value)
{
	const char *at = strstr(line, key);

	if (!at)
		return false;
	at += strlen(key);
	return hd_text_number(&at, base, value);
}

static void read_epoll(struct hd_kernel_words *words, const char *proc, uint32_t fd)
{
	char path[PROC_PATH], buf[LINE_BYTES];
	struct hd_text text;

	hd_path(path, sizeof(path), proc, "/fdinfo/", HD_DECIMAL(fd), NULL);
	if (hd_text_open(&text, path, buf, sizeof(buf)) < 0)
		return;
	for (const char *line; (line = hd_text_line(&text));) {
		uint64_t target, events, data;

		if (field(line, "tfd:", 10, &target) && field(line, "events:", 16, &events) &&
		    field(line, "data:", 16, &data))
			add(words, &(struct heapimage_kernel_word){.word = data,
								   .kind = KIND_EPOLL,
								   .fd = (int32_t)fd,
								   .target_fd = (int32_t)target,
								   .events = (uint32_t)events});
	}
	hd_text_close(&text);
}

struct epoll_search {
	struct hd_kernel_words *words;
	const char *proc;
};

static int look_at_fd(void *arg, uint32_t fd)
{
	struct epoll_search *search = arg;

	if (hd_fd_is(search->proc, fd, "anon_inode:[eventpoll]"))
		read_epoll(search->words, search->proc, fd);
	return 0;
}

void hd_kernel_words_epoll(struct hd_kernel_words *words, const char *proc)
{
	struct epoll_search search = {words, proc};
	char path[PROC_PATH];

	hd_path(path, sizeof(path), proc, "/fd", NULL);
	hd_numbers_in(path, look_at_fd, &search);
}

void hd_kernel_words_timers(struct hd_kernel_words *words, const char *proc)
{
	struct heapimage_kernel_word w = {.kind = KIND_TIMER, .target_fd = -1};
	char path[PROC_PATH], buf[LINE_BYTES];
	struct hd_text text;

	hd_path(path, sizeof(path), proc, "/timers", NULL);
	if (hd_text_open(&text, path, buf, sizeof(buf)) < 0)
		return;
	for (const char *line, *rest; (line = hd_text_line(&text));) {
		uint64_t value;

		if (hd_text_key(line, "ID:", &rest) && hd_text_number(&rest, 10, &value))
			w.fd = (int32_t)value;
		else if (hd_text_key(line, "signal:", &rest) && hd_text_number(&rest, 10, &value) &&
			 *rest++ == '/') {
			w.events = (uint32_t)value;
			if (hd_text_number(&rest, 16, &w.word))
				add(words, &w);
		}
	}
	hd_text_close(&text);
}
