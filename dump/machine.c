/*
 * The few lines that C cannot say, for x86-64 and aarch64. Only the former has been run.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#include "dump/machine.h"
#include "dump/sys.h"

#if defined(__x86_64__)

enum { ARCH_GET_FS_BASE = 0x1003, ARCH_GET_GS_BASE = 0x1004, USER_CS = 0x33, USER_SS = 0x2b };

/* What the kernel puts into the unused bytes of a signal frame's FXSAVE area: struct _fpx_sw_bytes. */
enum { SW_OFF = 464, SW_MAGIC = 0x46505853, FXSAVE_SIZE = 512, XSAVE_HEAD = 576 };
enum { OSXSAVE = 1 << 27, PKRU = 9 };
#define UP_TO_PKRU 0x3ffull
struct sw_bytes {
	uint32_t magic, extended_size;
	uint64_t features;
	uint32_t xstate_size, padding[7];
};

static void cpuid(uint32_t leaf, uint32_t i, uint32_t r[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
			 : "a"(leaf), "c"(i));
}

/*
 * The XSAVE area to the end of the last feature that is switched on, up to PKRU. Not those behind it: AMX' tiles are
 * 8 KiB without pointers, and debuggers of today warn of an area larger than they know.
 */
uint32_t hd_machine_more_size(void)
{
	uint32_t r[4], on, high, size = XSAVE_HEAD;

	cpuid(1, 0, r);
	if (!(r[2] & OSXSAVE))
		return FXSAVE_SIZE;
	__asm__ volatile("xgetbv" : "=a"(on), "=d"(high) : "c"(0));
	for (uint32_t i = 2; i <= PKRU; i++) {
		cpuid(13, i, r);
		if ((on >> i & 1) && r[0] + r[1] > size)
			size = r[0] + r[1];
	}
	return size;
}

static void take_segments(struct hd_registers *r)
{
	r->raw[HD_ORIG_RAX] = UINT64_MAX;
	r->raw[HD_CS] = USER_CS;
	r->raw[HD_SS] = USER_SS;
	hd_sys2(SYS_arch_prctl, ARCH_GET_FS_BASE, &r->raw[HD_FS_BASE]);
	hd_sys2(SYS_arch_prctl, ARCH_GET_GS_BASE, &r->raw[HD_FS_BASE + 1]);
}

void hd_machine_complete(struct hd_registers *r)
{
	take_segments(r);
	r->raw[HD_EFLAGS] = 0x202;
	__asm__ volatile("fxsave64 (%0)" : : "r"(r->fp) : "memory");
	r->fp_size = HD_FP_SIZE;
}

/* XCR0's copy and XSTATE_BV name only features that are inside the area. */
void hd_machine_tidy(struct hd_registers *r)
{
	static const uint16_t words[] = {SW_OFF, FXSAVE_SIZE};
	uint64_t features;

	for (unsigned i = 0; i < 2 && r->more_size >= FXSAVE_SIZE + 8u; i++) {
		memcpy(&features, r->more + words[i], sizeof(features));
		features &= UP_TO_PKRU;
		memcpy(r->more + words[i], &features, sizeof(features));
	}
}

/*
 * Such a call is made one that the kernel begins again, but not behind a handler (ERESTARTNOHAND, what pause() ends with): a
 * signal that comes while the thread stands still is to make it return EINTR, as it would have without us, or
 * epoll_pwait() would miss what it waits for. A handler that ran before us shows: rax is 0 in its first instruction.
 * Calls that have done a part of their work say so by their result, not by EINTR.
 */
