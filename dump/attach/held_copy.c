/*
 * The snapshot's exit signal is 0, so its parent gets no SIGCHLD, and wait() without __WALL or __WCLONE does not see it.
 * Only the parent can take its entry away: it is made to, with WNOHANG.
 */
#include "dump/attach/held_copy.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "dump/proc_text.h"
#include "dump/sys.h"

enum { TRIES = 16, ERESTARTNOINTR = 513 };

/* The mapping that the stack pointer is in, as far as it may be written to. 0: nothing is known. */
static uint64_t room_below(const struct hd_memory_map *map, uint64_t sp)
{
	const struct hd_mapping *m = map ? hd_memory_map_find(map, sp - 1) : NULL;

	return m && (m->flags & HD_MAP_W) && !(m->flags & HD_MAP_SHARED) ? m->lo : 0;
}

static int refuse(struct err *err, const char *why)
{
	return err_set(
		err, ERR_UNSUPPORTED,
		"it cannot be made to fork a snapshot: %s; --stop copies it while it stands still",
		why);
}

static int prepare(struct held_copy *c, struct hd_freeze *f, const struct hd_memory_map *map,
		   struct err *err)
{
	struct injection *in = &c->injection;

	*in = (struct injection){.gadgets = &c->gadgets, .thread = inject_choose(f)};
	if (!c->gadgets.call || !gadgets_there(&c->gadgets, c->target->task))
		return refuse(err, "no system call instruction was found in its code");
	if (!in->thread)
		return refuse(err,
			      "none of its threads could be stopped (they wait for a device, or "
			      "for a child of vfork)");
	in->room_lo = room_below(map, in->thread->registers.raw[HD_STACK]);
	in->shadow_stack = c->target->shadow_stack;
	in->suspend_seccomp = c->target->has_filter;
	return 0;
}

int held_copy_make(struct held_copy *c, struct hd_freeze *f, const struct hd_memory_map *map,
		   struct err *err)
{
	static const uint64_t args[6] = {0};
	char why[96];
	int failed, rc = prepare(c, f, map, err);
	int64_t got;

	c->pid = 0;
	if (rc < 0)
		return rc;
	/* a SIGSTOP, or work of the kernel's for the thread (io_uring), came before the fork */
	for (int i = 0; i < TRIES; i++) {
		got = inject_call(&c->injection, SYS_clone, args, &failed);
		if (failed < 0 || got != -ERESTARTNOINTR)
			break;
	}
	if (failed == -ESRCH)
		return err_set(err, ERR_ABSENT, "%s ended meanwhile", c->target->name);
	if (failed == -EPERM && c->injection.suspend_seccomp)
		return refuse(err, "its seccomp filter might kill it, and switching that off takes "
				   "CAP_SYS_ADMIN");
	if (failed < 0 || got < 0 || !c->injection.child) {
		snprintf(why, sizeof(why), "%s", strerror(failed < 0 ? -failed : (int)-got));
		return refuse(err, why);
	}
	c->pid = c->injection.child;
	c->own_pid = (uint32_t)got;
	return 0;
}

int held_copy_settle(struct held_copy *c)
{
	char path[64];
	int fd, rc = inject_hold_child(&c->injection);

	/* the first to go when memory runs out, before the program itself */
	snprintf(path, sizeof(path), "/proc/%u/oom_score_adj", c->pid);
	fd = hd_sys_open(path, 1, 0);
	if (fd >= 0) {
		hd_sys_write(fd, "1000", 4);
		hd_sys_close(fd);
	}
	return rc;
}

/* One thread of the program, stopped on its own. NULL: it did not stop. */
static struct hd_frozen *stop_one(struct hd_freeze *f, uint32_t tid)
{
	f->n = 1;
	f->threads[0].tid = tid;
	f->threads[0].state = HD_RUNS;
	f->threads[0].attached = false;
	if (hd_freeze_ptrace_listed(f) < 0)
		return NULL;
	return inject_choose(f);
}

/* Its id may be another process's by now. */
static bool is_gone(const struct held_copy *c)
{
	return c->pidfd >= 0 && hd_sys4(SYS_pidfd_send_signal, c->pidfd, 0, 0, 0) == -ESRCH;
}

static bool reap(struct held_copy *c, struct hd_freeze *f, uint32_t tid,
		 const struct hd_memory_map *map)
{
	uint64_t args[6] = {c->own_pid, 0, WNOHANG | __WALL};
	struct injection in = {.gadgets = &c->gadgets,
			       .shadow_stack = c->target->shadow_stack,
			       .suspend_seccomp = c->target->has_filter};
	int failed = -ESRCH;
	int64_t got = 0;

	in.thread = stop_one(f, tid);
	/* now that it stands still, it is known to be the same, and to be the same program */
	c->other_code = in.thread && !gadgets_there(&c->gadgets, tid);
	if (in.thread && !c->other_code && !is_gone(c)) {
		in.room_lo = room_below(map, in.thread->registers.raw[HD_STACK]);
		got = inject_call(&in, SYS_wait4, args, &failed);
	}
	hd_freeze_ptrace_thaw(f);
	inject_deinit(&in);
	/* ECHILD: the program waits for any child that there is, and was quicker */
	return failed == 0 && (got == (int64_t)c->own_pid || got == -ECHILD);
}

