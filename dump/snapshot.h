/*
 * One dump: its state, in memory that was mapped for it, and the task that makes it.
 *
 *	caller (write.c)          maps all memory, starts the helper, waits for it
 *	└ helper                  opens the output, stops the threads, forks, lets them run, renames
 *	  └ snapshot              a copy-on-write copy of the program: writes the image (image_build.c)
 *
 * The helper shares the program's memory, but not its descriptors, signal handlers or thread group. Where a task is
 * refused, the caller does the helper's work on a stack of ours; where the snapshot is, the helper writes.
 */
#ifndef HEAPDUMP_DUMP_SNAPSHOT_H
#define HEAPDUMP_DUMP_SNAPSHOT_H

#include "dump/freeze.h"
#include "dump/memory_map.h"
#include "dump/output.h"
#include "heapimage.h"

enum { HD_WHY_BYTES = 256, HD_PROC_BYTES = 32 };

/* In shared memory: what helper and snapshot tell each other. */
struct hd_shared {
	uint32_t resumed; /* futex: 1: the program runs on, the times are known */
	int32_t error;	  /* of the snapshot */
	uint32_t done;	  /* the snapshot has come to its end */
	uint64_t pause_ns, stop_ns, fork_ns;
	uint64_t file_bytes, data_bytes;
};

struct hd_dump {
	/* What was asked for. */
	const char *path; /* or NULL: fd */
	int fd;
	unsigned flags; /* enum heapdump_flags */
	uint64_t max_bytes;
	/* enum hd_memory_kind, or-ed: against what is stored by default. */
	uint32_t leave_out, take_in;
	uint32_t trigger; /* enum heapimage_trigger */
	char why[HD_WHY_BYTES];

	/* Who. */
	uint32_t pid, caller, helper;
	uint32_t own_pid;	  /* as hd_frozen.own_tid */
	char proc[HD_PROC_BYTES]; /* "/proc/PID" of the program */
	/*
	 * Where its memory is read: in the task that writes, or in another process, whose id this is. There every byte
	 * comes through a copy, and no mapping is the dump's own.
	 */
	uint32_t beside;
	char beside_proc[HD_PROC_BYTES];
	struct hd_registers caller_registers;
	uint8_t caller_fp[HD_FP_SIZE] __attribute__((aligned(16)));
	uint8_t caller_more[16];

	/* How. */
	bool by_signal;	     /* not by ptrace */
	bool in_caller;	     /* no helper could be had */
	bool ended;	     /* the helper came to its end */
	bool yama;	     /* only a declared tracer may trace us */
	uint32_t go;	     /* futex: 1: the helper may begin */
	bool wants_signal;   /* verdict of the helper: again, by signal */
	bool no_fork;	     /* it would hang */
	bool in_place;	     /* this task writes in the program's own memory */
	uint32_t freeze_how; /* enum heapimage_freeze */
	int error;

	/* What was found before and at the freeze. */
	struct hd_freeze freeze;
	struct hd_memory_map before; /* the program's mappings shortly before */
	struct heapimage_kernel_word *words;
	uint32_t n_words, words_capacity, n_words_cut;
	uint64_t rss_bytes, estimate_bytes;
	uint64_t time_ns;
	uint64_t start_ns;

	struct hd_output out;
	/* Asked now and then while the image is written; may be NULL. */
	int (*wanted)(struct hd_dump *d);
	struct hd_shared *shared;
	/* Memory of the dump: this struct and the helper's stack; lists and tables. Not in the image. */
	uint64_t own_lo[2], own_hi[2];
	struct hd_room room;
};

/* As bits of /proc/PID/coredump_filter (core(5)). */
enum hd_memory_kind {
	HD_ANON_PRIVATE = 1,
	HD_ANON_SHARED = 2,
	HD_FILE_PRIVATE = 4, /* pages that are as in the file: not by default */
	HD_FILE_SHARED = 8,  /* not by default */
	HD_ELF_HEADERS = 16,
	HD_HUGETLB_PRIVATE = 32,
	HD_HUGETLB_SHARED = 64,
	HD_BY_DEFAULT = 0x73,
};

/*
 * Counts what there is, and maps memory for it: own[1], room, freeze, words. In the caller, on a stack of ours.
 * The result is in error.
 */
int hd_snapshot_measure(void *arg);

/* Opens the output, and takes what is to be had of the running program: everything that can fail, before the freeze. */
int hd_snapshot_prepare(struct hd_dump *d);

/* The helper's work; arg is the struct hd_dump. The result is in it. */
int hd_snapshot_main(void *arg);

/* The folder in /proc of the process whose memory is read. */
static inline const char *hd_memory_of(const struct hd_dump *d)
{
	return d->beside ? d->beside_proc : "/proc/self";
}

/* −ECANCELED: nobody waits for this image any more. */
static inline int hd_image_wanted(struct hd_dump *d)
{
	return d->wanted ? d->wanted(d) : 0;
}

#endif
