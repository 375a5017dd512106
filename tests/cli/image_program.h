/*
 * What every program has that the tests of images dump: it is run as
 *
 *	PROGRAM WHAT OUTPUT [FLAGS] [N]		OUTPUT: a path, or fd:NUMBER
 *
 * and prints "name value" lines of what it got and saw.
 */
#include <dirent.h>
#include <errno.h>
#include <heapdump.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wunused-function"

char *g_text;
static const char *output;
static unsigned flags;
static int count;

static int dump(struct heapdump_result *r)
{
	struct heapdump_options o = {
		.size = sizeof(o), .flags = flags, .fd = -1, .why = "the test wants it"};
	const char *path = output;

	if (!strncmp(output, "fd:", 3)) {
		o.fd = atoi(output + 3);
		path = NULL;
	}
	if (getenv("MAX_BYTES"))
		o.max_bytes = strtoull(getenv("MAX_BYTES"), NULL, 10);
	*r = (struct heapdump_result){.size = sizeof(*r)};
	return heapdump_write(path, &o, r);
}

static void say(int rc, const struct heapdump_result *r)
{
	fprintf(stderr,
		"rc %d\nthreads %u\nnot_stopped %u\nin_place %d\nby_signal %d\nfile_bytes %llu\n"
		"data_bytes %llu\npause_known %d\n",
		rc, r->n_threads, r->n_not_stopped, r->in_place, r->by_signal,
		(unsigned long long)r->file_bytes, (unsigned long long)r->data_bytes,
		r->pause_ns > 0 && r->pause_ns <= r->total_ns && r->stop_ns <= r->pause_ns);
}

static int dump_and_say(void)
{
	struct heapdump_result r;
	int rc = dump(&r);

	say(rc, &r);
	return rc < 0;
}

static void *map(size_t size, int kind)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		       0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

static void name_range(const char *name, const void *p, size_t size)
{
	fprintf(stderr, "%s %llx-%llx\n", name, (unsigned long long)(uintptr_t)p,
		(unsigned long long)(uintptr_t)p + size);
}

/* Apart from each other, so that no two become one mapping. */
static char *map_apart(size_t size, int kind)
{
	char *p;

	mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	p = map(size, kind);
	mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(p, 0x55, 4096);
	return p;
}

static int entries_of(const char *folder)
{
	DIR *d = opendir(folder);
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int lines_of(const char *path)
{
	FILE *f = fopen(path, "r");
	int n = 0;

	for (int c; (c = getc(f)) != EOF;)
		n += c == '\n';
	fclose(f);
	return n;
}

static void refuse(long call, uint32_t answer)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, answer),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(*code), code};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program))
		abort();
}

/* As on a file system that has no files without names. */
static void refuse_unnamed(void)
{
	enum { TMPFILE_BIT = 0x400000 };
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, TMPFILE_BIT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(*code), code};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		abort();
}

struct program {
	const char *name;
	int (*run)(void);
};

static int run(int argc, char **argv, const struct program *programs, size_t n)
{
	if (argc < 3)
		return 2;
	output = argv[2];
	flags = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 0) : 0;
	count = argc > 4 ? atoi(argv[4]) : 0;
	g_text = strcpy(malloc(100), "hello from the heap");
	if (getenv("NO_UNNAMED"))
		refuse_unnamed();
	for (size_t i = 0; i < n; i++)
		if (!strcmp(argv[1], programs[i].name))
			return programs[i].run();
	return 2;
}
