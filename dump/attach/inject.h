/*
 * One system call, made by a thread of another program that stands still by ptrace, and the thread then exactly as it
 * was: registers, signal mask, the bytes below its stack pointer.
 *
 * If we die in the middle, the kernel lets the thread run from where it stands. Where the program has both gadgets
 * and room below the thread's stack pointer, that is harmless: the call returns into rt_sigreturn, on a frame of the
 * thread's own registers, and a process that the call made exits. Else the few instructions of the call are a window
 * in which our death is the program's.
 */
#ifndef HEAPDUMP_DUMP_ATTACH_INJECT_H
#define HEAPDUMP_DUMP_ATTACH_INJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "dump/attach/gadgets.h"
#include "dump/freeze.h"

struct injection {
	const struct gadgets *gadgets;
	struct hd_frozen *thread; /* stopped, with its registers */
	uint64_t room_lo;	  /* the lowest address of its stack that may be written to */
	bool shadow_stack;	  /* a forged return is a fault */
	bool suspend_seccomp;	  /* its filter is not to see the call (CAP_SYS_ADMIN) */

	uint32_t child; /* by its id here: made by the call and stopped; 0: none */
	bool safe;	/* our death in the middle was harmless */

	uint64_t stack_lo, stack_n; /* what a child's copy of the stack must get back */
	uint8_t *stack;
};

void inject_deinit(struct injection *in);

/*
 * Makes the call and returns what it returned: a value or a negative errno. *failed: it could not be made (ptrace's own
 * error, −ESRCH where the thread died, −ETIMEDOUT where it did not come back); the thread is as it was, if it lives and
 * can be had.
 */
int64_t inject_call(struct injection *in, long nr, const uint64_t args[6], int *failed);

/* The child that a call made: gets the bytes of its parent's stack back, dies with us, and would exit if it ran. */
int inject_hold_child(struct injection *in);

/*
 * A thread to inject into: in a system call if there is one (one that was running may be inside a restartable sequence),
 * and stopped by us alone if there is one. NULL: there is none.
 */
struct hd_frozen *inject_choose(struct hd_freeze *f);

#endif
