/*
 * What the tests of stacks share: a victim with frames of all kinds (stack_victim.c), and the comparison of a capture
 * with what libunwind steps through and glibc's backtrace() lists. One test per program includes it.
 */
#ifndef HEAPDUMP_TESTS_STACK_COMPARE_H
#define HEAPDUMP_TESTS_STACK_COMPARE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include "dump/stack.h"
#include "dump/stack_hash.h"
#include "dump/unwind_modules.h"
#include "dump/unwind_rules.h"

#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

enum { FRAMES = 64, ROOM = FRAMES + 64, PAGE = 4096 };

typedef void capture_fn(void);

struct capture {
	uint64_t frames[ROOM];
	unsigned n;
	bool cut;
};

static __thread struct hd_stack_bounds bounds;
static char folder[] = "/tmp/test_stack.XXXXXX";

/* libunwind, loaded apart by the test, too. */
static struct {
	int (*getcontext)(unw_tdep_context_t *);
	int (*init_local)(unw_cursor_t *, unw_context_t *);
	int (*step)(unw_cursor_t *);
	int (*get_reg)(unw_cursor_t *, int, unw_word_t *);
	void (*flush_cache)(unw_addr_space_t, unw_word_t, unw_word_t);
	unw_addr_space_t *local;
} unw;

#define TEXT_OF(x) #x
#define TEXT(x)	   TEXT_OF(x)

static bool load_libunwind(void)
{
	void *library = dlopen("libunwind.so.8", RTLD_LOCAL | RTLD_NOW);

	if (!library)
		return false;
	*(void **)&unw.getcontext = dlsym(library, TEXT(unw_tdep_getcontext));
	if (!unw.getcontext)
		*(void **)&unw.getcontext = dlsym(library, "_Ux86_64_getcontext");
	*(void **)&unw.init_local = dlsym(library, TEXT(unw_init_local));
	*(void **)&unw.step = dlsym(library, TEXT(unw_step));
	*(void **)&unw.get_reg = dlsym(library, TEXT(unw_get_reg));
	*(void **)&unw.flush_cache = dlsym(library, TEXT(unw_flush_cache));
	*(void **)&unw.local = dlsym(library, TEXT(unw_local_addr_space));
	return unw.getcontext && unw.init_local && unw.step && unw.get_reg && unw.flush_cache &&
	       unw.local;
}

/* From the frame at pc on. */
static unsigned drop_up_to(uint64_t pc, uint64_t *frames, unsigned n)
{
	unsigned first = 0;

	while (first < n && frames[first] != pc)
		first++;
	n -= first;
	memmove(frames, frames + first, n * sizeof(*frames));
	return n < FRAMES ? n : FRAMES;
}

__attribute__((noinline)) static void by_libunwind(uint64_t pc, struct capture *c)
{
	unw_context_t context;
	unw_cursor_t cursor;
	unw_word_t ip;

	c->n = 0;
	unw.getcontext(&context);
	unw.init_local(&cursor, &context);
	while (c->n < ROOM && unw.step(&cursor) > 0 && unw.get_reg(&cursor, UNW_REG_IP, &ip) == 0 &&
	       ip)
		c->frames[c->n++] = ip;
	c->n = drop_up_to(pc, c->frames, c->n);
}

__attribute__((noinline)) static void by_libc(uint64_t pc, struct capture *c)
{
	void *frames[ROOM];

	c->n = (unsigned)backtrace(frames, ROOM);
	memcpy(c->frames, frames, sizeof(frames));
	c->n = drop_up_to(pc, c->frames, c->n);
}

/* What all comparisons of a test came to. No allocation, no failing here: it may be in a signal handler. */
static struct {
	unsigned n, differ, errno_changed, wrong_hash;
	unsigned longest, cut;
	bool without_libc; /* backtrace() is not asked: it takes too long, or is wrong there */
	struct capture ours, theirs;
} seen;

static uint64_t any_hash; /* of captures whose hash is not looked at */

static bool same(const struct capture *a, const struct capture *b)
{
	return a->n == b->n && !memcmp(a->frames, b->frames, a->n * sizeof(a->frames[0]));
}

static void note(const struct capture *ours, const struct capture *theirs)
{
	if (same(ours, theirs))
		return;
	if (!__atomic_fetch_add(&seen.differ, 1, __ATOMIC_RELAXED)) {
		seen.ours = *ours;
		seen.theirs = *theirs;
	}
}

