/*
 * Free memory is what the machine has available, and no more than each control group on the way up leaves:
 *
 *	version 2   0::/a/b       root/a/b/memory.max − memory.current, root/a/…
 *	version 1   N:memory:/a   root/memory/a/memory.limit_in_bytes − memory.usage_in_bytes, …
 *
 * What a group can reclaim (page cache) counts as used: then the disk is taken once too often.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analyze/ui/live_place.h"

/* A number of kB behind the key in a file like /proc/meminfo. */
static uint64_t kilobytes(const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	char line[256];
	uint64_t value = 0;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			value = strtoull(line + strlen(key), NULL, 10);
	if (f)
		fclose(f);
	return value;
}

/* The number that is all of a file; false: there is none ("max", no such file). */
static bool number_in(const char *folder, const char *name, uint64_t *out)
{
	char path[PATH_MAX], text[32];
	FILE *f = NULL;
	bool found = false;

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) < (int)sizeof(path))
		f = fopen(path, "re");
	if (f && fgets(text, sizeof(text), f) && *text >= '0' && *text <= '9') {
		*out = strtoull(text, NULL, 10);
		found = true;
	}
	if (f)
		fclose(f);
	return found;
}

/* What the folder's group and those above it leave, up to the first `keep` characters of the folder. */
static uint64_t left_up_to(char *folder, size_t keep, const char *limit, const char *usage)
{
	uint64_t left = UINT64_MAX, max, used;

	for (;;) {
		char *slash = strrchr(folder, '/');

		if (number_in(folder, limit, &max) && number_in(folder, usage, &used)) {
			uint64_t here = max > used ? max - used : 0;

			left = here < left ? here : left;
		}
		if (!slash || (size_t)(slash - folder) < keep)
			return left;
		*slash = 0;
	}
}

uint64_t live_place_left(const char *group, const char *root)
{
	FILE *f = fopen(group, "re");
	char line[PATH_MAX], folder[2 * PATH_MAX];
	uint64_t left = UINT64_MAX;

	while (f && fgets(line, sizeof(line), f)) {
		const char *controllers = strchr(line, ':');
		char *path = controllers ? strchr(controllers + 1, ':') : NULL;
		uint64_t here;

		if (!path)
			continue;
		*path++ = 0;
		path[strcspn(path, "\n")] = 0;
		if (!controllers[1]) {
			snprintf(folder, sizeof(folder), "%s%s", root, path);
			here = left_up_to(folder, strlen(root), "memory.max", "memory.current");
		} else if (!strcmp(controllers + 1, "memory")) {
			snprintf(folder, sizeof(folder), "%s/memory%s", root, path);
			here = left_up_to(folder, strlen(root) + 1, "memory.limit_in_bytes",
					  "memory.usage_in_bytes");
		} else {
			continue;
		}
		left = here < left ? here : left;
	}
	if (f)
		fclose(f);
	return left;
}

static bool fits_into_memory(uint32_t pid)
{
	char path[32];
	uint64_t needed;

	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	needed = 2 * (kilobytes(path, "RssAnon:") + kilobytes(path, "RssShmem:") +
		      kilobytes(path, "VmSwap:"));
	return needed < kilobytes("/proc/meminfo", "MemAvailable:") &&
	       needed < live_place_left("/proc/self/cgroup", "/sys/fs/cgroup") / 1024;
}

/* A file without a name; where the file system has no such files, one whose name goes at once. */
static int open_unnamed(const char *dir)
{
	char name[PATH_MAX];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) ||
	    snprintf(name, sizeof(name), "%s/heapdump-XXXXXX", dir) >= (int)sizeof(name))
		return fd;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		unlink(name);
	return fd;
}

int live_place_open(uint32_t pid, struct err *err)
{
	const char *dir = getenv("TMPDIR");
	int fd = -1;

	if (!dir || !*dir)
		dir = "/var/tmp";
	if (fits_into_memory(pid))
		fd = memfd_create("heapdump", MFD_CLOEXEC);
	if (fd < 0)
		fd = open_unnamed(dir);
	if (fd < 0)
		return err_set(err, ERR_IO, "no room for its image: a temporary file in %s: %s",
			       dir, strerror(errno));
	return fd;
}
