/*
 * Programs with what few programs have, dumped by the tests of images.
 */
#include <stdio.h>
#include <sys/resource.h>

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

int main(int argc, char **argv)
{
	static const struct program programs[] = {
		{"no-memory", no_memory},
	};

	return run(argc, argv, programs, sizeof(programs) / sizeof(*programs));
}
