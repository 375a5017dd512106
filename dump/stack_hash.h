/*
 * The hash of a stack: a polynomial over its frames, highest power at the root.
 *
 *	h(no frames) = 0        h(leaf, others) = h(others) × B + mix(leaf)        mod 2^64
 *
 * So what is known of the outer frames serves all stacks that begin there, and a stack that nothing is known of is hashed in
 * four rows side by side, as a multiplication takes three cycles and another may begin in each:
 *
 *	h = (f0 + f4 B^4 + …) + B (f1 + f5 B^4 + …) + B² (f2 + …) + B³ (f3 + …)        fi = mix(frame i)
 */
#ifndef HEAPDUMP_DUMP_STACK_HASH_H
#define HEAPDUMP_DUMP_STACK_HASH_H

#include <stdint.h>

#define HD_STACK_HASH_BASE UINT64_C(0xff51afd7ed558ccd)

static inline uint64_t hd_stack_hash_mix(uint64_t pc)
{
	pc *= UINT64_C(0x9e3779b97f4a7c15);
	return pc ^ pc >> 32;
}

/* With one more frame, called from the others. */
static inline uint64_t hd_stack_hash_add(uint64_t others, uint64_t leaf)
{
	return others * HD_STACK_HASH_BASE + hd_stack_hash_mix(leaf);
}

/* Of n frames, leaf first. */
static inline uint64_t hd_stack_hash(const uint64_t *frames, uint32_t n)
{
	const uint64_t base = HD_STACK_HASH_BASE, base_2 = base * base, base_4 = base_2 * base_2;
	uint32_t i = n & ~3u;
	uint64_t a = n - i > 0 ? hd_stack_hash_mix(frames[i]) : 0;
	uint64_t b = n - i > 1 ? hd_stack_hash_mix(frames[i + 1]) : 0;
	uint64_t c = n - i > 2 ? hd_stack_hash_mix(frames[i + 2]) : 0, d = 0;

	while (i) {
		i -= 4;
		a = a * base_4 + hd_stack_hash_mix(frames[i]);
		b = b * base_4 + hd_stack_hash_mix(frames[i + 1]);
		c = c * base_4 + hd_stack_hash_mix(frames[i + 2]);
		d = d * base_4 + hd_stack_hash_mix(frames[i + 3]);
	}
	return a + b * base + (c + d * base) * base_2;
}

#endif
