/*
 * The two ways to a seccomp filter, interposed: prctl(PR_SET_SECCOMP) and syscall(SYS_seccomp). What the filter means for
 * the library is looked up before it is installed (confined.c). One that the kernel refuses has confined nobody.
 *
 * Every other call is passed on, to whoever is next: others interpose these, too. Where nobody is (or not found yet), it is
 * made here.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "dump/confined.h"
#include "dump/real.h"
#include "dump/sys.h"

#define EXPORT __attribute__((visibility("default")))

typedef int prctl_fn(int option, long a, long b, long c, long d);
typedef long syscall_fn(long nr, long a, long b, long c, long d, long e, long f);

static long syscall_here(long nr, long a, long b, long c, long d, long e, long f)
{
	long rc = hd_sys6(nr, a, b, c, d, e, f);

	if (rc >= 0 || rc <= -4096)
		return rc;
	errno = (int)-rc;
	return -1;
}

static int prctl_here(int option, long a, long b, long c, long d)
{
	return (int)syscall_here(SYS_prctl, option, a, b, c, d, 0);
}

static prctl_fn *next_prctl = prctl_here;
__attribute__((visibility("hidden"))) syscall_fn *hd_hooks_next_syscall = syscall_here;

__attribute__((constructor)) static void begin(void)
{
	void *prctl_found = hd_real_next("prctl"), *syscall_found = hd_real_next("syscall");

	if (prctl_found)
		next_prctl = (prctl_fn *)prctl_found;
	if (syscall_found)
		hd_hooks_next_syscall = (syscall_fn *)syscall_found;
	dlerror(); /* the program shall not find our failure there */
}

/* (Variadic in libc's headers, with this calling convention.) */
EXPORT prctl_fn prctl;

int prctl(int option, long a, long b, long c, long d)
{
	unsigned before = hd_confined;
	int rc;

	if (option != PR_SET_SECCOMP)
		return next_prctl(option, a, b, c, d);
	hd_confined_by(a == SECCOMP_MODE_FILTER ? (const struct sock_fprog *)b : NULL);
	rc = next_prctl(option, a, b, c, d);
	if (rc)
		hd_confined_undo(before);
	return rc;
}

__attribute__((used, visibility("hidden"))) long hd_hooks_seccomp(long operation, long flags,
								  long filter);

long hd_hooks_seccomp(long operation, long flags, long filter)
{
	unsigned before = hd_confined;
	long rc;

	if (operation == SECCOMP_SET_MODE_FILTER)
		hd_confined_by((const struct sock_fprog *)filter);
	else if (operation == SECCOMP_SET_MODE_STRICT)
		hd_confined_by(NULL);
	rc = hd_hooks_next_syscall(SYS_seccomp, operation, flags, filter, 0, 0, 0);
	/* above 0: a listener's descriptor, or the thread that cannot be confined with the others */
	if (rc && !(rc > 0 && flags & SECCOMP_FILTER_FLAG_NEW_LISTENER))
		hd_confined_undo(before);
	return rc;
}

/*
 * syscall(nr, …): a jump, whatever the compiler thinks of it. It may be a clone() onto another stack; and the caller's
 * words behind the return address, of which one may be the last argument, are not ours to copy.
 */
#define TEXT_OF(x) #x
#define TEXT(x)	   TEXT_OF(x)
#if defined(__x86_64__)
__asm__(".text\n"
	".globl syscall\n"
	".type syscall, @function\n"
	"syscall:\n"
	"	.cfi_startproc\n"
	"	cmp	$" TEXT(SYS_seccomp) ", %rdi\n"
					     "	je	1f\n"
					     "	jmp	*hd_hooks_next_syscall(%rip)\n"
					     "1:	mov	%rsi, %rdi\n"
					     "	mov	%rdx, %rsi\n"
					     "	mov	%rcx, %rdx\n"
					     "	jmp	hd_hooks_seccomp\n"
					     "	.cfi_endproc\n"
					     ".size syscall, . - syscall\n");
#else
__asm__(".text\n"
	".globl syscall\n"
	".type syscall, %function\n"
	"syscall:\n"
	"	.cfi_startproc\n"
	"	cmp	x0, #" TEXT(
		SYS_seccomp) "\n"
			     "	b.eq	1f\n"
			     "	adrp	x16, hd_hooks_next_syscall\n"
			     "	ldr	x16, [x16, #:lo12:hd_hooks_next_syscall]\n"
			     "	br	x16\n"
			     "1:	mov	x0, x1\n"
			     "	mov	x1, x2\n"
			     "	mov	x2, x3\n"
			     "	b	hd_hooks_seccomp\n"
			     "	.cfi_endproc\n"
			     ".size syscall, . - syscall\n");
#endif
