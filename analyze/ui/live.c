/*
 * A question about a running process is one about its image, which has no name and goes when the answer is there.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyze/ui/dump.h"
#include "analyze/ui/live_place.h"
#include "analyze/ui/screen.h"
#include "dump/attach/attach.h"

static void show_progress(void *arg, uint64_t done, uint64_t total)
{
	fprintf(stderr, "\r\033[Kreading the process, %s …", screen_bytes(done).s);
	fflush(stderr);
}

void dump_root_of(uint32_t pid, char root[32])
{
	struct stat its, ours;

	/* the dot: the link itself is not meant */
	snprintf(root, 32, "/proc/%u/root/.", pid);
	if (stat(root, &its) < 0 || stat("/.", &ours) < 0 ||
	    (its.st_dev == ours.st_dev && its.st_ino == ours.st_ino))
		root[0] = 0;
	else
		root[strlen(root) - 2] = 0;
}

int live_open(struct live *l, uint32_t pid, bool progress, bool stop, struct err *err)
{
	struct attach_options options = {.stop = stop, .no_sync = true};
	struct attach_result result;
	int rc;

	*l = (struct live){.pid = pid, .fd = live_place_open(pid, err)};
	if (l->fd < 0)
		return ERR_IO;
	options.fd = l->fd;
	options.progress = progress ? show_progress : NULL;
	rc = attach_write(pid, &options, &result, err);
	if (progress)
		fputs("\r\033[K", stderr);
	if (rc < 0) {
		live_close(l);
		return rc;
	}
	snprintf(l->path, sizeof(l->path), "/proc/self/fd/%d", l->fd);
	dump_root_of(pid, l->root);
	snprintf(l->mapped, sizeof(l->mapped), "/proc/%u/map_files", pid);
	snprintf(l->exe, sizeof(l->exe), "/proc/%u/exe", pid);
	return 0;
}

void live_close(struct live *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}
