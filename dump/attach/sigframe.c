/*
 * The alternate stack that a frame names is set by rt_sigreturn, and cannot be read from beside the program: flags that no
 * stack has make the kernel leave it as it is (it ignores every error there but a fault).
 */
#include "dump/attach/sigframe.h"

#if defined(__x86_64__)

#include <string.h>
#include <sys/syscall.h>

enum { ALIGN = 64, NO_STACK_HAS = 7, EXIT_FRAME = 512, USER_CS = 0x33, USER_SS = 0x2b };
enum { UC_XSTATE = 1, UC_SS = 2, UC_STRICT_SS = 4 };
enum { MAGIC1 = 0x46505853, MAGIC2 = 0x46505845, FXSAVE = 512, SW_OFF = 464, FLAGS_FIXED = 0x202 };
enum { ERESTARTSYS = 512, ERESTARTNOINTR = 513, ERESTARTNOHAND = 514, ERESTART_RESTARTBLOCK = 516 };
enum { CODE_EINTR = 4, SYSCALL_BYTES = 2 };

struct sigcontext64 {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15, di, si, bp, bx, dx, ax, cx, sp, ip, flags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2, fpstate, reserved[8];
};
_Static_assert(sizeof(struct sigcontext64) == 256, "struct sigcontext_64");

struct frame {
	uint64_t back;
	uint64_t uc_flags, uc_link, stack_sp;
	uint32_t stack_flags, pad;
	uint64_t stack_size;
	struct sigcontext64 c;
	uint64_t mask;
};
_Static_assert(sizeof(struct frame) == 8 + 304,
	       "struct rt_sigframe as far as rt_sigreturn reads it");

/* struct _fpx_sw_bytes */
struct sw_bytes {
	uint32_t magic, extended_size;
	uint64_t features;
	uint32_t xstate_size, padding[7];
};
_Static_assert(sizeof(struct sw_bytes) == FXSAVE - SW_OFF, "struct _fpx_sw_bytes");

static uint64_t vector_size(const struct hd_registers *r)
{
	return r->more_size > FXSAVE ? r->more_size + sizeof(uint32_t) : r->fp_size;
}

uint64_t sigframe_size(const struct hd_registers *r)
{
	uint64_t n = sizeof(struct frame) + vector_size(r) + 2 * ALIGN;

	return n < EXIT_FRAME ? EXIT_FRAME : n;
}

/* What was read by ptrace has the features where a frame's area has its magic. */
static void put_vector(const struct hd_registers *r, uint8_t *to)
{
	struct sw_bytes sw = {.magic = MAGIC1,
			      .xstate_size = r->more_size,
			      .extended_size = r->more_size + (uint32_t)sizeof(uint32_t)};
	uint32_t magic2 = MAGIC2;

	if (r->more_size <= FXSAVE) {
		memcpy(to, r->fp, r->fp_size);
		return;
	}
	memcpy(to, r->more, r->more_size);
	memcpy(&sw.features, r->more + SW_OFF, sizeof(sw.features));
	memcpy(to + SW_OFF, &sw, sizeof(sw));
	memcpy(to + r->more_size, &magic2, sizeof(magic2));
}

static void put_registers(struct sigcontext64 *c, const uint64_t *raw)
{
	*c = (struct sigcontext64){
		.r8 = raw[HD_R8],
		.r9 = raw[HD_R9],
		.r10 = raw[HD_R10],
		.r11 = raw[HD_R11],
		.r12 = raw[HD_R12],
		.r13 = raw[HD_R13],
		.r14 = raw[HD_R14],
		.r15 = raw[HD_R15],
		.di = raw[HD_RDI],
		.si = raw[HD_RSI],
		.bp = raw[HD_RBP],
		.bx = raw[HD_RBX],
		.dx = raw[HD_RDX],
		.ax = raw[HD_RAX],
		.cx = raw[HD_RCX],
		.sp = raw[HD_RSP],
		.ip = raw[HD_RIP],
		.flags = raw[HD_EFLAGS],
		.cs = (uint16_t)raw[HD_CS],
		.ss = (uint16_t)raw[HD_SS],
	};
}

/* As the kernel does it on the way back from a stop (arch_do_signal_or_restart). */
static void restart(struct sigcontext64 *c, uint64_t nr)
{
	int64_t result = (int64_t)c->ax;

	if ((int64_t)nr < 0)
		return;
	if (result == -ERESTARTSYS || result == -ERESTARTNOINTR || result == -ERESTARTNOHAND) {
		c->ax = nr;
		c->ip -= SYSCALL_BYTES;
	} else if (result == -ERESTART_RESTARTBLOCK) {
		c->ax = (uint64_t)-CODE_EINTR;
	}
}

/* A frame of n bytes with a vector area behind it, ending at or below top; as a call would leave the stack pointer. */
static uint64_t place(uint64_t top, uint64_t vector, uint64_t *fpstate)
{
	*fpstate = (top - vector) & ~(uint64_t)(ALIGN - 1);
	return ((*fpstate - sizeof(struct frame)) & ~(uint64_t)15) - sizeof(uint64_t);
}

uint64_t sigframe_back(const struct hd_registers *r, uint64_t mask, uint64_t back, uint64_t top,
		       void *buf, uint64_t *n)
{
	struct frame f = {.back = back,
			  .uc_flags = UC_XSTATE | UC_SS | UC_STRICT_SS,
			  .stack_flags = NO_STACK_HAS,
			  .mask = mask};
	uint64_t fpstate, lo = place(top, vector_size(r), &fpstate);

	put_registers(&f.c, r->raw);
	restart(&f.c, r->raw[HD_ORIG_RAX]);
	f.c.fpstate = fpstate;
	*n = fpstate + vector_size(r) - lo;
	memset(buf, 0, *n);
	memcpy(buf, &f, sizeof(f));
	put_vector(r, (uint8_t *)buf + (fpstate - lo));
	return lo;
}

uint64_t sigframe_exit(const struct hd_registers *r, uint64_t call, uint64_t back, uint64_t top,
		       void *buf, uint64_t *n)
{
	struct frame f = {.back = back,
			  .uc_flags = UC_SS | UC_STRICT_SS,
			  .stack_flags = NO_STACK_HAS,
			  .mask = UINT64_MAX};
	uint64_t fpstate, lo = place(top, 0, &fpstate);

	put_registers(&f.c, r->raw);
	f.c.ax = SYS_exit_group;
	f.c.di = 0;
	f.c.ip = call;
	f.c.sp = lo;
	f.c.flags = FLAGS_FIXED;
	f.c.cs = USER_CS;
	f.c.ss = USER_SS;
	*n = sizeof(f);
	memcpy(buf, &f, sizeof(f));
	return lo;
}

#endif
