/*
 * A sandbox around the program is one around the library: a filter that was written for what the program does kills it for
 * what the library does behind a malloc. So a filter is tried on our own system calls before it is installed, by running
 * its program as the kernel would:
 *
 *	prctl(PR_SET_SECCOMP, …)   ─┐                     ┌─► all of the sampler's allowed: nothing changes
 *	syscall(SYS_seccomp, …)    ─┴─► hd_confined_ask() ┴─► hd_sys_confined: none is made any more
 *
 * Confined, the tables do not grow (samples are lost, and counted), stacks are those of which the bounds are known, threads
 * that were not sampled before have no number, nothing is said and no trigger makes an image.
 *
 * The language is that of Documentation/userspace-api/seccomp_filter.rst and linux/filter.h: classic BPF on a
 * struct seccomp_data, words only.
 *
 * Limits: a filter that is installed by a bare system call, or before exec, is not seen. A filter of one thread is taken
 * for one of all.
 */
#include "dump/confined.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "dump/sys.h"
#include "dump/unwind_reach.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#else
#define ARCH AUDIT_ARCH_AARCH64
#endif

enum { PAGE = 4096, MAX_INSNS = BPF_MAXINSNS };

unsigned hd_confined;

struct call {
	int nr;
	uint64_t args[3];
};

static const struct call of_sampler[] = {
	{SYS_mprotect, {PAGE, PAGE, PROT_READ | PROT_WRITE}},
	{SYS_madvise, {PAGE, PAGE, MADV_DODUMP}},
	{SYS_madvise, {PAGE, PAGE, MADV_HUGEPAGE}},
#ifdef MADV_POPULATE_WRITE
	{SYS_madvise, {PAGE, PAGE, MADV_POPULATE_WRITE}},
#endif
	{SYS_mmap, {0, PAGE, PROT_READ | PROT_WRITE}},
	{SYS_munmap, {PAGE, PAGE, 0}},
	{SYS_rt_sigprocmask, {HD_REACH_NO_SUCH_HOW, PAGE, 0}},
	{SYS_getpid, {0, 0, 0}},
	{SYS_gettid, {0, 0, 0}},
	{SYS_sched_yield, {0, 0, 0}},
	/* a line on stderr */
	{SYS_fstat, {2, PAGE, 0}},
	{SYS_ppoll, {PAGE, 1, PAGE}},
	{SYS_write, {2, PAGE, 1}},
	{SYS_rt_sigpending, {PAGE, 8, 0}},
	{SYS_rt_sigtimedwait, {PAGE, 0, PAGE}},
};

/* Not ptrace: it is tried apart, and done without. */
static const struct call of_images[] = {
	{SYS_clone, {0, 0, 0}},	   {SYS_wait4, {1, 0, 0}},
	{SYS_futex, {PAGE, 0, 0}}, {SYS_openat, {0, PAGE, 0}},
	{SYS_close, {3, 0, 0}},	   {SYS_read, {3, PAGE, PAGE}},
	{SYS_prctl, {0, 0, 0}},	   {SYS_getdents64, {3, PAGE, PAGE}},
	{SYS_tgkill, {1, 1, 0}},
};

/* --- The language. --- */

struct machine {
	struct seccomp_data data;
	uint32_t a, x, mem[BPF_MEMWORDS];
};

/* The operand of a load; false: not a thing that a filter may load. */
static bool load(struct machine *m, const struct sock_filter *i, uint32_t *to)
{
	switch (i->code & ~(BPF_LD | BPF_LDX)) {
	case BPF_W | BPF_ABS:
		if (i->k % 4 || i->k >= sizeof(m->data))
			return false;
		memcpy(to, (const char *)&m->data + i->k, 4);
		return true;
	case BPF_W | BPF_LEN:
		*to = sizeof(m->data);
		return true;
	case BPF_W | BPF_IMM:
		*to = i->k;
		return true;
	case BPF_W | BPF_MEM:
		*to = m->mem[i->k % BPF_MEMWORDS];
		return true;
	}
	return false;
}

