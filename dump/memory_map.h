/*
 * The mappings of a process, as /proc has them, and which of their pages hold something. The process is named by its
 * folder in /proc, so that the snapshot reads itself and another process can be read from beside it.
 */
#ifndef HEAPDUMP_DUMP_MEMORY_MAP_H
#define HEAPDUMP_DUMP_MEMORY_MAP_H

#include <stdbool.h>
#include <stdint.h>

/* Memory set aside beforehand, given out and never taken back. */
struct hd_room {
	uint8_t *at, *end;
};

/* n bytes, aligned to 16, zeroed as far as the room was; NULL: no more. */
void *hd_room_take(struct hd_room *room, uint64_t n);

enum hd_mapping_flag {
	HD_MAP_X = 1, /* as PF_X, PF_W, PF_R */
	HD_MAP_W = 2,
	HD_MAP_R = 4,
	HD_MAP_SHARED = 8,
	HD_MAP_DONTDUMP = 16, /* MADV_DONTDUMP */
	HD_MAP_WIPED = 32,    /* MADV_WIPEONFORK: zeros in a snapshot */
	HD_MAP_DEVICE = 64,   /* memory of a device: never touched */
	HD_MAP_HUGETLB = 128,
	HD_MAP_USERFAULT = 256, /* pages that are missing come from a handler of the program's */
};

struct hd_mapping {
	uint64_t lo, hi;
	uint64_t off; /* in the file */
	uint64_t inode;
	uint32_t flags;
	const char *path; /* "" where there is none; "[heap]", "/a/file", "/a/file (deleted)" */
};

struct hd_memory_map {
	struct hd_mapping *v;
	uint32_t n;
	bool has_flags; /* DONTDUMP, WIPED, DEVICE are the kernel's own word (smaps); else DEVICE is guessed by path */
};

/*
 * Reads the mappings of the process whose folder is proc ("/proc/self") in the order of their addresses. flags: with
 * the kernel's VmFlags, which costs a walk over the page tables (about 10 ms per GB of 4 KiB pages). All memory is the
 * room's; −ENOMEM where it does not suffice, with the mappings up to there, or another negative errno.
 */
int hd_memory_map_read(struct hd_memory_map *map, const char *proc, bool flags,
		       struct hd_room *room);

/* A line of maps or smaps that begins a mapping; path points into the line. false: it is not such a line. */
bool hd_memory_map_parse(const char *line, struct hd_mapping *m);

/* How many mappings there are now, and the bytes of their text. 0 or a negative errno. */
int hd_memory_map_count(const char *proc, uint64_t *n, uint64_t *bytes);

/*
 * The same without flags of a program that runs, for what only MADV_DONTFORK needs: where the mappings outgrow their
 * memory while they are read, the list ends early.
 */
int hd_memory_map_read_running(struct hd_memory_map *map, const char *proc, struct hd_room *room);

/* The mapping that holds addr, or NULL. */
const struct hd_mapping *hd_memory_map_find(const struct hd_memory_map *map, uint64_t addr);

#endif
