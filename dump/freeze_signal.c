/*
 * Stopping by signal, where ptrace is refused: every thread gets a signal whose handler, in the thread itself, writes
 * down its registers and waits.
 *
 *	asker                       thread's handler
 *	asked = ASKED, tgkill ───►  ASKED → TAKEN, registers, ANSWERED, answers++ ──► asker
 *	release = 1 ─────────────►  returns
 *
 * The signal is one that the program leaves alone and that is ignored then: SIGURG, else SIGWINCH. It may come as late
 * as it likes (a thread had blocked it), nothing happens. Where the program uses both, it is a real-time signal; if a
 * thread did not answer that, the handler stays in place for good, since the signal would kill.
 *
 * A thread in sigwait() is not asked, since it would be handed the signal; it is reported as not stopped. (Where
 * /proc/PID/task/TID/syscall is not to be read that is not seen; nor is a signalfd that takes all signals.)
 *
 * What it costs the program: poll, nanosleep, select and other calls with a time limit return EINTR, SA_RESTART or not.
 * What it cannot do: threads that block the signal, or sit in the kernel without being able to take one, run on.
 *
 * The asker may die (it is a task of its own, or the whole process goes): whoever waits for it calls thaw.
 */
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <time.h>

#include "dump/freeze.h"
#include "dump/proc_text.h"
#include "dump/sys.h"

enum { UNASKED, ASKED, TAKEN, ANSWERED, ABANDONED };

enum {
	PATIENCE_NS = 200 * 1000 * 1000,
	PATIENCE_BLOCKED_NS = 20 * 1000 * 1000, /* only threads are missing that block the signal */
	LEAVE_NS = 1000 * 1000 * 1000,
	POLL_NS = 1000 * 1000,
	MAX_ROUNDS = 30,
	STATUS_BYTES = 4096,
	CALL_BYTES = 256,
	N_SIGNALS = 64,
};

/* struct sigaction as the kernel has it. */
struct kernel_action {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};
#ifndef SA_RESTORER
#define SA_RESTORER 0x04000000
#endif

/* For the handler: the dump under way, and how many threads are inside. */
static struct hd_freeze *under_way;
static uint32_t n_inside;
static struct kernel_action before;

static long set_action(int signal, const struct kernel_action *new, struct kernel_action *old)
{
	return hd_sys4(SYS_rt_sigaction, signal, new, old, sizeof(new->mask));
}

static void wait_on(const uint32_t *word, uint32_t value, uint64_t ns)
{
	struct timespec limit = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};

	hd_sys4(SYS_futex, word, FUTEX_WAIT, value, ns ? &limit : NULL);
}

static void stand_still(struct hd_freeze *f, struct hd_frozen *t, const void *context)
{
	hd_machine_from_context(&t->registers, f->more_room, context);
	t->has_registers = true;
	__atomic_store_n(&t->asked, ANSWERED, __ATOMIC_RELEASE);
	__atomic_add_fetch(&f->answers, 1, __ATOMIC_RELEASE);
	hd_sys_wake(&f->answers);
	while (!__atomic_load_n(&f->release, __ATOMIC_ACQUIRE))
		wait_on(&f->release, 0, 0);
}

/* hd_freeze_find moves its hint, which belongs to the asker. */
static struct hd_frozen *myself(struct hd_freeze *f)
{
	uint32_t tid = hd_sys_tid(), n = __atomic_load_n(&f->n, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < n; i++)
		if (f->threads[i].tid == tid)
			return &f->threads[i];
	return NULL;
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
	struct hd_freeze *f;

	__atomic_add_fetch(&n_inside, 1, __ATOMIC_SEQ_CST);
	f = __atomic_load_n(&under_way, __ATOMIC_SEQ_CST);
	if (f && f->pid == hd_sys_pid()) {
		struct hd_frozen *t = myself(f);
		uint32_t asked = ASKED;

		if (t && __atomic_compare_exchange_n(&t->asked, &asked, TAKEN, false,
						     __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			stand_still(f, t, context);
	}
	__atomic_sub_fetch(&n_inside, 1, __ATOMIC_SEQ_CST);
}

static bool is_free(int signal)
{
	return set_action(signal, NULL, &before) == 0 &&
	       (before.handler == NULL || before.handler == on_signal);
}

static int choose(void)
{
	static const int harmless[] = {SIGURG, SIGWINCH};

	for (unsigned i = 0; i < sizeof(harmless) / sizeof(*harmless); i++)
		if (is_free(harmless[i]))
			return harmless[i];
	/* libc keeps the first few real-time signals for itself */
	for (int signal = N_SIGNALS; signal > 34; signal--)
		if (is_free(signal))
			return signal;
	return -EBUSY;
}

int hd_freeze_signal_install(struct hd_freeze *f)
{
	struct kernel_action action = {
		.handler = on_signal,
		.flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK | SA_RESTORER,
		.restorer = hd_machine_sigreturn,
		.mask = UINT64_MAX,
	};
	int signal = choose();

	if (signal < 0)
		return signal;
	f->signal = signal;
	f->answers = f->release = 0;
	__atomic_store_n(&under_way, f, __ATOMIC_SEQ_CST);
	return (int)set_action(signal, &action, NULL);
}

static bool somebody_may_come(const struct hd_freeze *f)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (f->threads[i].asked == ABANDONED)
			return true;
	return false;
}

bool hd_freeze_signal_retire(struct hd_freeze *f)
{
	uint64_t since = hd_sys_clock(CLOCK_MONOTONIC);
	struct kernel_action now;
	bool harmless = f->signal == SIGURG || f->signal == SIGWINCH;

	if (!f->signal)
		return true;
	hd_freeze_signal_thaw(f);
	__atomic_store_n(&under_way, NULL, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&n_inside, __ATOMIC_SEQ_CST)) {
		struct timespec pause = {0, POLL_NS / 10};

		if (hd_sys_clock(CLOCK_MONOTONIC) - since > LEAVE_NS)
			return false;
		hd_sys2(SYS_nanosleep, &pause, 0);
	}
	if ((harmless || !somebody_may_come(f)) && set_action(f->signal, NULL, &now) == 0 &&
	    now.handler == on_signal)
		set_action(f->signal, &before, NULL);
	f->signal = 0;
	return true;
}

