/*
 * The order is the point: whatever can fail fails before the threads are stopped, and from the first stop to the last
 * thaw nothing is opened, mapped or waited for but the threads themselves.
 *
 *	open, estimate, mappings, names │ stop, registers, timers, fork, thaw │ wait for the snapshot, rename
 *	                                └──────────── the pause ──────────────┘
 *
 * Everybody's death is thought of. The program's: the helper gets SIGTERM for it, kills the snapshot and takes the file
 * away. The helper's: its tracees run on (the kernel does that), the caller thaws what was stopped by signal, the
 * snapshot dies with it, or where its file has a name, sees its parent change and takes the file away. The snapshot's:
 * the helper sees it. A temporary file stays if program and helper are killed between the snapshot's end and the
 * rename, or all three at once: only where output.c could make no file without a name.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "dump/image_build.h"
#include "dump/kernel_words.h"
#include "dump/proc_text.h"
#include "dump/snapshot.h"
#include "dump/sys.h"
#include "dump/userfault.h"
#include "heapdump.h"

enum {
	STATM_BYTES = 256,
	STATUS_BYTES = 4096,
	PAGE = 4096,
	MAX_FDS = 1 << 18,
	WORDS_PER_FD = 4, /* a file may be watched more than once */
};

/* struct sigaction as the kernel has it, all default. */
static const uint64_t default_action[4];

/* Resident and swapped memory that is the program's own: about what will be written. */
static void estimate(struct hd_dump *d)
{
	static const char *const keys[] = {"RssAnon:", "RssShmem:", "VmSwap:"};
	char path[HD_PROC_BYTES + 16], buf[STATUS_BYTES];
	const char *rest = buf;
	struct hd_text text;
	uint64_t value;

	hd_path(path, sizeof(path), d->proc, "/statm", NULL);
	if (hd_text_whole(path, buf, STATM_BYTES) > 0 && hd_text_number(&rest, 10, &value) &&
	    hd_text_number(&rest, 10, &value))
		d->rss_bytes = value * PAGE;
	hd_path(path, sizeof(path), d->proc, "/status", NULL);
	if (hd_text_open(&text, path, buf, sizeof(buf)) < 0)
		return;
	for (const char *line; (line = hd_text_line(&text));)
		for (unsigned i = 0; i < sizeof(keys) / sizeof(*keys); i++)
			if (hd_text_key(line, keys[i], &rest) && hd_text_number(&rest, 10, &value))
				d->estimate_bytes += value * 1024;
	hd_text_close(&text);
}

int hd_snapshot_prepare(struct hd_dump *d)
{
	int rc;

	d->estimate_bytes = 0;
	d->no_fork = hd_userfault_tells_forks("/proc/self");
	estimate(d);
	rc = hd_output_open(&d->out, d->path, d->fd);
	if (rc == 0)
		rc = hd_output_check_room(&d->out, d->estimate_bytes);
	if (rc == 0 && !d->before.v)
		rc = hd_memory_map_read_running(&d->before, d->proc, &d->room);
	if (rc == 0)
		rc = hd_freeze_list(&d->freeze);
	if (rc < 0)
		return rc;
	hd_freeze_names(&d->freeze);
	return 0;
}

static bool alone(const struct hd_dump *d)
{
	return d->freeze.n == 1 && !d->freeze.n_unlisted && d->freeze.threads[0].tid == d->caller;
}

/* 0, −EAGAIN: by signal, please; or a negative errno. */
static int freeze(struct hd_dump *d)
{
	struct hd_freeze *f = &d->freeze;

	d->time_ns = hd_sys_clock(CLOCK_REALTIME);
	if (alone(d)) {
		d->freeze_how = HEAPIMAGE_NONE;
		f->first_ns = f->stopped_ns = hd_sys_clock(CLOCK_MONOTONIC);
		f->threads[0].state = HD_STOPPED;
		return 0;
	}
	if (!d->by_signal) {
		d->freeze_how = HEAPIMAGE_PTRACE;
		return hd_freeze_ptrace_allowed(f, d->no_fork) && hd_freeze_ptrace(f) == 0
			       ? 0
			       : -EAGAIN;
	}
	d->freeze_how = HEAPIMAGE_SIGNAL;
	return hd_freeze_signal(f);
}

static void thaw(struct hd_dump *d)
{
	if (d->freeze_how == HEAPIMAGE_PTRACE)
		hd_freeze_ptrace_thaw(&d->freeze);
	if (d->freeze_how == HEAPIMAGE_SIGNAL)
		hd_freeze_signal_thaw(&d->freeze);
}

/* The caller's registers are those of its call, where nothing better was had. */
static void take_caller(struct hd_dump *d)
{
	struct hd_frozen *t = hd_freeze_find(&d->freeze, d->caller);

	if (t && !t->has_registers) {
		t->registers = d->caller_registers;
		t->has_registers = true;
	}
}

