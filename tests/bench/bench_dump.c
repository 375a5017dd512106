/*
 * What an image costs: the pause against a bare fork of the same process, the writing against a bare write() of as
 * many bytes; the same written by `heapdump dump PID`, from outside; and gcore's stall, as the program's own threads see
 * it (bench-dump runs it).
 *
 *	bench_dump [-t THREADS] [-c MEBIBYTES] [-d HEAPDUMP] [-g] [-H] FOLDER MEBIBYTES ROUNDS
 *
 * The heap: records, strings, pointer vectors, blocks without pattern; about 5 % of its pages are zero. Threads change it all
 * the time, two of them without a rest; each notes the longest time between two of its steps. -H: in
 * huge pages. -c: only so much of it is changed, for a huge page is split for good where it is changed after a fork.
 *
 * New pages of the page cache are dear in a virtual machine, and whoever writes first pays for them. So each round begins
 * with a write that is not counted, what is compared follows at once, in an order that turns from round to round, and
 * every file is deleted before the next one is begun. For a machine that is not quiet there is the processor time, of all
 * tasks that write: a disk's own work is not in it.
 */
#include <fcntl.h>
#include <heapdump.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	BUSY_THREADS = 2,
	MAX_THREADS = 1000,
	BLOCK = 64 << 10,
	WORDS = (BLOCK - 32) / 8,
	PAGE = 4096,
	MAX_ROUNDS = 64,
	SETTLE_US = 20000,
	TEXT_BYTES = 4096,
};

static uint64_t **blocks;
static size_t n_blocks;
static volatile int stop;
static volatile uint64_t longest[MAX_THREADS];

static struct {
	const char *folder, *tool;  /* tool: heapdump, or NULL */
	size_t mebibytes, changing; /* of it, or 0: all */
	int threads, rounds;
	bool gcore, huge, sync;
} opt = {.mebibytes = 1024, .threads = BUSY_THREADS, .rounds = 6};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void *mutate(void *arg)
{
	uintptr_t me = (uintptr_t)arg;
	uint64_t seed = me + 1, last = now();
	size_t n = opt.changing ? opt.changing * ((1 << 20) / BLOCK) : n_blocks;

	while (!stop) {
		uint64_t t;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		blocks[(seed >> 33) % n][(seed >> 20) % WORDS]++;
		usleep(me < BUSY_THREADS ? 50 : 10000);
		t = now();
		if (t - last > longest[me])
			longest[me] = t - last;
		last = t;
	}
	return NULL;
}

static void fill(uint64_t *b, uint64_t i)
{
	uint64_t x = i * 0x9e3779b97f4a7c15u + 1;

	for (unsigned k = 0; k < WORDS; k++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		b[k] = i % 4 == 0   ? x
		       : i % 4 == 1 ? (uint64_t)(uintptr_t)blocks[x % (i + 1)]
				    : k * i;
	}
	if (i % 4 == 3)
		memset((char *)b + PAGE * 4, 0, PAGE * 3);
}

static char *huge_pages(size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || madvise(p, size, MADV_HUGEPAGE) < 0)
		exit(2);
	return p;
}

static void make_heap(size_t mebibytes)
{
	char *area;

	n_blocks = mebibytes * ((1 << 20) / BLOCK);
	blocks = calloc(n_blocks, sizeof(*blocks));
	area = opt.huge ? huge_pages(n_blocks * BLOCK) : NULL;
	for (size_t i = 0; i < n_blocks; i++) {
		blocks[i] = area ? (uint64_t *)(void *)(area + i * BLOCK) : malloc(BLOCK - 32);
		if (!blocks[i])
			exit(2);
		memset(blocks[i], 1, BLOCK - 32);
	}
	for (size_t i = 0; i < n_blocks; i++)
		fill(blocks[i], i);
}

/* --- Figures. --- */

enum figure {
	FORK_MS,
	PAUSE_MS,
	STOP_MS,
	IN_FORK_MS,
	PAUSE_TO_FORK,
	GAP_MS,
	RATE,
	RAW_RATE,
	RATE_TO_RAW,
	CPU,
	RAW_CPU,
	PID_PAUSE_MS,
	PID_STOP_MS,
	PID_FORK_MS,
	PID_END_MS,
	PID_PAUSE_TO_PAUSE,
	PID_GAP_MS,
	PID_RATE,
	PID_RATE_TO_RAW,
	PID_CPU,
	GCORE_GAP_MS,
	N_FIGURES,
};

