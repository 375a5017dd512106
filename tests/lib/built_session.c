/*
 * The bytes become a file without a name (memfd), which the session opens by its number.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/lib/built_session.h"

struct session *built_session_open(const void *bytes, size_t n, struct err *err)
{
	struct session_options o = {.search = {.sysroot = "/nonexistent",
					       .debug_dir = "/nonexistent",
					       .no_debuginfod = true},
				    .no_cache = true};
	struct session *s = calloc(1, sizeof(*s));
	int fd = memfd_create("built", MFD_CLOEXEC), rc;
	char path[64];

	if (!s || fd < 0 || write(fd, bytes, n) != (ssize_t)n)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	*err = (struct err){0};
	rc = session_open(s, path, &o, err);
	close(fd);
	if (rc == 0)
		return s;
	free(s);
	return NULL;
}

void built_session_close(struct session *s)
{
	session_close(s);
	free(s);
}

bool built_session_warned(const struct session *s, const char *part)
{
	for (size_t i = 0; i < s->warnings.lines.n; i++)
		if (strstr(s->warnings.lines.v[i], part))
			return true;
	return false;
}
