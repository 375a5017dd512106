/*
 * The image format: what heapdump adds to an ELF core, and the tables that the sampler keeps in the
 * process's own memory. Writers (dump/, formats/image_write) and readers (formats/image_read) share
 * this header; docs/format-image.md describes the same bytes for those who write their own.
 *
 *	ELF core (ET_CORE)                              memory of the process (in its PT_LOADs)
 *	┌ PT_NOTE: CORE notes as the kernel's           ┌ anchor page ─► samples[]   64 B each
 *	│          HEAPDUMP notes: info, anchor, lists  │             ─► sites[]     64 B each ─► frames[] u64
 *	├ PT_LOAD …                                     │             ─► modules[]   128 B each
 *	└ PT_HEAPDUMP: the lists that notes point to    └             ─► regions[]   64 B each
 *
 * All numbers are little-endian, all structs free of padding, all sizes in bytes. A reader steps by the
 * sizes that it finds (entry_size, table.entry_size) and ignores what it does not know: fields are only
 * ever added at the end. A larger major version is refused by name, a larger minor one is read.
 *
 *	struct                      size   where
 *	heapimage_info                96   note HEAPIMAGE_NOTE_INFO
 *	heapimage_anchor_note         16   note HEAPIMAGE_NOTE_ANCHOR
 *	heapimage_list                32   notes HEAPIMAGE_NOTE_THREADS … HEAPIMAGE_NOTE_RANGES
 *	heapimage_thread              48   list
 *	heapimage_module             128   list, and the anchor's table
 *	heapimage_kernel_word         40   list
 *	heapimage_range               24   list
 *	heapimage_anchor             512   the first bytes of a page of its own
 *	heapimage_table               32   in the anchor
 *	heapimage_sample              64   table
 *	heapimage_site                64   table
 *	heapimage_region              64   table
 */
#ifndef HEAPDUMP_HEAPIMAGE_H
#define HEAPDUMP_HEAPIMAGE_H

#include <stdint.h>

#define HEAPIMAGE_MAJOR 1
#define HEAPIMAGE_MINOR 0

/* --- Notes. The owner is "HEAPDUMP" (namesz 9). All of ours together are below 4 KiB. --- */

#define HEAPIMAGE_OWNER "HEAPDUMP"

enum heapimage_note {
	HEAPIMAGE_NOTE_INFO = 0x48440001,    /* struct heapimage_info; the first of ours, once */
	HEAPIMAGE_NOTE_ANCHOR = 0x48440002,  /* struct heapimage_anchor_note; absent: no sampler */
	HEAPIMAGE_NOTE_THREADS = 0x48440003, /* struct heapimage_list of heapimage_thread */
	HEAPIMAGE_NOTE_MODULES = 0x48440004, /* … of heapimage_module */
	HEAPIMAGE_NOTE_KERNEL = 0x48440005,  /* … of heapimage_kernel_word */
	HEAPIMAGE_NOTE_RANGES = 0x48440006,  /* … of heapimage_range */
	HEAPIMAGE_NOTE_WHY = 0x48440007,     /* text without a NUL: the caller's own reason */
};

/* p_type of the segment that holds the lists; p_vaddr and p_memsz are 0, so no debugger maps it. */
#define PT_HEAPDUMP 0x68640001

/* How the memory was taken: heapimage_info.method. */
enum heapimage_method {
	HEAPIMAGE_FORK = 1,	/* a copy-on-write snapshot: consistent */
	HEAPIMAGE_IN_PLACE = 2, /* written while all threads were stopped: consistent, long pause */
};

/* How the threads were stopped: heapimage_info.freeze. */
enum heapimage_freeze {
	HEAPIMAGE_PTRACE = 1,
	HEAPIMAGE_SIGNAL = 2, /* blocked system calls of theirs may have returned EINTR */
	HEAPIMAGE_NONE = 3,   /* a single thread: there was nothing to stop */
};

/* heapimage_info.consistency, bits. */
enum {
	HEAPIMAGE_THREADS_RAN = 1,    /* n_not_stopped threads could not be stopped, they ran on */
	HEAPIMAGE_MEMORY_SKIPPED = 2, /* some memory could not be read: see the list of ranges */
	HEAPIMAGE_SHARED_MEMORY = 4,  /* shared mappings were read after the threads ran on */
	HEAPIMAGE_REGISTERS_LOST = 8, /* some stopped threads have no registers in the file */
};

/* heapimage_info.trigger. */
enum heapimage_trigger {
	HEAPIMAGE_BY_CALL = 1, /* heapdump_write() */
	HEAPIMAGE_BY_SIGNAL = 2,
	HEAPIMAGE_BY_EXIT = 3,
	HEAPIMAGE_BY_MALLOC_FAILURE = 4,
	HEAPIMAGE_BY_GROWTH = 5,
	HEAPIMAGE_BY_OTHERS = 6, /* heapdump dump PID */
};

