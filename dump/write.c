/*
 * The caller's side of a dump. It may be anywhere: in a signal handler, on 4 KiB of alternate stack, with a heap in
 * ruins and any lock held. So it maps memory, starts a task on a stack of its own there, and waits:
 *
 *	block signals ► map ► measure (on our stack) ► helper ► wait4 ► [again, by signal] ► unmap ► unblock
 *
 * wait4 and no futex: it ends also when the helper is killed. Nothing else can then be in the way: what was stopped by
 * signal is released, what was begun is taken away. A helper has exit signal 0, so the program gets no SIGCHLD and a
 * waitpid(−1) of its own does not see it.
 *
 * All signals stay blocked in the calling thread until the end: a handler that jumped out of here would leave a dump
 * without an owner.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "dump/confined.h"
#include "dump/snapshot.h"
#include "dump/sys.h"
#include "dump/write.h"

enum { PAGE = 4096, STACK_BYTES = 256 << 10, SHARED_BYTES = PAGE, MASK_BYTES = 8 };

#define VISIBLE __attribute__((visibility("default")))

/* The process that dumps, by its id: the copy in a fork()ed child is not its own. */
static uint32_t busy;

static bool become_busy(uint32_t pid)
{
	uint32_t was = __atomic_load_n(&busy, __ATOMIC_RELAXED);

	return was != pid && __atomic_compare_exchange_n(&busy, &was, pid, false, __ATOMIC_ACQUIRE,
							 __ATOMIC_RELAXED);
}

