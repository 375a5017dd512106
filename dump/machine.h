/*
 * What differs by machine for a task of ours: its start on a given stack, the registers of a running function and of a
 * thread in a signal handler, as NT_PRSTATUS has them.
 *
 *	x86-64	 r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss
 *		 fs_base gs_base ds es fs gs			(Linux arch/x86/include/asm/user_64.h)
 *	aarch64	 x0 … x30 sp pc pstate				(Linux arch/arm64/include/uapi/asm/ptrace.h)
 */
#ifndef HEAPDUMP_DUMP_MACHINE_H
#define HEAPDUMP_DUMP_MACHINE_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>

#if defined(__x86_64__)
enum { HD_MACHINE = EM_X86_64, HD_N_RAW = 27, HD_FP_SIZE = 512, HD_MORE_NOTE = NT_X86_XSTATE };
/* clang-format off */
enum {
	HD_R15, HD_R14, HD_R13, HD_R12, HD_RBP, HD_RBX, HD_R11, HD_R10, HD_R9, HD_R8, HD_RAX, HD_RCX, HD_RDX, HD_RSI,
	HD_RDI, HD_ORIG_RAX, HD_RIP, HD_CS, HD_EFLAGS, HD_RSP, HD_SS, HD_FS_BASE, HD_STACK = HD_RSP,
};
/* clang-format on */
#elif defined(__aarch64__)
enum { HD_MACHINE = EM_AARCH64, HD_N_RAW = 34, HD_FP_SIZE = 528, HD_MORE_NOTE = NT_ARM_TLS };
enum { HD_STACK = 31 };
#endif

/* A thread's registers; the fp set and the other one (HD_MORE_NOTE) have size 0 where they are not known. */
struct hd_registers {
	uint64_t raw[HD_N_RAW];
	uint32_t fp_size, more_size;
	uint8_t *fp;   /* HD_FP_SIZE bytes of room */
	uint8_t *more; /* hd_machine_more_size() bytes of room */
};

/* Room for the HD_MORE_NOTE set of a thread of this machine. */
uint32_t hd_machine_more_size(void);

/*
 * The registers of the function that this is in. They stay true as long as it has not returned: what is lost is where
 * in it. Its frame can be unwound from them.
 */
static inline __attribute__((always_inline)) void hd_machine_here(uint64_t *raw)
{
#if defined(__x86_64__)
	__asm__ volatile("mov %%r15, 0(%0)\n\t"
			 "mov %%r14, 8(%0)\n\t"
			 "mov %%r13, 16(%0)\n\t"
			 "mov %%r12, 24(%0)\n\t"
			 "mov %%rbp, 32(%0)\n\t"
			 "mov %%rbx, 40(%0)\n\t"
			 "mov %%rsp, 152(%0)\n\t"
			 "lea 0(%%rip), %%rax\n\t"
			 "mov %%rax, 128(%0)\n\t"
			 :
			 : "r"(raw)
			 : "rax", "memory");
#elif defined(__aarch64__)
	__asm__ volatile("stp x19, x20, [%0, 152]\n\t"
			 "stp x21, x22, [%0, 168]\n\t"
			 "stp x23, x24, [%0, 184]\n\t"
			 "stp x25, x26, [%0, 200]\n\t"
			 "stp x27, x28, [%0, 216]\n\t"
			 "stp x29, x30, [%0, 232]\n\t"
			 "mov x9, sp\n\t"
			 "adr x10, .\n\t"
			 "stp x9, x10, [%0, 248]\n\t"
			 :
			 : "r"(raw)
			 : "x9", "x10", "memory");
#endif
}

/* After a set of HD_MORE_NOTE was taken that may be cut to its room. */
void hd_machine_tidy(struct hd_registers *r);

/*
 * A stop makes some system calls return EINTR though no handler of the program ran: those that signal(7) names as never
 * restarted. One of them is marked to be begun again if no signal comes: true. The time limit of a call begins anew then.
 */
bool hd_machine_restart(struct hd_registers *r);

/* What hd_machine_here cannot see of the calling thread: segments, thread pointer, floating point. */
void hd_machine_complete(struct hd_registers *r);

/* The interrupted thread's, from the ucontext_t that its signal handler got; in that thread. */
void hd_machine_from_context(struct hd_registers *r, uint32_t more_room, const void *context);

/*
 * Starts fn(arg) as a task with the given clone flags on its own stack (top is aligned to 16); it exits with fn's value. Its
 * id or a negative errno.
 */
long hd_machine_start(unsigned long flags, void *top, int (*fn)(void *), void *arg);

/* Calls fn(arg) on another stack. */
int hd_machine_call_on(void *top, int (*fn)(void *), void *arg);

/* A copy of the calling task and its memory: 0 in it, its id, or a negative errno. Runs no handler of libc. */
long hd_machine_fork(void);

/* What a signal handler returns to, for rt_sigaction. */
void hd_machine_sigreturn(void);

#endif
