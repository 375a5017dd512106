/*
 * Stops all threads of the process, but the one that asks, and takes their registers: by ptrace, from a task beside the
 * program, or by a signal. Everything is kept in memory that was set aside before.
 */
#ifndef HEAPDUMP_DUMP_FREEZE_H
#define HEAPDUMP_DUMP_FREEZE_H

#include <stdbool.h>
#include <stdint.h>

#include "dump/machine.h"

enum hd_thread_state {
	HD_RUNS = 0,
	HD_STOPPED = 1, /* as heapimage_thread.state */
	HD_NOT_STOPPED = 2,
	HD_GONE = 3,
};

struct hd_frozen {
	uint32_t tid;
	uint32_t
		own_tid; /* what the thread itself knows as its id, in a pid namespace of its own; 0: the same */
	uint32_t state;	   /* enum hd_thread_state */
	uint32_t attached; /* ptrace: to be detached */
	uint32_t asked;	   /* signal: enum in freeze_signal.c, shared with the thread's handler */
	uint32_t blocks;   /* signal: it was seen to block the signal */
	bool has_registers;
	char name[16];
	struct hd_registers registers;
};

struct hd_freeze {
	uint32_t pid, caller; /* the process and the thread that asked */
	uint32_t n, capacity;
	uint32_t n_unlisted; /* threads beyond the capacity: they run on */
	uint32_t hint, max_tid;
	uint32_t more_room;
	struct hd_frozen *threads;
	uint64_t first_ns;   /* CLOCK_MONOTONIC: before the first was stopped */
	uint64_t stopped_ns; /* all had stopped */
	int signal;	     /* by which threads are stopped; 0: none is */
	uint32_t answers;    /* futex: handlers that have come */
	uint32_t release;    /* futex: 1: they may go */
};

/* Bytes of memory for so many threads. */
uint64_t hd_freeze_size(uint32_t capacity, uint32_t more_room);

/* memory: zeroed, of that size. */
void hd_freeze_init(struct hd_freeze *f, uint32_t pid, uint32_t caller, uint32_t capacity,
		    uint32_t more_room, void *memory);

/* Adds the threads that are there and not yet known: how many, or a negative errno. */
int hd_freeze_list(struct hd_freeze *f);

/* There is nobody on the list any more. None may be attached. */
void hd_freeze_forget(struct hd_freeze *f);

/* Fills in the names that are missing. */
void hd_freeze_names(struct hd_freeze *f);

/* The thread of that id, or NULL. */
struct hd_frozen *hd_freeze_find(struct hd_freeze *f, uint32_t tid);

/* A file of a thread in /proc, as the last component names it, into path. */
void hd_freeze_path(const struct hd_freeze *f, uint32_t tid, const char *file, char path[96]);

/* How many did not stop. */
uint32_t hd_freeze_n_not_stopped(const struct hd_freeze *f);

/*
 * By ptrace, from a task that is not a thread of the process. −EPERM: refused, and nothing is stopped then.
 * A thread that does not stop in time is left HD_NOT_STOPPED.
 */
int hd_freeze_ptrace(struct hd_freeze *f);
void hd_freeze_ptrace_thaw(struct hd_freeze *f);

/* Whether they stand still yet: false when they were killed. */
bool hd_freeze_ptrace_holds(const struct hd_freeze *f);

/* The same of those threads only that are on the list. */
int hd_freeze_ptrace_listed(struct hd_freeze *f);

/*
 * Whether ptrace is worth trying: no seccomp filter that kills for it, no other tracer. Forks where there is a filter;
 * with no_fork a filter is taken for one that does.
 */
bool hd_freeze_ptrace_allowed(const struct hd_freeze *f, bool no_fork);

/* A child that was waited for is a thread which stopped too late, or died: let go. */
void hd_freeze_ptrace_late(struct hd_freeze *f, uint32_t tid, int status);

/*
 * By signal. In the process itself before and after: installs a handler for a signal that the program does not use
 * (−EBUSY: there is none), and takes it away again. false of retire: handlers may still be inside, the memory must stay.
 */
int hd_freeze_signal_install(struct hd_freeze *f);
bool hd_freeze_signal_retire(struct hd_freeze *f);

/* From any task: asks all threads but the caller, and waits. Thaw may come from any task, and twice. */
int hd_freeze_signal(struct hd_freeze *f);
void hd_freeze_signal_thaw(struct hd_freeze *f);

#endif
