/*
 * What an image costs: the pause against a bare fork of the same process, the writing against a bare write() of as
 * many bytes; and gcore's stall, as the program's own threads see it (bench-dump runs it).
 *
 *	bench_dump FOLDER MEBIBYTES ROUNDS [gcore]
 *
 * The heap: records, strings, pointer vectors, blocks without pattern; about 5 % of its pages are zero. Two threads change it
 * all the time; each notes the longest time between two of its steps.
 */
#include <fcntl.h>
#include <heapdump.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { N_THREADS = 2, BLOCK = 64 << 10, WORDS = (BLOCK - 32) / 8, PAGE = 4096, MAX_ROUNDS = 64 };

static uint64_t **blocks;
static size_t n_blocks;
static volatile int stop;
static volatile uint64_t longest[N_THREADS];

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

	while (!stop) {
		uint64_t t;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		blocks[(seed >> 33) % n_blocks][(seed >> 20) % WORDS]++;
		usleep(50);
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

static void make_heap(size_t mebibytes)
{
	n_blocks = mebibytes * ((1 << 20) / BLOCK);
	blocks = calloc(n_blocks, sizeof(*blocks));
	for (size_t i = 0; i < n_blocks; i++) {
		blocks[i] = malloc(BLOCK - 32);
		if (!blocks[i])
			exit(2);
		memset(blocks[i], 1, BLOCK - 32);
	}
	for (size_t i = 0; i < n_blocks; i++)
		fill(blocks[i], i);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void show(const char *what, double *v, int n, const char *unit)
{
	qsort(v, (size_t)n, sizeof(*v), by_size);
	printf("  %-22s %9.2f %9.2f %9.2f %s\n", what, v[0], v[n / 2], v[n - 1], unit);
}

static double bare_fork(void)
{
	uint64_t t = now(), took;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	took = now() - t;
	waitpid(pid, NULL, 0);
	return (double)took / 1e6;
}

/* As many bytes of the same heap, by write() of 64 KiB, into the same folder. */
static double bare_write(const char *path, uint64_t bytes, int sync)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	uint64_t t = now(), done = 0;
	size_t i = 0;

	while (done < bytes) {
		ssize_t n = write(fd, blocks[i++ % n_blocks], BLOCK - 32);

		if (n <= 0) {
			perror(path);
			exit(2);
		}
		done += (uint64_t)n;
	}
	if (sync)
		fsync(fd);
	close(fd);
	t = now() - t;
	unlink(path);
	return (double)bytes / (double)t;
}

static uint64_t gap(void)
{
	uint64_t max = 0;

	usleep(20000);
	for (int i = 0; i < N_THREADS; i++) {
		if (longest[i] > max)
			max = longest[i];
		longest[i] = 0;
	}
	return max;
}

static double gcore_stall(const char *path)
{
	char command[640];

	gap();
	snprintf(command, sizeof(command), "gcore -o %s %d >/dev/null 2>&1 && rm -f %s.*", path,
		 (int)getpid(), path);
	if (system(command) != 0) {
		fprintf(stderr, "gcore failed\n");
		exit(2);
	}
	return (double)gap() / 1e6;
}

static double fork_ms[MAX_ROUNDS], pause_ms[MAX_ROUNDS], ratio[MAX_ROUNDS], seen_ms[MAX_ROUNDS],
	stop_ms[MAX_ROUNDS], rate[MAX_ROUNDS], raw[MAX_ROUNDS], rate_ratio[MAX_ROUNDS],
	stall_ms[MAX_ROUNDS];

static void one_round(const char *path, int i, int sync)
{
	struct heapdump_options o = {.size = sizeof(o), .flags = sync ? 0 : HEAPDUMP_NO_SYNC};
	struct heapdump_result r = {.size = sizeof(r)};
	static uint64_t bytes; /* of the round before: the heap keeps its size */
	int rc;

	fork_ms[i] = bare_fork();
	/* who writes first meets what others left to be written, and pages that the machine has not had yet */
	if (i % 2)
		raw[i] = bare_write(path, bytes, sync);
	gap();
	rc = heapdump_write(path, &o, &r);
	if (rc < 0) {
		fprintf(stderr, "%s: %s\n", path, heapdump_strerror(rc));
		exit(2);
	}
	seen_ms[i] = (double)gap() / 1e6;
	unlink(path);
	pause_ms[i] = (double)r.pause_ns / 1e6;
	stop_ms[i] = (double)r.stop_ns / 1e6;
	ratio[i] = pause_ms[i] / fork_ms[i];
	rate[i] = (double)r.data_bytes / (double)(r.total_ns - r.pause_ns);
	bytes = r.data_bytes;
	if (i % 2 == 0)
		raw[i] = bare_write(path, bytes, sync);
	rate_ratio[i] = rate[i] / raw[i];
}

int main(int argc, char **argv)
{
	size_t mebibytes = argc > 2 ? strtoul(argv[2], NULL, 10) : 1024;
	int rounds = argc > 3 ? atoi(argv[3]) : 5, gcore = argc > 4, sync = !getenv("NO_SYNC");
	pthread_t threads[N_THREADS];
	char path[256];

	if (rounds < 1 || rounds > MAX_ROUNDS)
		rounds = 5;
	snprintf(path, sizeof(path), "%s/bench_dump.%d", argc > 1 ? argv[1] : ".", (int)getpid());
	make_heap(mebibytes);
	for (uintptr_t i = 0; i < N_THREADS; i++)
		pthread_create(&threads[i], NULL, mutate, (void *)i);
	bare_fork();
	for (int i = 0; i < rounds; i++) {
		one_round(path, i, sync);
		if (gcore)
			stall_ms[i] = gcore_stall(path);
	}
	stop = 1;
	printf("%zu MiB, %d rounds, into %s%s        min    median       max\n", mebibytes, rounds,
	       argc > 1 ? argv[1] : ".", sync ? "" : ", no fsync");
	show("bare fork", fork_ms, rounds, "ms");
	show("pause", pause_ms, rounds, "ms");
	show("of that, the stop", stop_ms, rounds, "ms");
	show("pause / bare fork", ratio, rounds, "");
	show("gap seen by threads", seen_ms, rounds, "ms");
	show("rate", rate, rounds, "GB/s");
	show("bare write", raw, rounds, "GB/s");
	show("rate / bare write", rate_ratio, rounds, "");
	if (gcore)
		show("gcore: gap seen", stall_ms, rounds, "ms");
	return 0;
}
