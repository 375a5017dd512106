/*
 * Which pages of a mapping hold something, and what is in them: /proc/PID/pagemap, and process_vm_readv or
 * /proc/PID/mem, of this process (a snapshot reads itself) or of another.
 */
#ifndef HEAPDUMP_DUMP_PAGES_H
#define HEAPDUMP_DUMP_PAGES_H

#include <stdbool.h>
#include <stdint.h>

/* As PAGEMAP_SCAN fills it (Linux 6.7, include/uapi/linux/fs.h). */
struct hd_page_run {
	uint64_t lo, hi, categories;
};

enum { HD_PAGE_RUNS = 256, HD_PAGE_ENTRIES = 512 };

struct hd_pages {
	int pagemap; /* < 0: not to be had (a process that is not dumpable) */
	int mem;     /* < 0: the same */
	uint32_t pid;
	bool of_all;   /* pages of files and shared ones count as well */
	bool of_fork;  /* shares its pages with another process, and is to keep doing so */
	bool no_scan;  /* an older kernel */
	bool no_guard; /* the same: it does not tell of guard pages */
	bool present;  /* of the run that was found last: in memory, and can be loaded from */
	uint64_t seen_lo, seen_hi; /* what runs tells of */
	uint32_t n_runs;
	struct hd_page_run runs[HD_PAGE_RUNS];
	uint64_t entries[HD_PAGE_ENTRIES];
};

/* Of the process whose folder is proc and whose id pid. What cannot be opened is done without. */
void hd_pages_open(struct hd_pages *p, const char *proc, uint32_t pid);
void hd_pages_close(struct hd_pages *p);

/*
 * The first run of pages in [lo, hi) that the process has for itself: present or swapped out, not a page of the file
 * behind it, not the shared zero page. false: there is none. Where nobody can tell, [lo, hi) is one. A run is
 * present as a whole or not at all, and p->present says which.
 */
bool hd_pages_next(struct hd_pages *p, uint64_t lo, uint64_t hi, uint64_t *run_lo,
		   uint64_t *run_hi);

/* The same of a shared mapping of our own process: pages that exist in its file. */
bool hd_pages_next_shared(struct hd_pages *p, uint64_t lo, uint64_t hi, uint64_t *run_lo,
			  uint64_t *run_hi);

/* Reads n bytes at addr; how many could be read from the first on, or a negative errno before the first. */
int64_t hd_pages_read(struct hd_pages *p, uint64_t addr, void *buf, uint64_t n);

#endif
