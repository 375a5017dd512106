/*
 * Two processes, each of which cleans up if the other dies:
 *
 *	asker                      worker (a child of ours)
 *	progress, Ctrl-C  ◄─────►  checks │ stop, registers, fork, let go │ read, write │ take the snapshot away
 *	waits for its end                 └────────── the pause ──────────┘
 *
 * What the worker is about is in memory that they share. The worker's death: the kernel lets the program run on and kills
 * the snapshot, and the asker makes the program reap it and takes the file away. The asker's death: the worker gets
 * SIGTERM for it and ends in order.
 *
 * In the worker all signals are blocked; it looks for them between two pieces of the image.
 */
#include "dump/attach/attach.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dump/attach/held_copy.h"
#include "dump/attach/target.h"
#include "dump/image_build.h"
#include "dump/kernel_words.h"
#include "dump/snapshot.h"
#include "dump/sys.h"
#include "heapdump.h"

enum { LOOK_NS = 200 * 1000 * 1000, LOOK_US = LOOK_NS / 1000, MAX_EXECS = 10 };
#define GRACE_NS (2ull * 1000 * 1000 * 1000) /* for a worker that was told to end */

struct job {
	struct attach_options options;
	struct attach_result result;
	struct err err;
	int rc;
	bool ended; /* the worker came to its end */
	uint32_t asker;

	bool called_off; /* the worker did not end when it was told to, and was killed */

	struct target target;
	struct hd_room room; /* as it was before the mappings were read */
	struct held_copy copy;
	struct hd_dump dump;
	struct hd_shared times;
};

