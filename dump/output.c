/*
 * A new file has no name until it is whole (O_TMPFILE), so that nobody need take it away, whoever dies. It gets its final
 * name at once, or where there is a file that it replaces, a temporary one for the moment until rename. Where the file
 * system has no such files (NFS), it has the temporary name all the time.
 *
 * That is PATH.PID-N.tmp: in the folder of the final name, or rename could not be atomic; made with O_EXCL and
 * O_NOFOLLOW, mode 0600, so that nobody else's file or link is written to.
 *
 * A link under the name is followed, as by any program that writes a file: the file that it points to is made or
 * replaced, and the link stays. A path that names no regular file cannot be renamed over and is written to as it is;
 * /dev/stdout is the descriptor itself. In a folder that others can write to (/tmp) somebody could lay a FIFO or a
 * link in the way to read our memory: it must belong to us or to root.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "dump/output.h"
#include "dump/proc_text.h"
#include "dump/sys.h"

enum {
	MAX_NAMES = 100,
	MAX_LINKS = 40, /* as in the kernel */
	LONGEST_SUFFIX = 48,
	CUT_NAME = 200, /* of the final name, where the whole one would be too long */
	FD_PATH_BYTES = 48,
	ZEROS_BYTES = 4096,
	FLUSH_BYTES = 32 << 20,
};

static const uint8_t zeros[ZEROS_BYTES];

static bool trusted(uint32_t owner)
{
	return owner == 0 || owner == (uint32_t)hd_sys0(SYS_geteuid);
}

