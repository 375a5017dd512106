/*
 * The process that is to be dumped: what /proc tells of it beforehand, and why it cannot be had.
 */
#ifndef HEAPDUMP_DUMP_ATTACH_TARGET_H
#define HEAPDUMP_DUMP_ATTACH_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct target {
	uint32_t pid;	  /* here */
	uint32_t own_pid; /* in its own pid namespace; 0: the same */
	uint32_t task;	  /* a thread that lives: the first, unless it has exited before others */
	uint32_t uid;
	char name[16];
	char proc[32];	    /* "/proc/TASK" */
	bool is_stopped;    /* by a signal: nobody waits for it */
	bool has_filter;    /* of seccomp, which would see what we make it call */
	bool shadow_stack;  /* of the processor: a forged return is a fault */
	bool faults_itself; /* and would have to answer for a fork (userfaultfd) */
};

/* ERR_ABSENT: no such process; ERR_UNSUPPORTED: what no dump can be made of; ERR_IO: not permitted, and why. */
WARN_UNUSED int target_look(struct target *t, uint32_t pid, struct err *err);

/* Whether it has ended: it is gone, or only an entry of the process table. */
bool target_has_ended(const struct target *t);

/* The sentence for a process that ptrace refused. Returns ERR_IO. */
int target_refused(const struct target *t, struct err *err);

/* The id of a task in its own pid namespace; 0: the same, or it is gone. */
uint32_t target_own_tid(uint32_t tid);

#endif