static struct job *new_job(void)
{
	void *p = mmap(NULL, sizeof(struct job), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int out_of(struct job *j, int error)
{
	struct err *err = &j->err;
	const char *path = j->options.path ? j->options.path : "the output";

	if (error == -ESRCH || (error == -ENOENT && target_has_ended(&j->target)))
		return err_set(err, ERR_ABSENT, "%s ended meanwhile", j->target.name);
	if (error == -ECANCELED)
		return err_set(err, ERR_IO, "stopped before it was done; nothing is left of it");
	if (error == -ENOSPC)
		return err_set(err, ERR_IO, "there is no room for it where %s goes (about %llu MB)",
			       path, (unsigned long long)(j->dump.estimate_bytes >> 20));
	return err_set(err, ERR_IO, "%s: %s", path, heapdump_strerror(error));
}

/* --- In the worker. --- */

/* The asker says so, or has died; it hears the signals. */
static bool is_called_off(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 && sigismember(&pending, SIGTERM);
}

/* Threads that stopped too late are let go; and is anybody still waiting? */
static int is_wanted(struct hd_dump *d)
{
	struct job *j = (struct job *)((char *)d - offsetof(struct job, dump));
	int status;
	long pid;

	while ((pid = hd_sys4(SYS_wait4, -1, &status, WNOHANG | __WALL, 0)) > 0) {
		if ((uint32_t)pid != j->copy.pid) {
			hd_freeze_ptrace_late(&d->freeze, (uint32_t)pid, status);
		} else if (!WIFSTOPPED(status)) {
			j->copy.pid = 0;
			return -ECHILD;
		}
	}
	if (d->in_place && !hd_freeze_ptrace_holds(&d->freeze))
		return -ESRCH;
	return is_called_off() || (uint32_t)getppid() != j->asker ? -ECANCELED : 0;
}

static void set_filter(struct hd_dump *d, const struct attach_options *o)
{
	if (!o->has_filter)
		return;
	d->leave_out = HD_BY_DEFAULT & ~o->filter;
	d->take_in = o->filter & ~(uint32_t)HD_BY_DEFAULT;
}

static void begin_dump(struct job *j)
{
	struct hd_dump *d = &j->dump;

	d->path = j->options.path;
	d->fd = j->options.path ? -1 : j->options.fd;
	d->flags = j->options.no_sync ? HEAPDUMP_NO_SYNC : 0;
	set_filter(d, &j->options);
	d->trigger = HEAPIMAGE_BY_OTHERS;
	d->pid = d->caller = j->target.task;
	d->own_pid = j->target.own_pid;
	if (!d->own_pid && j->target.task != j->target.pid)
		d->own_pid = j->target.pid;
	d->freeze_how = HEAPIMAGE_PTRACE;
	d->shared = &j->times;
	d->out.fd = -1;
	d->out.gives_up = is_called_off;
	d->wanted = is_wanted;
	d->start_ns = hd_sys_clock(CLOCK_MONOTONIC);
}

/* All that can fail before the program is touched. */
static int prepare(struct job *j)
{
	struct hd_dump *d = &j->dump;
	int rc = target_look(&j->target, j->target.pid, &j->err);

	if (rc < 0)
		return rc;
	if (j->target.faults_itself && !j->options.stop)
		return err_set(&j->err, ERR_UNSUPPORTED,
			       "it handles page faults itself (userfaultfd), and might wait for "
			       "itself when it is made to "
			       "fork a snapshot; --stop copies it while it stands still");
	begin_dump(j);
	rc = hd_snapshot_measure(d);
	if (rc == -EACCES || rc == -EPERM)
		return target_refused(&j->target, &j->err);
	j->room = d->room;
	if (rc == 0)
		rc = hd_snapshot_prepare(d);
	if (rc < 0)
		return out_of(j, rc);
	gadgets_find(&j->copy.gadgets, j->target.task, &d->before);
	return 0;
}

/* Another program by now: what was found of the one before it is forgotten, and it runs on. */
static int prepare_again(struct job *j)
{
	struct hd_dump *d = &j->dump;
	struct hd_freeze *f = &d->freeze;
	int rc;

	hd_freeze_ptrace_thaw(f);
	hd_freeze_forget(f);
	d->room = j->room;
	d->before = (struct hd_memory_map){0};
	rc = target_look(&j->target, j->target.pid, &j->err);
	if (rc < 0)
		return rc;
	rc = hd_memory_map_read_running(&d->before, d->proc, &d->room);
	if (rc == 0)
		rc = hd_freeze_list(f);
	if (rc < 0)
		return out_of(j, rc);
	hd_freeze_names(f);
	gadgets_find(&j->copy.gadgets, j->target.task, &d->before);
	return 0;
}

static bool all_are_gone(const struct hd_freeze *f)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (f->threads[i].state != HD_GONE)
			return false;
	return true;
}

/* Stops it, with its code where it was found, for it may become another program (exec) until it stands still. */
static int freeze(struct job *j)
{
	struct hd_dump *d = &j->dump;
	int rc = 0;

	for (int i = 0; rc == 0; i++) {
		d->time_ns = hd_sys_clock(CLOCK_REALTIME);
		if (hd_freeze_ptrace(&d->freeze) < 0)
			return target_refused(&j->target, &j->err);
		/* on its way out it has no memory any more, long before it is a zombie */
		if (all_are_gone(&d->freeze))
			return err_set(&j->err, ERR_ABSENT, "%s ended meanwhile", j->target.name);
		if (i == MAX_EXECS || gadgets_there(&j->copy.gadgets, j->target.task))
			return 0;
		rc = prepare_again(j);
	}
	return rc;
}

static void note_own_tids(struct job *j)
{
	struct hd_freeze *f = &j->dump.freeze;

	for (uint32_t i = 0; i < f->n && j->target.own_pid; i++)
		f->threads[i].own_tid = target_own_tid(f->threads[i].tid);
}

static void read_timers(struct hd_dump *d)
{
	struct hd_kernel_words words = {.v = d->words, .capacity = d->words_capacity};

	hd_kernel_words_timers(&words, d->proc);
	d->n_words = words.n;
	d->n_words_cut = words.n_cut;
}

static void read_from(struct hd_dump *d, uint32_t pid)
{
	d->beside = pid;
	snprintf(d->beside_proc, sizeof(d->beside_proc), "/proc/%u", pid);
}

static void let_go(struct job *j, uint64_t fork_ns)
{
	struct hd_dump *d = &j->dump;

	hd_freeze_ptrace_thaw(&d->freeze);
	j->times.stop_ns = d->freeze.stopped_ns - d->freeze.first_ns;
	j->times.fork_ns = fork_ns;
	j->times.pause_ns = hd_sys_clock(CLOCK_MONOTONIC) - d->freeze.first_ns;
	j->times.resumed = 1;
}

static void wakes(int signo)
{
	(void)signo;
}

/*
 * A pipe whose reader has stopped would hold us, and with us a program that stands still, even when nobody waits for it any
 * more: a write is woken now and then, to ask.
 */
static void wake_writes(const struct hd_output *o, bool on)
{
	struct sigaction action = {.sa_handler = wakes};
	struct itimerval every = {{0, on ? LOOK_US : 0}, {0, on ? LOOK_US : 0}};
	sigset_t set;

	if (o->regular)
		return;
	sigaction(SIGALRM, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(on ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
}

static int write_image(struct job *j)
{
	int rc;

	wake_writes(&j->dump.out, true);
	rc = hd_image_write(&j->dump);
	if (rc == 0 && j->dump.in_place && !hd_freeze_ptrace_holds(&j->dump.freeze))
		rc = -ESRCH;
	wake_writes(&j->dump.out, false);

	if (rc == -ECHILD)
		return err_set(&j->err, ERR_IO,
			       "the snapshot was killed while it was read (no memory?); --stop "
			       "needs none");
	return rc < 0 ? out_of(j, rc) : 0;
}

static int write_from_copy(struct job *j)
{
	struct hd_dump *d = &j->dump;
	uint64_t before = hd_sys_clock(CLOCK_MONOTONIC);
	int rc = held_copy_make(&j->copy, &d->freeze, &d->before, &j->err);

	let_go(j, hd_sys_clock(CLOCK_MONOTONIC) - before);
	if (rc < 0)
		return rc;
	if (held_copy_settle(&j->copy) < 0)
		return err_set(&j->err, ERR_IO, "the snapshot was killed before it could be read");
	note_own_tids(j);
	read_timers(d);
	read_from(d, j->copy.pid);
	rc = write_image(j);
	if (j->copy.pid)
		j->result.left_snapshot =
			!held_copy_end(&j->copy, &d->before, &j->result.second_ns);
	j->copy.pid = 0;
	return rc;
}

static int write_stopped(struct job *j)
{
	struct hd_dump *d = &j->dump;
	int rc;

	d->in_place = j->result.stopped = true;
	note_own_tids(j);
	read_timers(d);
	read_from(d, j->target.task);
	rc = write_image(j);
	let_go(j, 0);
	return rc;
}

static void fill_result(struct job *j)
{
	const struct hd_dump *d = &j->dump;
	struct attach_result *r = &j->result;

	memcpy(r->name, j->target.name, sizeof(r->name));
	r->pause_ns = j->times.pause_ns;
	r->stop_ns = j->times.stop_ns;
	r->fork_ns = j->times.fork_ns;
	r->total_ns = hd_sys_clock(CLOCK_MONOTONIC) - d->start_ns;
	r->file_bytes = j->times.file_bytes;
	r->data_bytes = j->times.data_bytes;
	r->n_threads = d->freeze.n + d->freeze.n_unlisted;
	r->n_not_stopped = hd_freeze_n_not_stopped(&d->freeze);
}

static int work(struct job *j)
{
	struct hd_dump *d = &j->dump;
	int rc = prepare(j);

	if (rc == 0)
		rc = freeze(j);
	if (rc == 0)
		rc = j->options.stop || j->target.is_stopped ? write_stopped(j)
							     : write_from_copy(j);
	if (rc == 0) {
		int error = hd_output_commit(&d->out);

		rc = error < 0 ? out_of(j, error) : 0;
	}
	hd_output_close(&d->out);
	fill_result(j);
	return rc;
}

static void be_worker(struct job *j)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	/* ignored, it would not wake us when a thread stops */
	signal(SIGCHLD, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_NAME, "heapdump-worker");
	if ((uint32_t)getppid() != j->asker)
		_exit(1);
	j->rc = work(j);
	__atomic_store_n(&j->ended, true, __ATOMIC_RELEASE);
	_exit(0);
}

/* --- In the asker. --- */

struct signals {
	sigset_t heard; /* what would end us, and SIGCHLD */
	sigset_t before;
	struct sigaction chld; /* as it was */
};

/* What is ignored (nohup) stays so: blocked, it would come all the same. SIGCHLD ignored, there would be nothing to wait for. */
static void take_signals(struct signals *s)
{
	static const int deadly[] = {SIGINT, SIGTERM, SIGHUP};
	static const struct sigaction usual = {.sa_handler = SIG_DFL};
	struct sigaction now;

	sigaction(SIGCHLD, &usual, &s->chld);
	sigemptyset(&s->heard);
	sigaddset(&s->heard, SIGCHLD);
	for (unsigned i = 0; i < sizeof(deadly) / sizeof(*deadly); i++)
		if (sigaction(deadly[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(&s->heard, deadly[i]);
	sigprocmask(SIG_BLOCK, &s->heard, &s->before);
}

static void give_signals_back(const struct signals *s)
{
	sigprocmask(SIG_SETMASK, &s->before, NULL);
	sigaction(SIGCHLD, &s->chld, NULL);
}

/* Its wait status. Signals that would end us end it: in order, or if it does not come to that, at once. */
static int wait_for(struct job *j, pid_t worker, const struct signals *s)
{
	static const struct timespec look = {0, LOOK_NS};
	uint64_t since = 0;
	int status = 0;

	while (waitpid(worker, &status, WNOHANG) == 0) {
		int signal = sigtimedwait(&s->heard, NULL, &look);

		if (signal > 0 && signal != SIGCHLD) {
			kill(worker, SIGTERM);
			since = since ? since : hd_sys_clock(CLOCK_MONOTONIC);
		}
		if (since && hd_sys_clock(CLOCK_MONOTONIC) - since > GRACE_NS) {
			j->called_off = true;
			kill(worker, SIGKILL);
		}
		if (j->options.progress && j->dump.out.written && !since)
			j->options.progress(j->options.progress_arg, j->dump.out.written,
					    j->dump.estimate_bytes);
	}
	return status;
}

/* The worker was killed: what it had begun is undone. */
static int clean_up(struct job *j, int status)
{
	int rc = j->called_off
			 ? out_of(j, -ECANCELED)
			 : err_set(&j->err, ERR_IO,
				   "killed by signal %d while it was written; the program runs on",
				   WIFSIGNALED(status) ? WTERMSIG(status) : 0);

	j->result.left_snapshot = !held_copy_end_left_over(&j->copy);
	j->dump.out.opened = false; /* the descriptor was the worker's */
	hd_output_close(&j->dump.out);
	return rc;
}

int attach_write(uint32_t pid, const struct attach_options *options, struct attach_result *result,
		 struct err *err)
{
	struct job *j = new_job();
	struct signals signals;
	pid_t worker;
	int rc, status;

	if (!j)
		return err_nomem(err);
	j->options = *options;
	j->target.pid = pid;
	j->copy.target = &j->target;
	j->asker = (uint32_t)getpid();
	j->copy.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	take_signals(&signals);
	worker = fork();
	if (worker == 0)
		be_worker(j);
	if (worker < 0) {
		rc = err_set(&j->err, ERR_IO, "no process could be made: %s", strerror(errno));
	} else {
		status = wait_for(j, worker, &signals);
		rc = __atomic_load_n(&j->ended, __ATOMIC_ACQUIRE) ? j->rc : clean_up(j, status);
	}
	give_signals_back(&signals);
	hd_sys_close(j->copy.pidfd);
	*result = j->result;
	if (rc < 0)
		*err = j->err;
	munmap(j, sizeof(*j));
	return rc;
}
