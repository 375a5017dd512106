/*
 * operator new and delete, all forms of C++17, by their mangled names (Itanium C++ ABI §5.1).
 *
 * libstdc++'s and libc++'s call malloc and free, which are hooked already: counting here too would count twice. An
 * allocator that replaces them (jemalloc, tcmalloc, mimalloc) may take the memory without malloc: in all forms, in some, or
 * in none. So each form is asked for itself:
 *
 *	the next definition is in the object that has malloc     sampled here, if no hook of malloc's family heard of it
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
static void *nexts[N_FORMS];  /* NULL: made here */
static bool counted[N_FORMS]; /* the allocator's own: it takes the memory without malloc */

typedef void *new_fn(size_t size);
typedef void *new_nothrow_fn(size_t size, const void *nothrow);
typedef void *new_aligned_fn(size_t size, size_t align);
typedef void *new_aligned_nothrow_fn(size_t size, size_t align, const void *nothrow);

static bool are_found;

static const void *module_of(void *p)
{
	Dl_info info;

	return p && dladdr(p, &info) ? info.dli_fbase : NULL;
}

/* Two threads that come first at once find the same. Where there is no plain new there are none at all. */
SLOW static void find_operators(void)
{
	const void *allocator = module_of(hd_real_next("malloc"));
	bool any = hd_real_next(names[0]);

	for (int i = 0; any && i < N_FORMS; i++) {
		void *next = hd_real_next(names[i]);

		counted[i] = next && module_of(next) == allocator;
		__atomic_store_n(&nexts[i], next, __ATOMIC_RELAXED);
	}
	dlerror(); /* the program shall not find our failure there */
	__atomic_store_n(&are_found, true, __ATOMIC_RELEASE);
}

__attribute__((constructor)) static void begin(void)
{
	find_operators();
}

static inline void *next_of(enum form form)
{
	if (__builtin_expect(!__atomic_load_n(&are_found, __ATOMIC_ACQUIRE), 0))
		find_operators();
	return nexts[form];
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
 * One form of operator new: ARGS its parameters, PASS them, MADE what serves where there is no next. Whether the allocator's
 * own went through malloc shows afterwards (jemalloc's aligned forms do): that counts the thread's gap down, or ends it.
 */
#define NEW(NAME, TYPE, ARGS, PASS, MADE)                                                          \
	static __attribute__((noinline)) void *counted##NAME ARGS                                  \
	{                                                                                          \
		struct hd_stack_context from;                                                      \
		struct hd_thread before = {.left = hd_thread.left, .births = hd_thread.births};    \
		void *p = ((TYPE *)nexts[FORM##NAME])PASS;                                         \
                                                                                                   \
		if (hd_thread.left == before.left && hd_thread.births == before.births &&          \
		    hd_sampler_due(size)) {                                                        \
			from = HD_STACK_HERE();                                                    \
			hd_sampler_born(p, size, &from);                                           \
		}                                                                                  \
		return p;                                                                          \
	}                                                                                          \
	EXPORT void *NAME ARGS;                                                                    \
	EXPORT void *NAME ARGS                                                                     \
	{                                                                                          \
		TYPE *next = (TYPE *)next_of(FORM##NAME);                                          \
                                                                                                   \
		if (!next)                                                                         \
			return MADE;                                                               \
		if (counted[FORM##NAME])                                                           \
			return counted##NAME PASS;                                                 \
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

	if (p)
		hd_sampler_gone(p, &was);
}

/* One form of operator delete. */
#define DELETE(NAME, ARGS, PASS)                                                                   \
	EXPORT void NAME ARGS;                                                                     \
	EXPORT void NAME ARGS                                                                      \
	{                                                                                          \
		void(*next) ARGS = (void(*) ARGS)next_of(FORM##NAME);                              \
                                                                                                   \
		if (!next) {                                                                       \
			free(p);                                                                   \
			return;                                                                    \
		}                                                                                  \
		if (counted[FORM##NAME] && hd_sampler_may_know(p))                                 \
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
