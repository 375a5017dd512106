/*
 * How libFuzzer changes a core: most bytes of one are zeros that mean nothing. So words that are
 * something are chosen, and become something else that means something: another such word, an
 * address nearby, a size that is a little off.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t max, unsigned seed);

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	return *s ^= *s << 17;
}

/* The offset of a word that is not zero, if a few tries hit one. */
static size_t some_place(const uint8_t *bytes, size_t size, uint64_t *s)
{
	size_t at = 0;
	uint64_t word = 0;

	for (int i = 0; i < 200 && !word; i++) {
		at = next_random(s) % (size / 4 - 1) * 4;
		memcpy(&word, bytes + at, 8);
	}
	return at;
}

static uint64_t changed(const uint8_t *bytes, size_t size, uint64_t old, uint64_t *s)
{
	static const uint64_t numbers[] = {0,	   1,	       2,	   16,	 0x21,
					   0xffff, 0x7fffffff, 1ull << 47, ~0ull};
	uint64_t other;

	memcpy(&other, bytes + some_place(bytes, size, s), 8);
	switch (next_random(s) % 7) {
	case 0:
		return numbers[next_random(s) % (sizeof(numbers) / sizeof(*numbers))];
	case 1:
		return old ^ 1ull << next_random(s) % 64;
	case 2:
		return old + 8 * (next_random(s) % 65) - 256;
	case 3:
		return old + 4096 * (next_random(s) % 9) - 4 * 4096;
	case 4:
		return (old & ~0xffull) | (next_random(s) & 0xff);
	case 5:
		return other + 16 * (next_random(s) % 5) - 32;
	default:
		return other;
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t max, unsigned seed)
{
	uint64_t s = seed * 0x9e3779b97f4a7c15ull | 1;
	size_t n = 1 + next_random(&s) % 4;

	if (size < 64 || next_random(&s) % 8 == 0)
		return LLVMFuzzerMutate(bytes, size, max);
	if (next_random(&s) % 64 == 0)
		return size - next_random(&s) % (size / 2);
	while (n--) {
		size_t at = some_place(bytes, size, &s);
		uint64_t word;

		memcpy(&word, bytes + at, 8);
		word = changed(bytes, size, word, &s);
		memcpy(bytes + at, &word, next_random(&s) % 8 ? 8 : 4);
	}
	return size;
}
