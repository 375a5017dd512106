/*
 * Triggers, by environment:
 *
 *	HEAPDUMP_SIGNAL=USR2            an image when this signal comes (name or number)
 *	HEAPDUMP_AT_EXIT=1              when the program ends by exit() or by returning from main
 *	HEAPDUMP_ON_MALLOC_FAILURE=1    when the allocator has returned NULL
 *	HEAPDUMP_GROWTH=256m or 20%     when the estimate of bytes in use has grown that much since the last image (or
 *	                                since the start; percentages from 16 MiB in use on)
 *
 *	HEAPDUMP_OUT=PATTERN            the file: %p the process, %n the number, %e the program, %% a % (heapdump.%p.%n.core)
 *	HEAPDUMP_MAX_DUMPS=5            images of one process at most
 *	HEAPDUMP_MAX_BYTES=…            and of all of them together
 *	HEAPDUMP_MIN_SECONDS=60         between two that growth or failing allocations ask for
 *
 * A signal handler asks heapdump_write() directly: that one works on a stack of its own in a task of its own and waits.
 * Growth is noticed by a sampled allocation, behind the allocator's back: no lock of its is held. Names are made
 * beforehand as far as they can be; the rest is digits.
 */
#include "dump/trigger.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dump/confined.h"
#include "dump/env.h"
#include "dump/real.h"
#include "dump/sampler.h"
#include "dump/sys.h"
#include "dump/write.h"

enum { PATTERN_MAX = 1024, PATH_MAX_BYTES = 1280 };
#define PERCENT_FROM (16ull << 20)

uint64_t hd_trigger_limit = UINT64_MAX;

static struct {
	char pattern[PATTERN_MAX];
	uint32_t max_dumps;
	uint64_t max_bytes, min_ns;
	uint64_t growth; /* bytes; or percent, if by_percent */
	bool by_percent, at_exit, on_failure;
	struct hd_real beneath; /* what failing allocations are looked for in */
} armed;

static uint32_t n_dumps;
static uint64_t bytes_written, last_ns;
static uint32_t busy; /* the thread that makes an image; 0: none does */

static char *put_number(char *to, const char *end, uint64_t n)
{
	char digits[20];
	int k = 0;

	do
		digits[k++] = (char)('0' + n % 10);
	while (n /= 10);
	while (k && to < end)
		*to++ = digits[--k];
	return to;
}

static char *put_text(char *to, const char *end, const char *text)
{
	while (*text && to < end)
		*to++ = *text++;
	return to;
}

/* A program may call itself what it likes: no folder is meant by it. */
static char *put_name(char *to, const char *end, const char *name)
{
	for (; *name && to < end; name++)
		*to++ = *name == '/' ? '_' : *name;
	return to;
}

/* The pattern with this image's number; false: too long. */
static bool make_path(char *path, uint64_t n)
{
	char *to = path, *end = path + PATH_MAX_BYTES - 1;

	for (const char *p = armed.pattern; *p && to < end; p++) {
		if (*p != '%') {
			*to++ = *p;
			continue;
		}
		switch (*++p) {
		case 'p':
			to = put_number(to, end, hd_sys_pid());
			break;
		case 'n':
			to = put_number(to, end, n);
			break;
		case 'e':
			to = put_name(to, end, program_invocation_short_name);
			break;
		case '%':
			*to++ = '%';
			break;
		default:
			*to++ = '%';
			p--;
		}
	}
	*to = 0;
	return to < end;
}

static void complain(const char *path, int error)
{
	char line[PATH_MAX_BYTES + 160], *end = line + sizeof(line) - 1;
	char *to = put_text(put_text(line, end, "no image "), end, path);

	to = put_text(put_text(to, end, ": "), end, heapdump_strerror(error));
	*to = 0;
	hd_sys_say(line);
}

/*
 * Becomes the one that makes an image. Another that is under way is waited for where the process would end before it is
 * whole; false: it is not to be waited for, or is this thread's own (a handler came on top).
 */
static bool become_busy(bool patient)
{
	uint32_t me = hd_sys_tid(), other = 0;

	while (!__atomic_compare_exchange_n(&busy, &other, me, false, __ATOMIC_ACQUIRE,
					    __ATOMIC_RELAXED)) {
		if (!patient || other == me)
			return false;
		hd_sys_wait(&busy, other);
		other = 0;
	}
	return true;
}

