/*
 * Threads of the process: the dumped ones with registers, and the descriptors
 * libc keeps (also of exited threads whose stacks it caches for reuse). Where
 * each one's stack, thread descriptor, dtv and TLS blocks lie.
 *
 *	x86-64 (TLS variant II)         low ┃ guard │ stack ……… │ static TLS │ tcb = struct pthread ┃ high
 *	                                                                     ↑ tp
 *	aarch64 (variant I)             low ┃ guard │ stack … │ struct pthread │ tcb │ static TLS ┃ high
 *	                                                                       ↑ tp
 */
#ifndef HEAPDUMP_SPACE_THREADS_H
#define HEAPDUMP_SPACE_THREADS_H

#include "analyze/space/claims.h"
#include "analyze/space/debuginfo.h"
#include "analyze/space/symbols.h"

/* One module's TLS block in one thread. */
struct tls_block {
	uint32_t module;
	struct range at;
	bool is_static; /* lies beside the thread pointer; else a block of the dtv (in the heap) */
};

struct thread {
	uint32_t tid;			/* 0: exited, only its descriptor is left */
	const struct thread_regs *regs; /* NULL: exited */
	addr_t tp;
	struct range
		stack; /* live part: stack pointer less the red zone, to the stack's end; empty if exited */
	struct range stack_mapping; /* the whole stack, dead part included; what is claimed */
	struct range descriptor;    /* struct pthread (tcb); empty if unknown */
	struct range static_tls;    /* the static TLS area, all modules; empty if unknown */
	struct range dtv;	    /* the dtv array */
	VEC(struct tls_block) tls;
};

struct threads {
	VEC(struct thread) list; /* dumped threads first, in the dump's order; then exited ones */
	size_t n_live;
};

/* Finds them and claims stacks, dead stacks and descriptors. Doubts add to warnings. */
WARN_UNUSED int threads_init(struct threads *t, const struct space *space,
			     const struct modules *modules, struct symbols *symbols,
			     struct debuginfo *debuginfo, struct claims *claims,
			     struct warnings *warnings, struct err *err);
void threads_deinit(struct threads *t);

#endif
