/*
 * The malloc family, interposed. Nothing but the sampler's test stands before the allocator:
 *
 *	malloc      size ≥ left ?  ──► malloc_slow: the allocator, then the sampler
 *	            else               tail jump into the allocator
 *	free        filter[hash] ? ──► free_slow: the sampler, then the allocator
 *	            else               tail jump into the allocator
 *
 * Both ways are tail jumps, so that the caller of malloc is the caller of malloc_slow: stacks begin at the program's
 * frame. (This file is compiled with -fomit-frame-pointer for that; without optimisation our own frame is seen too, and
 * readers pass over it.)
 *
 * An object is taken out before it is freed and put in after it was made, so no other thread can see an address twice.
 * realloc is a free and a malloc; when it fails the old sample goes back.
 *
 * The sampler leaves errno alone. Functions that allocators beneath may lack are made of others (reallocarray, valloc,
 * pvalloc), never forwarded: glibc's call malloc's family through us again and would be counted twice.
 *
 * operator new and delete: hooks_cxx.c.
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dump/module_log.h"
#include "dump/real.h"
#include "dump/sampler.h"

#define EXPORT __attribute__((visibility("default")))
#define SLOW   __attribute__((noinline, cold))

SLOW static void *malloc_slow(size_t size)
{
	struct hd_stack_context from = HD_STACK_HERE();
	void *p = hd_real.malloc(size);

	hd_sampler_born(p, size, &from);
	return p;
}

EXPORT void *malloc(size_t size)
{
	if (hd_sampler_due(size))
		return malloc_slow(size);
	return hd_real.malloc(size);
}

SLOW static void *calloc_slow(size_t n, size_t size)
{
	struct hd_stack_context from = HD_STACK_HERE();
	void *p = hd_real.calloc(n, size);

	hd_sampler_born(p, n * size, &from);
	return p;
}

EXPORT void *calloc(size_t n, size_t size)
{
	size_t bytes;

	/* one that overflows fails, and is no allocation */
	if (!__builtin_mul_overflow(n, size, &bytes) && hd_sampler_due(bytes))
		return calloc_slow(n, size);
	return hd_real.calloc(n, size);
}

SLOW static void free_slow(void *p)
{
	struct hd_gone was;

	if (hd_real_is_boot(p))
		return;
	if (p)
		hd_sampler_gone(p, &was);
	hd_real.free(p);
}

EXPORT void free(void *p)
{
	if (hd_sampler_may_know(p)) {
		free_slow(p);
		return;
	}
	hd_real.free(p);
}

/* A block of the boot arena moves out of it. */
static void *realloc_boot(void *p, size_t size)
{
	size_t old = hd_real_boot_size(p);
	void *q = hd_real.malloc(size);

	if (q)
		memcpy(q, p, old < size ? old : size);
	return q;
}

/* A sampled object, or one whose hash is a sampled one's. */
SLOW static void *realloc_known(void *p, size_t size)
{
	struct hd_stack_context from = HD_STACK_HERE();
	struct hd_gone was;
	void *q;

	if (hd_real_is_boot(p))
		return realloc_boot(p, size);
	hd_sampler_gone(p, &was);
	q = hd_real.realloc(p, size);
	if (!q && size)
		hd_sampler_back(&was);
	if (q && hd_sampler_due(size))
		hd_sampler_born(q, size, &from);
	return q;
}

SLOW static void *realloc_slow(void *p, size_t size)
{
	struct hd_stack_context from = HD_STACK_HERE();
	void *q = hd_real.realloc(p, size);

	hd_sampler_born(q, size, &from);
	return q;
}

EXPORT void *realloc(void *p, size_t size)
{
	if (p && hd_sampler_may_know(p))
		return realloc_known(p, size);
	if (hd_sampler_due(size))
		return realloc_slow(p, size);
	return hd_real.realloc(p, size);
}

EXPORT void *reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	if (p && hd_sampler_may_know(p))
		return realloc_known(p, bytes);
	if (hd_sampler_due(bytes))
		return realloc_slow(p, bytes);
	return hd_real.realloc(p, bytes);
}

SLOW static void *memalign_slow(size_t align, size_t size)
{
	struct hd_stack_context from = HD_STACK_HERE();
	void *p = hd_real.memalign(align, size);

	hd_sampler_born(p, size, &from);
	return p;
}

EXPORT void *memalign(size_t align, size_t size)
{
	if (hd_sampler_due(size))
		return memalign_slow(align, size);
	return hd_real.memalign(align, size);
}

SLOW static void *aligned_alloc_slow(size_t align, size_t size)
{
	struct hd_stack_context from = HD_STACK_HERE();
	void *p = hd_real.aligned_alloc(align, size);

	hd_sampler_born(p, size, &from);
	return p;
}

EXPORT void *aligned_alloc(size_t align, size_t size)
{
	if (hd_sampler_due(size))
		return aligned_alloc_slow(align, size);
	return hd_real.aligned_alloc(align, size);
}

SLOW static int posix_memalign_slow(void **out, size_t align, size_t size)
{
	struct hd_stack_context from = HD_STACK_HERE();
	int error = hd_real.posix_memalign(out, align, size);

	hd_sampler_born(error ? NULL : *out, size, &from);
	return error;
}

EXPORT int posix_memalign(void **out, size_t align, size_t size)
{
	if (hd_sampler_due(size))
		return posix_memalign_slow(out, align, size);
	return hd_real.posix_memalign(out, align, size);
}

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

EXPORT void *valloc(size_t size)
{
	if (hd_sampler_due(size))
		return memalign_slow(page_size(), size);
	return hd_real.memalign(page_size(), size);
}

EXPORT void *pvalloc(size_t size)
{
	size_t page = page_size(), bytes = (size + page - 1) & ~(page - 1);

	if (bytes < size) {
		errno = ENOMEM;
		return NULL;
	}
	if (hd_sampler_due(bytes))
		return memalign_slow(page, bytes);
	return hd_real.memalign(page, bytes);
}

EXPORT size_t malloc_usable_size(void *p)
{
	if (hd_real_is_boot(p))
		return hd_real_boot_size(p);
	return hd_real.usable_size(p);
}

void free_sized(void *p, size_t size);
void free_aligned_sized(void *p, size_t align, size_t size);

/* C23 7.24.3.4 and 7.24.3.5: the size is the program's promise, which the allocator beneath may not know of. */
EXPORT void free_sized(void *p, size_t size)
{
	free(p);
}

EXPORT void free_aligned_sized(void *p, size_t align, size_t size)
{
	free(p);
}

/* Code that is unmapped takes its unwind rules, and its names, with it. Not caller-sensitive, unlike dlopen. */
EXPORT int dlclose(void *handle)
{
	static int (*real)(void *);
	int rc;

	if (!real)
		real = (int (*)(void *))hd_real_next("dlclose");
	if (!real)
		return -1;
	hd_module_log_look();
	rc = real(handle);
	if (!rc)
		hd_module_log_look();
	return rc;
}
