/*
 * Two places in the program's own code by which it can be made to do a system call and go back by itself:
 *
 *	syscall; ret                  in libc's getpid() and its like
 *	mov $15, %rax; syscall        the end of every signal handler (rt_sigreturn): __restore_rt, Go's sigreturn
 *
 * Bytes are looked for and no symbols, so that a stripped, a static or a Go program has them too. x86-64 only.
 */
#ifndef HEAPDUMP_DUMP_ATTACH_GADGETS_H
#define HEAPDUMP_DUMP_ATTACH_GADGETS_H

#include <stdbool.h>
#include <stdint.h>

#include "dump/memory_map.h"

struct gadgets {
	uint64_t
		call; /* the address of "syscall", with ret behind it if returns; 0: none was found */
	uint64_t sigreturn; /* 0: none was found */
	bool returns;
};

/* Looks through the executable mappings, libc's first. A copy of up to 1 MiB is read at a time. */
void gadgets_find(struct gadgets *g, uint32_t pid, const struct hd_memory_map *map);

/* Whether they still are where they were found. */
bool gadgets_there(const struct gadgets *g, uint32_t pid);

#endif
