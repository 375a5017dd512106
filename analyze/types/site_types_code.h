/*
 * Where the result of a call is, by the instructions behind it.
 */
#ifndef HEAPDUMP_TYPES_SITE_TYPES_CODE_H
#define HEAPDUMP_TYPES_SITE_TYPES_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SITE_CODE = 160, SITE_STEPS = 32, SITE_SLOTS = 4 };

/* Behind so many bytes of code these registers (bits by DWARF number) have the result. */
struct site_step {
	uint32_t off, registers;
};

/* It was stored there, relative to a register (DWARF number: 6 rbp, 7 rsp), and is there from a step on. */
struct site_slot {
	int32_t disp;
	uint8_t base, from;
};

struct site_flow {
	struct site_step steps[SITE_STEPS]; /* the first: at the return address */
	struct site_slot slots[SITE_SLOTS];
	uint8_t n_steps, n_slots;
	bool returns; /* the function ends there, and the result is its own */
};

/*
 * x86-64. Goes on over the instructions that it knows, and behind conditional jumps as if they were not taken;
 * any other ends it. Without bytes: only the first step, which is as well for other machines
 * (register 0).
 */
void site_types_decode(const uint8_t *code, size_t n, struct site_flow *out);

#endif
