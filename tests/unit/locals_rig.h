/*
 * Cores of programs that are compiled here and die: for the tests of locals.
 */
#ifndef HEAPDUMP_TESTS_LOCALS_RIG_H
#define HEAPDUMP_TESTS_LOCALS_RIG_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyze/ask/session.h"

static char folder[] = "/tmp/heapdump-locals.XXXXXX";

static int make_folder(void **state)
{
	return mkdtemp(folder) ? 0 : -1;
}

PRINTF_LIKE(1, 2) static int run(const char *fmt, ...)
{
	char command[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return system(command);
}

static int remove_folder(void **state)
{
	return run("rm -rf '%s'", folder) ? -1 : 0;
}

static bool have(const char *program)
{
	return run("command -v %s >/dev/null 2>&1", program) == 0;
}

/* Whether the kernel leaves cores in the current folder, as folder/core with or without a number. */
static bool have_cores(void)
{
	char pattern[128] = "|";
	FILE *f = fopen("/proc/sys/kernel/core_pattern", "r");
	bool is_plain = f && fgets(pattern, sizeof(pattern), f) && !strchr("|/@", *pattern);

	if (f)
		fclose(f);
	return is_plain && run("ulimit -c unlimited 2>/dev/null") == 0;
}

/* folder/prog by that command (its -o is added), and folder/core of its death. */
static bool make_core(const char *compile, const char *arguments)
{
	return run("%s -o '%s/prog'", compile, folder) == 0 &&
	       run("cd '%s' && rm -f core* && ulimit -c unlimited && "
		   "{ ./prog %s; :; } >said 2>&1; for f in core*; do mv \"$f\" core; done "
		   "2>/dev/null; "
		   "test -s core",
		   folder, arguments) == 0;
}

/* With types and locals. */
static int open_core(struct session *s, struct err *err)
{
	struct session_options o = {.search.no_debuginfod = true};
	char path[128];
	int rc;

	snprintf(path, sizeof(path), "%s/core", folder);
	rc = session_open(s, path, &o, err);
	return rc < 0 ? rc : session_need_types(s, err);
}

#endif
