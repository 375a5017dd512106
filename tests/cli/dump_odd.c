/*
 * Odd things for heapdump dump to meet. Each notices if it was not left alone:
 *
 *	vectors		one thread; values in every register that there is, x87, MXCSR and the direction flag included
 *	rseq		per-cpu counters by restartable sequences, and no thread that is ever in a system call
 *	awaits		epoll_pwait() without a limit, which signals must interrupt, each at once
 *	leader		the first thread has exited, another works
 *	vfork		a thread waits for a vfork()ed child, for ever
 *	forks		children are born all the time; each must be its own master, and end as it wants to
 *	execs		becomes itself again and again
 *	children MODE	of SIGCHLD: ignored or nowait, or walls: waits for any child of any kind
 *	altstack	a handler runs on a stack of its own, which is small
 *	many N		N threads that wait
 *	ends MS		comes to its end by itself
 *	ring		io_uring with a polling thread of the kernel's, and workers
 *
 * Ends on SIGTERM: "ok", or a line for each thing that was wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/uio.h>
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

static void ends(int signo)
{
	(void)signo;
	over = true;
}

static void start(void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	if (pthread_create(&t, &attr, fn, arg))
		wrong("pthread_create");
}

/* --- Registers. --- */

struct vectors {
	uint8_t v[32][64];
	uint64_t mask[8];
	uint8_t x87[8][16];
	uint64_t general[8];
	uint32_t mxcsr;
	uint64_t flags;
};

#define EACH_OF_8(X)  X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define EACH_OF_16(X) EACH_OF_8(X) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define LOAD_Y(i)     "vmovdqu " #i "*64(%[a]), %%ymm" #i "\n\t"
#define STORE_Y(i)    "vmovdqu %%ymm" #i ", " #i "*64(%[b])\n\t"
#define LOAD_Z(i)     "vmovdqu64 " #i "*64(%[a]), %%zmm" #i "\n\t"
#define STORE_Z(i)    "vmovdqu64 %%zmm" #i ", " #i "*64(%[b])\n\t"
#define LOAD_K(i)     "kmovw 2048+" #i "*8(%[a]), %%k" #i "\n\t"
#define STORE_K(i)    "kmovw %%k" #i ", 2048+" #i "*8(%[b])\n\t"
#define LOAD_F(i)     "fldt 2112+" #i "*16(%[a])\n\t"
#define STORE_F(i)    "fstpt 2112+(7-" #i ")*16(%[b])\n\t"
#define LOAD_G                                                                                     \
	"mov 2240(%[a]), %%r8\n\tmov 2248(%[a]), %%r9\n\tmov 2256(%[a]), %%r10\n\tmov "            \
	"2264(%[a]), %%r11\n\t"                                                                    \
	"mov 2272(%[a]), %%r12\n\tmov 2280(%[a]), %%r13\n\tmov 2288(%[a]), %%r14\n\tmov "          \
	"2296(%[a]), %%r15\n\t"
#define STORE_G                                                                                    \
	"mov %%r8, 2240(%[b])\n\tmov %%r9, 2248(%[b])\n\tmov %%r10, 2256(%[b])\n\tmov %%r11, "     \
	"2264(%[b])\n\t"                                                                           \
	"mov %%r12, 2272(%[b])\n\tmov %%r13, 2280(%[b])\n\tmov %%r14, 2288(%[b])\n\tmov %%r15, "   \
	"2296(%[b])\n\t"
_Static_assert(offsetof(struct vectors, mask) == 2048 && offsetof(struct vectors, x87) == 2112 &&
		       offsetof(struct vectors, general) == 2240 &&
		       offsetof(struct vectors, mxcsr) == 2304 &&
		       offsetof(struct vectors, flags) == 2312,
	       "as the code has it");

/* The first bytes below the stack pointer are the red zone: they are live, too. */
#define WAIT                                                                                       \
	"ldmxcsr 2304(%[a])\n\t"                                                                   \
	"movq $0x4711, -8(%%rsp)\n\tmovq $0x4712, -128(%%rsp)\n\t"                                 \
	"std\n\tmov $300000, %%ecx\n1:\n\tdec %%ecx\n\tjnz 1b\n\t"                                 \
	"stmxcsr 2304(%[b])\n\t"                                                                   \
	"mov -8(%%rsp), %%rcx\n\tsub $0x4711, %%rcx\n\tmov %%rcx, 2312(%[b])\n\t"                  \
	"mov -128(%%rsp), %%rcx\n\tsub $0x4712, %%rcx\n\tadd %%rcx, 2312(%[b])\n\t"                \
	"lea -256(%%rsp), %%rsp\n\tpushfq\n\tpop %%rcx\n\tlea 256(%%rsp), %%rsp\n\tcld\n\t"        \
	"and $0x400, %%ecx\n\tadd %%rcx, 2312(%[b])\n\t"

