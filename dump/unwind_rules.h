/*
 * Rules that were compiled, by place: one table for all threads, read and written without a lock.
 *
 * A place is the address that the unwind tables are asked for: a return address − 1, or where a signal struck. The
 * table's word has the whole of it, so that one load answers:
 *
 *	place = { 32 bits: in the word, 15 bits }       set of 4 words = those 15 bits ⊕ the lowest 15 of the 32
 *	word = the 32 bits, cfa_off / 8 (15 bits), fp_off / 8 (14 bits), kind (3 bits)          0: empty
 */
#ifndef HEAPDUMP_DUMP_UNWIND_RULES_H
#define HEAPDUMP_DUMP_UNWIND_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "dump/unwind_cfi.h"

enum { HD_RULES_PLACE_BITS = 47, HD_RULES_SET_BITS = 15, HD_RULES_WAYS = 4 };

/* NULL until hd_rules_init had the memory for it. */
extern uint64_t *hd_rules __attribute__((visibility("hidden")));

/* Once. False: no memory; then every rule is compiled each time. */
bool hd_rules_init(void);

/* Forgets all rules. */
void hd_rules_forget(void);

/* The rule of a place that is not in the table: compiled, and kept if it can be. */
void hd_rules_compile(uint64_t at, struct hd_rule *rule);

/* The part of a place that the word has. */
static inline uint32_t hd_rules_tag(uint64_t at)
{
	return (uint32_t)(at >> HD_RULES_SET_BITS);
}

static inline uint64_t *hd_rules_set(uint64_t at)
{
	return hd_rules +
	       ((hd_rules_tag(at) ^ at) & ((1 << HD_RULES_SET_BITS) - 1)) * HD_RULES_WAYS;
}

/* The low half of a table's word; 0: not there. */
static inline uint32_t hd_rules_find(uint64_t at)
{
	const uint64_t *set = hd_rules_set(at);
	uint32_t tag = hd_rules_tag(at);

	for (unsigned i = 0; i < HD_RULES_WAYS; i++) {
		uint64_t word = __atomic_load_n(&set[i], __ATOMIC_RELAXED);

		if ((uint32_t)(word >> 32) == tag)
			return (uint32_t)word;
	}
	return 0;
}

static inline void hd_rules_unpack(uint32_t word, struct hd_rule *rule)
{
	rule->kind = word & 7;
	rule->cfa_off = ((int32_t)word >> 17) * 8;
	rule->fp_off = ((int32_t)(word << 15) >> 18) * 8;
}

/* The rule of a place, wherever it comes from. */
static inline void hd_rules_get(uint64_t at, struct hd_rule *rule)
{
	uint32_t word = hd_rules && !(at >> HD_RULES_PLACE_BITS) ? hd_rules_find(at) : 0;

	if (__builtin_expect(word != 0, 1))
		hd_rules_unpack(word, rule);
	else
		hd_rules_compile(at, rule);
}

#endif
