/*
 * Threads for one pass: made, joined, gone. A part that gets no thread (a limit of the system) runs in the
 * caller's, so the result never depends on how many there were.
 *
 * The threads take no signals: a program's handlers run in the thread that it began with.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "analyze/graph/parallel.h"

enum { DEFAULT_MAX = 8 };

struct part_run {
	parallel_part *part;
	void *arg;
	unsigned i;
	int rc;
	struct err err;
	pthread_t thread;
	bool has_thread;
};

unsigned parallel_default(void)
{
	cpu_set_t set;
	int n = 1;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	return n < 1 ? 1 : n > DEFAULT_MAX ? DEFAULT_MAX : (unsigned)n;
}

static void *run_part(void *arg)
{
	struct part_run *p = arg;

	p->rc = p->part(p->arg, p->i, &p->err);
	return NULL;
}

int parallel_run(unsigned n, parallel_part *part, void *arg, struct err *err)
{
	struct part_run runs[PARALLEL_MAX];
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 0; i < n; i++) {
		runs[i] = (struct part_run){.part = part, .arg = arg, .i = i};
		runs[i].has_thread =
			i && pthread_create(&runs[i].thread, NULL, run_part, &runs[i]) == 0;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	for (unsigned i = 0; i < n; i++)
		if (!runs[i].has_thread)
			run_part(&runs[i]);
	for (unsigned i = 0; i < n; i++)
		if (runs[i].has_thread)
			pthread_join(runs[i].thread, NULL);
	for (unsigned i = 0; i < n; i++)
		if (runs[i].rc < 0) {
			if (err)
				*err = runs[i].err;
			return runs[i].rc;
		}
	return 0;
}