struct threads {
	uint32_t n, tid[TRIES];
};

static int note_thread(void *arg, uint32_t tid)
{
	struct threads *t = arg;

	t->tid[t->n++] = tid;
	return t->n == TRIES;
}

/* Another program's (exec), which has the same children. */
static void find_gadgets_again(struct held_copy *c)
{
	uint64_t n, text;
	struct hd_memory_map map;
	struct hd_room room;
	_cleanup_free_ void *memory = NULL;

	if (hd_memory_map_count(c->target->proc, &n, &text) < 0)
		return;
	n = 2 * (n * sizeof(struct hd_mapping) + text) + (1 << 20);
	memory = malloc(n);
	room = (struct hd_room){memory, (uint8_t *)memory + n};
	if (memory && hd_memory_map_read(&map, c->target->proc, false, &room) == 0)
		gadgets_find(&c->gadgets, c->target->task, &map);
}

static bool reap_by_any(struct held_copy *c, struct hd_freeze *one, const struct hd_memory_map *map)
{
	struct threads threads = {0};
	char path[64];
	bool done = false;

	snprintf(path, sizeof(path), "/proc/%u/task", c->target->pid);
	hd_numbers_in(path, note_thread, &threads);
	for (uint32_t i = 0; i < threads.n && !done && !is_gone(c); i++)
		done = reap(c, one, threads.tid[i], map);
	/* with the program, its children have become somebody's who waits for them */
	return done || is_gone(c) || target_has_ended(c->target);
}

bool held_copy_end(struct held_copy *c, const struct hd_memory_map *map, uint64_t *stopped_ns)
{
	uint32_t more = hd_machine_more_size();
	_cleanup_free_ void *memory = calloc(1, hd_freeze_size(1, more));
	struct hd_freeze one;
	uint64_t start;
	bool done;

	if (c->pid) {
		kill((pid_t)c->pid, SIGKILL);
		while (hd_sys4(SYS_wait4, c->pid, 0, __WALL, 0) == -EINTR)
			;
	}
	inject_deinit(&c->injection);
	if (!memory)
		return false;
	hd_freeze_init(&one, c->target->pid, 0, 1, more, memory);
	start = hd_sys_clock(CLOCK_MONOTONIC);
	c->other_code = false;
	done = reap_by_any(c, &one, map);
	for (int i = 0; i < TRIES && !done && c->other_code; i++) {
		find_gadgets_again(c);
		done = reap_by_any(c, &one, NULL);
	}
	*stopped_ns = hd_sys_clock(CLOCK_MONOTONIC) - start;
	return done;
}

/*
 * The state letter of a child of parent whose end is not signalled, as our snapshots are; 0: it is none. "PID (name) Z ppid …";
 * the exit signal is number 38.
 */
static char state_of_snapshot(uint32_t pid, uint32_t parent)
{
	char path[64], stat[1024], state;
	const char *at;
	uint64_t value = 0, ppid = 0;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	if (hd_text_whole(path, stat, sizeof(stat)) <= 0 || !(at = strrchr(stat, ')')) ||
	    at[1] != ' ')
		return 0;
	state = at[2];
	at += 3;
	for (int i = 4; i <= 38; i++) {
		/* tpgid, number 8, may be −1 */
		while (*at == ' ' || *at == '-')
			at++;
		if (!hd_text_number(&at, 10, &value))
			return 0;
		if (i == 4)
			ppid = value;
	}
	return ppid == parent && value == 0 ? state : 0;
}

struct left_over {
	struct held_copy *copy;
	uint64_t stopped_ns;
	uint32_t n_alive;
	bool all;
};

static int end_left_over(void *arg, uint32_t pid)
{
	struct left_over *l = arg;
	char state = state_of_snapshot(pid, l->copy->target->pid);

	l->n_alive += state && state != 'Z';
	if (state != 'Z')
		return 0;
	l->copy->own_pid = target_own_tid(pid);
	if (!l->copy->own_pid)
		l->copy->own_pid = pid;
	l->all &= held_copy_end(l->copy, NULL, &l->stopped_ns);
	return 0;
}

bool held_copy_end_left_over(struct held_copy *c)
{
	static const struct timespec moment = {0, 10 * 1000 * 1000};
	struct left_over l = {.copy = c, .all = true, .n_alive = 1};

	/* it had not come so far */
	if (!c->gadgets.call)
		return true;
	c->pid = 0;
	c->injection = (struct injection){0};
	/* it dies with its maker, or has first to run its few instructions; the program may have such children of its own */
	for (int i = 0; i < 50 && l.n_alive; i++) {
		l.n_alive = 0;
		nanosleep(&moment, NULL);
		hd_numbers_in("/proc", end_left_over, &l);
	}
	return l.all;
}