struct heapimage_info {
	uint16_t major, minor;
	uint32_t size; /* of this struct */
	uint16_t method, freeze, consistency, trigger;
	uint32_t pid, tid;     /* of the process; of the thread that asked */
	uint64_t time_ns;      /* CLOCK_REALTIME at the freeze */
	uint64_t monotonic_ns; /* CLOCK_MONOTONIC at the freeze: the clock of samples */
	uint64_t
		pause_ns; /* first thread stopped to last thread resumed; IN_PLACE: to the header's write */
	uint64_t stop_ns;   /* of that, until all threads had stopped */
	uint64_t fork_ns;   /* of that, the fork itself */
	uint32_t n_threads; /* seen */
	uint32_t n_not_stopped;
	uint64_t rss_bytes; /* resident at the freeze */
	uint64_t reserved[2];
};
_Static_assert(sizeof(struct heapimage_info) == 96, "heapimage_info");

struct heapimage_anchor_note {
	uint64_t addr; /* of the heapimage_anchor in the process */
	uint64_t size; /* sizeof of it there */
};
_Static_assert(sizeof(struct heapimage_anchor_note) == 16, "heapimage_anchor_note");

/* A list in the PT_HEAPDUMP segment. */
struct heapimage_list {
	uint64_t file_off; /* of the first entry, from the start of the file */
	uint64_t size;	   /* n × entry_size, and the strings behind the entries */
	uint32_t n, entry_size;
	uint32_t n_cut; /* entries that there would have been beyond a limit of the writer */
	uint32_t reserved;
};
_Static_assert(sizeof(struct heapimage_list) == 32, "heapimage_list");

struct heapimage_thread {
	uint32_t tid;
	uint32_t
		state; /* 1: stopped, registers are in the file; 2: not stopped; 3: gone meanwhile */
	char name[16];		     /* as the kernel has it; ends in NUL unless full */
	uint64_t stack_lo, stack_hi; /* as far as the library knows; else 0 */
	uint64_t reserved;
};
_Static_assert(sizeof(struct heapimage_thread) == 48, "heapimage_thread");

/*
 * An ELF file seen mapped, now or earlier: code that dlclose() took away is in no file table. Sites'
 * frames are told apart by generation, which grows when something is unmapped.
 */
struct heapimage_module {
	uint64_t lo, hi;	   /* where it was mapped */
	uint32_t generation_first; /* seen from this generation on */
	uint32_t generation_last;  /* and not after this one; UINT32_MAX: still mapped */
	uint8_t n_build_id;
	uint8_t build_id[31];
	uint32_t state;	    /* enum heapimage_state */
	uint32_t path_size; /* without the NUL; the path may be cut */
	char path[64];	    /* its last 63 bytes, NUL-terminated */
};
_Static_assert(sizeof(struct heapimage_module) == 128, "heapimage_module");

/* A word that the kernel holds for the program and hands back to it. */
struct heapimage_kernel_word {
	uint64_t word;	   /* epoll_event.data, sigevent.sigev_value */
	uint32_t kind;	   /* 1: epoll, 2: timer */
	int32_t fd;	   /* epoll: the epoll descriptor; timer: its id */
	int32_t target_fd; /* epoll: the watched descriptor; else −1 */
	uint32_t events;   /* epoll: its mask; timer: the signal */
	uint64_t reserved[2];
};
_Static_assert(sizeof(struct heapimage_kernel_word) == 40, "heapimage_kernel_word");

/* Memory that is not in the file though a core's reader would expect it, or not of the moment. */
struct heapimage_range {
	uint64_t lo, hi;
	uint32_t why;	/* enum heapimage_why */
	uint32_t error; /* errno where a read failed, else 0 */
};
_Static_assert(sizeof(struct heapimage_range) == 24, "heapimage_range");

enum heapimage_why {
	HEAPIMAGE_UNREADABLE =
		1, /* reading failed (beyond the end of a mapped file, device memory) */
	HEAPIMAGE_NOT_COPIED = 2, /* MADV_DONTFORK, MADV_WIPEONFORK: not in the snapshot */
	HEAPIMAGE_DONTDUMP = 3,	  /* MADV_DONTDUMP: left out on the program's wish */
	HEAPIMAGE_DEVICE = 4,	  /* a device's mapping: never read */
	HEAPIMAGE_FILTERED = 5,	  /* left out by an option */
	HEAPIMAGE_TORN = 6,	  /* shared, or read while threads ran: may be of a later moment */
};

/* --- The sampler's tables, in the memory of the process. --- */

#define HEAPIMAGE_MAGIC "HEAPDUMP-ANCHOR\x1a" /* 16 bytes, without the NUL */