/* One image, unless the limits are reached or one is being made. patient: the process ends afterwards. */
static void make_image(enum heapimage_trigger trigger, const char *why, bool patient)
{
	char path[PATH_MAX_BYTES];
	struct heapdump_result result = {.size = sizeof(result)};
	struct heapdump_options options = {.size = sizeof(options), .why = why};
	int error;

	if (hd_confined || !become_busy(patient))
		return;
	if (armed.max_bytes)
		options.max_bytes =
			armed.max_bytes > bytes_written ? armed.max_bytes - bytes_written : 1;
	if (n_dumps < armed.max_dumps && make_path(path, n_dumps + 1)) {
		error = hd_write(path, &options, &result, trigger);
		if (error) {
			complain(path, error);
		} else {
			n_dumps++;
			bytes_written += result.data_bytes;
		}
	}
	last_ns = hd_sys_clock(CLOCK_MONOTONIC);
	__atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
	hd_sys_wake(&busy);
}

/* Since the last attempt, whether it made an image or not. */
static bool is_too_soon(void)
{
	return last_ns && hd_sys_clock(CLOCK_MONOTONIC) - last_ns < armed.min_ns;
}

/* --- Growth. --- */

static void set_limit(uint64_t live_bytes)
{
	uint64_t from = live_bytes, more = armed.growth;

	if (armed.by_percent) {
		from = from < PERCENT_FROM ? PERCENT_FROM : from;
		if (__builtin_mul_overflow(from / 100, armed.growth, &more))
			more = UINT64_MAX;
	}
	if (__builtin_add_overflow(from, more, &from))
		from = UINT64_MAX;
	__atomic_store_n(&hd_trigger_limit, from, __ATOMIC_RELAXED);
}

void hd_trigger_grown(uint64_t live_bytes)
{
	int error = errno;

	if (is_too_soon() || n_dumps >= armed.max_dumps)
		return;
	set_limit(live_bytes);
	make_image(HEAPIMAGE_BY_GROWTH, "the heap has grown (HEAPDUMP_GROWTH)", false);
	errno = error;
}

static bool arm_growth(const char *text)
{
	size_t n = strlen(text);
	char digits[32];

	if (n < 2 || n >= sizeof(digits))
		return hd_env_bytes(text, &armed.growth);
	memcpy(digits, text, n + 1);
	armed.by_percent = digits[n - 1] == '%';
	if (armed.by_percent)
		digits[n - 1] = 0;
	return hd_env_bytes(digits, &armed.growth) && armed.growth;
}

/* --- A failed allocation. --- */

static void failed(void)
{
	int error = errno;

	if (!is_too_soon())
		make_image(HEAPIMAGE_BY_MALLOC_FAILURE,
			   "an allocation failed (HEAPDUMP_ON_MALLOC_FAILURE)", false);
	errno = error;
}

static void *checked_malloc(size_t size)
{
	void *p = armed.beneath.malloc(size);

	if (!p)
		failed();
	return p;
}

static void *checked_calloc(size_t n, size_t size)
{
	void *p = armed.beneath.calloc(n, size);

	if (!p)
		failed();
	return p;
}

static void *checked_realloc(void *p, size_t size)
{
	void *q = armed.beneath.realloc(p, size);

	if (!q && size)
		failed();
	return q;
}

static void *checked_memalign(size_t align, size_t size)
{
	void *p = armed.beneath.memalign(align, size);

	if (!p)
		failed();
	return p;
}

static void *checked_aligned_alloc(size_t align, size_t size)
{
	void *p = armed.beneath.aligned_alloc(align, size);

	if (!p)
		failed();
	return p;
}

static int checked_posix_memalign(void **out, size_t align, size_t size)
{
	int error = armed.beneath.posix_memalign(out, align, size);

	if (error == ENOMEM)
		failed();
	return error;
}

/* The hooks go through a layer that looks at results; without this trigger there is none. */
static void watch_failures(void)
{
	/* so that the allocator has been found */
	hd_real.free(hd_real.malloc(1));
	armed.beneath = hd_real;
	hd_real.malloc = checked_malloc;
	hd_real.calloc = checked_calloc;
	hd_real.realloc = checked_realloc;
	hd_real.memalign = checked_memalign;
	hd_real.aligned_alloc = checked_aligned_alloc;
	hd_real.posix_memalign = checked_posix_memalign;
}

/* --- A signal. --- */

