/*
 * What a program says of its own heap in the moment before it dies; preloaded into any program that uses
 * libc's malloc.
 *
 *	DEATHBED=FILE LD_PRELOAD=deathbed.so PROGRAM …		then: abort(), kill -ABRT, or kill -SYS for
 *								programs that handle SIGABRT themselves
 *
 * Two accounts that know nothing of each other are written as one JSON object:
 *
 *	census		live objects and their usable bytes, counted call by call: the malloc family is
 *			interposed and forwards to libc's __libc_* names. The difference of two counters per
 *			event, so a census is exact as soon as no call is under way.
 *	mallinfo2	libc's own figures (mallinfo before 2.33), and malloc_info's, added up:
 *			system, free (fast + rest), mapped (count, bytes)
 *
 * The census file is prepared at start, so that nothing is allocated at the end; its descriptor is a high
 * one, out of the way of programs that count on theirs. The handler returns: the signal, raised again,
 * kills at the very instruction it first interrupted, with the registers of then. The environment is
 * cleaned, so children are neither counted nor slowed; a forked one goes on with the counts of its parent.
 *
 * Limits: a program that blocks or handles both signals itself, static programs, and what another thread
 * allocates while the handler runs. The process must not be inside malloc when it is killed from outside:
 * libc's figures take its locks.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);
#pragma weak mallinfo2

static struct {
	int64_t objects, bytes;
	int fd;
	FILE *xml;
	char xml_text[65536];
	char xml_buffer[4096];
	size_t xml_size;
} bed = {.fd = -1};

static void *born(void *p)
{
	if (p) {
		__atomic_fetch_add(&bed.objects, 1, __ATOMIC_RELAXED);
		__atomic_fetch_add(&bed.bytes, (int64_t)malloc_usable_size(p), __ATOMIC_RELAXED);
	}
	return p;
}

static void gone(int64_t bytes)
{
	__atomic_fetch_sub(&bed.objects, 1, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&bed.bytes, bytes, __ATOMIC_RELAXED);
}

void *malloc(size_t size)
{
	return born(__libc_malloc(size));
}

void *calloc(size_t n, size_t size)
{
	return born(__libc_calloc(n, size));
}

void free(void *p)
{
	if (!p)
		return;
	gone((int64_t)malloc_usable_size(p));
	__libc_free(p);
}

/* C23's, in libc since 2.43. */
void free_sized(void *p, size_t size)
{
	(void)size;
	free(p);
}

void free_aligned_sized(void *p, size_t align, size_t size)
{
	(void)align, (void)size;
	free(p);
}

void *realloc(void *p, size_t size)
{
	int64_t before = p ? (int64_t)malloc_usable_size(p) : 0;
	void *q = __libc_realloc(p, size);

	if (p && (q || !size))
		gone(before);
	return q ? born(q) : q;
}

void *reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(p, bytes);
}

void *memalign(size_t align, size_t size)
{
	return born(__libc_memalign(align, size));
}

void *aligned_alloc(size_t align, size_t size)
{
	return memalign(align, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
	void *p;

	if (align % sizeof(void *) || !align || align & (align - 1))
		return EINVAL;
	p = memalign(align, size);
	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

void *valloc(size_t size)
{
	return memalign((size_t)sysconf(_SC_PAGESIZE), size);
}

void *pvalloc(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return memalign(page, (size + page - 1) & ~(page - 1));
}

/* --- The last words. --- */

static ssize_t keep_text(void *cookie, const char *text, size_t n)
{
	size_t room = sizeof(bed.xml_text) - 1 - bed.xml_size;

	memcpy(bed.xml_text + bed.xml_size, text, n < room ? n : room);
	bed.xml_size += n < room ? n : room;
	return (ssize_t)n;
}

/* The value of name="…" after the last place that holds tag. */
static unsigned long long last_value(const char *tag, const char *name)
{
	const char *at = NULL, *p = bed.xml_text;
	unsigned long long value = 0;

	while ((p = strstr(p, tag)))
		at = p++;
	at = at ? strstr(at, name) : NULL;
	/* not strtoull: newer headers make that a symbol which older releases lack */
	for (at = at ? at + strlen(name) + 2 : ""; *at >= '0' && *at <= '9'; at++)
		value = value * 10 + (unsigned)(*at - '0');
	return value;
}

static void say(const char *format, unsigned long long a, unsigned long long b,
		unsigned long long c, unsigned long long d)
{
	static char line[512];
	int n = snprintf(line, sizeof(line), format, a, b, c, d);

	if (write(bed.fd, line, (size_t)n) != n)
		_exit(3);
}

static void say_mallinfo(void)
{
	struct {
		unsigned long long used, mapped, n_mapped, fast;
	} m;

	if (mallinfo2) {
		struct mallinfo2 i = mallinfo2();

		m.used = i.uordblks, m.mapped = i.hblkhd, m.n_mapped = i.hblks, m.fast = i.fsmblks;
	} else {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
		struct mallinfo i = mallinfo();
#pragma GCC diagnostic pop

		m.used = (unsigned)i.uordblks, m.mapped = (unsigned)i.hblkhd;
		m.n_mapped = (unsigned)i.hblks, m.fast = (unsigned)i.fsmblks;
	}
	say(" \"mallinfo2\": {\"uordblks\": %llu, \"hblkhd\": %llu, \"hblks\": %llu, \"fsmblks\": "
	    "%llu},\n",
	    m.used, m.mapped, m.n_mapped, m.fast);
}

static void last_words(int signal_number)
{
	int64_t objects = bed.objects, bytes = bed.bytes;

	say("{\"census\": {\"objects\": %llu, \"bytes\": %llu},\n", (unsigned long long)objects,
	    (unsigned long long)bytes, 0, 0);
	say_mallinfo();
	malloc_info(0, bed.xml);
	fflush(bed.xml);
	say(" \"malloc_info\": {\"system\": %llu, \"free\": %llu, \"mapped_count\": %llu, "
	    "\"mapped\": %llu}}\n",
	    last_value("<system type=\"current\"", "size"),
	    last_value("<total type=\"fast\"", "size") + last_value("<total type=\"rest\"", "size"),
	    last_value("<total type=\"mmap\"", "count"),
	    last_value("<total type=\"mmap\"", "size"));
	close(bed.fd);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

__attribute__((constructor)) static void prepare(void)
{
	const char *path = getenv("DEATHBED");
	struct sigaction act = {.sa_handler = last_words, .sa_flags = SA_RESTART};
	int fd;

	unsetenv("DEATHBED");
	unsetenv("LD_PRELOAD");
	if (!path)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	bed.fd = fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 200);
	close(fd);
	bed.xml = fopencookie(NULL, "w", (cookie_io_functions_t){.write = keep_text});
	if (bed.fd < 0 || !bed.xml)
		_exit(3);
	setvbuf(bed.xml, bed.xml_buffer, _IOFBF, sizeof(bed.xml_buffer));
	sigaction(SIGABRT, &act, NULL);
	sigaction(SIGSYS, &act, NULL);
}
