/*
 * Numbers from the environment, without strtoull: errno and the locale are the program's.
 */
#include "dump/env.h"

#include <stdlib.h>
#include <string.h>

#include "dump/sys.h"

static uint64_t unit_of(char c)
{
	switch (c | 32) {
	case 'k':
		return 1ull << 10;
	case 'm':
		return 1ull << 20;
	case 'g':
		return 1ull << 30;
	}
	return 0;
}

bool hd_env_bytes(const char *text, uint64_t *out)
{
	uint64_t n = 0, unit = 1;

	if (*text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*text - '0'), &n))
			return false;
	if (*text) {
		unit = unit_of(*text);
		if (!unit || text[1])
			return false;
	}
	return !__builtin_mul_overflow(n, unit, out);
}

void hd_env_refuse(const char *name)
{
	char line[128];

	strcpy(stpcpy(line, name), " is not understood, and ignored");
	hd_sys_say(line);
}

uint64_t hd_env_number(const char *name, uint64_t usual)
{
	const char *text = getenv(name);
	uint64_t n;

	if (!text || !*text)
		return usual;
	if (hd_env_bytes(text, &n))
		return n;
	hd_env_refuse(name);
	return usual;
}
