/*
 * The programs that the tests of images dump. Each prints "name value" lines of what it got and saw.
 *
 *	image_program WHAT OUTPUT [FLAGS] [N]		OUTPUT: a path, or fd:NUMBER
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <heapdump.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "image_program.h"

int g_number = 4711;
char *g_big;
static volatile int g_ready, g_stop, g_interrupted;

/* --- Threads of every kind. --- */

static void ready(const char *name)
{
	prctl(PR_SET_NAME, name);
	__atomic_add_fetch(&g_ready, 1, __ATOMIC_SEQ_CST);
}

static void *blocked_in_read(void *arg)
{
	int p[2];
	char c;

	if (pipe(p))
		abort();
	ready("reader");
	if (read(p[0], &c, 1) < 0)
		g_interrupted++;
	return arg;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;

static void *blocked_in_futex(void *arg)
{
	pthread_mutex_lock(&lock);
	ready("waiter");
	for (;;)
		pthread_cond_wait(&never, &lock);
	return arg;
}

static void *spinning(void *arg)
{
	ready("spinner");
	for (;;)
		__asm__ volatile("pause" ::: "memory");
	return arg;
}

static void in_handler(int signal)
{
	ready("handler");
	for (;;)
		pause();
}

static void *in_a_handler(void *arg)
{
	signal(SIGUSR1, in_handler);
	raise(SIGUSR1);
	return arg;
}

static void *blocks_all(void *arg)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	ready("deaf");
	for (;;)
		__asm__ volatile("pause" ::: "memory");
	return arg;
}

static void *sleeps(void *arg)
{
	struct timespec t = {30, 0};

	ready("sleeper");
	while (!g_stop)
		if (poll(NULL, 0, 20000) < 0 || nanosleep(&t, NULL) < 0)
			g_interrupted++;
	return arg;
}

static void start(void *(*body)(void *))
{
	pthread_t t;
	int n = g_ready;

	if (pthread_create(&t, NULL, body, NULL))
		abort();
	while (g_ready == n)
		usleep(1000);
	usleep(2000);
}

static void start_all(void)
{
	start(blocked_in_read);
	start(blocked_in_futex);
	start(spinning);
	start(in_a_handler);
}

static int threads(void)
{
	start_all();
	return dump_and_say();
}

static int many_threads(void)
{
	pthread_attr_t a;
	pthread_t t;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 128 << 10);
	for (int i = 0; i < count; i++)
		if (pthread_create(&t, &a, i % 2 ? blocked_in_read : blocked_in_futex, NULL))
			abort();
	while (g_ready < count)
		usleep(1000);
	return dump_and_say();
}

static int deaf(void)
{
	start(blocks_all);
	start(blocked_in_read);
	return dump_and_say();
}

static int sleepers(void)
{
	int rc;

	start(sleeps);
	rc = dump_and_say();
	usleep(20000);
	fprintf(stderr, "interrupted %d\n", g_interrupted);
	return rc;
}

static void *short_life(void *arg)
{
	free(malloc(100));
	return arg;
}

static void *gives_birth(void *arg)
{
	ready("mother");
	while (!g_stop) {
		pthread_t t;

		if (pthread_create(&t, NULL, short_life, NULL) == 0)
			pthread_join(t, NULL);
	}
	return arg;
}

static int churn(void)
{
	struct heapdump_result r;
	int rc = 0, sum = 0;

	start(gives_birth);
	start(gives_birth);
	for (int i = 0; i < count && rc == 0; i++) {
		rc = dump(&r);
		sum += (int)r.n_not_stopped;
	}
	say(rc, &r);
	fprintf(stderr, "left_running %d\n", sum);
	g_stop = 1;
	return rc < 0;
}

