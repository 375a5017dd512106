/*
 * Sites: distinct call stacks, with the sums of what was allocated there. Stacks are shared (hash-consed) and compared
 * frame by frame; nothing is ever taken out, so finding one needs no lock.
 */
#ifndef HEAPDUMP_DUMP_SITE_TABLE_H
#define HEAPDUMP_DUMP_SITE_TABLE_H

#include "dump/tables.h"

/* The site of a stack with its hash (stack_hash.h), made if it is new; UINT32_MAX: no room for another. */
uint32_t hd_sites_of(const uint64_t *frames, uint32_t n, uint64_t hash);

/* Adds a birth, or a death, that stands for weight_q16 / 65,536 objects of size bytes. */
void hd_sites_born(uint32_t site, uint64_t size, uint64_t weight_q16);
void hd_sites_gone(uint32_t site, uint64_t size, uint64_t weight_q16);

/* Takes a death back. */
void hd_sites_back(uint32_t site, uint64_t size, uint64_t weight_q16);

#endif