static const char *const what[N_FIGURES][2] = {
	[FORK_MS] = {"bare fork", "ms"},
	[PAUSE_MS] = {"pause", "ms"},
	[STOP_MS] = {"of that, the stop", "ms"},
	[IN_FORK_MS] = {"of that, the fork", "ms"},
	[PAUSE_TO_FORK] = {"pause / bare fork", ""},
	[GAP_MS] = {"gap seen by threads", "ms"},
	[RATE] = {"rate", "GB/s"},
	[RAW_RATE] = {"bare write", "GB/s"},
	[RATE_TO_RAW] = {"rate / bare write", ""},
	[CPU] = {"processor time", "s/GB"},
	[RAW_CPU] = {"bare write: time", "s/GB"},
	[PID_PAUSE_MS] = {"dump PID: pause", "ms"},
	[PID_STOP_MS] = {"of that, the stop", "ms"},
	[PID_FORK_MS] = {"of that, the fork", "ms"},
	[PID_END_MS] = {"its second pause", "ms"},
	[PID_PAUSE_TO_PAUSE] = {"pause / pause above", ""},
	[PID_GAP_MS] = {"gap seen by threads", "ms"},
	[PID_RATE] = {"rate", "GB/s"},
	[PID_RATE_TO_RAW] = {"rate / bare write", ""},
	[PID_CPU] = {"processor time", "s/GB"},
	[GCORE_GAP_MS] = {"gcore: gap seen", "ms"},
};

static double figures[N_FIGURES][MAX_ROUNDS];
static int n_of[N_FIGURES];

static void note(enum figure f, double value)
{
	figures[f][n_of[f]++] = value;
}

