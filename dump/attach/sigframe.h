/*
 * Signal frames of x86-64, as the kernel lays them on a stack for a handler and takes them back in rt_sigreturn:
 *
 *	lo ──► return address │ struct ucontext │ … │ XSAVE area (64-byte aligned)
 *
 * (struct rt_sigframe, Linux arch/x86/include/asm/sigframe.h; struct sigcontext_64 and struct _fpx_sw_bytes,
 * arch/x86/include/uapi/asm/sigcontext.h.) One that is made of a stopped thread's registers puts the thread back to
 * where it was, by the kernel's own hand.
 */
#ifndef HEAPDUMP_DUMP_ATTACH_SIGFRAME_H
#define HEAPDUMP_DUMP_ATTACH_SIGFRAME_H

#include <stdint.h>

#include "dump/machine.h"

/* The most bytes that a frame of such a thread takes, alignment counted in. */
uint64_t sigframe_size(const struct hd_registers *r);

/*
 * Lays the frame out so that it ends at or below top, into buf, which has sigframe_size() bytes. Returns its lowest address:
 * there the return address is; *n: its bytes.
 *
 * An interrupted system call is begun again; one that the kernel would only have gone on with (restart_syscall)
 * returns EINTR.
 */
uint64_t sigframe_back(const struct hd_registers *r, uint64_t mask, uint64_t back, uint64_t top,
		       void *buf, uint64_t *n);

/* A frame whose thread does exit_group(0) by the syscall instruction at call. */
uint64_t sigframe_exit(const struct hd_registers *r, uint64_t call, uint64_t back, uint64_t top,
		       void *buf, uint64_t *n);

#endif
