/*
 * Stopping by ptrace: no handler runs, and blocked system calls go on afterwards. By any stop (signal(7), "Interruption …
 * by stop signals") epoll_wait, semop, semtimedop, sigtimedwait, sigwaitinfo, io_getevents and recv and accept with
 * SO_RCVTIMEO would return EINTR, and no others (measured on Linux 6.18): those are begun again, see
 * hd_machine_restart.
 *
 *	SEIZE, INTERRUPT all  →  wait for each  →  list again  →  … until nothing new
 *
 * A stop that is not PTRACE_EVENT_STOP is a signal on its way: it is handed over, and the trap follows. No option is set:
 * with PTRACE_O_EXITKILL our own death would kill the program; as it is, the kernel lets a dead tracer's threads run.
 * A thread that waits for a vfork()ed child, or for a device, does not stop; after 200 ms in which nobody stopped it
 * is given up, and let go when it stops later.
 *
 * Waiting is for SIGCHLD, which is blocked and stays pending, so that there is a time limit.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "dump/freeze.h"
#include "dump/proc_text.h"
#include "dump/sys.h"

enum {
	PATIENCE_NS = 200 * 1000 * 1000,
	MAX_ROUNDS = 30,
	NOBODY = 0x7ffffffe, /* larger than any process id */
	EVENT_STOP = 128,    /* PTRACE_EVENT_STOP */
};

static long ask_ptrace(long request, uint32_t tid, void *addr, void *data)
{
	return hd_sys4(SYS_ptrace, request, tid, addr, data);
}

/* A leader that has exited before its threads is a zombie, which ptrace refuses. */
static bool is_dead(struct hd_freeze *f, uint32_t tid)
{
	char path[96], stat[512];
	const char *state;

	hd_freeze_path(f, tid, "stat", path);
	if (hd_text_whole(path, stat, sizeof(stat)) <= 0)
		return true;
	state = strrchr(stat, ')');
	return state && (state[2] == 'Z' || state[2] == 'X');
}

static bool any_attached(const struct hd_freeze *f)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (f->threads[i].attached)
			return true;
	return false;
}

/* A worker of the kernel's in the program (io_uring) was not to be traced in some of its versions. */
static int seize(struct hd_freeze *f, struct hd_frozen *t)
{
	long rc = ask_ptrace(PTRACE_SEIZE, t->tid, NULL, NULL);

	if (rc == -ESRCH || (rc < 0 && is_dead(f, t->tid))) {
		t->state = HD_GONE;
		return 0;
	}
	if (rc < 0 && any_attached(f)) {
		t->state = HD_NOT_STOPPED;
		return 0;
	}
	if (rc < 0)
		return (int)rc;
	t->attached = true;
	ask_ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
	return 0;
}

/* false: it was on its way to something else and goes on. */
static bool has_stopped(uint32_t tid, int status)
{
	if (status >> 16 == EVENT_STOP)
		return true;
	ask_ptrace(PTRACE_CONT, tid, NULL, (void *)(long)WSTOPSIG(status));
	return false;
}

static uint32_t state_after(struct hd_frozen *t, int status)
{
	if (!WIFSTOPPED(status)) {
		t->attached = false;
		return HD_GONE;
	}
	return has_stopped(t->tid, status) ? HD_STOPPED : t->state;
}

/* Takes all that is to be had now; true: something was. A thread that was given up may come all the same. */
static bool collect(struct hd_freeze *f, uint32_t *n_waited)
{
	bool progress = false;
	int status;
	long tid;

	while (*n_waited && (tid = hd_sys4(SYS_wait4, -1, &status, WNOHANG | __WALL, 0)) > 0) {
		struct hd_frozen *t = hd_freeze_find(f, (uint32_t)tid);
		uint32_t before;

		progress = true;
		if (!t)
			continue;
		before = t->state;
		t->state = state_after(t, status);
		*n_waited -= before == HD_RUNS && t->state != HD_RUNS;
	}
	return progress;
}

static void wait_for_stops(struct hd_freeze *f)
{
	uint64_t chld = 1ull << (SIGCHLD - 1), since = hd_sys_clock(CLOCK_MONOTONIC);
	struct timespec limit = {0, PATIENCE_NS / 4};
	uint32_t n_waited = 0;

	for (uint32_t i = 0; i < f->n; i++)
		n_waited += f->threads[i].state == HD_RUNS;
	while (n_waited) {
		uint64_t now;

		if (collect(f, &n_waited)) {
			since = hd_sys_clock(CLOCK_MONOTONIC);
			continue;
		}
		hd_sys4(SYS_rt_sigtimedwait, &chld, 0, &limit, sizeof(chld));
		now = hd_sys_clock(CLOCK_MONOTONIC);
		if (now - since > PATIENCE_NS && !collect(f, &n_waited))
			break;
	}
	for (uint32_t i = 0; i < f->n; i++)
		if (f->threads[i].state == HD_RUNS)
			f->threads[i].state =
				is_dead(f, f->threads[i].tid) ? HD_GONE : HD_NOT_STOPPED;
}

