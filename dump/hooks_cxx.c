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
 * They are looked for once, from the constructor: later that would take the loader's lock in the middle of a `new`.
 * A failing new throws: through us, by the one that we pass on to. Where we make it ourselves the runtime is looked for
 * then, among all that is loaded: its own operator asks the new handler and throws.
 */
#include <dlfcn.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

#include "dump/real.h"
#include "dump/sampler.h"
#include "dump/sys.h"

#define EXPORT __attribute__((visibility("default")))
#define SLOW   __attribute__((noinline, cold))

#define FORMS(X)                                                                                   \
	X(_Znwm)                                                                                   \
	X(_Znam)                                                                                   \
	X(_ZnwmRKSt9nothrow_t)                                                                     \
	X(_ZnamRKSt9nothrow_t)                                                                     \
	X(_ZnwmSt11align_val_t)                                                                    \
	X(_ZnamSt11align_val_t)                                                                    \
	X(_ZnwmSt11align_val_tRKSt9nothrow_t)                                                      \
	X(_ZnamSt11align_val_tRKSt9nothrow_t)                                                      \
	X(_ZdlPv)                                                                                  \
	X(_ZdaPv)                                                                                  \
	X(_ZdlPvm)                                                                                 \
	X(_ZdaPvm)                                                                                 \
	X(_ZdlPvRKSt9nothrow_t)                                                                    \
	X(_ZdaPvRKSt9nothrow_t)                                                                    \
	X(_ZdlPvSt11align_val_t)                                                                   \
	X(_ZdaPvSt11align_val_t)                                                                   \
	X(_ZdlPvmSt11align_val_t)                                                                  \
	X(_ZdaPvmSt11align_val_t)                                                                  \
	X(_ZdlPvSt11align_val_tRKSt9nothrow_t)                                                     \
	X(_ZdaPvSt11align_val_tRKSt9nothrow_t)

#define FORM_ID(NAME)	FORM##NAME,
#define FORM_NAME(NAME) #NAME,

enum form { FORMS(FORM_ID) N_FORMS };
static const char *const names[N_FORMS] = {FORMS(FORM_NAME)};
static void *nexts[N_FORMS]; /* NULL: made here */

typedef void *new_fn(size_t size);
typedef void *new_nothrow_fn(size_t size, const void *nothrow);
typedef void *new_aligned_fn(size_t size, size_t align);
typedef void *new_aligned_nothrow_fn(size_t size, size_t align, const void *nothrow);

/* Whose the operators behind us are. */
enum ownership { UNKNOWN, OF_ALLOCATOR, OF_RUNTIME, OF_NOBODY };
static uint32_t ownership;

static uint32_t owner_of(void *operator_new)
{
	void *allocator = hd_real_next("malloc");
	Dl_info a, b;

	return dladdr(operator_new, &a) && dladdr(allocator, &b) && a.dli_fbase == b.dli_fbase
		       ? OF_ALLOCATOR
		       : OF_RUNTIME;
}

/* Two threads that come first at once find the same. */
SLOW static uint32_t find_operators(void)
{
	void *first = hd_real_next(names[0]);
	uint32_t known = first ? owner_of(first) : OF_NOBODY;

	for (int i = 0; first && i < N_FORMS; i++)
		__atomic_store_n(&nexts[i], hd_real_next(names[i]), __ATOMIC_RELAXED);
	dlerror(); /* the program shall not find our failure there */
	__atomic_store_n(&ownership, known, __ATOMIC_RELEASE);
	return known;
}

__attribute__((constructor)) static void begin(void)
{
	find_operators();
}

static inline uint32_t owner(void)
{
	uint32_t known = __atomic_load_n(&ownership, __ATOMIC_ACQUIRE);

	return __builtin_expect(known == UNKNOWN, 0) ? find_operators() : known;
}