/* Thousands of mappings come and go. */
static void *maps_and_unmaps(void *arg)
{
	enum { N = 20000 };
	void **p = arg;

	ready("mapper");
	while (!g_stop) {
		for (int i = 0; i < N; i++)
			p[i] = mmap(NULL, 4096, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		for (int i = 0; i < N; i++)
			munmap(p[i], 4096);
	}
	return arg;
}

static int churn_of_mappings(void)
{
	static void *p[20000];
	struct heapdump_result r;
	int failed = 0;
	pthread_t t;

	pthread_create(&t, NULL, maps_and_unmaps, p);
	while (!g_ready)
		usleep(1000);
	for (int i = 0; i < count; i++)
		failed += dump(&r) < 0;
	fprintf(stderr, "failed %d\n", failed);
	g_stop = 1;
	pthread_join(t, NULL);
	return 0;
}

/* --- Places where a dump is hard. --- */

static char small_stack[8192] __attribute__((aligned(64)));

static void on_crash(int signal)
{
	struct heapdump_result r;
	int rc = dump(&r);
	char text[64];
	int n = snprintf(text, sizeof(text), "rc %d\nerrno_kept %d\n", rc, errno == 4242);

	if (write(2, text, (size_t)n) < 0)
		_exit(3);
	_exit(0);
}

/* On 8 KiB of alternate stack, with all of malloc's chunks overwritten. */
static int crash(void)
{
	stack_t s = {.ss_sp = small_stack, .ss_size = sizeof(small_stack)};
	struct sigaction a = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK};
	char *p = malloc(64);

	start(blocked_in_read);
	sigaltstack(&s, NULL);
	sigaction(SIGSEGV, &a, NULL);
	memset(p - 16, 0x41, (size_t)((char *)sbrk(0) - p));
	pthread_mutex_lock(&lock);
	errno = 4242;
	*(volatile int *)(uintptr_t)(count == 77 ? 1 : 8) = 1;
	return 1;
}

static int ptrace_refused(void)
{
	start_all();
	refuse(SYS_ptrace, count ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ERRNO | EPERM);
	return dump_and_say();
}

static void *wait_for_nothing(void *arg)
{
	for (;;)
		pause();
	return arg;
}

/* A user of its own, who may have so many tasks more than it has. */
static int few_tasks(void)
{
	struct rlimit limit;
	pthread_t t;

	start(blocked_in_read);
	pthread_create(&t, NULL, wait_for_nothing, NULL);
	limit.rlim_cur = limit.rlim_max = (rlim_t)(3 + count);
	if (setrlimit(RLIMIT_NPROC, &limit) || setgid(61234) ||
	    setuid((uid_t)(61000 + getpid() % 999)))
		abort();
	if (!getenv("NOT_DUMPABLE"))
		prctl(PR_SET_DUMPABLE, 1);
	return dump_and_say();
}

static int as_nobody(void)
{
	start(blocked_in_read);
	if (setgid(65534) || setuid(65534))
		abort();
	return dump_and_say();
}

static int small_files(void)
{
	struct rlimit limit = {1 << 20, 1 << 20};
	int rc;

	start(blocked_in_read);
	memset(malloc(4 << 20), 1, 4 << 20);
	setrlimit(RLIMIT_FSIZE, &limit);
	rc = dump_and_say();
	fprintf(stderr, "alive 1\n");
	return rc;
}

static int big(void)
{
	size_t n = (size_t)count << 20;

	start(blocked_in_read);
	g_big = malloc(n);
	memset(g_big, 'b', n);
	return dump_and_say();
}

/* --- What must not be left behind. --- */

static volatile int n_sigchld;

static void on_child(int signal)
{
	n_sigchld++;
}

static int again_and_again(void)
{
	struct heapdump_result r;
	int fds, maps, rc = 0;
	sigset_t before, after;

	start_all();
	signal(SIGCHLD, on_child);
	rc = dump(&r);
	sigprocmask(SIG_BLOCK, NULL, &before);
	fds = entries_of("/proc/self/fd");
	maps = lines_of("/proc/self/maps");
	for (int i = 0; i < count && rc == 0; i++)
		rc = dump(&r);
	say(rc, &r);
	sigprocmask(SIG_BLOCK, NULL, &after);
	fprintf(stderr, "more_fds %d\nmore_mappings %d\nsigchld %d\nchild %d\nmask_changed %d\n",
		entries_of("/proc/self/fd") - fds, lines_of("/proc/self/maps") - maps, n_sigchld,
		waitpid(-1, NULL, WNOHANG | __WALL) != -1 || errno != ECHILD,
		memcmp(&before, &after, 8) != 0);
	return rc < 0;
}

static void *other_call(void *arg)
{
	struct heapdump_result r;

	*(int *)arg = dump(&r);
	return NULL;
}