static void hold_512(const struct vectors *a, struct vectors *b)
{
	__asm__ volatile(EACH_OF_16(LOAD_Z) EACH_OF_8(LOAD_K) EACH_OF_8(LOAD_F)
				 LOAD_G WAIT STORE_G EACH_OF_8(STORE_F) EACH_OF_8(STORE_K)
					 EACH_OF_16(STORE_Z) "vzeroupper"
			 :
			 : [a] "D"(a), [b] "S"(b)
			 : "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory",
			   "cc");
}

static void hold_256(const struct vectors *a, struct vectors *b)
{
	__asm__ volatile(EACH_OF_16(LOAD_Y) EACH_OF_8(LOAD_F) LOAD_G WAIT STORE_G EACH_OF_8(STORE_F)
				 EACH_OF_16(STORE_Y) "vzeroupper"
			 :
			 : [a] "D"(a), [b] "S"(b)
			 : "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory",
			   "cc");
}

static void keep_vectors(void)
{
	static struct vectors a, b;
	bool large = __builtin_cpu_supports("avx512f");

	if (!__builtin_cpu_supports("avx2"))
		_exit(77);
	while (!over) {
		uint64_t x = (uint64_t)n_rounds * 0x9e3779b97f4a7c15ull + 1;

		memset(&a, 0, sizeof(a));
		for (int i = 0; i < 16; i++)
			for (int k = 0; k < (large ? 64 : 32); k++)
				a.v[i][k] = (uint8_t)(x >> (k & 31)) ^ (uint8_t)(i * 64 + k);
		for (int i = 0; i < 8; i++) {
			long double d = (long double)(x >> i) * 1.25L;

			memcpy(a.x87[i], &d, 10);
			a.mask[i] = large ? (x >> i) & 0xffff : 0;
			a.general[i] = x * (uint64_t)(i + 3);
		}
		a.mxcsr = 0x1f80 | (uint32_t)(x & 3) << 13;
		a.flags = 0x400;
		memset(&b, 0, sizeof(b));
		if (large)
			hold_512(&a, &b);
		else
			hold_256(&a, &b);
		if (memcmp(&a, &b, sizeof(a)))
			for (size_t i = 0; i < sizeof(a); i++)
				if (((uint8_t *)&a)[i] != ((uint8_t *)&b)[i]) {
					wrong("byte %zu of the registers is %02x instead of %02x",
					      i, ((uint8_t *)&b)[i], ((uint8_t *)&a)[i]);
					break;
				}
		n_rounds++;
	}
}

/* --- Restartable sequences (Linux include/uapi/linux/rseq.h). --- */

static volatile int64_t counters[1024][8] __attribute__((aligned(64)));
static atomic_llong n_added;

/* Adds one to this cpu's counter, in an unhurried manner, so that most stops fall into it. */
static void add_one(struct rseq *area)
{
	__asm__ volatile(
		".pushsection __rseq_cs, \"aw\"\n\t"
		".balign 32\n3:\n\t.long 0, 0\n\t.quad 1f, 2f - 1f, 4f\n\t"
		".popsection\n"
		"0:\n\tlea 3b(%%rip), %%rax\n\tmov %%rax, %c[cs](%[area])\n"
		"1:\n\tmov %c[cpu](%[area]), %%eax\n\tshl $6, %%rax\n\t"
		"mov (%[to], %%rax), %%rdx\n\tmov $400, %%ecx\n"
		"5:\n\tdec %%ecx\n\tjnz 5b\n\tinc %%rdx\n\tmov %%rdx, (%[to], %%rax)\n"
		"2:\n\tjmp 6f\n\t"
		".byte 0x0f, 0xb9, 0x3d\n\t.long 0x53053053\n4:\n\tjmp 0b\n6:"
		:
		: [area] "r"(area), [to] "r"(counters), [cs] "i"(offsetof(struct rseq, rseq_cs)),
		  [cpu] "i"(offsetof(struct rseq, cpu_id))
		: "rax", "rcx", "rdx", "memory", "cc");
}

static void *counts(void *arg)
{
	struct rseq *area = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
	long long n = 0;

	for (; !over; n++)
		add_one(area);
	n_added += n;
	return arg;
}

