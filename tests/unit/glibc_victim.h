/*
 * What glibc_victim.c leaves behind: read by test_glibc.c from the shared file.
 */
#ifndef HEAPDUMP_TESTS_GLIBC_VICTIM_H
#define HEAPDUMP_TESTS_GLIBC_VICTIM_H

#include <stdint.h>

#define VICTIM_MAX 2000000

struct victim_object {
	uint64_t addr, usable; /* addr 0: freed again */
};

struct victim_record {
	uint64_t uordblks, hblkhd, hblks, fsmblks, fordblks,
		arena;		       /* mallinfo2 just before death */
	uint64_t smashed;	       /* user pointer of the damaged chunk, 0: none */
	uint32_t finished, n, n_moved; /* n_moved: reallocs of mapped chunks */
	struct victim_object live[VICTIM_MAX];
};

#endif