/* A pipe that nobody reads holds the first dump up; then the second one is made. */
static int at_once(void)
{
	int p[2], first = 1, second;
	static char fd[16];
	char buf[65536];
	pthread_t t;

	if (pipe(p))
		abort();
	snprintf(fd, sizeof(fd), "fd:%d", p[1]);
	output = fd;
	pthread_create(&t, NULL, other_call, &first);
	if (read(p[0], buf, 1) != 1)
		abort();
	second = dump(&(struct heapdump_result){0});
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	while (first == 1) {
		struct pollfd wait = {p[0], POLLIN, 0};

		poll(&wait, 1, 10);
		while (read(p[0], buf, sizeof(buf)) > 0)
			;
	}
	pthread_join(t, NULL);
	fprintf(stderr, "first %d\nsecond_busy %d\n", first, second == -EBUSY);
	return 0;
}

/* --- What the image says of the process. --- */

static int heap(void)
{
	void **keep = malloc(2000 * sizeof(*keep));
	struct mallinfo2 m;

	for (int i = 0; i < 2000; i++)
		keep[i] = malloc((size_t)(i * 7 % 3000));
	for (int i = 0; i < 2000; i += 3)
		free(keep[i]);
	g_text = (char *)keep;
	/* the tcache is free to us and in use to mallinfo: what there is of it is taken away */
	m = mallinfo2();
	fprintf(stderr, "arena_in_use %zu\n", m.uordblks);
	return dump_and_say();
}

static int mappings(void)
{
	char *dontdump = map_apart(8192, MAP_PRIVATE), *dontfork = map_apart(8192, MAP_PRIVATE);
	char *wiped = map_apart(8192, MAP_PRIVATE), *shared = map_apart(8192, MAP_SHARED);
	char *sparse = map_apart(64ull << 30, MAP_PRIVATE);
	struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
	struct epoll_event watch = {.events = EPOLLIN, .data.u64 = 0x1122334455667788};
	int p[2], ep = epoll_create1(0);
	timer_t timer;

	madvise(dontdump, 8192, MADV_DONTDUMP);
	madvise(dontfork, 8192, MADV_DONTFORK);
	madvise(wiped, 8192, MADV_WIPEONFORK);
	sparse[40ull << 30] = 7;
	e.sigev_value.sival_ptr = &g_number;
	if (pipe(p) || epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &watch) ||
	    timer_create(CLOCK_MONOTONIC, &e, &timer))
		abort();
	name_range("dontdump", dontdump, 8192);
	name_range("dontfork", dontfork, 8192);
	name_range("wiped", wiped, 8192);
	name_range("shared", shared, 8192);
	name_range("sparse", sparse, 64ull << 30);
	fprintf(stderr, "epoll %d %d\ntimer_word %llx\n", ep, p[0],
		(unsigned long long)(uintptr_t)&g_number);
	return dump_and_say();
}

/* A file that is shorter than its mapping: the page behind its end cannot be read. */
static int unreadable(void)
{
	char name[] = "/tmp/heapdump-short.XXXXXX";
	int fd = mkstemp(name);
	char *p;

	unlink(name);
	if (ftruncate(fd, 8192))
		abort();
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	p[0] = 1;
	if (ftruncate(fd, 4096))
		abort();
	name_range("lost", p + 4096, 4096);
	return dump_and_say();
}

/* Guard pages as glibc 2.42 makes them, every other one of some. count: the kernel does not list pages by ranges. */
static int guarded(void)
{
	enum { GUARD_INSTALL = 102, PAGES = 2000, PAGE = 4096 };
	char *p = map_apart(PAGES * PAGE, MAP_PRIVATE);

	memset(p, 0x55, PAGES * PAGE);
	for (int i = 1; i < PAGES; i += 2)
		if (madvise(p + i * PAGE, PAGE, GUARD_INSTALL))
			return 1;
	name_range("guarded", p, PAGES * PAGE);
	if (count)
		refuse(SYS_ioctl, SECCOMP_RET_ERRNO | ENOTTY);
	return dump_and_say();
}

int main(int argc, char **argv)
{
	static const struct program programs[] = {
		{"threads", threads},
		{"many", many_threads},
		{"deaf", deaf},
		{"sleepers", sleepers},
		{"churn", churn},
		{"churn-of-mappings", churn_of_mappings},
		{"crash", crash},
		{"seccomp", ptrace_refused},
		{"few-tasks", few_tasks},
		{"nobody", as_nobody},
		{"small-files", small_files},
		{"big", big},
		{"again", again_and_again},
		{"at-once", at_once},
		{"heap", heap},
		{"mappings", mappings},
		{"unreadable", unreadable},
		{"guarded", guarded},
		{"single", dump_and_say},
	};

	return run(argc, argv, programs, sizeof(programs) / sizeof(*programs));
}