/* The operator of a C++ runtime that is loaded somewhere, for a failure to be thrown by. */
SLOW static void *thrower(enum form form)
{
	static const char *const runtimes[] = {"libstdc++.so.6", "libc++.so.1"};

	for (size_t i = 0; i < sizeof(runtimes) / sizeof(*runtimes); i++) {
		void *handle = dlopen(runtimes[i], RTLD_LAZY | RTLD_NOLOAD);
		void *found = handle ? dlsym(handle, names[form]) : NULL;

		if (handle)
			dlclose(handle);
		if (found)
			return found;
	}
	hd_sys_say("out of memory in operator new, and no C++ runtime to throw bad_alloc");
	abort();
}

/*
 * One form of operator new: ARGS its parameters, PASS them, MADE what serves where there is no next. The sampler is asked
 * only where the allocator has operators of its own.
 */
#define NEW(NAME, TYPE, ARGS, PASS, MADE)                                                          \
	SLOW static void *slow##NAME ARGS                                                          \
	{                                                                                          \
		struct hd_stack_context from = HD_STACK_HERE();                                    \
		TYPE *next = (TYPE *)nexts[FORM##NAME];                                            \
		void *p = next PASS;                                                               \
                                                                                                   \
		hd_sampler_born(p, size, &from);                                                   \
		return p;                                                                          \
	}                                                                                          \
	EXPORT void *NAME ARGS;                                                                    \
	EXPORT void *NAME ARGS                                                                     \
	{                                                                                          \
		uint32_t known = owner();                                                          \
		TYPE *next = (TYPE *)nexts[FORM##NAME];                                            \
                                                                                                   \
		if (!next)                                                                         \
			return MADE;                                                               \
		if (known == OF_ALLOCATOR && hd_sampler_due(size))                                 \
			return slow##NAME PASS;                                                    \
		return next PASS;                                                                  \
	}

#define PLAIN		(size_t size)
#define NOTHROW		(size_t size, const void *nothrow)
#define ALIGNED		(size_t size, size_t align)
#define ALIGNED_NOTHROW (size_t size, size_t align, const void *nothrow)

NEW(_Znwm, new_fn, PLAIN, (size), (malloc(size) ?: ((new_fn *)thrower(FORM_Znwm))(size)))
NEW(_Znam, new_fn, PLAIN, (size), (malloc(size) ?: ((new_fn *)thrower(FORM_Znam))(size)))
NEW(_ZnwmRKSt9nothrow_t, new_nothrow_fn, NOTHROW, (size, nothrow), malloc(size))
NEW(_ZnamRKSt9nothrow_t, new_nothrow_fn, NOTHROW, (size, nothrow), malloc(size))
NEW(_ZnwmSt11align_val_t, new_aligned_fn, ALIGNED, (size, align),
    (memalign(align, size) ?: ((new_aligned_fn *)thrower(FORM_ZnwmSt11align_val_t))(size, align)))
NEW(_ZnamSt11align_val_t, new_aligned_fn, ALIGNED, (size, align),
    (memalign(align, size) ?: ((new_aligned_fn *)thrower(FORM_ZnamSt11align_val_t))(size, align)))
NEW(_ZnwmSt11align_val_tRKSt9nothrow_t, new_aligned_nothrow_fn, ALIGNED_NOTHROW,
    (size, align, nothrow), memalign(align, size))
NEW(_ZnamSt11align_val_tRKSt9nothrow_t, new_aligned_nothrow_fn, ALIGNED_NOTHROW,
    (size, align, nothrow), memalign(align, size))

SLOW static void delete_slow(const void *p)
{
	struct hd_gone was;

	if (p && owner() == OF_ALLOCATOR)
		hd_sampler_gone(p, &was);
}

/* One form of operator delete. */
#define DELETE(NAME, ARGS, PASS)                                                                   \
	EXPORT void NAME ARGS;                                                                     \
	EXPORT void NAME ARGS                                                                      \
	{                                                                                          \
		void(*next) ARGS;                                                                  \
                                                                                                   \
		owner();                                                                           \
		next = (void(*) ARGS)nexts[FORM##NAME];                                            \
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
