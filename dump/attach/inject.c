/*
 * In this order, so that there is no moment at which the thread would run on wrongly:
 *
 *	frames below the stack │ registers │ all signals blocked │ call │ signal mask │ registers │ bytes of the stack
 *
 * orig_rax is −1 meanwhile, or the kernel would take our call for the interrupted one and begin that again; it is put
 * back with the rest, and the kernel then does so.
 */
#include "dump/attach/inject.h"

#if defined(__x86_64__)

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "dump/attach/sigframe.h"
#include "dump/sys.h"

enum { USER_CS = 0x33, RED_ZONE = 128, MASK_BYTES = 8, TRAP_FLAG = 0x100, DIRECTION_FLAG = 0x400 };
enum { SYSCALL_STOP = SIGTRAP | 0x80, EVENT_STOP = 128, MAX_STOPS = 100 };
enum { LOOK_NS = 50 * 1000 * 1000 };
#define LIMIT_NS                                                                                   \
	(10ull * 1000 * 1000 * 1000) /* of what takes no time: a thread that is not what it seems */
#define CALLED_OFF_NS	(4ull * 1000 * 1000 * 1000) /* the asker has killed us by then, if it lives */
#define SUSPEND_SECCOMP (1 << 21)		    /* PTRACE_O_SUSPEND_SECCOMP */

/* Linux include/uapi/linux/ptrace.h, include/uapi/linux/rseq.h. */
enum { GET_RSEQ = 0x420f };
struct rseq_place {
	uint64_t abi;
	uint32_t size, signature, flags, pad;
};
struct rseq_section {
	uint32_t version, flags;
	uint64_t start, length, abort;
};

/* What is changed of the thread and to be put back. */
struct saved {
	uint64_t raw[HD_N_RAW], mask;
	uint64_t lo, n;	       /* bytes of the stack */
	uint8_t *stack;	       /* as they were */
	uint8_t *frames;       /* as they are meanwhile */
	uint64_t at, child_at; /* stack pointers: of the thread, of the child; 0: as they are */
	bool begun;	       /* the rest is known, and something may be changed */
};

static long ask_ptrace(long request, uint32_t tid, uintptr_t addr, void *data)
{
	return hd_sys4(SYS_ptrace, request, tid, addr, data);
}

static bool read_at(uint32_t pid, uint64_t at, void *to, uint64_t n)
{
	struct iovec local = {to, n}, remote = {(void *)(uintptr_t)at, n};

	return process_vm_readv((pid_t)pid, &local, 1, &remote, 1, 0) == (ssize_t)n;
}

static bool write_at(uint32_t pid, uint64_t at, const void *from, uint64_t n)
{
	struct iovec local = {(void *)(uintptr_t)from, n}, remote = {(void *)(uintptr_t)at, n};

	return process_vm_writev((pid_t)pid, &local, 1, &remote, 1, 0) == (ssize_t)n;
}

static int set_registers(uint32_t tid, uint64_t *raw)
{
	struct iovec v = {raw, HD_N_RAW * sizeof(*raw)};

	return (int)ask_ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &v);
}

static int get_registers(uint32_t tid, uint64_t *raw)
{
	struct iovec v = {raw, HD_N_RAW * sizeof(*raw)};

	return (int)ask_ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &v);
}

/*
 * A thread inside a restartable sequence is one that the kernel has already decided to send to the sequence's abort: it
 * would forget that while the thread is elsewhere.
 */
static void leave_rseq(uint32_t tid, uint64_t *raw)
{
	struct rseq_place place = {0};
	struct rseq_section section;
	uint64_t at = 0;

	if (ask_ptrace(GET_RSEQ, tid, sizeof(place), &place) < 0 || !place.abi ||
	    !read_at(tid, place.abi + 8, &at, sizeof(at)) || !at ||
	    !read_at(tid, at, &section, sizeof(section)))
		return;
	if (raw[HD_RIP] - section.start < section.length)
		raw[HD_RIP] = section.abort;
}

/* Frames for the thread and for a child, below the red zone. false: there is no room for them, or no use. */
static bool make_frames(const struct injection *in, struct saved *s)
{
	const struct hd_registers *r = &in->thread->registers;
	const struct gadgets *g = in->gadgets;
	uint64_t top = (s->raw[HD_RSP] - RED_ZONE) & ~(uint64_t)63, size = sigframe_size(r), n;
	_cleanup_free_ uint8_t *one = malloc(size);
	struct hd_registers now = *r;

	if (!one || !g->returns || !g->sigreturn || in->shadow_stack || !in->room_lo ||
	    s->raw[HD_RSP] < RED_ZONE + 2 * size ||
	    s->raw[HD_RSP] - RED_ZONE - 2 * size < in->room_lo)
		return false;
	s->lo = top - 2 * size;
	s->n = 2 * size;
	s->stack = malloc(s->n);
	s->frames = malloc(s->n);
	if (!s->stack || !s->frames || !read_at(in->thread->tid, s->lo, s->stack, s->n))
		return false;
	memcpy(s->frames, s->stack, s->n);
	memcpy(now.raw, s->raw, sizeof(now.raw));
	s->at = sigframe_back(&now, s->mask, g->sigreturn, top, one, &n);
	memcpy(s->frames + (s->at - s->lo), one, n);
	s->child_at = sigframe_exit(&now, g->call, g->sigreturn, top - size, one, &n);
	memcpy(s->frames + (s->child_at - s->lo), one, n);
	return true;
}

