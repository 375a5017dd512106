/*
 * Raw system calls with names. No libc function that has state, no errno, no lock, no allocation.
 */
#include "dump/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#define HUGE_PAGE (2ull << 20)

enum { LINE_MAX_BYTES = 512 };

bool hd_sys_confined;

static void *map(uint64_t addr, uint64_t size, int prot, int flags)
{
	long p;

	if (hd_sys_confined)
		return NULL;
	p = hd_sys6(SYS_mmap, (long)addr, (long)size, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1,
		    0);
	return p < 0 && p > -4096 ? NULL : (void *)p;
}

void *hd_sys_reserve(uint64_t addr, uint64_t size)
{
	return map(addr, size, PROT_NONE, MAP_NORESERVE);
}

void *hd_sys_map(uint64_t addr, uint64_t size)
{
	return map(addr, size, PROT_READ | PROT_WRITE, 0);
}

void hd_sys_unmap(void *p, uint64_t size)
{
	if (p && !hd_sys_confined)
		hd_sys2(SYS_munmap, p, size);
}

int hd_sys_commit(void *p, uint64_t size)
{
	long rc = hd_sys_confined ? -EPERM : hd_sys3(SYS_mprotect, p, size, PROT_READ | PROT_WRITE);

#ifdef MADV_POPULATE_WRITE
	/* older kernels do not know it: the pages then come at first touch */
	if (rc == 0)
		hd_sys3(SYS_madvise, p, size, MADV_POPULATE_WRITE);
#endif
	return (int)rc;
}

void hd_sys_huge(void *p, uint64_t size)
{
	uint64_t lo = ((uint64_t)(uintptr_t)p + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	uint64_t hi = ((uint64_t)(uintptr_t)p + size) & ~(HUGE_PAGE - 1);

	if (lo < hi && !hd_sys_confined)
		hd_sys3(SYS_madvise, lo, hi - lo, MADV_HUGEPAGE);
}

int hd_sys_open(const char *path, int flags, int mode)
{
	return (int)hd_sys4(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode);
}

void hd_sys_close(int fd)
{
	if (fd >= 0)
		hd_sys1(SYS_close, fd);
}

/* By read, or by pread64 from off. */
static int64_t read_all(int call, int fd, void *buf, uint64_t n, uint64_t off)
{
	uint64_t done = 0;

	while (done < n) {
		/* read(2) does not look at the fourth */
		long got = hd_sys4(call, fd, (char *)buf + done, n - done, off + done);

		if (got == -EINTR)
			continue;
		if (got < 0 && !done)
			return got;
		if (got <= 0)
			break;
		done += (uint64_t)got;
	}
	return (int64_t)done;
}

int64_t hd_sys_read(int fd, void *buf, uint64_t n)
{
	return read_all(SYS_read, fd, buf, n, 0);
}

int64_t hd_sys_pread(int fd, void *buf, uint64_t n, uint64_t off)
{
	return read_all(SYS_pread64, fd, buf, n, off);
}

int hd_sys_write(int fd, const void *buf, uint64_t n)
{
	while (n) {
		long put = hd_sys3(SYS_write, fd, buf, n);

		if (put == -EINTR)
			continue;
		if (put < 0)
			return (int)put;
		if (!put)
			return -EIO;
		buf = (const char *)buf + put;
		n -= (uint64_t)put;
	}
	return 0;
}

uint64_t hd_sys_clock(int clock)
{
	struct timespec t;

	/* libc's: it reads the vdso's page, has no state and sets errno only on failure */
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint32_t hd_sys_pid(void)
{
	return hd_sys_confined ? 0 : (uint32_t)hd_sys0(SYS_getpid);
}

uint32_t hd_sys_tid(void)
{
	return hd_sys_confined ? 0 : (uint32_t)hd_sys0(SYS_gettid);
}

/* It preloads libraries of its own. */
bool hd_sys_in_valgrind(void)
{
	const char *preloaded = getenv("LD_PRELOAD");

	return preloaded && strstr(preloaded, "/vgpreload_");
}

void hd_sys_wait(const uint32_t *word, uint32_t value)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == value)
		hd_sys4(SYS_futex, word, FUTEX_WAIT, value, 0);
}

void hd_sys_wake(const uint32_t *word)
{
	hd_sys3(SYS_futex, word, FUTEX_WAKE, INT32_MAX);
}

static struct stat known_stderr;
static bool is_known;

void hd_sys_know_stderr(void)
{
	if (hd_sys2(SYS_fstat, 2, &known_stderr) < 0)
		known_stderr.st_mode = 0;
	is_known = true;
}

static bool is_stderr(void)
{
	struct stat now;

	return !is_known ||
	       (hd_sys2(SYS_fstat, 2, &now) == 0 && now.st_mode == known_stderr.st_mode &&
		now.st_dev == known_stderr.st_dev && now.st_ino == known_stderr.st_ino);
}

/* A reader that has gone must not kill the program, nor one that is slow hold it up: the line is lost then. */
static void write_stderr(const char *line, size_t n)
{
	struct pollfd to = {.fd = 2, .events = POLLOUT};
	struct timespec at_once = {0, 0};
	uint64_t pipe_mask = 1ull << (SIGPIPE - 1), before = 0, pending = 0;

	if (hd_sys6(SYS_ppoll, (long)&to, 1, (long)&at_once, 0, 0, 0) != 1)
		return;
	hd_sys4(SYS_rt_sigprocmask, SIG_BLOCK, &pipe_mask, &before, sizeof(before));
	hd_sys2(SYS_rt_sigpending, &pending, sizeof(pending));
	hd_sys3(SYS_write, 2, line, n);
	if (!(pending & pipe_mask))
		hd_sys4(SYS_rt_sigtimedwait, &pipe_mask, 0, &at_once, sizeof(pipe_mask));
	hd_sys4(SYS_rt_sigprocmask, SIG_SETMASK, &before, 0, sizeof(before));
}

void hd_sys_say(const char *text)
{
	char line[LINE_MAX_BYTES] = "heapdump: ";
	size_t n = strlen(line), more = strlen(text);

	if (more > sizeof(line) - n - 1)
		more = sizeof(line) - n - 1;
	memcpy(line + n, text, more);
	n += more;
	line[n++] = '\n';
	if (!hd_sys_confined && is_stderr())
		write_stderr(line, n);
}
