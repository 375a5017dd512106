/*
 * One bit per index: visited sets and masks. Calloc'd, so a large untouched set costs nothing.
 */
#ifndef HEAPDUMP_BASE_BITSET_H
#define HEAPDUMP_BASE_BITSET_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct bitset {
	uint64_t *words;
	uint64_t n_bits;
};

/* All clear. 0, or -1 out of memory. */
static inline int bitset_init(struct bitset *b, uint64_t n_bits)
{
	b->words = calloc(n_bits / 64 + 1, sizeof(*b->words));
	b->n_bits = b->words ? n_bits : 0;
	return b->words ? 0 : -1;
}

static inline void bitset_deinit(struct bitset *b)
{
	free(b->words);
	b->words = NULL;
	b->n_bits = 0;
}

static inline bool bitset_has(const struct bitset *b, uint64_t i)
{
	return b->words[i >> 6] >> (i & 63) & 1;
}

static inline void bitset_add(struct bitset *b, uint64_t i)
{
	b->words[i >> 6] |= 1ull << (i & 63);
}

static inline void bitset_remove(struct bitset *b, uint64_t i)
{
	b->words[i >> 6] &= ~(1ull << (i & 63));
}

/* Sets bit i; true if it was clear before. */
static inline bool bitset_add_new(struct bitset *b, uint64_t i)
{
	uint64_t bit = 1ull << (i & 63), old = b->words[i >> 6];

	b->words[i >> 6] = old | bit;
	return !(old & bit);
}

static inline uint64_t bitset_count(const struct bitset *b)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < b->n_bits / 64 + 1; i++)
		n += (uint64_t)__builtin_popcountll(b->words[i]);
	return n;
}

#endif
