/*
 * Programs with what few programs have, dumped by the tests of images.
 */
#include <fcntl.h>
#include <stdio.h>
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

int main(int argc, char **argv)
{
	static const struct program programs[] = {
		{"no-memory", no_memory},
		{"nonblocking", nonblocking},
		{"single", dump_and_say},
	};

	return run(argc, argv, programs, sizeof(programs) / sizeof(*programs));
}
