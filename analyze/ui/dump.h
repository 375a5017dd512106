/*
 * heapdump dump: the image of a running process. And a process in place of a FILE: its image, in memory.
 */
#ifndef HEAPDUMP_UI_DUMP_H
#define HEAPDUMP_UI_DUMP_H

#include <stdbool.h>

#include "base/err.h"

/* argv[0] is "dump". The exit status, as in commands.h. */
int dump_main(int argc, char **argv);

void dump_help(void);

/* Whether the operand names a process: a number, and no file of that name is here. */
bool dump_is_process(const char *operand, uint32_t *pid);

/* "/proc/PID/root" where the process has other files than we have (a container's), else "". */
void dump_root_of(uint32_t pid, char root[32]);

struct live {
	uint32_t pid;
	int fd;		 /* its image: no file has a name for it, and nothing is left of it */
	char path[32];	 /* by which this program opens it */
	char root[32];	 /* "/proc/PID/root" where its files are not ours; else "" */
	char exe[32];	 /* "/proc/PID/exe" */
	char mapped[32]; /* "/proc/PID/map_files" */
};

/*
 * Makes the image of the process: in memory where there is plenty, else in an unlinked file in $TMPDIR or /var/tmp.
 * progress: on stderr. stop: see dump/attach/attach.h.
 */
WARN_UNUSED int live_open(struct live *l, uint32_t pid, bool progress, bool stop, struct err *err);
void live_close(struct live *l);

#endif