static uint32_t get_set(uint32_t tid, long type, void *to, uint32_t size)
{
	struct iovec v = {to, size};

	return ask_ptrace(PTRACE_GETREGSET, tid, (void *)type, &v) < 0 ? 0 : (uint32_t)v.iov_len;
}

static void set_general(uint32_t tid, struct hd_registers *r)
{
	struct iovec v = {r->raw, sizeof(r->raw)};

	ask_ptrace(PTRACE_SETREGSET, tid, (void *)(long)NT_PRSTATUS, &v);
}

static void get_registers(struct hd_freeze *f)
{
	for (uint32_t i = 0; i < f->n; i++) {
		struct hd_frozen *t = &f->threads[i];
		struct hd_registers *r = &t->registers;

		if (t->state != HD_STOPPED)
			continue;
		t->has_registers = get_set(t->tid, NT_PRSTATUS, r->raw, sizeof(r->raw)) > 0;
		r->fp_size = get_set(t->tid, NT_PRFPREG, r->fp, HD_FP_SIZE);
		r->more_size = get_set(t->tid, HD_MORE_NOTE, r->more, f->more_room);
		hd_machine_tidy(r);
		if (t->has_registers && hd_machine_restart(r))
			set_general(t->tid, r);
	}
}

/* Tasks may be born while the list is read: it is read until it says nothing new. */
static int stop_all(struct hd_freeze *f, int n_rounds)
{
	uint32_t done = 0;

	for (int round = 0; round < n_rounds; round++) {
		int rc;

		for (; done < f->n; done++) {
			rc = seize(f, &f->threads[done]);
			if (rc < 0)
				return rc;
		}
		wait_for_stops(f);
		rc = n_rounds > 1 ? hd_freeze_list(f) : 0;
		if (rc <= 0)
			return rc;
	}
	return 0;
}

static int stop(struct hd_freeze *f, int n_rounds)
{
	int rc;

	f->first_ns = hd_sys_clock(CLOCK_MONOTONIC);
	rc = stop_all(f, n_rounds);
	if (rc < 0) {
		wait_for_stops(f);
		hd_freeze_ptrace_thaw(f);
		for (uint32_t i = 0; i < f->n; i++)
			f->threads[i].state = HD_RUNS;
		return -EPERM;
	}
	f->stopped_ns = hd_sys_clock(CLOCK_MONOTONIC);
	get_registers(f);
	return 0;
}

int hd_freeze_ptrace(struct hd_freeze *f)
{
	return stop(f, MAX_ROUNDS);
}

int hd_freeze_ptrace_listed(struct hd_freeze *f)
{
	return stop(f, 1);
}

void hd_freeze_ptrace_thaw(struct hd_freeze *f)
{
	for (uint32_t i = 0; i < f->n; i++) {
		struct hd_frozen *t = &f->threads[i];

		if (t->attached && t->state == HD_STOPPED) {
			ask_ptrace(PTRACE_DETACH, t->tid, NULL, NULL);
			t->attached = false;
		}
	}
}

bool hd_freeze_ptrace_holds(const struct hd_freeze *f)
{
	unsigned long message;

	for (uint32_t i = 0; i < f->n; i++) {
		const struct hd_frozen *t = &f->threads[i];

		/* not attached: its end was waited for */
		if (t->state == HD_STOPPED)
			return t->attached &&
			       ask_ptrace(PTRACE_GETEVENTMSG, t->tid, NULL, &message) == 0;
	}
	return true;
}

void hd_freeze_ptrace_late(struct hd_freeze *f, uint32_t tid, int status)
{
	struct hd_frozen *t = hd_freeze_find(f, tid);

	if (!t || !t->attached)
		return;
	t->attached = false;
	if (WIFSTOPPED(status))
		ask_ptrace(PTRACE_DETACH, tid, NULL,
			   (void *)(long)(status >> 16 ? 0 : WSTOPSIG(status)));
}

/* In a copy of us: a filter may kill for the call. It is asked about nobody, so it must answer "no such process". */
static int probe(void)
{
	static const long requests[] = {PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_GETREGSET,
					PTRACE_CONT, PTRACE_DETACH};

	for (unsigned i = 0; i < sizeof(requests) / sizeof(*requests); i++)
		if (ask_ptrace(requests[i], NOBODY, NULL, NULL) != -ESRCH)
			return 1;
	return 0;
}

static bool probe_survives(void)
{
	long pid = hd_machine_fork();
	int status = 1;

	if (pid == 0)
		hd_sys1(SYS_exit_group, probe());
	if (pid < 0)
		return false;
	while (hd_sys4(SYS_wait4, pid, &status, __WALL, 0) == -EINTR)
		;
	return status == 0;
}

bool hd_freeze_ptrace_allowed(const struct hd_freeze *f, bool no_fork)
{
	char path[96];

	for (uint32_t i = 0; i < f->n; i++) {
		hd_freeze_path(f, f->threads[i].tid, "status", path);
		if (hd_status_value(path, "TracerPid:"))
			return false;
	}
	return !hd_status_value("/proc/self/status", "Seccomp:") || (!no_fork && probe_survives());
}
