/*
 * What is dumped from beside in the tests, and notices if it was not left alone:
 *
 *	list		a list of 1,000 that a global holds, an epoll word, a timer; stands still
 *	calls		a thread for each kind of blocking system call; each must return what it would have
 *	computes	the same of what needs no time limit: pipes, and sums in all registers
 *	threads		threads are born and die, 200 alive, each adds to a sum that is known
 *	signals		a timer's and another thread's signals: none may get lost, no handler may see a wrong register
 *	heap PATH	allocates, writes what mallinfo2 says to PATH, stands still
 *
 * "filtered" before it: a seccomp filter kills it for clone and wait4. "traced": a process of its own traces it.
 *
 * Ends on SIGTERM: "ok", or a line for each thing that was wrong. In between "round N" on stdout, unbuffered.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/poll.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static atomic_bool over;
static atomic_long n_wrong, n_rounds;

__attribute__((format(printf, 1, 2))) static void wrong(const char *fmt, ...)
{
	char line[200];
	va_list ap;
	int n;

	if (atomic_fetch_add(&n_wrong, 1) > 20)
		return;
	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	line[n] = '\n';
	if (write(STDOUT_FILENO, line, (size_t)n + 1) < 0)
		_exit(1);
}

static void round_done(void)
{
	atomic_fetch_add(&n_rounds, 1);
}

/* --- Calls: each blocks for a while and must say what it says without us. --- */

static void want(const char *what, long got, long expected)
{
	if (got != expected)
		wrong("%s: %ld instead of %ld (%s)", what, got, expected,
		      got < 0 ? strerror(errno) : "");
	round_done();
}

enum { SHORT_MS = 30 };

static void *epoll_times_out(void *arg)
{
	struct epoll_event e;
	int ep = epoll_create1(0);

	while (!over)
		want("epoll_wait", epoll_wait(ep, &e, 1, SHORT_MS), 0);
	return NULL;
}

static void *poll_times_out(void *arg)
{
	struct pollfd p = {.fd = eventfd(0, 0), .events = POLLIN};

	while (!over)
		want("poll", poll(&p, 1, SHORT_MS), 0);
	return NULL;
}

static void *select_times_out(void *arg)
{
	while (!over) {
		struct timeval t = {0, SHORT_MS * 1000};

		want("select", select(0, NULL, NULL, NULL, &t), 0);
	}
	return NULL;
}

static void *sleeps(void *arg)
{
	while (!over) {
		struct timespec t = {0, SHORT_MS * 1000000}, left = {0};

		want("nanosleep", nanosleep(&t, &left), 0);
	}
	return NULL;
}

static void *sleeps_until(void *arg)
{
	while (!over) {
		struct timespec t;

		clock_gettime(CLOCK_MONOTONIC, &t);
		t.tv_nsec += SHORT_MS * 1000000;
		t.tv_sec += t.tv_nsec / 1000000000;
		t.tv_nsec %= 1000000000;
		want("clock_nanosleep", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL),
		     0);
	}
	return NULL;
}

static void *waits_for_signal(void *arg)
{
	struct timespec t = {0, SHORT_MS * 1000000};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	while (!over) {
		int got = sigtimedwait(&set, NULL, &t);

		if (got != -1 || errno != EAGAIN)
			wrong("sigtimedwait: %d (%s)", got, strerror(errno));
		round_done();
	}
	return NULL;
}

static void *semaphore_times_out(void *arg)
{
	int id = semget(IPC_PRIVATE, 1, 0600);
	struct sembuf down = {0, -1, 0};
	struct timespec t = {0, SHORT_MS * 1000000};

	while (!over) {
		int got = semtimedop(id, &down, 1, &t);

		if (got != -1 || errno != EAGAIN)
			wrong("semtimedop: %d (%s)", got, strerror(errno));
		round_done();
	}
	semctl(id, 0, IPC_RMID);
	return NULL;
}

static void *receive_times_out(void *arg)
{
	int pair[2];
	struct timeval t = {0, SHORT_MS * 1000};
	char c;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		wrong("socketpair");
	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	while (!over) {
		long got = recv(pair[0], &c, 1, 0);

		if (got != -1 || errno != EAGAIN)
			wrong("recv: %ld (%s)", got, strerror(errno));
		round_done();
	}
	return NULL;
}

