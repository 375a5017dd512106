/*
 * The least that a library which stands in front of malloc can do: a jump to libc's. What bench-sampler
 * calls "forward"; what a sampler costs more than that is its own. Single-threaded start assumed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

#define EXPORTED __attribute__((visibility("default")))

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);

static void *(*to_malloc)(size_t);
static void *(*to_calloc)(size_t, size_t);
static void *(*to_realloc)(void *, size_t);
static void (*to_free)(void *);
static size_t (*to_usable_size)(void *);

EXPORTED void *malloc(size_t size)
{
	return to_malloc ? to_malloc(size) : __libc_malloc(size);
}

EXPORTED void *calloc(size_t n, size_t size)
{
	return to_calloc ? to_calloc(n, size) : __libc_calloc(n, size);
}

EXPORTED void *realloc(void *p, size_t size)
{
	return to_realloc ? to_realloc(p, size) : __libc_realloc(p, size);
}

EXPORTED void free(void *p)
{
	if (to_free)
		to_free(p);
	else
		__libc_free(p);
}

EXPORTED size_t malloc_usable_size(void *p)
{
	return to_usable_size ? to_usable_size(p) : 0;
}

__attribute__((constructor)) static void begin(void)
{
	to_usable_size = (size_t(*)(void *))dlsym(RTLD_NEXT, "malloc_usable_size");
	to_calloc = __libc_calloc;
	to_realloc = __libc_realloc;
	to_free = __libc_free;
	to_malloc = __libc_malloc;
}