static void restart_sequences(void)
{
	pthread_t t[3];
	int64_t sum = 0;

	if (!__rseq_size)
		_exit(77);
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, counts, NULL);
	counts(NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 1024; i++)
		sum += counters[i][0];
	if (sum != n_added)
		wrong("%lld were added, and the sum is %lld", (long long)n_added, (long long)sum);
	n_rounds = sum;
}

/* --- Signals that a call waits for. --- */

static volatile sig_atomic_t came;

static void comes(int signo)
{
	(void)signo;
	came = 1;
}

static void await_signals(void)
{
	struct epoll_event e;
	sigset_t none, usr;
	int ep = epoll_create1(0);

	signal(SIGUSR1, comes);
	sigemptyset(&none);
	sigemptyset(&usr);
	sigaddset(&usr, SIGUSR1);
	sigaddset(&usr, SIGTERM);
	sigprocmask(SIG_BLOCK, &usr, NULL);
	while (!over) {
		int rc;

		came = 0;
		rc = epoll_pwait(ep, &e, 1, -1, &none);
		if (rc != -1 || errno != EINTR || (!came && !over))
			wrong("epoll_pwait: %d (%s), %s", rc, strerror(errno),
			      came ? "after a signal" : "no signal");
		n_rounds++;
		printf("%ld\n", (long)n_rounds);
		fflush(stdout);
	}
}

/* --- Threads and children. --- */

static void *outlives(void *arg)
{
	volatile uint64_t h = 0;

	pthread_join(*(pthread_t *)arg, NULL);
	while (!over) {
		for (int i = 0; i < 100000; i++)
			h += (uint64_t)i;
		n_rounds++;
	}
	printf("%s\n", n_wrong ? "not" : "ok");
	fflush(stdout);
	_exit(n_wrong != 0);
}

static void leave(void)
{
	static pthread_t first;

	first = pthread_self();
	start(outlives, &first);
	pthread_exit(NULL);
}

static void *vforks(void *arg)
{
	/* it waits by a call of its own, as exec of a slow file system would */
	if (vfork() == 0) {
		for (;;)
			syscall(SYS_nanosleep, &(struct timespec){1000, 0}, NULL);
	}
	return arg;
}

static bool traced(void)
{
	char buf[4096];
	int fd = open("/proc/self/status", O_RDONLY);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);
	const char *at;

	close(fd);
	buf[n > 0 ? n : 0] = 0;
	at = strstr(buf, "TracerPid:\t");
	return at && at[11] != '0';
}

static void have_children(void)
{
	while (!over) {
		pid_t pid = fork(), got;
		int status;

		if (pid < 0)
			wrong("fork: %s", strerror(errno));
		if (pid == 0) {
			if (traced())
				_exit(8);
			_exit(7);
		}
		got = waitpid(pid, &status, 0);
		if (got != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 7)
			wrong("waitpid: %d, status %x (%s)", got, status, strerror(errno));
		n_rounds++;
	}
}

static atomic_long n_chld;

static void got_chld(int signo)
{
	(void)signo;
	n_chld++;
}

static void treat_children(const char *mode)
{
	struct sigaction action = {.sa_handler = got_chld, .sa_flags = SA_RESTART | SA_NOCLDWAIT};

	if (!strcmp(mode, "ignored"))
		signal(SIGCHLD, SIG_IGN);
	else
		sigaction(SIGCHLD, &action, NULL);
	while (!over) {
		if (!strcmp(mode, "walls")) {
			int status, got = waitpid(-1, &status, __WALL);

			if (got > 0 && (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL))
				wrong("a child ended by itself, %x", status);
		}
		usleep(500);
		n_rounds++;
	}
	if (n_chld)
		wrong("SIGCHLD came %ld times", n_chld);
}

static atomic_bool in_handler;

static void stays(int signo)
{
	volatile uint64_t h = 0;

	(void)signo;
	in_handler = true;
	while (!over) {
		for (int i = 0; i < 100000; i++)
			h += (uint64_t)i;
		n_rounds++;
	}
}

static struct {
	uint8_t before[8192], stack[8192], behind[64];
} small;

static void run_on_altstack(void)
{
	stack_t s = {.ss_sp = small.stack, .ss_size = sizeof(small.stack)}, now;
	struct sigaction action = {.sa_handler = stays, .sa_flags = SA_ONSTACK};

	memset(small.before, 0x5a, sizeof(small.before));
	sigaltstack(&s, NULL);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	for (size_t i = 0; i < sizeof(small.before); i++)
		if (small.before[i] != 0x5a) {
			wrong("below the stack, byte -%zu is %02x", sizeof(small.before) - i,
			      small.before[i]);
			break;
		}
	sigaltstack(NULL, &now);
	if (now.ss_sp != s.ss_sp || now.ss_size != s.ss_size || now.ss_flags != s.ss_flags)
		wrong("the alternate stack is another");
}