static void fill_call(uint64_t *raw, const struct injection *in, const struct saved *s, long nr,
		      const uint64_t args[6])
{
	static const uint8_t places[6] = {HD_RDI, HD_RSI, HD_RDX, HD_R10, HD_R8, HD_R9};

	memcpy(raw, s->raw, sizeof(s->raw));
	for (int i = 0; i < 6; i++)
		raw[places[i]] = args[i];
	if (nr == SYS_clone && in->safe)
		raw[HD_RSI] = s->child_at;
	raw[HD_RAX] = (uint64_t)nr;
	raw[HD_ORIG_RAX] = UINT64_MAX;
	raw[HD_RIP] = in->gadgets->call;
	raw[HD_EFLAGS] &= ~(uint64_t)(TRAP_FLAG | DIRECTION_FLAG);
	if (in->safe)
		raw[HD_RSP] = s->at;
}

static int begin(struct injection *in, struct saved *s, long nr, const uint64_t args[6])
{
	uint32_t tid = in->thread->tid;
	uint64_t raw[HD_N_RAW], all = UINT64_MAX;
	int rc = (int)ask_ptrace(PTRACE_GETSIGMASK, tid, MASK_BYTES, &s->mask);

	if (rc < 0)
		return rc;
	memcpy(s->raw, in->thread->registers.raw, sizeof(s->raw));
	leave_rseq(tid, s->raw);
	s->begun = true;
	in->safe = make_frames(in, s);
	if (in->safe && !write_at(tid, s->lo, s->frames, s->n)) {
		write_at(tid, s->lo, s->stack, s->n);
		in->safe = false;
	}
	fill_call(raw, in, s, nr, args);
	rc = set_registers(tid, raw);
	return rc < 0 ? rc : (int)ask_ptrace(PTRACE_SETSIGMASK, tid, MASK_BYTES, &all);
}

/* Also after an error: what can be put back is. */
static void end(struct injection *in, struct saved *s)
{
	uint32_t tid = in->thread->tid;

	if (!s->begun)
		return;
	ask_ptrace(PTRACE_SETSIGMASK, tid, MASK_BYTES, &s->mask);
	set_registers(tid, s->raw);
	memcpy(in->thread->registers.raw, s->raw, sizeof(s->raw));
	if (in->safe)
		write_at(tid, s->lo, s->stack, s->n);
}

static int set_options(struct injection *in)
{
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK;

	if (in->suspend_seccomp)
		options |= SUSPEND_SECCOMP;
	return (int)ask_ptrace(PTRACE_SETOPTIONS, in->thread->tid, 0, (void *)options);
}

static bool is_called_off(void)
{
	uint64_t pending = 0;

	hd_sys2(SYS_rt_sigpending, &pending, MASK_BYTES);
	return pending & 1ull << (SIGTERM - 1);
}

/*
 * The next stop of a task: its wait status. −ESRCH: it is gone. −ETIMEDOUT: it did not come within limit_ns (0: there
 * is none, as a fork takes its time), or nobody wants it any more. SIGCHLD is blocked.
 */
static int wait_for_stop(uint32_t tid, uint64_t limit_ns)
{
	uint64_t chld = 1ull << (SIGCHLD - 1), start = hd_sys_clock(CLOCK_MONOTONIC), waited;
	struct timespec look = {0, LOOK_NS};
	int status;

	for (;;) {
		long rc = hd_sys4(SYS_wait4, tid, &status, __WALL | WNOHANG, 0);

		if (rc > 0)
			return WIFSTOPPED(status) ? status : -ESRCH;
		if (rc < 0 && rc != -EINTR)
			return (int)rc;
		waited = hd_sys_clock(CLOCK_MONOTONIC) - start;
		if ((limit_ns && waited > limit_ns) || (waited > CALLED_OFF_NS && is_called_off()))
			return -ETIMEDOUT;
		hd_sys4(SYS_rt_sigtimedwait, &chld, 0, &look, sizeof(chld));
	}
}

/* One stop of the thread, after it was let go with a signal or none. */
static int next_stop(uint32_t tid, int signo, uint64_t limit_ns)
{
	long rc = ask_ptrace(PTRACE_SYSCALL, tid, 0, (void *)(long)signo);
	int status;

	if (rc < 0)
		return (int)rc;
	status = wait_for_stop(tid, limit_ns);
	if (status != -ETIMEDOUT)
		return status;
	/* to be put back all the same, if it can be had at all */
	ask_ptrace(PTRACE_INTERRUPT, tid, 0, NULL);
	wait_for_stop(tid, LIMIT_NS / 10);
	return -ETIMEDOUT;
}