/* What the thread blocks, as a mask. */
static uint64_t blocked_mask(const struct hd_freeze *f, uint32_t tid)
{
	char path[96], buf[STATUS_BYTES];
	struct hd_text text;
	uint64_t mask = 0;

	hd_freeze_path(f, tid, "status", path);
	if (hd_text_open(&text, path, buf, sizeof(buf)) < 0)
		return 0;
	for (const char *line, *rest; (line = hd_text_line(&text));)
		if (hd_text_key(line, "SigBlk:", &rest))
			hd_text_number(&rest, 16, &mask);
	hd_text_close(&text);
	return mask;
}

/*
 * Whether the thread waits for signals by sigwait(): the kernel shows those as unblocked then, and ours would be handed to
 * the program. Not known where /proc does not tell.
 */
static bool is_in_sigwait(const struct hd_freeze *f, uint32_t tid)
{
	char path[96], buf[CALL_BYTES];
	const char *at = buf;
	uint64_t call;

	hd_freeze_path(f, tid, "syscall", path);
	return hd_text_whole(path, buf, sizeof(buf)) > 0 && hd_text_number(&at, 10, &call) &&
	       call == SYS_rt_sigtimedwait;
}

static void ask(struct hd_freeze *f, struct hd_frozen *t)
{
	if (is_in_sigwait(f, t->tid)) {
		t->state = HD_NOT_STOPPED;
		return;
	}
	__atomic_store_n(&t->asked, ASKED, __ATOMIC_RELEASE);
	if (hd_sys3(SYS_tgkill, f->pid, t->tid, f->signal) < 0)
		t->state = HD_GONE;
}

static bool is_there(const struct hd_freeze *f, uint32_t tid)
{
	return hd_sys3(SYS_tgkill, f->pid, tid, 0) == 0;
}

/* How many have not answered; *willing: of these, who are not known to block the signal. */
static uint32_t count_missing(struct hd_freeze *f, uint32_t *willing)
{
	uint32_t n = 0;

	*willing = 0;
	for (uint32_t i = 0; i < f->n; i++) {
		struct hd_frozen *t = &f->threads[i];

		if (t->state != HD_RUNS)
			continue;
		if (__atomic_load_n(&t->asked, __ATOMIC_ACQUIRE) == ANSWERED) {
			t->state = HD_STOPPED;
			continue;
		}
		n++;
		*willing += !t->blocks;
	}
	return n;
}

static void give_up(struct hd_freeze *f)
{
	for (uint32_t i = 0; i < f->n; i++) {
		struct hd_frozen *t = &f->threads[i];
		uint32_t asked = ASKED;

		if (t->state != HD_RUNS)
			continue;
		if (!__atomic_compare_exchange_n(&t->asked, &asked, ABANDONED, false,
						 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			/* it is writing its registers down this moment */
			while (__atomic_load_n(&t->asked, __ATOMIC_ACQUIRE) != ANSWERED)
				hd_sys0(SYS_sched_yield);
			t->state = HD_STOPPED;
			continue;
		}
		t->state = is_there(f, t->tid) ? HD_NOT_STOPPED : HD_GONE;
	}
}

static void look_who_blocks(struct hd_freeze *f)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (f->threads[i].state == HD_RUNS)
			f->threads[i].blocks =
				blocked_mask(f, f->threads[i].tid) >> (f->signal - 1) & 1;
}

static void wait_for_answers(struct hd_freeze *f)
{
	uint64_t since = hd_sys_clock(CLOCK_MONOTONIC);
	uint32_t seen = UINT32_MAX;
	bool looked = false;

	for (;;) {
		uint32_t answers = __atomic_load_n(&f->answers, __ATOMIC_ACQUIRE), willing;
		uint64_t now = hd_sys_clock(CLOCK_MONOTONIC);

		if (!count_missing(f, &willing))
			return;
		if (answers != seen)
			since = now;
		seen = answers;
		/* a thread that is being born, or dies, blocks all signals for a while */
		if (now - since > PATIENCE_BLOCKED_NS && !looked) {
			look_who_blocks(f);
			looked = true;
			continue;
		}
		if (now - since > (willing ? PATIENCE_NS : PATIENCE_BLOCKED_NS))
			break;
		wait_on(&f->answers, answers, POLL_NS);
	}
	give_up(f);
}

int hd_freeze_signal(struct hd_freeze *f)
{
	uint32_t done = 0;

	look_who_blocks(f);
	f->first_ns = hd_sys_clock(CLOCK_MONOTONIC);
	for (int round = 0; round < MAX_ROUNDS; round++) {
		int rc;

		for (; done < f->n; done++) {
			if (f->threads[done].tid == f->caller)
				f->threads[done].state = HD_STOPPED;
			else
				ask(f, &f->threads[done]);
		}
		wait_for_answers(f);
		rc = hd_freeze_list(f);
		if (rc < 0)
			return rc;
		if (!rc)
			break;
	}
	f->stopped_ns = hd_sys_clock(CLOCK_MONOTONIC);
	return 0;
}

void hd_freeze_signal_thaw(struct hd_freeze *f)
{
	__atomic_store_n(&f->release, 1, __ATOMIC_RELEASE);
	hd_sys_wake(&f->release);
}