static void *waits(void *arg)
{
	while (!over)
		poll(NULL, 0, -1);
	return arg;
}

/* --- io_uring. --- */

static void use_ring(void)
{
	struct io_uring_params p = {.flags = IORING_SETUP_SQPOLL, .sq_thread_idle = 2000};
	int fd = (int)syscall(SYS_io_uring_setup, 8, &p), pipes[2];
	uint8_t *ring, *cqr;
	struct io_uring_sqe *sqes;
	_Atomic uint32_t *sq_tail, *sq_flags, *cq_head, *cq_tail;
	uint32_t *array, sq_mask, cq_mask;
	static char byte;

	if (fd < 0 || pipe(pipes) < 0)
		_exit(77);
	ring = mmap(NULL, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_SQ_RING);
	cqr = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe),
		   PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_CQ_RING);
	sqes = mmap(NULL, p.sq_entries * sizeof(*sqes), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_SQES);
	sq_tail = (void *)(ring + p.sq_off.tail);
	sq_flags = (void *)(ring + p.sq_off.flags);
	sq_mask = *(uint32_t *)(void *)(ring + p.sq_off.ring_mask);
	array = (void *)(ring + p.sq_off.array);
	cq_head = (void *)(cqr + p.cq_off.head);
	cq_tail = (void *)(cqr + p.cq_off.tail);
	cq_mask = *(uint32_t *)(void *)(cqr + p.cq_off.ring_mask);
	/* odd rounds by a worker */
	while (!over) {
		uint32_t tail = *sq_tail, i = tail & sq_mask;
		struct io_uring_cqe *cqe;
		char c = (char)n_rounds, got = 0;

		byte = c;
		memset(&sqes[i], 0, sizeof(sqes[i]));
		sqes[i].opcode = IORING_OP_WRITE;
		sqes[i].flags = n_rounds & 1 ? IOSQE_ASYNC : 0;
		sqes[i].fd = pipes[1];
		sqes[i].addr = (uint64_t)(uintptr_t)&byte;
		sqes[i].len = 1;
		array[i] = i;
		*sq_tail = tail + 1;
		if (*sq_flags & IORING_SQ_NEED_WAKEUP)
			syscall(SYS_io_uring_enter, fd, 1, 0, IORING_ENTER_SQ_WAKEUP, NULL, 0);
		while (*cq_tail == *cq_head)
			if (n_rounds % 3 == 0 &&
			    syscall(SYS_io_uring_enter, fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0) <
				    0 &&
			    !over)
				wrong("io_uring_enter: %s", strerror(errno));
		cqe = (struct io_uring_cqe *)(void *)(cqr + p.cq_off.cqes) + (*cq_head & cq_mask);
		if (cqe->res != 1)
			wrong("a write by the ring: %d", cqe->res);
		*cq_head = *cq_head + 1;
		if (read(pipes[0], &got, 1) != 1 || got != c)
			wrong("a byte is %d instead of %d", got, c);
		n_rounds++;
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "", *arg = argc > 2 ? argv[2] : "";

	signal(SIGTERM, ends);
	if (!strcmp(what, "vectors")) {
		keep_vectors();
	} else if (!strcmp(what, "rseq")) {
		restart_sequences();
	} else if (!strcmp(what, "awaits")) {
		await_signals();
	} else if (!strcmp(what, "leader")) {
		leave();
	} else if (!strcmp(what, "vfork")) {
		start(vforks, NULL);
		waits(NULL);
	} else if (!strcmp(what, "forks")) {
		have_children();
	} else if (!strcmp(what, "execs")) {
		usleep((useconds_t)(getpid() * 7 % 300));
		if (!over)
			execl("/proc/self/exe", argv[0], "execs", NULL);
	} else if (!strcmp(what, "children")) {
		treat_children(arg);
	} else if (!strcmp(what, "altstack")) {
		run_on_altstack();
	} else if (!strcmp(what, "many")) {
		for (int i = atoi(arg); i > 1; i--)
			start(waits, NULL);
		waits(NULL);
	} else if (!strcmp(what, "ends")) {
		usleep((useconds_t)atoi(arg) * 1000);
	} else if (!strcmp(what, "ring")) {
		use_ring();
	} else {
		return 2;
	}
	printf("%s\n", n_wrong ? "not" : "ok");
	fflush(stdout);
	_exit(n_wrong != 0);
}
