/*
 * Words that the kernel holds for a program and gives back to it: they are roots that no memory shows. Read from /proc
 * of this process or of another.
 */
#ifndef HEAPDUMP_DUMP_KERNEL_WORDS_H
#define HEAPDUMP_DUMP_KERNEL_WORDS_H

#include "heapimage.h"

struct hd_kernel_words {
	struct heapimage_kernel_word *v;
	uint32_t n, capacity;
	uint32_t n_cut; /* beyond capacity */
};

/* The epoll data of all epoll descriptors of the process whose folder is proc ("/proc/self"). */
void hd_kernel_words_epoll(struct hd_kernel_words *words, const char *proc);

/* The sigvals of its POSIX timers. */
void hd_kernel_words_timers(struct hd_kernel_words *words, const char *proc);

#endif
