/*
 * Stack captures, in ns, beside those of others in the same run.
 *
 *	bench_stack [ROUNDS]
 *
 * Each is timed at 20 and 50 frames: the median of rounds of calls from the bottom of a recursion of mixed frames, when
 * warm, and the first and second capture of a new thread. Not part of `make check`: times are no tests.
 */
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unwind.h>

#include "dump/stack.h"

enum { MAX_FRAMES = 128, CALLS = 200, DEPTHS = 2 };

static __thread struct hd_stack_bounds bounds;
static int (*unw_backtrace_of)(void **, int);
static int rounds = 301;

struct timing {
	double first, second, warm; /* ns */
	unsigned frames;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

struct gather {
	uint64_t *frames;
	unsigned n;
};

static _Unwind_Reason_Code gather_one(struct _Unwind_Context *c, void *gather)
{
	struct gather *g = gather;

	if (g->n < MAX_FRAMES)
		g->frames[g->n++] = _Unwind_GetIP(c);
	return _URC_NO_REASON;
}

__attribute__((noinline)) static unsigned by_ours(uint64_t *frames)
{
	struct hd_stack_context here = HD_STACK_HERE();
	uint64_t hash;
	bool cut;

	return hd_stack_capture(&here, &bounds, false, frames, MAX_FRAMES, &cut, &hash);
}

__attribute__((noinline)) static unsigned by_libunwind(uint64_t *frames)
{
	return (unsigned)unw_backtrace_of((void **)frames, MAX_FRAMES);
}

__attribute__((noinline)) static unsigned by_libgcc(uint64_t *frames)
{
	struct gather g = {frames, 0};

	_Unwind_Backtrace(gather_one, &g);
	return g.n;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

__attribute__((noinline)) static void time_it(unsigned (*capture)(uint64_t *), struct timing *t)
{
	double *took = calloc((size_t)rounds, sizeof(*took)), before = now();
	uint64_t frames[MAX_FRAMES];

	t->frames = capture(frames);
	t->first = now() - before;
	before = now();
	capture(frames);
	t->second = now() - before;
	for (int r = 0; r < rounds; r++) {
		before = now();
		for (int i = 0; i < CALLS; i++)
			capture(frames);
		took[r] = (now() - before) / CALLS;
	}
	qsort(took, (size_t)rounds, sizeof(*took), by_value);
	t->warm = took[rounds / 2];
	free(took);
}

struct job {
	unsigned (*capture)(uint64_t *);
	int depth;
	struct timing timing;
};

/* Frames of three sizes. */
__attribute__((noinline)) static int descend(struct job *job, int depth);
#define DESCEND(name, size)                                                                        \
	__attribute__((noinline)) static int name(struct job *job, int depth)                      \
	{                                                                                          \
		volatile char room[size];                                                          \
                                                                                                   \
		room[depth % (size)] = (char)depth;                                                \
		return descend(job, depth - 1) + room[depth % (size)];                             \
	}
DESCEND(descend_small, 8)
DESCEND(descend_middle, 100)
DESCEND(descend_large, 600)

__attribute__((noinline)) static int descend(struct job *job, int depth)
{
	int (*const next[])(struct job *, int) = {descend_small, descend_middle, descend_large};

	if (depth <= 0) {
		time_it(job->capture, &job->timing);
		return 0;
	}
	return next[depth % 3](job, depth - 1) + 1;
}

static void *run_job(void *job_)
{
	struct job *job = job_;

	descend(job, job->depth);
	return NULL;
}

static void in_thread(struct job *job)
{
	pthread_t thread;

	pthread_create(&thread, NULL, run_job, job);
	pthread_join(thread, NULL);
}

static void show(const char *name, unsigned (*capture)(uint64_t *))
{
	static const int depths[DEPTHS] = {13, 43};

	if (!capture)
		return;
	printf("%-28s", name);
	for (int i = 0; i < DEPTHS; i++) {
		struct job job = {.capture = capture, .depth = depths[i]};

		in_thread(&job);
		memset(&job.timing, 0, sizeof(job.timing));
		in_thread(&job);
		printf("  %3u frames: %8.0f %5.1f/frame, first %8.0f, second %6.0f",
		       job.timing.frames, job.timing.warm, job.timing.warm / job.timing.frames,
		       job.timing.first, job.timing.second);
	}
	printf("\n");
}

int main(int argc, char **argv)
{
	void *libunwind = dlopen("libunwind.so.8", RTLD_LOCAL | RTLD_NOW);

	if (argc > 1)
		rounds = atoi(argv[1]) > 0 ? atoi(argv[1]) : 1;
	if (libunwind)
		unw_backtrace_of =
			(int (*)(void **, int))(uintptr_t)dlsym(libunwind, "unw_backtrace");
	printf("ns per capture, the median of %d rounds; first, second: of a new thread\n", rounds);
	hd_stack_init(HD_UNWIND_AUTO);
	show("heapdump, tables", by_ours);
	hd_stack_init(HD_UNWIND_FRAMES);
	show("heapdump, frame pointers", by_ours);
	show("libunwind, unw_backtrace", unw_backtrace_of ? by_libunwind : NULL);
	show("libgcc, _Unwind_Backtrace", by_libgcc);
	return 0;
}