/* Signals that a program dies of at once; so it shall, after the image. */
static bool is_deadly(int signo)
{
	return signo == SIGSEGV || signo == SIGBUS || signo == SIGILL || signo == SIGFPE ||
	       signo == SIGABRT || signo == SIGTRAP || signo == SIGSYS;
}

/* It comes when the handler has returned. */
static void die_of(int signo)
{
	struct sigaction act = {.sa_handler = SIG_DFL};

	sigaction(signo, &act, NULL);
	hd_sys3(SYS_tgkill, hd_sys_pid(), hd_sys_tid(), signo);
}

static void on_signal(int signo)
{
	int error = errno;

	if (n_dumps >= armed.max_dumps)
		hd_sys_say("no image: there are as many as HEAPDUMP_MAX_DUMPS allows");
	make_image(HEAPIMAGE_BY_SIGNAL, "asked for by signal (HEAPDUMP_SIGNAL)", is_deadly(signo));
	/* not before: a second thread's would end the process while the image is being written */
	if (is_deadly(signo))
		die_of(signo);
	errno = error;
}

static int signal_of(const char *text)
{
	uint64_t n;

	if (hd_env_bytes(text, &n))
		return n < 65 ? (int)n : 0;
	if (!strncmp(text, "SIG", 3))
		text += 3;
	for (int s = 1; s < 32; s++) {
		const char *name = sigabbrev_np(s);

		if (name && !strcmp(name, text))
			return s;
	}
	return 0;
}

static bool arm_signal(const char *text)
{
	struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK};
	int signo = signal_of(text);

	sigfillset(&act.sa_mask);
	return signo > 0 && sigaction(signo, &act, NULL) == 0;
}

/* --- The end. --- */

__attribute__((destructor)) static void at_end(void)
{
	if (armed.at_exit)
		make_image(HEAPIMAGE_BY_EXIT, "the program ends (HEAPDUMP_AT_EXIT)", true);
}

/* --- Arming. --- */

static bool is_set(const char *name)
{
	const char *text = getenv(name);

	return text && *text && strcmp(text, "0");
}

/* Arms what a variable asks for, or says that it cannot be understood. */
static void arm(const char *name, bool (*by)(const char *text))
{
	const char *text = getenv(name);

	if (text && *text && !by(text))
		hd_env_refuse(name);
}

static bool set_pattern(const char *text)
{
	if (strlen(text) >= sizeof(armed.pattern))
		return false;
	strcpy(armed.pattern, text);
	return true;
}

/* A number of seconds as ns; one that is beyond them is for ever. */
static uint64_t ns_of(uint64_t seconds)
{
	uint64_t ns;

	return __builtin_mul_overflow(seconds, 1000000000u, &ns) ? UINT64_MAX : ns;
}

/* Valgrind ends a program that starts a task as the writer of images does. */
static bool are_impossible(void)
{
	static const char *const triggers[] = {"HEAPDUMP_AT_EXIT", "HEAPDUMP_ON_MALLOC_FAILURE",
					       "HEAPDUMP_SIGNAL", "HEAPDUMP_GROWTH"};

	if (!hd_sys_in_valgrind())
		return false;
	for (size_t i = 0; i < sizeof(triggers) / sizeof(*triggers); i++)
		if (is_set(triggers[i])) {
			hd_sys_say("no images under valgrind");
			break;
		}
	return true;
}

void hd_trigger_init(void)
{
	uint64_t max_dumps = hd_env_number("HEAPDUMP_MAX_DUMPS", 5);

	if (are_impossible())
		return;

	set_pattern("heapdump.%p.%n.core");
	arm("HEAPDUMP_OUT", set_pattern);
	armed.max_dumps = max_dumps < UINT32_MAX ? (uint32_t)max_dumps : UINT32_MAX;
	armed.max_bytes = hd_env_number("HEAPDUMP_MAX_BYTES", 0);
	armed.min_ns = ns_of(hd_env_number("HEAPDUMP_MIN_SECONDS", 60));
	armed.at_exit = is_set("HEAPDUMP_AT_EXIT");
	if (is_set("HEAPDUMP_ON_MALLOC_FAILURE"))
		watch_failures();
	arm("HEAPDUMP_SIGNAL", arm_signal);
	arm("HEAPDUMP_GROWTH", arm_growth);
	if (armed.growth)
		set_limit(hd_sampler_live_bytes());
}

/* The child's images are counted apart; the parent's clock for growth goes on. */
void hd_trigger_forked(void)
{
	busy = 0;
	n_dumps = 0;
	bytes_written = 0;
}