/* Two-phase writing: an entry is believed only when LIVE (or FREED, for its site's sums). */
enum heapimage_state {
	HEAPIMAGE_EMPTY = 0,
	HEAPIMAGE_WRITING = 1,
	HEAPIMAGE_LIVE = 2,
	HEAPIMAGE_FREED = 3, /* the slot may be used again */
};

/* An array that grows inside a reservation: [addr, addr + capacity × entry_size) never moves. */
struct heapimage_table {
	uint64_t addr;
	uint64_t n; /* entries that have ever been used; later ones are EMPTY or not mapped */
	uint64_t capacity; /* n can grow to that */
	uint32_t entry_size;
	uint32_t n_lost; /* entries that there was no room for */
};
_Static_assert(sizeof(struct heapimage_table) == 32, "heapimage_table");

/*
 * Found by the note, by the exported symbol heapdump_anchor (a pointer to it) or by a scan of page starts
 * for the magic. Accepted only if self is its own address and crc fits.
 */
struct heapimage_anchor {
	char magic[16];
	uint64_t self;
	uint16_t major, minor;
	uint32_t size;	  /* of this struct */
	uint32_t crc;	  /* CRC-32 (IEEE 802.3, as zlib's) of the bytes [0, 64) with crc as 0 */
	uint32_t machine; /* EM_* */
	uint32_t pid;	  /* a fork's child sets its own */
	uint32_t reserved0;
	uint64_t start_ns; /* CLOCK_MONOTONIC when sampling began */
	uint64_t start_realtime_ns;
	/* From here on values change while the program runs: not under the crc. */
	uint64_t interval;   /* mean bytes between samples now; 1: every object, 0: off */
	uint64_t serial;     /* births of samples so far */
	uint64_t generation; /* of the mapped modules */
	uint64_t
		n_dropped; /* samples lost: no room, contention, no stack (n_dropped_bytes weighs them) */
	uint64_t n_dropped_bytes;
	uint64_t
		n_foreign_frees; /* samples whose free was not seen: their address was sampled again */
	uint64_t n_cut_stacks; /* stacks that ended early: no unwind information, or at the limit */
	uint64_t
		own_size; /* bytes from self on that are the library's own (tables, what finds their
			      entries): no pointer there is the program's. 0: not told */
	struct heapimage_table samples, sites, frames, modules, regions;
	char library[32]; /* its version: "0.2.0" */
	uint8_t reserved2[192];
};
_Static_assert(sizeof(struct heapimage_anchor) == 512, "heapimage_anchor");

/*
 * A sampled live allocation. The interval is the mean of the gap whose end hit it, so that it weighs right
 * though the rate changes while the program runs (Horvitz and Thompson, 1952). With s = size + 1:
 *
 *	p = 1 − e^(−s / interval)          interval 1: p = 1
 *	objects it stands for = 1 / p      bytes it stands for = size / p
 */
struct heapimage_sample {
	uint64_t addr; /* what malloc returned */
	uint64_t size; /* requested */
	uint64_t interval;
	uint64_t serial;     /* 1, 2, … in the order of birth */
	uint64_t time_ns;    /* CLOCK_MONOTONIC of birth */
	uint32_t site;	     /* index into sites */
	uint32_t tid;	     /* of the allocating thread */
	uint32_t state;	     /* enum heapimage_state; written last */
	uint32_t next;	     /* the library's own */
	uint64_t weight_q16; /* objects it stands for × 65,536, as counted in the site's sums */
};
_Static_assert(sizeof(struct heapimage_sample) == 64, "heapimage_sample");

/* A distinct allocating call stack. Sums are estimates of all allocations from here, sampled or not. */
struct heapimage_site {
	uint64_t hash;
	uint64_t first_frame; /* index into frames: return addresses, leaf first */
	uint32_t n_frames;
	uint32_t generation;			 /* of the modules when it was first seen */
	uint32_t state;				 /* enum heapimage_state; written last */
	uint32_t next;				 /* the library's own */
	uint64_t alloc_objects_q16, alloc_bytes; /* since the start */
	uint64_t freed_objects_q16, freed_bytes; /* of these, freed again: in use = alloc − freed */
};
_Static_assert(sizeof(struct heapimage_site) == 64, "heapimage_site");

/*
 * What the program told of itself: a root range with a name (heapdump_name_root), or an object carved from a
 * pool of its own (heapdump_announce).
 */
struct heapimage_region {
	uint64_t addr, size;
	uint32_t kind;	/* 1: root, 2: sub-object */
	uint32_t state; /* enum heapimage_state; written last */
	uint32_t site;	/* sub-object: where it was announced; UINT32_MAX: not known */
	uint32_t next;	/* the library's own */
	char name[32];	/* NUL-terminated, may be cut */
};
_Static_assert(sizeof(struct heapimage_region) == 64, "heapimage_region");

#endif
