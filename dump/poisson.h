/*
 * The arithmetic of Poisson sampling, without libm: a preloaded library must not bring another one along.
 */
#ifndef HEAPDUMP_DUMP_POISSON_H
#define HEAPDUMP_DUMP_POISSON_H

#include <stdint.h>

/* splitmix64's next number; its state is one word, any value will do. (Steele, Lea, Flood, OOPSLA 2014.) */
uint64_t hd_poisson_random(uint64_t *state);

/* A gap in bytes, ≥ 1, with P(gap > k) = e^(−k / mean). mean > 1. */
uint64_t hd_poisson_gap(uint64_t *state, uint64_t mean);

/*
 * Objects that a sampled one of size bytes stands for, × 65,536:  1 / (1 − e^(−(size + 1) / mean)). Exactly 65,536 at
 * mean 1.
 */
uint64_t hd_poisson_weight(uint64_t size, uint64_t mean);

#endif
