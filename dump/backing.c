/*
 * The file behind a shared mapping, wherever it can be opened:
 *
 *	/proc/PID/map_files/LO-HI	always there; for CAP_CHECKPOINT_RESTORE and root only
 *	the mapping's path		/dev/shm/NAME that was not removed
 *	/proc/PID/fd/N			a memfd that is still open; looked for where the mapping is large
 *
 * SEEK_DATA then leaps from hole to hole (lseek(2)): 20 TiB with few pages take no time. It tells of pages that were
 * swapped out, too, where mincore does not.
 *
 * Limits: hugetlbfs knows no holes, and reading one makes a page. A file is taken for the mapping's by its inode and name.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "dump/backing.h"
#include "dump/proc_text.h"
#include "dump/sys.h"

enum { PAGE = 4096, PROC_PATH = 128, LINK_BYTES = 512 };
#define LARGE (16ull << 20)

static const char *hexadecimal(char buf[24], uint64_t value)
{
	char *p = buf + 23;

	*p = 0;
	do
		*--p = "0123456789abcdef"[value & 15];
	while (value >>= 4);
	return p;
}

static bool is_file_of(const struct stat *st, const struct hd_mapping *m)
{
	return S_ISREG(st->st_mode) && st->st_ino == m->inode;
}

/* Looked at before it is opened: that of a device or a FIFO would have effects. */
static int open_file(const char *path, const struct hd_mapping *m, int flags)
{
	struct statfs fs;
	struct stat st;
	int fd;

	if (hd_sys4(SYS_newfstatat, AT_FDCWD, path, &st,
		    flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0) < 0 ||
	    !is_file_of(&st, m))
		return -ENOENT;
	fd = hd_sys_open(path, O_RDONLY | O_NONBLOCK | flags, 0);
	if (fd >= 0 && (hd_sys2(SYS_fstat, fd, &st) < 0 || !is_file_of(&st, m) ||
			hd_sys2(SYS_fstatfs, fd, &fs) < 0 || fs.f_type == HUGETLBFS_MAGIC)) {
		hd_sys_close(fd);
		return -ENOENT;
	}
	return fd;
}

struct search {
	const char *proc;
	const struct hd_mapping *m;
	int fd;
};

static int look_at_fd(void *arg, uint32_t number)
{
	struct search *s = arg;
	char path[PROC_PATH], target[LINK_BYTES];
	long n;

	hd_path(path, sizeof(path), s->proc, "/fd/", HD_DECIMAL(number), NULL);
	n = hd_sys4(SYS_readlinkat, AT_FDCWD, path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = 0;
	if (strcmp(target, s->m->path) != 0)
		return 0;
	s->fd = open_file(path, s->m, 0);
	return s->fd >= 0;
}

static int find_file(const struct hd_dump *d, const struct hd_mapping *m)
{
	struct search s = {d->proc, m, -1};
	char path[PROC_PATH], lo[24], hi[24];

	hd_path(path, sizeof(path), hd_memory_of(d), "/map_files/", hexadecimal(lo, m->lo), "-",
		hexadecimal(hi, m->hi), NULL);
	s.fd = open_file(path, m, 0);
	if (s.fd < 0 && m->path[0] == '/')
		s.fd = open_file(m->path, m, O_NOFOLLOW);
	if (s.fd < 0 && m->hi - m->lo >= LARGE) {
		hd_path(path, sizeof(path), d->proc, "/fd", NULL);
		hd_numbers_in(path, look_at_fd, &s);
	}
	return s.fd;
}

void hd_backing_open(struct hd_backing *b, const struct hd_dump *d, const struct hd_mapping *m)
{
	hd_backing_close(b);
	*b = (struct hd_backing){m->lo, m->hi, m->off, -1};
	if (!(m->flags & HD_MAP_HUGETLB))
		b->fd = find_file(d, m);
}

void hd_backing_close(struct hd_backing *b)
{
	if (b->hi)
		hd_sys_close(b->fd);
	*b = (struct hd_backing){.fd = -1};
}

bool hd_backing_next(struct hd_backing *b, uint64_t lo, uint64_t hi, uint64_t *run_lo,
		     uint64_t *run_hi)
{
	long data = hd_sys3(SYS_lseek, b->fd, b->off + (lo - b->lo), SEEK_DATA), hole;

	*run_lo = lo;
	*run_hi = hi;
	if (data < 0)
		return data != -ENXIO;
	hole = hd_sys3(SYS_lseek, b->fd, data, SEEK_HOLE);
	data &= -PAGE;
	if ((uint64_t)data - b->off >= hi - b->lo)
		return false;
	if ((uint64_t)data - b->off > lo - b->lo)
		*run_lo = b->lo + ((uint64_t)data - b->off);
	hole = (hole + PAGE - 1) & -PAGE;
	if (hole > data && (uint64_t)hole - b->off < hi - b->lo)
		*run_hi = b->lo + ((uint64_t)hole - b->off);
	return true;
}
