/*
 * What makes an image besides the program's own call: a signal, the end of the program, a failed malloc, growth. Armed by
 * environment variables (heapdump(3)); files are numbered, and limited in number, size and rate.
 */
#ifndef HEAPDUMP_DUMP_TRIGGER_H
#define HEAPDUMP_DUMP_TRIGGER_H

#include <stdint.h>

/* From the constructor, after the sampler; not in a set-user-ID program. */
void hd_trigger_init(void);

/* The estimate of bytes in use above which an image is due; UINT64_MAX: not armed. */
extern uint64_t hd_trigger_limit __attribute__((visibility("hidden")));

void hd_trigger_grown(uint64_t live_bytes);

/* In the child of a fork(). */
void hd_trigger_forked(void);

/* After a sampled allocation. */
static inline void hd_trigger_growth(uint64_t live_bytes)
{
	if (__builtin_expect(live_bytes > hd_trigger_limit, 0))
		hd_trigger_grown(live_bytes);
}

#endif
