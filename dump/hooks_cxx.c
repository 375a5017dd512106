/*
 * operator new and delete, all forms of C++17, by their mangled names (Itanium C++ ABI §5.1).
 *
 * libstdc++'s and libc++'s call malloc and free, which are hooked already: counting here too would count twice. An
 * allocator that replaces them (jemalloc, tcmalloc, mimalloc) takes the memory without malloc. So:
 *
 *	the next definition is in the object that has malloc     sampled here
 *	… is elsewhere (libstdc++)                               passed on
 *	… is not to be found (a C++ library that was dlopen'ed   made of malloc and free here
 *	   with RTLD_LOCAL into a C program)
 *
 * A failing new throws: through us, by the one that we pass on to. Where we make it ourselves it ends the program, as
 * without exceptions, after asking no handler; that is the price of that rare case.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

#include "dump/real.h"
#include "dump/sampler.h"
#include "dump/sys.h"

#define EXPORT __attribute__((visibility("default")))
#define SLOW   __attribute__((noinline, cold))

/* The functions behind each form; NULL: not looked for yet. */
typedef void *new_fn(size_t size);
typedef void *new_nothrow_fn(size_t size, const void *nothrow);
typedef void *new_aligned_fn(size_t size, size_t align);
typedef void *new_aligned_nothrow_fn(size_t size, size_t align, const void *nothrow);

enum ownership { UNKNOWN, OF_ALLOCATOR, OF_RUNTIME };

static uint32_t ownership;

/* Whether the operators behind us are the allocator's own. */
static bool allocator_has_operators(void)
{
	uint32_t known = __atomic_load_n(&ownership, __ATOMIC_RELAXED);
	Dl_info new_info, malloc_info;
	void *next;

	if (known != UNKNOWN)
		return known == OF_ALLOCATOR;
	next = hd_real_next("_Znwm");
	known = next && dladdr(next, &new_info) && dladdr((void *)hd_real.malloc, &malloc_info) &&
				new_info.dli_fbase == malloc_info.dli_fbase
			? OF_ALLOCATOR
			: OF_RUNTIME;
	/* what is loaded later may bring them: ask again until there are some */
	if (next)
		__atomic_store_n(&ownership, known, __ATOMIC_RELAXED);
	return known == OF_ALLOCATOR;
}

static void *next_of(void **cache, const char *name)
{
	void *p = __atomic_load_n(cache, __ATOMIC_RELAXED);

	if (!p) {
		p = hd_real_next(name);
		__atomic_store_n(cache, p, __ATOMIC_RELAXED);
	}
	return p;
}

static void *without_runtime(void *p)
{
	if (p)
		return p;
	hd_sys_say("out of memory in operator new, and no C++ runtime to throw bad_alloc");
	abort();
}

/*
 * One form of operator new: ARGS its parameters, PASS them, MADE what serves where there is no next. The sampler is asked
 * only where the allocator has operators of its own.
 */
#define NEW(NAME, TYPE, ARGS, PASS, MADE)                                                          \
	static void *cache##NAME;                                                                  \
	SLOW static void *slow##NAME ARGS                                                          \
	{                                                                                          \
		struct hd_stack_context from = HD_STACK_HERE();                                    \
		TYPE *next = (TYPE *)next_of(&cache##NAME, #NAME);                                 \
		void *p = next PASS;                                                               \
                                                                                                   \
		hd_sampler_born(p, size, &from);                                                   \
		return p;                                                                          \
	}                                                                                          \
	EXPORT void *NAME ARGS;                                                                    \
	EXPORT void *NAME ARGS                                                                     \
	{                                                                                          \
		TYPE *next = (TYPE *)next_of(&cache##NAME, #NAME);                                 \
                                                                                                   \
		if (!next)                                                                         \
			return MADE;                                                               \
		if (allocator_has_operators() && hd_sampler_due(size))                             \
			return slow##NAME PASS;                                                    \
		return next PASS;                                                                  \
	}

#define PLAIN		(size_t size)
#define NOTHROW		(size_t size, const void *nothrow)
#define ALIGNED		(size_t size, size_t align)
#define ALIGNED_NOTHROW (size_t size, size_t align, const void *nothrow)

NEW(_Znwm, new_fn, PLAIN, (size), without_runtime(malloc(size)))
NEW(_Znam, new_fn, PLAIN, (size), without_runtime(malloc(size)))
NEW(_ZnwmRKSt9nothrow_t, new_nothrow_fn, NOTHROW, (size, nothrow), malloc(size))
NEW(_ZnamRKSt9nothrow_t, new_nothrow_fn, NOTHROW, (size, nothrow), malloc(size))
NEW(_ZnwmSt11align_val_t, new_aligned_fn, ALIGNED, (size, align),
    without_runtime(aligned_alloc(align, (size + align - 1) & ~(align - 1))))
NEW(_ZnamSt11align_val_t, new_aligned_fn, ALIGNED, (size, align),
    without_runtime(aligned_alloc(align, (size + align - 1) & ~(align - 1))))
NEW(_ZnwmSt11align_val_tRKSt9nothrow_t, new_aligned_nothrow_fn, ALIGNED_NOTHROW,
    (size, align, nothrow), aligned_alloc(align, (size + align - 1) & ~(align - 1)))
NEW(_ZnamSt11align_val_tRKSt9nothrow_t, new_aligned_nothrow_fn, ALIGNED_NOTHROW,
    (size, align, nothrow), aligned_alloc(align, (size + align - 1) & ~(align - 1)))

SLOW static void delete_slow(const void *p)
{
	struct hd_gone was;

	if (p && allocator_has_operators())
		hd_sampler_gone(p, &was);
}

/* One form of operator delete. */
#define DELETE(NAME, ARGS, PASS)                                                                   \
	static void *cache##NAME;                                                                  \
	EXPORT void NAME ARGS;                                                                     \
	EXPORT void NAME ARGS                                                                      \
	{                                                                                          \
		void(*next) ARGS = (void(*) ARGS)next_of(&cache##NAME, #NAME);                     \
                                                                                                   \
		if (!next) {                                                                       \
			free(p);                                                                   \
			return;                                                                    \
		}                                                                                  \
		if (hd_sampler_may_know(p))                                                        \
			delete_slow(p);                                                            \
		next PASS;                                                                         \
	}

DELETE(_ZdlPv, (void *p), (p))
DELETE(_ZdaPv, (void *p), (p))
DELETE(_ZdlPvm, (void *p, size_t size), (p, size))
DELETE(_ZdaPvm, (void *p, size_t size), (p, size))
DELETE(_ZdlPvRKSt9nothrow_t, (void *p, const void *nothrow), (p, nothrow))
DELETE(_ZdaPvRKSt9nothrow_t, (void *p, const void *nothrow), (p, nothrow))
DELETE(_ZdlPvSt11align_val_t, (void *p, size_t align), (p, align))
DELETE(_ZdaPvSt11align_val_t, (void *p, size_t align), (p, align))
DELETE(_ZdlPvmSt11align_val_t, (void *p, size_t size, size_t align), (p, size, align))
DELETE(_ZdaPvmSt11align_val_t, (void *p, size_t size, size_t align), (p, size, align))
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, (void *p, size_t align, const void *nothrow),
       (p, align, nothrow))
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, (void *p, size_t align, const void *nothrow),
       (p, align, nothrow))