bool hd_machine_restart(struct hd_registers *r)
{
	static const uint16_t calls[] = {
		SYS_epoll_wait, SYS_epoll_pwait,    SYS_epoll_pwait2, SYS_rt_sigtimedwait,
		SYS_semop,	SYS_semtimedop,	    SYS_io_getevents, SYS_io_pgetevents,
		SYS_recvfrom,	SYS_recvmsg,	    SYS_recvmmsg,     SYS_accept,
		SYS_accept4,	SYS_sendto,	    SYS_sendmsg,      SYS_sendmmsg,
		SYS_read,	SYS_readv,	    SYS_write,	      SYS_writev,
		SYS_connect,	SYS_io_uring_enter,
	};
	enum { ERESTARTNOHAND = 514 };

	if ((int64_t)r->raw[HD_RAX] != -EINTR)
		return false;
	for (unsigned i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (r->raw[HD_ORIG_RAX] == calls[i]) {
			r->raw[HD_RAX] = (uint64_t)-ERESTARTNOHAND;
			return true;
		}
	return false;
}

/* The area of a signal frame is the one of XSAVE; a core's has the features where the frame has its magic. */
static void take_vector(struct hd_registers *r, uint32_t more_room, const uint8_t *area)
{
	struct sw_bytes sw;

	memcpy(r->fp, area, FXSAVE_SIZE);
	memset(r->fp + SW_OFF, 0, FXSAVE_SIZE - SW_OFF);
	r->fp_size = FXSAVE_SIZE;
	memcpy(&sw, area + SW_OFF, sizeof(sw));
	if (sw.magic != SW_MAGIC || sw.xstate_size < FXSAVE_SIZE)
		return;
	r->more_size = sw.xstate_size < more_room ? sw.xstate_size : more_room;
	memcpy(r->more, area, r->more_size);
	memset(r->more + SW_OFF, 0, FXSAVE_SIZE - SW_OFF);
	memcpy(r->more + SW_OFF, &sw.features, sizeof(sw.features));
	hd_machine_tidy(r);
}

void hd_machine_from_context(struct hd_registers *r, uint32_t more_room, const void *context)
{
	static const uint8_t greg_of[] = {
		REG_R15, REG_R14, REG_R13, REG_R12, REG_RBP, REG_RBX, REG_R11,
		REG_R10, REG_R9,  REG_R8,  REG_RAX, REG_RCX, REG_RDX, REG_RSI,
		REG_RDI, 0xff,	  REG_RIP, 0xff,    REG_EFL, REG_RSP,
	};
	const ucontext_t *uc = context;

	for (unsigned i = 0; i < sizeof(greg_of); i++)
		if (greg_of[i] != 0xff)
			r->raw[i] = (uint64_t)uc->uc_mcontext.gregs[greg_of[i]];
	take_segments(r);
	if (uc->uc_mcontext.fpregs)
		take_vector(r, more_room, (const uint8_t *)uc->uc_mcontext.fpregs);
}

long hd_machine_start(unsigned long flags, void *top, int (*fn)(void *), void *arg)
{
	register void *r12 __asm__("r12") = (void *)fn;
	register void *r13 __asm__("r13") = arg;
	register long r10 __asm__("r10") = 0;
	register long r8 __asm__("r8") = 0;
	long ret;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %%r13, %%rdi\n\t"
			 "call *%%r12\n\t"
			 "mov %%eax, %%edi\n\t"
			 "mov %[exit], %%eax\n\t"
			 "syscall\n\t"
			 "hlt\n"
			 "1:"
			 : "=a"(ret)
			 : "a"(SYS_clone), "D"(flags), "S"(top), "d"(0), "r"(r10), "r"(r8),
			   "r"(r12), "r"(r13), [exit] "i"(SYS_exit_group)
			 : "rcx", "r11", "memory");
	return ret;
}