/*
 * Lets it run into the call and out of it. SIGSTOP, which cannot be blocked, is handed over: the program counts as stopped from
 * then on, or as not if SIGCONT comes, and the thread goes on all the same for as long as it is traced.
 */
static int run(struct injection *in, long nr)
{
	uint32_t tid = in->thread->tid;
	unsigned long child = 0;
	int signo = 0;

	for (int i = 0, n_call = 0; i < MAX_STOPS; i++) {
		bool takes_time = n_call && nr == SYS_clone;
		int status = next_stop(tid, signo, takes_time ? 0 : LIMIT_NS), event = status >> 16;

		signo = 0;
		if (status < 0)
			return status;
		if (WSTOPSIG(status) == SYSCALL_STOP && ++n_call == 2)
			return 0;
		if (event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK) {
			ask_ptrace(PTRACE_GETEVENTMSG, tid, 0, &child);
			in->child = (uint32_t)child;
		} else if (!event && WSTOPSIG(status) == SIGSTOP) {
			signo = SIGSTOP;
		}
	}
	return -EAGAIN;
}

int64_t inject_call(struct injection *in, long nr, const uint64_t args[6], int *failed)
{
	struct saved s = {0};
	uint64_t raw[HD_N_RAW] = {0};

	in->child = 0;
	in->safe = false;
	*failed = set_options(in);
	if (*failed == 0)
		*failed = begin(in, &s, nr, args);
	if (*failed == 0) {
		*failed = run(in, nr);
		if (*failed == 0)
			*failed = get_registers(in->thread->tid, raw);
	}
	end(in, &s);
	free(s.frames);
	in->stack_lo = s.lo;
	in->stack_n = in->child && in->safe ? s.n : 0;
	free(in->stack);
	in->stack = s.stack;
	return *failed < 0 ? *failed : (int64_t)raw[HD_RAX];
}

int inject_hold_child(struct injection *in)
{
	uint64_t raw[HD_N_RAW];
	int rc;

	if (wait_for_stop(in->child, LIMIT_NS) < 0)
		return -ESRCH;
	rc = (int)ask_ptrace(PTRACE_SETOPTIONS, in->child, 0, (void *)(long)PTRACE_O_EXITKILL);
	if (rc == 0)
		rc = get_registers(in->child, raw);
	raw[HD_RAX] = SYS_exit_group;
	raw[HD_RDI] = 0;
	raw[HD_ORIG_RAX] = UINT64_MAX;
	raw[HD_RIP] = in->gadgets->call;
	if (rc == 0)
		rc = set_registers(in->child, raw);
	/* now that it would exit by itself, its copy of the stack is to be as its parent's */
	if (rc == 0 && in->stack_n && !write_at(in->child, in->stack_lo, in->stack, in->stack_n))
		rc = -EFAULT;
	return rc;
}

void inject_deinit(struct injection *in)
{
	free(in->stack);
	in->stack = NULL;
}

/*
 * A worker of the kernel's in the program (io_uring) is listed as a thread, and stops, but has no user mode. To a thread in
 * 32-bit mode (Wine) the gadgets would be other instructions.
 */
static bool is_usable(const struct hd_frozen *t)
{
	return t->attached && t->state == HD_STOPPED && t->has_registers &&
	       t->registers.raw[HD_RIP] && t->registers.raw[HD_CS] == USER_CS;
}

/* Stopped by our interrupt: in a group-stop there is no siginfo. */
static bool is_ours(const struct hd_frozen *t)
{
	siginfo_t info;

	return ask_ptrace(PTRACE_GETSIGINFO, t->tid, 0, &info) == 0 &&
	       info.si_code == (SIGTRAP | EVENT_STOP << 8);
}

struct hd_frozen *inject_choose(struct hd_freeze *f)
{
	struct hd_frozen *second = NULL, *third = NULL;

	for (uint32_t i = 0; i < f->n; i++) {
		struct hd_frozen *t = &f->threads[i];

		if (!is_usable(t))
			continue;
		if (!is_ours(t))
			third = third ? third : t;
		else if ((int64_t)t->registers.raw[HD_ORIG_RAX] >= 0)
			return t;
		else
			second = second ? second : t;
	}
	return second ? second : third;
}

#else

#include <errno.h>

/* Nothing is injected on other machines yet: what there is, is a copy while the program stands still. */
int64_t inject_call(struct injection *in, long nr, const uint64_t args[6], int *failed)
{
	return *failed = -ENOSYS;
}

int inject_hold_child(struct injection *in)
{
	return -ESRCH;
}

struct hd_frozen *inject_choose(struct hd_freeze *f)
{
	return f->n ? f->threads : NULL;
}

void inject_deinit(struct injection *in)
{
}

#endif
