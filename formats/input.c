/*
 * Input files as bytes: mapped, or unpacked into an unlinked temporary file
 * and then mapped. Packed cores are mostly zeros, so pages of zeros become
 * holes: the temporary file takes the disk of the data, not of the address space.
 *
 * Limits: the disk must keep DISK_RESERVE free, so that a small file which
 * unpacks without end fills neither memory nor the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "formats/input.h"
#include "formats/unpack.h"

enum { PAGE = 4096, HOLE_MIN = 1 << 20, MAX_HOLES = 1 << 20 };
#define DISK_RESERVE	 (256ull << 20)
#define DISK_CHECK_EVERY (64ull << 20)

static const struct packing {
	const char *name;
	uint8_t magic[4];
	size_t n_magic;
	unpack_fn *unpack;
} packings[] = {
	{"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4, unpack_zstd},
	{"lz4", {0x04, 0x22, 0x4d, 0x18}, 4, unpack_lz4},
	{"gzip", {0x1f, 0x8b}, 2, unpack_gzip},
};

static const struct packing *packing_of(const uint8_t *bytes, uint64_t size)
{
	for (size_t i = 0; i < ARRAY_LEN(packings); i++)
		if (size >= packings[i].n_magic &&
		    !memcmp(bytes, packings[i].magic, packings[i].n_magic))
			return &packings[i];
	return NULL;
}

/* The temporary file while it is written. */
struct spool {
	int fd;
	uint64_t size, checked; /* written so far; size at the last look at the disk */
	const char *dir;
};

static int spool_check_disk(struct spool *s, struct err *err)
{
	struct statvfs fs;

	s->checked = s->size;
	if (fstatvfs(s->fd, &fs) < 0 || (uint64_t)fs.f_bavail * fs.f_frsize > DISK_RESERVE)
		return 0;
	return err_set(err, ERR_IO, "no room in %s to unpack it; set TMPDIR to a larger disk",
		       s->dir);
}

static bool all_zero(const uint8_t *p, size_t n)
{
	return !n || (!p[0] && !memcmp(p, p + 1, n - 1));
}

static int spool_write(void *arg, const void *bytes, size_t n, struct err *err)
{
	struct spool *s = arg;
	const uint8_t *p = bytes;

	if (s->size - s->checked >= DISK_CHECK_EVERY && spool_check_disk(s, err) < 0)
		return ERR_IO;
	while (n) {
		size_t step = PAGE - s->size % PAGE;

		step = step < n ? step : n;
		errno = 0;
		if (!all_zero(p, step) && pwrite(s->fd, p, step, (off_t)s->size) != (ssize_t)step)
			return err_set(err, ERR_IO, "cannot unpack it into %s: %s", s->dir,
				       strerror(errno ? errno : ENOSPC));
		s->size += step;
		p += step;
		n -= step;
	}
	return 0;
}

static int spool_open(struct spool *s, const char *tmpdir, struct err *err)
{
	_cleanup_free_ char *name = NULL;

	s->dir = tmpdir ? tmpdir : getenv("TMPDIR");
	if (!s->dir || !*s->dir)
		s->dir = "/var/tmp";
	s->fd = open(s->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (s->fd < 0 && asprintf(&name, "%s/heapdump-XXXXXX", s->dir) > 0) {
		s->fd = mkostemp(name, O_CLOEXEC);
		if (s->fd >= 0)
			unlink(name);
	}
	if (s->fd < 0)
		return err_set(err, ERR_IO, "cannot make a temporary file in %s: %s", s->dir,
			       strerror(errno));
	return 0;
}

static int map_fd(int fd, uint64_t size, const uint8_t **bytes, struct err *err)
{
	void *p = NULL;

	if (size) {
		p = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
		if (p == MAP_FAILED)
			return err_set(err, ERR_IO, "cannot map it: %s", strerror(errno));
	}
	*bytes = p;
	return 0;
}

/* Collects the large holes. A file system without such a thing shows one piece of data. */
static int find_holes(struct input *in, int fd, struct err *err)
{
	off_t data = 0, end = (off_t)in->size;

	vec_deinit(&in->holes);
	for (size_t i = 0; i < MAX_HOLES && data < end; i++) {
		off_t hole = lseek(fd, data, SEEK_HOLE);

		if (hole < 0 || hole >= end)
			return 0;
		data = lseek(fd, hole, SEEK_DATA);
		if (data < 0 && errno != ENXIO)
			return 0;
		if (data < 0 || data > end)
			data = end;
		if (data - hole >= HOLE_MIN &&
		    vec_push(&in->holes, ((struct range){(addr_t)hole, (addr_t)data})) < 0)
			return err_nomem(err);
	}
	return 0;
}

static int unpack(struct input *in, const struct packing *packing, const char *tmpdir,
		  struct err *err)
{
	struct spool spool = {.fd = -1};
	struct sink sink = {spool_write, &spool};
	const uint8_t *unpacked = NULL;
	bool ended = false;
	int rc = spool_open(&spool, tmpdir, err);

	if (rc == 0)
		rc = packing->unpack(in->bytes, in->size, &sink, &ended, err);
	if (rc == 0 && !spool.size)
		rc = err_at_offset(err, ERR_FORMAT, 0, "damaged %s data: nothing could be unpacked",
				   packing->name);
	if (rc == 0 && ftruncate(spool.fd, (off_t)spool.size) < 0)
		rc = err_set(err, ERR_IO, "cannot unpack it: %s", strerror(errno));
	if (rc == 0)
		rc = map_fd(spool.fd, spool.size, &unpacked, err);
	if (rc == 0) {
		munmap((void *)in->bytes, in->size);
		in->packed_size = in->size;
		in->packing = packing->name;
		in->truncated = ended;
		in->bytes = unpacked;
		in->size = spool.size;
		rc = find_holes(in, spool.fd, err);
	}
	if (spool.fd >= 0)
		close(spool.fd);
	return rc;
}

static int open_regular(const char *path, int *out, uint64_t *size, struct err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, ERR_IO, "cannot open it: %s", strerror(errno));
	if (S_ISDIR(st.st_mode))
		return err_set(err, ERR_IO, "is a directory, not a dump");
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_IO, "is not a regular file; a dump must be mapped");
	*size = (uint64_t)st.st_size;
	*out = STEAL_FD(fd);
	return 0;
}

int input_open(struct input *in, const char *path, const char *tmpdir, struct err *err)
{
	_cleanup_close_ int fd = -1;
	const struct packing *packing;
	int rc;

	*in = (struct input){0};
	rc = open_regular(path, &fd, &in->size, err);
	if (rc < 0)
		return rc;
	rc = map_fd(fd, in->size, &in->bytes, err);
	if (rc < 0)
		return rc;
	rc = find_holes(in, fd, err);
	in->path = strdup(path);
	if (!in->path)
		rc = err_nomem(err);
	packing = packing_of(in->bytes, in->size);
	if (rc == 0 && packing)
		rc = unpack(in, packing, tmpdir, err);
	if (rc < 0)
		input_close(in);
	return rc;
}

void input_close(struct input *in)
{
	if (in->bytes)
		munmap((void *)in->bytes, in->size);
	free(in->path);
	vec_deinit(&in->holes);
	*in = (struct input){0};
}