__attribute__((noinline)) static void compare(void)
{
	struct hd_stack_context here = HD_STACK_HERE();
	struct capture ours = {.n = 0}, often = {.n = 0}, theirs;
	uint64_t hash = 0;
	int before = errno;

	errno = 12345;
	ours.n = hd_stack_capture(&here, &bounds, false, ours.frames, FRAMES, &ours.cut, &hash);
	seen.wrong_hash += hash != hd_stack_hash(ours.frames, ours.n);
	/* and beginning from what the last comparison found */
	often.n = hd_stack_capture(&here, &bounds, true, often.frames, FRAMES, &often.cut, &hash);
	seen.wrong_hash += hash != hd_stack_hash(often.frames, often.n);
	seen.errno_changed += errno != 12345;
	by_libunwind(here.pc, &theirs);
	note(&ours, &theirs);
	note(&often, &theirs);
	if (!seen.without_libc) {
		by_libc(here.pc, &theirs);
		note(&ours, &theirs);
	}
	seen.cut += ours.cut;
	seen.longest = ours.n > seen.longest ? ours.n : seen.longest;
	__atomic_fetch_add(&seen.n, 1, __ATOMIC_RELAXED);
	errno = before;
}

static void show(const char *whose, const struct capture *c)
{
	for (unsigned i = 0; i < c->n; i++) {
		Dl_info info = {0};

		dladdr((void *)(uintptr_t)c->frames[i], &info);
		fprintf(stderr, "# %s %2u %#lx %s+%#lx %s\n", whose, i, (unsigned long)c->frames[i],
			info.dli_fname ? basename((char *)info.dli_fname) : "?",
			(unsigned long)(c->frames[i] - (uint64_t)(uintptr_t)info.dli_fbase),
			info.dli_sname ? info.dli_sname : "");
	}
}

static void all_same(unsigned at_least)
{
	if (seen.differ) {
		show("ours", &seen.ours);
		show("theirs", &seen.theirs);
		fail_msg("%u of %u stacks differ; the first is above", seen.differ, seen.n);
	}
	assert_true(seen.n >= at_least);
	assert_int_equal(seen.errno_changed, 0);
	assert_int_equal(seen.wrong_hash, 0);
}

static int start_over(void **unused)
{
	memset(&seen, 0, sizeof(seen));
	return 0;
}

static void sh(const char *format, ...)
{
	char command[4 * PATH_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	assert_int_equal(system(command), 0);
}

/* The folder of the sources, from that of this one. */
static const char *sources(void)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s", __FILE__);
	return dirname(path);
}

static void build_victim(const char *name, const char *flags)
{
	const char *cc = getenv("CC");

	sh("%s -shared -fPIC -w %s -Wl,-z,lazy -o %s/%s.so %s/stack_victim.c", cc ? cc : "cc",
	   flags, folder, name, sources());
}

static void *open_victim(const char *name)
{
	char path[PATH_MAX];
	void *library;

	snprintf(path, sizeof(path), "%s/%s.so", folder, name);
	library = dlopen(path, RTLD_LAZY);
	if (!library)
		fail_msg("%s", dlerror());
	return library;
}

typedef void victim_run_fn(const char *what, capture_fn *capture);

static victim_run_fn *run_of(void *library)
{
	void *f = dlsym(library, "victim_run");

	assert_non_null(f);
	return (victim_run_fn *)(uintptr_t)f;
}

/* libunwind does not notice that code has gone. */
static void close_victim(void *library)
{
	static uint64_t generation;

	dlclose(library);
	hd_stack_new_generation(++generation);
	unw.flush_cache(*unw.local, 0, 0);
}

static const char *const scenarios[] = {"recursion", "dynamic",	 "realigned", "large", "callback",
					"variadic",  "noreturn", "registers", "libc"};
enum { SCENARIOS = sizeof(scenarios) / sizeof(scenarios[0]) };

static void nothing(void)
{
}

static void on_trap(int sig)
{
	compare();
}

static void handle(int sig, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	assert_int_equal(sigaction(sig, &action, NULL), 0);
}

static int set_up(void **unused)
{
	if (!unw.step && !load_libunwind())
		return -1;
	if (!mkdtemp(folder))
		return -1;
	build_victim("plain", "-O2 -fomit-frame-pointer");
	return 0;
}

static int tear_down(void **unused)
{
	sh("rm -rf %s", folder);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, start_over)

#endif
