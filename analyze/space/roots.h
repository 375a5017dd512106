/*
 * Roots: where reachability starts. A root is a contiguous run of words with
 * one name: a global variable, a frame of a thread, one thread's registers, a
 * thread-local variable. Writable module memory between symbols is a root too,
 * without a name. What the allocator owns (claims.state) is left out.
 *
 * Sorted by class, then address, so that a root's index prefers globals to
 * thread-locals to stack slots to registers.
 */
#ifndef HEAPDUMP_SPACE_ROOTS_H
#define HEAPDUMP_SPACE_ROOTS_H

#include "analyze/space/frames.h"
#include "analyze/space/sampled.h"

enum root_class {
	ROOT_GLOBAL, /* data, bss */
	ROOT_TLS, /* thread-local variables, pthread-specific values, the thread descriptor and dtv */
	ROOT_REGISTERED, /* named by the program through libheapdump */
	ROOT_KERNEL,	 /* held by the kernel: epoll data, timer values */
	ROOT_STACK,	 /* live stack words */
	ROOT_REGISTER,	 /* general and vector registers */
	N_ROOT_CLASSES
};

struct root {
	enum root_class class;
	addr_t addr;	      /* of the first word; registers, kernel: 0 */
	uint64_t size;	      /* bytes */
	const uint8_t *bytes; /* size bytes in this process's memory; unaligned */
	uint32_t module;      /* global, thread-local: its module; else INDEX_NONE */
	uint32_t thread;      /* thread-local, stack, register: index into threads.list */
	uint32_t frame;	      /* stack: index into frames.list, INDEX_NONE above the last frame */
	const char *
		name; /* symbol; "pthread key 3", "thread descriptor", "dtv"; NULL: none. Not owned */
	bool is_vector; /* register: the vector state */
	bool is_internal; /* bookkeeping of the loader or of libc's threads: named where nothing else is */
};

struct roots {
	VEC(struct root) list;
	VEC(char *) strings; /* names made here; owned */
	uint64_t n_bytes[N_ROOT_CLASSES];
};

/* without: bit (1 << class) leaves a class out. */
WARN_UNUSED int roots_init(struct roots *r, const struct space *space,
			   const struct modules *modules, struct symbols *symbols,
			   const struct threads *threads, const struct frames *frames,
			   const struct claims *claims, const struct sampled *sampled,
			   unsigned without, struct err *err);
void roots_deinit(struct roots *r);

/* "global", "tls", "registered", "kernel", "stack", "register". */
const char *roots_class_name(enum root_class c);

/* The name of a general register by its index in a register root: "rax", "x19". */
const char *roots_register_name(enum machine m, uint32_t index);

#endif