static void *condition_times_out(void *arg)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

	pthread_mutex_lock(&lock);
	while (!over) {
		struct timespec t;

		clock_gettime(CLOCK_REALTIME, &t);
		t.tv_nsec += SHORT_MS * 1000000;
		t.tv_sec += t.tv_nsec / 1000000000;
		t.tv_nsec %= 1000000000;
		want("pthread_cond_timedwait", pthread_cond_timedwait(&cond, &lock, &t), ETIMEDOUT);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

/* Blocks without a limit: each byte comes from the other end, and goes round. */
static int pipes[2][2];

static void *forwards(void *arg)
{
	int me = (int)(intptr_t)arg;
	unsigned char c = 0;

	for (unsigned char next = 0; !over; next++) {
		if (me == 0 && write(pipes[0][1], &next, 1) != 1)
			wrong("write: %s", strerror(errno));
		if (read(pipes[!me][0], &c, 1) != 1)
			wrong("read: %s", strerror(errno));
		if (c != next)
			wrong("a byte of a pipe is %d instead of %d", c, next);
		if (me == 1 && write(pipes[1][1], &c, 1) != 1)
			wrong("write: %s", strerror(errno));
		round_done();
	}
	return NULL;
}

static void *waits_for_children(void *arg)
{
	while (!over) {
		int status;
		pid_t pid = fork(), got;

		if (pid == 0) {
			usleep(SHORT_MS * 1000);
			_exit(7);
		}
		got = waitpid(pid, &status, 0);
		if (got != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 7)
			wrong("waitpid: %d, status %x (%s)", got, status, strerror(errno));
		/* nobody else's: a snapshot is no child of ours */
		errno = 0;
		got = waitpid(-1, &status, WNOHANG);
		if (got != -1 || errno != ECHILD)
			wrong("waitpid(-1): %d (%s)", got, strerror(errno));
		round_done();
	}
	return NULL;
}

/* Registers: a computation that has a known end. */
static void *computes(void *arg)
{
	while (!over) {
		double x = 1, y = 0;
		uint64_t h = 1469598103934665603ull;

		for (int i = 0; i < 2000000; i++) {
			h = (h ^ (uint64_t)(i & 255)) * 1099511628211ull;
			x = x * 1.0000001 + 1e-9;
			y += x;
		}
		if (h != *(volatile uint64_t *)arg)
			wrong("a hash is %llx", (unsigned long long)h);
		if (y < 1)
			wrong("a sum is %g", y);
		round_done();
	}
	return NULL;
}

static uint64_t right_hash(void)
{
	uint64_t h = 1469598103934665603ull;

	for (int i = 0; i < 2000000; i++)
		h = (h ^ (uint64_t)(i & 255)) * 1099511628211ull;
	return h;
}

static void got_chld(int signo)
{
	(void)signo;
}

static void begin_computing(void)
{
	static uint64_t hash;
	pthread_t t;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	hash = right_hash();
	if (pipe(pipes[0]) < 0 || pipe(pipes[1]) < 0)
		wrong("pipe");
	pthread_create(&t, NULL, forwards, (void *)0);
	pthread_create(&t, NULL, forwards, (void *)1);
	pthread_create(&t, NULL, computes, &hash);
}

static void begin_calls(void)
{
	static void *(*const kinds[])(void *) = {
		epoll_times_out,     poll_times_out,   select_times_out,    sleeps,
		sleeps_until,	     waits_for_signal, semaphore_times_out, receive_times_out,
		condition_times_out,
	};
	static uint64_t hash;
	pthread_t t;
	sigset_t set;

	/* SIGCHLD is for the forking thread only, or the others' calls are interrupted for good reason */
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGCHLD, got_chld);
	hash = right_hash();
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		pthread_create(&t, NULL, kinds[i], NULL);
	if (pipe(pipes[0]) < 0 || pipe(pipes[1]) < 0)
		wrong("pipe");
	pthread_create(&t, NULL, forwards, (void *)0);
	pthread_create(&t, NULL, forwards, (void *)1);
	pthread_create(&t, NULL, waits_for_children, NULL);
	pthread_create(&t, NULL, computes, &hash);
}

/* --- Threads. --- */

enum { ALIVE = 200 };
static atomic_ulong sum, expected;

static void *adds(void *arg)
{
	unsigned long n = (unsigned long)arg;

	for (unsigned long i = 0; i < n; i++)
		atomic_fetch_add(&sum, i);
	usleep(1000); /* so that they are many at a time */
	return NULL;
}

static void *breeds(void *arg)
{
	pthread_t t[ALIVE / 4];

	while (!over) {
		for (int i = 0; i < ALIVE / 4; i++) {
			unsigned long n = (unsigned long)(i * 37 % 500);

			atomic_fetch_add(&expected, n * (n - 1) / 2);
			if (pthread_create(&t[i], NULL, adds, (void *)n))
				wrong("pthread_create");
		}
		for (int i = 0; i < ALIVE / 4; i++)
			pthread_join(t[i], NULL);
		round_done();
	}
	return NULL;
}

static void run_threads(void)
{
	pthread_t t[4];
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, breeds, NULL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	while (!over)
		usleep(1000);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	if (sum != expected)
		wrong("the sum is %lu instead of %lu", sum, expected);
}

/* --- Signals. --- */

static atomic_long n_queued, n_handled, n_ticks;

static void counts(int signo, siginfo_t *info, void *context)
{
	int saved = errno;

	if (signo == SIGALRM)
		atomic_fetch_add(&n_ticks, 1);
	else
		atomic_fetch_add(&n_handled, 1);
	round_done();
	errno = saved;
}

