/*
 * The library's beginning: what the environment says, then sampler and triggers. A set-user-ID program is left alone
 * (AT_SECURE): its environment is a stranger's. Nothing here fails the program: what cannot be had is said on stderr and
 * done without.
 *
 *	HEAPDUMP_RATE     mean bytes between samples: 524288, 512k, all, off           (512k)
 *	HEAPDUMP_UNWIND   auto, libunwind, frames                                      (auto)
 *	HEAPDUMP_SEED     for tests: the same gaps in every run
 *
 * Triggers: trigger.c.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "dump/env.h"
#include "dump/sampler.h"
#include "dump/sys.h"
#include "dump/trigger.h"

#define DEFAULT_RATE (512ull << 10)

static uint64_t rate_of_env(void)
{
	const char *text = getenv("HEAPDUMP_RATE");
	uint64_t rate;

	if (!text || !*text)
		return DEFAULT_RATE;
	if (!strcmp(text, "all"))
		return 1;
	if (!strcmp(text, "off"))
		return 0;
	if (hd_env_bytes(text, &rate))
		return rate;
	hd_sys_say("HEAPDUMP_RATE is no number of bytes, \"all\" or \"off\": 512k is used");
	return DEFAULT_RATE;
}

static enum hd_unwinder unwinder_of_env(void)
{
	const char *text = getenv("HEAPDUMP_UNWIND");

	if (!text || !*text || !strcmp(text, "auto"))
		return HD_UNWIND_AUTO;
	if (!strcmp(text, "libunwind"))
		return HD_UNWIND_LIBUNWIND;
	if (!strcmp(text, "frames"))
		return HD_UNWIND_FRAMES;
	hd_sys_say("HEAPDUMP_UNWIND is none of auto, libunwind, frames: auto is used");
	return HD_UNWIND_AUTO;
}

static uint64_t seed_of_env(void)
{
	const char *text = getenv("HEAPDUMP_SEED");
	uint64_t seed = 0;

	return text && hd_env_bytes(text, &seed) ? seed : 0;
}

__attribute__((constructor)) static void begin(void)
{
	int error = errno;

	if (!getauxval(AT_SECURE)) {
		hd_sampler_init(rate_of_env(), seed_of_env(), unwinder_of_env());
		hd_trigger_init();
	}
	errno = error;
}