static uint64_t arena_size(void)
{
	return (PAGE + STACK_BYTES + sizeof(struct hd_dump) + 2 * PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

static void *map_shared(void)
{
	long p = hd_sys6(SYS_mmap, 0, SHARED_BYTES, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p < 0 && p > -PAGE ? NULL : (void *)p;
}

/* guard │ stack │ struct hd_dump │ guard */
static struct hd_dump *new_dump(void)
{
	uint64_t size = arena_size();
	uint8_t *p = hd_sys_reserve(0, size);
	struct hd_shared *shared = map_shared();
	struct hd_dump *d;

	if (!p || !shared ||
	    hd_sys3(SYS_mprotect, p + PAGE, size - 2 * PAGE, PROT_READ | PROT_WRITE) < 0) {
		hd_sys_unmap(shared, SHARED_BYTES);
		hd_sys_unmap(p, size);
		return NULL;
	}
	d = (struct hd_dump *)(void *)(p + PAGE + STACK_BYTES);
	d->shared = shared;
	d->own_lo[0] = (uint64_t)(uintptr_t)p;
	d->own_hi[0] = d->own_lo[0] + size;
	d->out.fd = -1;
	return d;
}

static void free_dump(struct hd_dump *d)
{
	hd_sys_unmap(d->shared, SHARED_BYTES);
	if (d->own_lo[1])
		hd_sys_unmap((void *)(uintptr_t)d->own_lo[1], d->own_hi[1] - d->own_lo[1]);
	hd_sys_unmap((void *)(uintptr_t)d->own_lo[0], d->own_hi[0] - d->own_lo[0]);
}

static void *stack_of(const struct hd_dump *d)
{
	return (void *)(uintptr_t)(d->own_lo[0] + PAGE + STACK_BYTES);
}

static void take_own_registers(struct hd_dump *d)
{
	d->caller_registers.fp = d->caller_fp;
	d->caller_registers.more = d->caller_more;
	hd_machine_complete(&d->caller_registers);
}

/* SIGPIPE and SIGXFSZ of our own writes, which are pending if the caller itself did them. */
static void swallow_signals(uint64_t pending_before)
{
	uint64_t set = (1ull << (SIGPIPE - 1) | 1ull << (SIGXFSZ - 1)) & ~pending_before;
	struct timespec now = {0, 0};

	while (set && hd_sys4(SYS_rt_sigtimedwait, &set, 0, &now, MASK_BYTES) > 0)
		;
}

/* No task is to be had: everything by ourselves, and the others can only be stopped by signal. */
static void work_alone(struct hd_dump *d)
{
	uint64_t pending = 0;

	hd_sys2(SYS_rt_sigpending, &pending, MASK_BYTES);
	d->in_caller = d->by_signal = true;
	d->helper = d->pid;
	d->error = d->freeze.signal ? 0 : hd_freeze_signal_install(&d->freeze);
	if (d->error == 0)
		hd_machine_call_on(stack_of(d), hd_snapshot_main, d);
	swallow_signals(pending);
}

/* The helper was killed: nobody else undoes what it had begun. */
static void clean_up(struct hd_dump *d)
{
	hd_freeze_signal_thaw(&d->freeze);
	d->out.opened = false; /* the descriptor was the helper's */
	hd_output_close(&d->out);
	d->wants_signal = false;
	d->error = -ECANCELED;
}

/* One attempt; false: the kernel gives us no task. */
static bool work_with_helper(struct hd_dump *d)
{
	long pid;

	d->go = 0;
	d->ended = false;
	pid = hd_machine_start(CLONE_VM | CLONE_UNTRACED, stack_of(d), hd_snapshot_main, d);
	if (pid < 0)
		return false;
	if (d->yama)
		hd_sys2(SYS_prctl, PR_SET_PTRACER, pid);
	__atomic_store_n(&d->go, 1, __ATOMIC_RELEASE);
	hd_sys_wake(&d->go);
	while (hd_sys4(SYS_wait4, pid, 0, __WALL, 0) == -EINTR)
		;
	if (!__atomic_load_n(&d->ended, __ATOMIC_ACQUIRE))
		clean_up(d);
	return true;
}

static void work(struct hd_dump *d)
{
	if (d->by_signal && hd_freeze_signal_install(&d->freeze) < 0) {
		d->error = -EPERM;
		return;
	}
	if (!work_with_helper(d)) {
		work_alone(d);
		return;
	}
	if (!d->wants_signal || d->by_signal)
		return;
	d->by_signal = true;
	work(d);
}

/* The registers of this frame stand for the calling thread: it lives until the dump is done. */
static __attribute__((noinline)) void run(struct hd_dump *d)
{
	hd_machine_here(d->caller_registers.raw);
	take_own_registers(d);
	hd_machine_call_on(stack_of(d), hd_snapshot_measure, d);
	if (d->error < 0)
		return;
	work(d);
	__asm__ volatile("" ::: "memory");
}

static void take_options(struct hd_dump *d, const struct heapdump_options *o)
{
	d->fd = -1;
	if (!o)
		return;
	d->flags = o->flags;
	d->fd = o->fd;
	d->max_bytes = o->max_bytes;
	for (size_t i = 0; o->why && o->why[i] && i + 1 < sizeof(d->why); i++)
		d->why[i] = o->why[i];
	d->by_signal = o->flags & HEAPDUMP_BY_SIGNAL_ONLY;
}

/* Only as much of it as the caller's version has. */
static void fill_result(struct heapdump_result *to, const struct hd_dump *d)
{
	const struct hd_shared *s = d->shared;
	struct heapdump_result r = {
		.size = to->size,
		.pause_ns = s->pause_ns,
		.stop_ns = s->stop_ns,
		.fork_ns = s->fork_ns,
		.total_ns = hd_sys_clock(CLOCK_MONOTONIC) - d->start_ns,
		.file_bytes = s->file_bytes,
		.data_bytes = s->data_bytes,
		.n_threads = d->freeze.n + d->freeze.n_unlisted,
		.n_not_stopped = hd_freeze_n_not_stopped(&d->freeze),
		.in_place = d->in_place,
		.by_signal = d->freeze_how == HEAPIMAGE_SIGNAL,
	};

	memcpy(to, &r, to->size < sizeof(r) ? to->size : sizeof(r));
}

static int write_image(const char *path, const struct heapdump_options *options,
		       struct heapdump_result *result, uint32_t pid, enum heapimage_trigger trigger)
{
	uint64_t start = hd_sys_clock(CLOCK_MONOTONIC);
	struct hd_dump *d = new_dump();
	int rc;

	if (!d)
		return -ENOMEM;
	take_options(d, options);
	d->path = path;
	d->trigger = trigger;
	d->start_ns = start;
	d->pid = pid;
	d->caller = hd_sys_tid();
	run(d);
	rc = d->error;
	if (result)
		fill_result(result, d);
	if (hd_freeze_signal_retire(&d->freeze))
		free_dump(d);
	return rc;
}

int hd_write(const char *path, const struct heapdump_options *options,
	     struct heapdump_result *result, enum heapimage_trigger trigger)
{
	uint64_t all = UINT64_MAX, mask;
	uint32_t pid = hd_sys_pid();
	int rc;

	/* valgrind knows no task but threads, and would end the program */
	if (hd_sys_in_valgrind())
		return -ENOSYS;
	/* the program's own filter kills it for what this needs */
	if (hd_confined & HD_CONFINED_IMAGES)
		return -EPERM;
	if ((!path && !options) || (options && options->size < sizeof(*options)) ||
	    (result && result->size < sizeof(result->size)))
		return -EINVAL;
	hd_sys4(SYS_rt_sigprocmask, SIG_BLOCK, &all, &mask, MASK_BYTES);
	rc = -EBUSY;
	if (become_busy(pid)) {
		rc = write_image(path, options, result, pid, trigger);
		__atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
	}
	hd_sys4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 0, MASK_BYTES);
	return rc;
}

VISIBLE int heapdump_write(const char *path, const struct heapdump_options *options,
			   struct heapdump_result *result)
{
	return hd_write(path, options, result, HEAPIMAGE_BY_CALL);
}