static void read_timers(struct hd_dump *d)
{
	struct hd_kernel_words words = {.v = d->words, .capacity = d->words_capacity};

	hd_kernel_words_timers(&words, d->proc);
	d->n_words = words.n;
	d->n_words_cut = words.n_cut;
}

/* In the snapshot. */
static int has_parent(struct hd_dump *d)
{
	return (uint32_t)hd_sys0(SYS_getppid) == d->helper ? 0 : -ECANCELED;
}

/* The first to go when memory runs out, before the program itself. */
static void offer_to_oom_killer(void)
{
	int fd = hd_sys_open("/proc/self/oom_score_adj", O_WRONLY, 0);

	if (fd < 0)
		return;
	hd_sys_write(fd, "1000", 4);
	hd_sys_close(fd);
}

static int be_snapshot(struct hd_dump *d)
{
	struct hd_shared *s = d->shared;
	int rc;

	/* a snapshot takes away a file with a name when it is orphaned; one that writes into a pipe could hang there */
	if (!d->out.temp[0])
		hd_sys2(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
	hd_sys2(SYS_prctl, PR_SET_NAME, "heapdump-image");
	offer_to_oom_killer();
	d->wanted = has_parent;
	rc = hd_image_write(d);
	if (has_parent(d) < 0)
		hd_output_close(&d->out);
	s->error = rc;
	__atomic_store_n(&s->done, 1, __ATOMIC_RELEASE);
	return 0;
}

static void kill_and_reap(uint32_t pid)
{
	hd_sys2(SYS_kill, pid, SIGKILL);
	while (hd_sys4(SYS_wait4, pid, 0, __WALL, 0) == -EINTR)
		;
}

/* The snapshot's end; threads that stopped too late are let go meanwhile. */
static int wait_for_snapshot(struct hd_dump *d, uint32_t snapshot)
{
	uint64_t set = 1ull << (SIGCHLD - 1) | 1ull << (SIGTERM - 1);

	for (;;) {
		int status;
		long pid, signal;

		while ((pid = hd_sys4(SYS_wait4, -1, &status, WNOHANG | __WALL, 0)) > 0) {
			if ((uint32_t)pid != snapshot) {
				hd_freeze_ptrace_late(&d->freeze, (uint32_t)pid, status);
				continue;
			}
			return __atomic_load_n(&d->shared->done, __ATOMIC_ACQUIRE)
				       ? d->shared->error
				       : -ECANCELED;
		}
		signal = hd_sys4(SYS_rt_sigtimedwait, &set, 0, 0, sizeof(set));
		if (signal == SIGTERM) {
			kill_and_reap(snapshot);
			return -ECANCELED;
		}
	}
}

static void publish_times(struct hd_dump *d, uint64_t fork_ns, uint64_t end_ns)
{
	struct hd_shared *s = d->shared;

	s->stop_ns = d->freeze.stopped_ns - d->freeze.first_ns;
	s->fork_ns = fork_ns;
	s->pause_ns = end_ns - d->freeze.first_ns;
	__atomic_store_n(&s->resumed, 1, __ATOMIC_RELEASE);
	hd_sys_wake(&s->resumed);
}

/* Descriptors of the program that are kept open here would keep its sockets and pipes open. */
static void close_others(const struct hd_output *out)
{
	if (out->fd > 0)
		hd_sys3(SYS_close_range, 0, out->fd - 1, 0);
	hd_sys3(SYS_close_range, out->fd + 1, UINT32_MAX, 0);
}

/* Stopped → forked → running → written. −EAGAIN, −ENOMEM: no fork was to be had, and all threads are still stopped. */
static int write_from_fork(struct hd_dump *d)
{
	uint64_t before = hd_sys_clock(CLOCK_MONOTONIC), after;
	long snapshot = hd_machine_fork();

	if (snapshot == 0)
		hd_sys1(SYS_exit_group, be_snapshot(d));
	if (snapshot < 0)
		return (int)snapshot;
	after = hd_sys_clock(CLOCK_MONOTONIC);
	thaw(d);
	publish_times(d, after - before, hd_sys_clock(CLOCK_MONOTONIC));
	close_others(&d->out);
	return wait_for_snapshot(d, (uint32_t)snapshot);
}

static int write_in_place(struct hd_dump *d)
{
	int rc;

	d->in_place = true;
	rc = hd_image_write(d);
	thaw(d);
	/* to the end of the writing, where the image itself can only tell the time until its header */
	publish_times(d, 0, hd_sys_clock(CLOCK_MONOTONIC));
	return rc;
}

static int write_image(struct hd_dump *d)
{
	bool fork = !d->in_caller && !d->no_fork && !(d->flags & HEAPDUMP_IN_PLACE);
	int rc = -EAGAIN;

	take_caller(d);
	read_timers(d);
	if (fork)
		rc = write_from_fork(d);
	if (!fork || ((rc == -EAGAIN || rc == -ENOMEM) && !d->shared->resumed))
		rc = write_in_place(d);
	return rc;
}

static int dump(struct hd_dump *d)
{
	int rc = hd_snapshot_prepare(d);

	if (rc == 0) {
		rc = freeze(d);
		d->wants_signal = rc == -EAGAIN;
		if (rc == 0)
			rc = write_image(d);
		else
			thaw(d);
	}
	if (rc == 0)
		rc = hd_output_commit(&d->out);
	hd_output_close(&d->out);
	return rc;
}

/* --- Memory. --- */

static int count_one(void *arg, uint32_t tid)
{
	++*(uint32_t *)arg;
	return 0;
}

/*
 * Generous: pages that are not touched cost nothing. Lists of mappings are kept three times (before, at, after), and
 * every mapping may become two segments with their headers, a line of NT_FILE and a module.
 */
static uint64_t room_size(uint64_t n_mappings, uint64_t text_bytes, uint64_t n_threads,
			  uint32_t more_room)
{
	return (n_mappings + 256) * 2 * 1024 + text_bytes * 8 +
	       n_threads * ((uint64_t)more_room + 4096) + (4u << 20);
}

static int map_memory(struct hd_dump *d, uint32_t n_threads, uint64_t n_mappings,
		      uint64_t text_bytes)
{
	uint32_t more_room = hd_machine_more_size();
	uint64_t freeze = hd_freeze_size(n_threads, more_room);
	uint64_t words = d->words_capacity * sizeof(*d->words);
	uint64_t size = freeze + words + room_size(n_mappings, text_bytes, n_threads, more_room);
	uint8_t *p;

	size = (size + 3 * PAGE - 1) & ~(uint64_t)(PAGE - 1);
	p = hd_sys_reserve(0, size);
	if (!p)
		return -ENOMEM;
	d->own_lo[1] = (uint64_t)(uintptr_t)p;
	d->own_hi[1] = d->own_lo[1] + size;
	/* a page on either side keeps it apart from the program's mappings */
	if (hd_sys3(SYS_mprotect, p + PAGE, size - 2 * PAGE, PROT_READ | PROT_WRITE) < 0)
		return -ENOMEM;
	d->room = (struct hd_room){p + PAGE, p + size - PAGE};
	hd_freeze_init(&d->freeze, d->pid, d->caller, n_threads, more_room,
		       hd_room_take(&d->room, freeze));
	d->words = hd_room_take(&d->room, words);
	return 0;
}

int hd_snapshot_measure(void *arg)
{
	struct hd_dump *d = arg;
	uint64_t n_mappings = 0, text_bytes = 0, n_fds;
	char path[HD_PROC_BYTES + 16];
	uint32_t n_threads = 0;

	hd_path(d->proc, sizeof(d->proc), "/proc/", HD_DECIMAL(d->pid), NULL);
	hd_path(path, sizeof(path), d->proc, "/task", NULL);
	d->error = hd_numbers_in(path, count_one, &n_threads);
	if (d->error == 0)
		d->error = hd_memory_map_count(d->proc, &n_mappings, &text_bytes);
	if (d->error < 0)
		return d->error;
	hd_path(path, sizeof(path), d->proc, "/status", NULL);
	n_fds = hd_status_value(path, "FDSize:");
	d->words_capacity = (uint32_t)(n_fds < MAX_FDS ? n_fds : MAX_FDS) * WORDS_PER_FD + 1024;
	d->yama = hd_status_value("/proc/sys/kernel/yama/ptrace_scope", "") == 1;
	d->error = map_memory(d, n_threads * 2 + 256, n_mappings, text_bytes);
	return d->error;
}

/* All signals are blocked from birth. */
static bool be_helper(struct hd_dump *d)
{
	while (!__atomic_load_n(&d->go, __ATOMIC_ACQUIRE))
		hd_sys_wait(&d->go, 0);
	d->helper = hd_sys_pid();
	hd_sys2(SYS_prctl, PR_SET_PDEATHSIG, SIGTERM);
	hd_sys2(SYS_prctl, PR_SET_NAME, "heapdump-helper");
	/* ignored, it would not wake us, and children would reap themselves */
	hd_sys4(SYS_rt_sigaction, SIGCHLD, default_action, 0, sizeof(uint64_t));
	return (uint32_t)hd_sys0(SYS_getppid) == d->pid;
}

int hd_snapshot_main(void *arg)
{
	struct hd_dump *d = arg;

	d->wants_signal = false;
	if (!d->in_caller && !be_helper(d))
		return 1;
	d->error = dump(d);
	__atomic_store_n(&d->ended, true, __ATOMIC_RELEASE);
	return 0;
}