static uint32_t calculated(uint32_t a, unsigned op, uint32_t by)
{
	switch (op) {
	case BPF_ADD:
		return a + by;
	case BPF_SUB:
		return a - by;
	case BPF_MUL:
		return a * by;
	case BPF_DIV:
		return a / by;
	case BPF_OR:
		return a | by;
	case BPF_AND:
		return a & by;
	case BPF_LSH:
		return a << (by & 31);
	case BPF_RSH:
		return a >> (by & 31);
	case BPF_XOR:
		return a ^ by;
	}
	return -a;
}

static bool compares(uint32_t a, unsigned op, uint32_t with)
{
	switch (op) {
	case BPF_JEQ:
		return a == with;
	case BPF_JGT:
		return a > with;
	case BPF_JGE:
		return a >= with;
	}
	return a & with;
}

/* All that is no jump and no end. A division by zero ends it, with death. */
static bool step(struct machine *m, const struct sock_filter *i)
{
	uint32_t by;

	switch (BPF_CLASS(i->code)) {
	case BPF_LD:
		return load(m, i, &m->a);
	case BPF_LDX:
		return load(m, i, &m->x);
	case BPF_ST:
		m->mem[i->k % BPF_MEMWORDS] = m->a;
		return true;
	case BPF_STX:
		m->mem[i->k % BPF_MEMWORDS] = m->x;
		return true;
	case BPF_ALU:
		by = BPF_SRC(i->code) ? m->x : i->k;
		if (BPF_OP(i->code) == BPF_DIV && !by)
			return false;
		m->a = calculated(m->a, BPF_OP(i->code), by);
		return true;
	}
	if (BPF_MISCOP(i->code) == BPF_TAX)
		m->x = m->a;
	else
		m->a = m->x;
	return true;
}

uint32_t hd_confined_ask(const struct sock_fprog *filter, int nr, const uint64_t args[3])
{
	struct machine m = {.data = {.nr = nr, .arch = ARCH, .args = {args[0], args[1], args[2]}}};

	/* jumps lead forward only */
	for (uint32_t at = 0; at < filter->len; at++) {
		const struct sock_filter *i = &filter->filter[at];

		if (BPF_CLASS(i->code) == BPF_RET)
			return BPF_RVAL(i->code) == BPF_A ? m.a : i->k;
		if (i->code == (BPF_JMP | BPF_JA)) {
			if (i->k >= filter->len)
				break;
			at += i->k;
		} else if (BPF_CLASS(i->code) == BPF_JMP) {
			at += compares(m.a, BPF_OP(i->code), BPF_SRC(i->code) ? m.x : i->k) ? i->jt
											    : i->jf;
		} else if (!step(&m, i)) {
			break;
		}
	}
	return SECCOMP_RET_KILL_PROCESS;
}

/* --- What it allows. --- */

static bool allows(const struct sock_fprog *filter, const struct call *calls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t answer = hd_confined_ask(filter, calls[i].nr, calls[i].args) &
				  SECCOMP_RET_ACTION_FULL;

		if (answer != SECCOMP_RET_ALLOW && answer != SECCOMP_RET_LOG)
			return false;
	}
	return true;
}

static bool can_be_read(const void *p, uint64_t size)
{
	uint64_t at = (uint64_t)(uintptr_t)p, end = at + size;

	for (at &= -(uint64_t)PAGE; at < end; at += PAGE)
		if (!hd_reach_probe(at))
			return false;
	return true;
}

static void confine(unsigned what)
{
	hd_confined = what;
	hd_sys_confined = what & HD_CONFINED_SAMPLER;
}

void hd_confined_by(const struct sock_fprog *filter)
{
	if (!filter) {
		confine(HD_CONFINED_IMAGES | HD_CONFINED_SAMPLER);
		return;
	}
	/* (confined, nothing can be read) */
	if (!can_be_read(filter, sizeof(*filter)) || filter->len > MAX_INSNS ||
	    !can_be_read(filter->filter, filter->len * sizeof(*filter->filter)))
		return;
	if (!allows(filter, of_sampler, sizeof(of_sampler) / sizeof(*of_sampler)))
		confine(HD_CONFINED_IMAGES | HD_CONFINED_SAMPLER);
	else if (!allows(filter, of_images, sizeof(of_images) / sizeof(*of_images)))
		confine(HD_CONFINED_IMAGES);
}

void hd_confined_undo(unsigned before)
{
	confine(before);
}