int hd_machine_call_on(void *top, int (*fn)(void *), void *arg)
{
	register void *r12 __asm__("r12") = (void *)fn;
	long ret;

	__asm__ volatile("mov %%rsp, %%rbx\n\t"
			 "mov %[top], %%rsp\n\t"
			 "call *%%r12\n\t"
			 "mov %%rbx, %%rsp"
			 : "=a"(ret), "+D"(arg), "+r"(r12), [top] "+S"(top)
			 :
			 : "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "memory", "cc", "xmm0",
			   "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
			   "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	return (int)ret;
}

/* The bytes by which unwinders know a signal frame. */
__asm__(".text\n"
	".globl hd_machine_sigreturn\n"
	".hidden hd_machine_sigreturn\n"
	".type hd_machine_sigreturn, @function\n"
	"hd_machine_sigreturn:\n"
	"	mov $15, %rax\n"
	"	syscall\n"
	".size hd_machine_sigreturn, .-hd_machine_sigreturn\n"
	".previous");

#elif defined(__aarch64__)

uint32_t hd_machine_more_size(void)
{
	return sizeof(uint64_t);
}

void hd_machine_tidy(struct hd_registers *r)
{
	(void)r;
}

/* The first argument is gone, and nothing keeps it for us. */
bool hd_machine_restart(struct hd_registers *r)
{
	(void)r;
	return false;
}

static void take_thread_pointer(struct hd_registers *r)
{
	uint64_t tp;

	__asm__ volatile("mrs %0, tpidr_el0" : "=r"(tp));
	memcpy(r->more, &tp, sizeof(tp));
	r->more_size = sizeof(tp);
}

void hd_machine_complete(struct hd_registers *r)
{
	take_thread_pointer(r);
}

void hd_machine_from_context(struct hd_registers *r, uint32_t more_room, const void *context)
{
	const ucontext_t *uc = context;

	(void)more_room;
	memcpy(r->raw, uc->uc_mcontext.regs, 31 * sizeof(uint64_t));
	r->raw[31] = uc->uc_mcontext.sp;
	r->raw[32] = uc->uc_mcontext.pc;
	r->raw[33] = uc->uc_mcontext.pstate;
	take_thread_pointer(r);
}

long hd_machine_start(unsigned long flags, void *top, int (*fn)(void *), void *arg)
{
	register long x8 __asm__("x8") = SYS_clone;
	register long x0 __asm__("x0") = (long)flags;
	register void *x1 __asm__("x1") = top;
	register long x2 __asm__("x2") = 0;
	register long x3 __asm__("x3") = 0;
	register long x4 __asm__("x4") = 0;
	register void *x10 __asm__("x10") = (void *)fn;
	register void *x11 __asm__("x11") = arg;

	__asm__ volatile("svc 0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x29, xzr\n\t"
			 "mov x30, xzr\n\t"
			 "mov x0, x11\n\t"
			 "blr x10\n\t"
			 "mov x8, %[exit]\n\t"
			 "svc 0\n\t"
			 "brk 0\n"
			 "1:"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x10),
			   "r"(x11), [exit] "i"(SYS_exit_group)
			 : "memory");
	return x0;
}

int hd_machine_call_on(void *top, int (*fn)(void *), void *arg)
{
	register long x0 __asm__("x0") = (long)arg;
	register void *x10 __asm__("x10") = (void *)fn;
	register void *x11 __asm__("x11") = top;

	__asm__ volatile("mov x19, sp\n\t"
			 "mov sp, x11\n\t"
			 "blr x10\n\t"
			 "mov sp, x19"
			 : "+r"(x0), "+r"(x10), "+r"(x11)
			 :
			 : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x12", "x13",
			   "x14", "x15", "x16", "x17", "x18", "x19", "x30", "memory", "cc", "v0",
			   "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v16", "v17", "v18", "v19",
			   "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29",
			   "v30", "v31");
	return (int)x0;
}

__asm__(".text\n"
	".globl hd_machine_sigreturn\n"
	".hidden hd_machine_sigreturn\n"
	".type hd_machine_sigreturn, %function\n"
	"hd_machine_sigreturn:\n"
	"	mov x8, 139\n"
	"	svc 0\n"
	".size hd_machine_sigreturn, .-hd_machine_sigreturn\n"
	".previous");

#endif

long hd_machine_fork(void)
{
	return hd_sys6(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
}
