/*
 * Programs with what few programs have, dumped by the tests of images.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "image_program.h"

/* No writable memory is to be had for the dump. */
static int no_memory(void)
{
	struct rlimit limit = {1 << 16, 1 << 16};
	struct heapdump_result r;
	int before = lines_of("/proc/self/maps"), rc = 0;

	setrlimit(RLIMIT_DATA, &limit);
	for (int i = 0; i < count; i++)
		rc = dump(&r);
	say(rc, &r);
	fprintf(stderr, "more_mappings %d\n", lines_of("/proc/self/maps") - before);
	return rc < 0;
}

/* A pipe that does not block, to a reader that takes its time. */
static int nonblocking(void)
{
	static char fd[16], buf[1 << 16];
	int p[2];

	if (pipe2(p, O_NONBLOCK))
		return 1;
	if (fork() == 0) {
		long n, sum = 0;

		close(p[1]);
		fcntl(p[0], F_SETFL, 0);
		usleep(100000);
		while ((n = read(p[0], buf, sizeof(buf))) > 0)
			sum += n;
		fprintf(stderr, "read %ld\n", sum);
		_exit(0);
	}
	close(p[0]);
	snprintf(fd, sizeof(fd), "fd:%d", p[1]);
	output = fd;
	dump_and_say();
	close(p[1]);
	return wait(NULL) < 0;
}

/* Nobody reads it while all threads stand still, and after that nobody needs to. */
static void *reads_events(void *arg)
{
	struct uffd_msg m;

	while (read(*(int *)arg, &m, sizeof(m)) > 0)
		if (m.event == UFFD_EVENT_FORK)
			close((int)m.arg.fork.ufd);
	return arg;
}

/*
 * A handler of page faults. count, or-ed: 1: it wants to be told of forks; 2: there is a filter of system calls. One
 * page of private memory is there and one is not; one of a shared mapping is there, and known to the handler only.
 */
static int userfault(void)
{
	static int fd;
	struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_MINOR_SHMEM};
	struct uffdio_register r = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	char *p = map_apart(1 << 20, MAP_PRIVATE), *shared = map_apart(1 << 20, MAP_SHARED);
	pthread_t t;

	if (count & 1)
		api.features |= UFFD_FEATURE_EVENT_FORK;
	fd = (int)syscall(SYS_userfaultfd, 0);
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api))
		return 77;
	r.range = (struct uffdio_range){(uintptr_t)p, 1 << 20};
	if (ioctl(fd, UFFDIO_REGISTER, &r))
		return 77;
	madvise(shared, 4096, MADV_DONTNEED);
	r.range.start = (uintptr_t)shared;
	r.mode = UFFDIO_REGISTER_MODE_MINOR;
	if (ioctl(fd, UFFDIO_REGISTER, &r))
		return 77;
	name_range("private", p, 1 << 20);
	name_range("shared", shared, 1 << 20);
	pthread_create(&t, NULL, reads_events, &fd);
	if (count & 2)
		refuse(SYS_reboot, SECCOMP_RET_ERRNO | EPERM);
	return dump_and_say();
}

/*
 * 20 TiB of shared memory with three pages. count: 0: a memfd that is open; 1: closed; 2: without a file; or-ed 4: as
 * nobody. The last page was written by write(2) alone.
 */
static int sparse(void)
{
	const size_t size = 20ull << 40, far = 15ull << 40;
	int fd = (count & 2) ? -1 : (int)syscall(SYS_memfd_create, "sparse", 0);
	char *p;

	if (fd >= 0 && ftruncate(fd, (off_t)size))
		return 77;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_NORESERVE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
	if (p == MAP_FAILED)
		return 77;
	p[4096] = 0x11;
	p[far] = 0x22;
	if (fd < 0)
		p[far + 8192] = 0x33;
	else if (pwrite(fd, "\x33", 1, (off_t)far + 8192) != 1)
		return 77;
	if (count & 1)
		close(fd);
	name_range("sparse", p, size);
	if ((count & 4) && (setgid(65534) || setuid(65534) || prctl(PR_SET_DUMPABLE, 1)))
		return 77;
	return dump_and_say();
}

int main(int argc, char **argv)
{
	static const struct program programs[] = {
		{"no-memory", no_memory}, {"nonblocking", nonblocking}, {"userfault", userfault},
		{"sparse", sparse},	  {"single", dump_and_say},
	};

	return run(argc, argv, programs, sizeof(programs) / sizeof(*programs));
}
