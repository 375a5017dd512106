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
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "dump/env.h"
#include "dump/libunwind_pipe.h"
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

/*
 * A program with a malloc of its own, or another allocator before us: its calls pass us by. Who would be asked does not
 * show by the address: in a program that is not position-independent it may be the program's jump to ours. So it is
 * tried, before there is a sampler to be told.
 */
static void look_who_has_malloc(void)
{
	void *(*theirs)(size_t) = (void *(*)(size_t))dlsym(RTLD_DEFAULT, "malloc");
	void (*give_back)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, "free");
	uint32_t before = hd_thread.births;

	give_back(theirs(1));
	if (hd_thread.births == before)
		hd_sys_say(
			"malloc is not the library's: the program has one of its own, or another "
			"comes first; its allocations are not sampled");
}

__attribute__((constructor)) static void begin(void)
{
	int error = errno;

	hd_sys_know_stderr();
	if (!getauxval(AT_SECURE)) {
		enum hd_unwinder how = unwinder_of_env();

		look_who_has_malloc();
		if (how != HD_UNWIND_FRAMES)
			hd_libunwind_pipe_init();
		hd_sampler_init(rate_of_env(), hd_env_number("HEAPDUMP_SEED", 0), how);
		hd_trigger_init();
	}
	errno = error;
}