static void *queues(void *arg)
{
	union sigval value = {0};

	while (!over) {
		if (sigqueue(getpid(), SIGRTMIN, value) == 0)
			atomic_fetch_add(&n_queued, 1);
		else
			usleep(100);
	}
	return NULL;
}

static void begin_signals(void)
{
	struct sigaction action = {.sa_sigaction = counts, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct itimerval every = {{0, 500}, {0, 500}};
	static uint64_t hash;
	pthread_t t;
	sigset_t set;

	sigaction(SIGRTMIN, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	/* the main thread's alone, in whatever moment it comes */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	hash = right_hash();
	pthread_create(&t, NULL, computes, &hash);
	pthread_create(&t, NULL, computes, &hash);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigaddset(&set, SIGALRM);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pthread_create(&t, NULL, queues, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
}

static void end_signals(void)
{
	sigset_t set;
	long before = -1;

	/* what is still queued comes to this thread: those that took them are gone, or going */
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	while (n_handled != n_queued && n_handled != before) {
		before = n_handled;
		sleep(2);
	}
	if (n_handled != n_queued)
		wrong("%ld signals were sent and %ld handled", n_queued, n_handled);
	if (!n_ticks)
		wrong("the timer never ticked");
}

/* --- Heap. --- */

static void stand_still(const char *path)
{
	enum { N = 20000 };
	static void *kept[N];
	struct mallinfo2 m;
	char temp[4096];
	FILE *f;

	for (int i = 0; i < N; i++)
		kept[i] = malloc((size_t)(i % 500) + 1);
	for (int i = 0; i < N; i += 3)
		free(kept[i]);
	kept[1] = malloc(300000);
	snprintf(temp, sizeof(temp), "%s.new", path);
	f = fopen(temp, "w");
	if (!f)
		_exit(1);
	/* closing frees the buffer, so it is taken first and no buffer is used */
	setvbuf(f, NULL, _IONBF, 0);
	m = mallinfo2();
	fprintf(f, "%zu %zu\n", m.uordblks + m.hblkhd, m.hblks);
	rename(temp, path);
	while (!over)
		pause();
	(void)kept;
}

/* --- What holds what. --- */

struct item {
	struct item *next;
	char text[48];
} * g_items;

static void hold(void)
{
	struct epoll_event e = {.events = EPOLLIN};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct itimerspec never = {.it_value = {1000000, 0}};
	int ep = epoll_create1(0);
	timer_t timer;

	for (int i = 0; i < 1000; i++) {
		struct item *new = malloc(sizeof(*new));

		new->next = g_items;
		g_items = new;
	}
	/* held by the kernel alone */
	e.data.ptr = malloc(111);
	epoll_ctl(ep, EPOLL_CTL_ADD, eventfd(0, 0), &e);
	e.data.ptr = NULL;
	event.sigev_value.sival_ptr = malloc(222);
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	event.sigev_value.sival_ptr = NULL;
	timer_settime(timer, 0, &never, NULL);
	puts("held");
	fflush(stdout);
	while (!over)
		pause();
}

static void ends(int signo)
{
	(void)signo;
	over = true;
}

static void wait_for_end(void)
{
	sigset_t set;
	int signo;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	while (sigwait(&set, &signo))
		;
	over = true;
}

static void forbid_processes(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_wait4, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(*code), code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		wrong("seccomp: %s", strerror(errno));
}

static void have_a_tracer(void)
{
	pid_t me = getpid();

	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		ptrace(PTRACE_SEIZE, me, NULL, NULL);
		for (;;)
			pause();
	}
	usleep(100000);
}

int main(int argc, char **argv)
{
	const char *what;

	if (argc > 1 && !strcmp(argv[1], "filtered")) {
		forbid_processes();
		argc--, argv++;
	} else if (argc > 1 && !strcmp(argv[1], "traced")) {
		have_a_tracer();
		argc--, argv++;
	}
	what = argc > 1 ? argv[1] : "";
	if (!strcmp(what, "calls")) {
		begin_calls();
		wait_for_end();
	} else if (!strcmp(what, "computes")) {
		begin_computing();
		wait_for_end();
	} else if (!strcmp(what, "threads")) {
		signal(SIGTERM, ends);
		run_threads();
	} else if (!strcmp(what, "signals")) {
		begin_signals();
		wait_for_end();
		end_signals();
	} else if (!strcmp(what, "list")) {
		signal(SIGTERM, ends);
		hold();
	} else if (!strcmp(what, "heap") && argc > 2) {
		signal(SIGTERM, ends);
		stand_still(argv[2]);
	} else {
		return 2;
	}
	if (!n_rounds && strcmp(what, "heap") && strcmp(what, "list"))
		wrong("nothing was done");
	printf("%s %ld rounds\n", n_wrong ? "not" : "ok", n_rounds);
	fflush(stdout);
	_exit(n_wrong != 0);
}