static double last(enum figure f)
{
	return figures[f][n_of[f] - 1];
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *v, int n)
{
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static void show_all(void)
{
	printf("%zu MiB%s, %d threads, %d rounds, into %s%s\n%-24s %9s %9s %9s\n", opt.mebibytes,
	       opt.huge ? " in huge pages" : "", opt.threads, opt.rounds, opt.folder,
	       opt.sync ? "" : ", no fsync", "", "min", "median", "max");
	for (int f = 0; f < N_FIGURES; f++) {
		double *v = figures[f];
		int n = n_of[f];

		if (!n)
			continue;
		qsort(v, (size_t)n, sizeof(*v), by_size);
		printf("  %-22s %9.2f %9.2f %9.2f %s\n", what[f][0], v[0], median(v, n), v[n - 1],
		       what[f][1]);
	}
}

static uint64_t gap(void)
{
	uint64_t max = 0;

	usleep(SETTLE_US);
	for (int i = 0; i < opt.threads; i++) {
		if (longest[i] > max)
			max = longest[i];
		longest[i] = 0;
	}
	return max;
}

/* Processor time so far: of this thread, or of the tasks that it has waited for (a dump's helper and snapshot). */
static double cpu_of(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* --- What is measured. --- */

static uint64_t data_bytes; /* of an image: the heap keeps its size */

static void bare_fork(void)
{
	uint64_t t = now(), took;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	took = now() - t;
	waitpid(pid, NULL, 0);
	note(FORK_MS, (double)took / 1e6);
}

/*
 * As many bytes of the same heap, by write() of 64 KiB, into the same folder: GB/s. Whole pages of the file, or the kernel
 * takes a quarter more time: so each write ends in the block behind, or is cut short where there is none.
 */
static double write_once(const char *path, uint64_t bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	uint64_t t = now(), done = 0;
	size_t i = 0;

	while (done < bytes) {
		ssize_t n = write(fd, blocks[i++ % (n_blocks - 1)], BLOCK);

		if (n <= 0) {
			perror(path);
			exit(2);
		}
		done += (uint64_t)n;
	}
	if (opt.sync)
		fsync(fd);
	close(fd);
	t = now() - t;
	unlink(path);
	return (double)bytes / (double)t;
}

static void bare_write(const char *path)
{
	double cpu = cpu_of(RUSAGE_THREAD);

	note(RAW_RATE, write_once(path, data_bytes));
	note(RAW_CPU, (cpu_of(RUSAGE_THREAD) - cpu) / (double)data_bytes * 1e9);
}

static void in_process(const char *path)
{
	struct heapdump_options o = {.size = sizeof(o), .flags = opt.sync ? 0 : HEAPDUMP_NO_SYNC};
	struct heapdump_result r = {.size = sizeof(r)};
	double cpu = cpu_of(RUSAGE_CHILDREN);
	int rc;

	gap();
	rc = heapdump_write(path, &o, &r);
	if (rc < 0) {
		fprintf(stderr, "%s: %s\n", path, heapdump_strerror(rc));
		exit(2);
	}
	note(GAP_MS, (double)gap() / 1e6);
	unlink(path);
	note(PAUSE_MS, (double)r.pause_ns / 1e6);
	note(STOP_MS, (double)r.stop_ns / 1e6);
	note(IN_FORK_MS, (double)r.fork_ns / 1e6);
	note(RATE, (double)r.data_bytes / (double)(r.total_ns - r.pause_ns));
	note(CPU, (cpu_of(RUSAGE_CHILDREN) - cpu) / (double)r.data_bytes * 1e9);
}

/* The number that a key has in the tool's JSON. */
static double value_of(const char *json, const char *key)
{
	char quoted[64];
	const char *at;

	snprintf(quoted, sizeof(quoted), "\"%s\": ", key);
	at = strstr(json, quoted);
	if (!at) {
		fprintf(stderr, "heapdump dump: no %s\n", key);
		exit(2);
	}
	return strtod(at + strlen(quoted), NULL);
}

static void by_pid(const char *path)
{
	char command[2048], json[TEXT_BYTES];
	double cpu = cpu_of(RUSAGE_CHILDREN), bytes;
	FILE *f;
	size_t n;

	snprintf(command, sizeof(command), "exec '%s' dump --json %s -o '%s' %d", opt.tool,
		 opt.sync ? "" : "--no-sync", path, (int)getpid());
	gap();
	f = popen(command, "r");
	n = f ? fread(json, 1, sizeof(json) - 1, f) : 0;
	json[n] = 0;
	if (!f || pclose(f) != 0) {
		fprintf(stderr, "%s failed\n", command);
		exit(2);
	}
	note(PID_GAP_MS, (double)gap() / 1e6);
	unlink(path);
	bytes = value_of(json, "data_bytes");
	note(PID_PAUSE_MS, value_of(json, "pause_ns") / 1e6);
	note(PID_STOP_MS, value_of(json, "stop_ns") / 1e6);
	note(PID_FORK_MS, value_of(json, "fork_ns") / 1e6);
	note(PID_END_MS, value_of(json, "second_pause_ns") / 1e6);
	note(PID_RATE, bytes / (value_of(json, "total_ns") - value_of(json, "pause_ns")));
	note(PID_CPU, (cpu_of(RUSAGE_CHILDREN) - cpu) / bytes * 1e9);
}

static void gcore_stall(const char *path)
{
	char command[640];

	gap();
	snprintf(command, sizeof(command), "gcore -o %s %d >/dev/null 2>&1 && rm -f %s.*", path,
		 (int)getpid(), path);
	if (system(command) != 0) {
		fprintf(stderr, "gcore failed\n");
		exit(2);
	}
	note(GCORE_GAP_MS, (double)gap() / 1e6);
}

static void one_round(const char *path, int i)
{
	static void (*const kinds[])(const char *path) = {in_process, bare_write, by_pid};
	int n = opt.tool ? 3 : 2;

	bare_fork();
	write_once(path, data_bytes);
	for (int k = 0; k < n; k++)
		kinds[(i + k) % n](path);
	note(PAUSE_TO_FORK, last(PAUSE_MS) / last(FORK_MS));
	note(RATE_TO_RAW, last(RATE) / last(RAW_RATE));
	if (opt.tool) {
		note(PID_PAUSE_TO_PAUSE, last(PID_PAUSE_MS) / last(PAUSE_MS));
		note(PID_RATE_TO_RAW, last(PID_RATE) / last(RAW_RATE));
	}
	if (opt.gcore)
		gcore_stall(path);
}

/* --- Options. --- */

static int usage(void)
{
	fprintf(stderr, "usage: bench_dump [-t THREADS] [-c MEBIBYTES] [-d HEAPDUMP] [-g] [-H] "
			"FOLDER MEBIBYTES ROUNDS\n");
	return 2;
}

static bool read_options(int argc, char **argv)
{
	for (int c; (c = getopt(argc, argv, "t:c:d:gH")) != -1;)
		if (c == 't')
			opt.threads = atoi(optarg);
		else if (c == 'c')
			opt.changing = strtoul(optarg, NULL, 10);
		else if (c == 'd')
			opt.tool = optarg;
		else if (c == 'g')
			opt.gcore = true;
		else if (c == 'H')
			opt.huge = true;
		else
			return false;
	if (argc - optind != 3)
		return false;
	opt.folder = argv[optind];
	opt.mebibytes = strtoul(argv[optind + 1], NULL, 10);
	opt.rounds = atoi(argv[optind + 2]);
	opt.sync = !getenv("NO_SYNC");
	return opt.mebibytes && opt.changing <= opt.mebibytes && opt.rounds > 0 &&
	       opt.rounds <= MAX_ROUNDS && opt.threads > 0 && opt.threads <= MAX_THREADS;
}

int main(int argc, char **argv)
{
	pthread_t threads[MAX_THREADS];
	char path[256];

	if (!read_options(argc, argv))
		return usage();
	snprintf(path, sizeof(path), "%s/bench_dump.%d", opt.folder, (int)getpid());
	make_heap(opt.mebibytes);
	data_bytes = n_blocks * (uint64_t)(BLOCK - 32);
	for (uintptr_t i = 0; i < (uintptr_t)opt.threads; i++)
		pthread_create(&threads[i], NULL, mutate, (void *)i);
	bare_fork(); /* the first is the dearest */
	n_of[FORK_MS] = 0;
	for (int i = 0; i < opt.rounds; i++)
		one_round(path, i);
	stop = 1;
	show_all();
	return 0;
}
