/*
 * A program that handles its own page faults may ask to be told of forks (UFFD_FEATURE_EVENT_FORK): each fork of a
 * process with registered memory then waits in the kernel until the event was read. Nobody reads it while all threads
 * are stopped, so that the fork of a snapshot would never end.
 *
 * What was asked for is in /proc/PID/fdinfo of the descriptor (Linux fs/userfaultfd.c), all numbers hexadecimal:
 *
 *	API:	aa:80000002:80000000000001ff	the API's number, features in use, ioctls
 *
 * Limits: a descriptor that was made after the look, or is another process's alone (which can read it), is not seen.
 */
#include <string.h>

#include "dump/proc_text.h"
#include "dump/userfault.h"

enum { PROC_PATH = 96, INFO_BYTES = 512, EVENT_FORK = 1 << 1 };

/* Where nothing is told of the descriptor, it does. */
static bool tells_forks(const char *proc, uint32_t fd)
{
	char path[PROC_PATH], buf[INFO_BYTES];
	const char *at;
	uint64_t features;

	hd_path(path, sizeof(path), proc, "/fdinfo/", HD_DECIMAL(fd), NULL);
	if (hd_text_whole(path, buf, sizeof(buf)) <= 0)
		return true;
	at = strstr(buf, "API:");
	at = at ? strchr(at + strlen("API:"), ':') : NULL;
	if (!at)
		return true;
	at++;
	return !hd_text_number(&at, 16, &features) || (features & EVENT_FORK);
}

struct search {
	const char *proc;
	bool found;
};

static int look_at_fd(void *arg, uint32_t fd)
{
	struct search *s = arg;

	s->found = hd_fd_is(s->proc, fd, "anon_inode:[userfaultfd]") && tells_forks(s->proc, fd);
	return s->found;
}

bool hd_userfault_tells_forks(const char *proc)
{
	struct search s = {.proc = proc};
	char path[PROC_PATH];

	hd_path(path, sizeof(path), proc, "/fd", NULL);
	hd_numbers_in(path, look_at_fd, &s);
	return s.found;
}