/* N of /proc/self/fd/N and /dev/fd/N; −1: it is another path. */
static int descriptor_of(const char *path)
{
	static const char *const folders[] = {"/proc/self/fd/", "/dev/fd/"};
	const char *rest;
	uint64_t n;

	for (unsigned i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (hd_text_key(path, folders[i], &rest) && hd_text_number(&rest, 10, &n) &&
		    !*rest && n <= INT32_MAX)
			return (int)n;
	return -1;
}

/* o->path, a link, becomes what it points to. */
static int follow(struct hd_output *o)
{
	char target[HD_PATH_BYTES], folder[HD_PATH_BYTES];
	char *slash = strrchr(o->path, '/');
	long n = hd_sys4(SYS_readlinkat, AT_FDCWD, o->path, target, sizeof(target) - 1);

	if (n <= 0)
		return n < 0 ? (int)n : -ENOENT;
	target[n] = 0;
	if (slash)
		slash[1] = 0;
	hd_path(folder, sizeof(folder), slash && *target != '/' ? o->path : "", NULL);
	if (strlen(folder) + (uint64_t)n + LONGEST_SUFFIX > sizeof(o->path))
		return -ENAMETOOLONG;
	hd_path(o->path, sizeof(o->path), folder, target, NULL);
	return 0;
}

/*
 * Follows links under the final name, so that the file that they name is replaced and they stay. A link of /proc stays
 * what it is: its text is no path.
 */
static int resolve(struct hd_output *o)
{
	struct stat proc, link;
	int rc = 0;

	if (hd_sys4(SYS_newfstatat, AT_FDCWD, "/proc", &proc, 0) < 0)
		proc.st_dev = 0;
	for (unsigned i = 0; rc == 0; i++) {
		if (hd_sys4(SYS_newfstatat, AT_FDCWD, o->path, &link, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISLNK(link.st_mode) || link.st_dev == proc.st_dev)
			return 0;
		if (!trusted(link.st_uid))
			return -EACCES;
		rc = i < MAX_LINKS ? follow(o) : -ELOOP;
	}
	return rc;
}

/* What is there under the name, but is no regular file, or only a link of /proc to one: opened. −ENOENT: neither. */
static int open_special(const char *path)
{
	struct stat link, file;
	int fd;

	if (hd_sys4(SYS_newfstatat, AT_FDCWD, path, &link, AT_SYMLINK_NOFOLLOW) < 0 ||
	    hd_sys4(SYS_newfstatat, AT_FDCWD, path, &file, 0) < 0)
		return -ENOENT;
	if (S_ISDIR(file.st_mode))
		return -EISDIR;
	if (S_ISREG(link.st_mode))
		return -ENOENT;
	if (!trusted(link.st_uid) || !trusted(file.st_uid))
		return -EACCES;
	/* without O_NONBLOCK a FIFO that nobody reads would block for ever */
	fd = hd_sys_open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK, 0);
	if (fd >= 0) {
		long flags = hd_sys2(SYS_fcntl, fd, F_GETFL);

		hd_sys3(SYS_fcntl, fd, F_SETFL, flags & ~O_NONBLOCK);
	}
	return fd;
}

static const char *name_in(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The n-th temporary name, into o->temp. */
static void name_temp(struct hd_output *o, unsigned n)
{
	char stem[HD_PATH_BYTES];
	const char *name = name_in(o->path);

	hd_path(stem, sizeof(stem), o->path, NULL);
	if (strlen(name) > CUT_NAME)
		stem[name - o->path + CUT_NAME] = 0;
	hd_path(o->temp, sizeof(o->temp), stem, ".", HD_DECIMAL(hd_sys_pid()), "-", HD_DECIMAL(n),
		".tmp", NULL);
}

static void path_of_fd(char path[FD_PATH_BYTES], int fd)
{
	hd_path(path, FD_PATH_BYTES, "/proc/self/fd/", HD_DECIMAL((uint64_t)fd), NULL);
}

/* A file without a name, that can be given one; < 0: not here. */
static int make_unnamed(const struct hd_output *o)
{
	char folder[HD_PATH_BYTES], in_proc[FD_PATH_BYTES];
	struct stat st;
	int fd;

	hd_path(folder, sizeof(folder), o->path, NULL);
	folder[name_in(o->path) - o->path] = 0;
	fd = hd_sys_open(*folder ? folder : ".", O_TMPFILE | O_RDWR, 0600);
	if (fd < 0)
		return fd;
	path_of_fd(in_proc, fd);
	if (hd_sys4(SYS_newfstatat, AT_FDCWD, in_proc, &st, 0) == 0)
		return fd;
	hd_sys_close(fd);
	return -ENOENT;
}

static int make_file(struct hd_output *o)
{
	int fd;

	if (!*name_in(o->path))
		return -EISDIR;
	fd = make_unnamed(o);
	o->unnamed = fd >= 0;
	if (o->unnamed)
		return fd;
	fd = -EEXIST;
	for (unsigned i = 0; i < MAX_NAMES && fd == -EEXIST; i++) {
		name_temp(o, i);
		fd = hd_sys_open(o->temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY, 0600);
	}
	if (fd < 0)
		o->temp[0] = 0;
	return fd;
}

/* Holes need a file that can be written at any offset; appending writes go where the kernel says. */
static int look_at_fd(struct hd_output *o)
{
	struct stat st;
	long at = hd_sys3(SYS_lseek, o->fd, 0, SEEK_CUR);
	long flags = hd_sys2(SYS_fcntl, o->fd, F_GETFL);

	if (flags < 0 || (flags & O_PATH) || (flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	o->regular = hd_sys2(SYS_fstat, o->fd, &st) == 0 && S_ISREG(st.st_mode) && at >= 0 &&
		     !(flags & O_APPEND);
	o->base = o->regular ? (uint64_t)at : 0;
	return 0;
}

static void open_path(struct hd_output *o, const char *path)
{
	int fd;

	o->fd = strlen(path) + LONGEST_SUFFIX > sizeof(o->path) ? -ENAMETOOLONG : 0;
	hd_path(o->path, sizeof(o->path), path, NULL);
	if (o->fd == 0)
		o->fd = resolve(o);
	if (o->fd < 0)
		return;
	fd = descriptor_of(o->path);
	o->opened = fd < 0;
	if (fd < 0)
		fd = open_special(o->path);
	if (fd == -ENOENT)
		fd = make_file(o);
	o->fd = fd;
}

int hd_output_open(struct hd_output *o, const char *path, int fd)
{
	o->base = o->at = o->written = o->flushed = 0;
	o->temp[0] = o->path[0] = 0;
	o->opened = o->begun = o->unnamed = false;
	o->fd = fd;
	if (path)
		open_path(o, path);
	if (o->fd < 0)
		return path ? o->fd : -EBADF;
	return look_at_fd(o);
}

int hd_output_check_room(const struct hd_output *o, uint64_t bytes)
{
	struct statfs fs;
	uint64_t free;

	if (!o->regular || hd_sys2(SYS_fstatfs, o->fd, &fs) < 0 || !fs.f_blocks)
		return 0;
	free = hd_sys0(SYS_geteuid) == 0 ? fs.f_bfree : fs.f_bavail;
	return bytes / (uint64_t)fs.f_bsize > free ? -ENOSPC : 0;
}

static bool gives_up(const struct hd_output *o)
{
	return o->gives_up && o->gives_up();
}

/* A pipe or socket that does not block is waited for all the same. */
static bool wait_for_room(const struct hd_output *o)
{
	struct pollfd p = {.fd = o->fd, .events = POLLOUT};
	long rc;

	do
		rc = hd_sys4(SYS_ppoll, &p, 1, 0, 0);
	while (rc == -EINTR && !gives_up(o));
	return rc > 0;
}

/* How many bytes were written, one at least, or a negative errno. */
static long put(const struct hd_output *o, uint64_t off, const uint8_t *bytes, uint64_t n)
{
	long rc;

	do
		rc = o->regular ? hd_sys4(SYS_pwrite64, o->fd, bytes, n, o->base + off)
				: hd_sys3(SYS_write, o->fd, bytes, n);
	while ((rc == -EINTR && !gives_up(o)) || (rc == -EAGAIN && wait_for_room(o)));
	if ((rc == -EINTR || rc == -EAGAIN) && gives_up(o))
		return -ECANCELED;
	return rc ? rc : -EIO;
}

static int write_at(const struct hd_output *o, uint64_t off, const uint8_t *bytes, uint64_t n)
{
	while (n) {
		long rc = put(o, off, bytes, n);

		if (rc < 0)
			return (int)rc;
		bytes += rc;
		off += (uint64_t)rc;
		n -= (uint64_t)rc;
	}
	return 0;
}

/* What a file of the caller's has behind its offset is kept until there is something to write. */
static int begin(struct hd_output *o)
{
	if (o->begun)
		return 0;
	o->begun = true;
	return o->regular ? (int)hd_sys2(SYS_ftruncate, o->fd, o->base) : 0;
}

/* Begins to write back what is behind, so that the sync at the end finds little. */
static void flush_behind(struct hd_output *o)
{
	uint64_t n = o->at - o->flushed;

	if (!o->regular || n < FLUSH_BYTES)
		return;
	hd_sys4(SYS_sync_file_range, o->fd, o->base + o->flushed, n, SYNC_FILE_RANGE_WRITE);
	o->flushed = o->at;
}

int hd_output_write(struct hd_output *o, const void *bytes, uint64_t n)
{
	int rc = begin(o);

	if (rc < 0)
		return rc;
	/* step by step, to learn how far a write came that met an unreadable page */
	for (uint64_t done = 0; done < n;) {
		long n_put = put(o, o->at, (const uint8_t *)bytes + done, n - done);

		if (n_put < 0)
			return (int)n_put;
		done += (uint64_t)n_put;
		o->at += (uint64_t)n_put;
		o->written += (uint64_t)n_put;
	}
	flush_behind(o);
	return 0;
}

int hd_output_skip(struct hd_output *o, uint64_t n)
{
	if (o->regular) {
		o->at += n;
		return 0;
	}
	while (n) {
		uint64_t part = n < sizeof(zeros) ? n : sizeof(zeros);
		int rc = write_at(o, 0, zeros, part);

		if (rc < 0)
			return rc;
		o->at += part;
		o->written += part;
		n -= part;
	}
	return 0;
}

int hd_output_patch(struct hd_output *o, uint64_t off, const void *bytes, uint64_t n)
{
	return write_at(o, off, bytes, n);
}

int hd_output_end(struct hd_output *o, bool sync)
{
	long rc = 0;

	if (o->regular)
		rc = hd_sys2(SYS_ftruncate, o->fd, o->base + o->at);
	if (rc == 0 && o->regular && !o->opened)
		rc = hd_sys3(SYS_lseek, o->fd, o->base + o->at, SEEK_SET) < 0 ? -EIO : 0;
	if (rc == 0 && o->regular && sync)
		rc = hd_sys1(SYS_fsync, o->fd);
	return (int)rc;
}

void hd_output_abandon(struct hd_output *o)
{
	if (o->begun && o->regular)
		hd_sys2(SYS_ftruncate, o->fd, o->base);
}

/* Its final name where that is free, else a temporary one. */
static int give_name(struct hd_output *o)
{
	char in_proc[FD_PATH_BYTES];
	long rc;

	path_of_fd(in_proc, o->fd);
	rc = hd_sys6(SYS_linkat, AT_FDCWD, (long)in_proc, AT_FDCWD, (long)o->path,
		     AT_SYMLINK_FOLLOW, 0);
	for (unsigned i = 0; i < MAX_NAMES && rc == -EEXIST; i++) {
		name_temp(o, i);
		rc = hd_sys6(SYS_linkat, AT_FDCWD, (long)in_proc, AT_FDCWD, (long)o->temp,
			     AT_SYMLINK_FOLLOW, 0);
	}
	if (rc < 0)
		o->temp[0] = 0;
	return (int)rc;
}

int hd_output_commit(struct hd_output *o)
{
	long rc = o->unnamed ? give_name(o) : 0;

	if (rc < 0 || !o->temp[0])
		return (int)rc;
	rc = hd_sys4(SYS_renameat, AT_FDCWD, o->temp, AT_FDCWD, o->path);
	if (rc == 0)
		o->temp[0] = 0;
	return (int)rc;
}

void hd_output_close(struct hd_output *o)
{
	if (o->temp[0])
		hd_sys3(SYS_unlinkat, AT_FDCWD, o->temp, 0);
	o->temp[0] = 0;
	if (o->opened)
		hd_sys_close(o->fd);
	o->opened = false;
}
