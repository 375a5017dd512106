/*
 * The allocator beneath: what malloc would have been without us, found by dlsym(RTLD_NEXT).
 *
 * Before it is found (dlsym itself may call calloc, and ld.so calls malloc before any constructor) memory comes
 * from a small boot arena in this library. Its blocks are never taken back: hd_real_is_boot tells them.
 */
#ifndef HEAPDUMP_DUMP_REAL_H
#define HEAPDUMP_DUMP_REAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hd_real {
	void *(*malloc)(size_t size);
	void *(*calloc)(size_t n, size_t size);
	void *(*realloc)(void *p, size_t size);
	void (*free)(void *p);
	void *(*memalign)(size_t align, size_t size);
	void *(*aligned_alloc)(size_t align, size_t size);
	int (*posix_memalign)(void **out, size_t align, size_t size);
	size_t (*usable_size)(void *p);
};

/* Every member may be called at any time: until the allocator is found each finds it first. */
extern struct hd_real hd_real __attribute__((visibility("hidden")));

enum { HD_REAL_BOOT_BYTES = 256 << 10 };
extern uint8_t hd_real_boot[HD_REAL_BOOT_BYTES] __attribute__((visibility("hidden")));

/* Whether p is of the boot arena. */
static inline bool hd_real_is_boot(const void *p)
{
	return __builtin_expect((uintptr_t)p - (uintptr_t)hd_real_boot < HD_REAL_BOOT_BYTES, 0);
}

/* How many bytes a block of it has. */
size_t hd_real_boot_size(const void *p);

/* The next definition of a function behind this library, or NULL. Not async-signal-safe. */
void *hd_real_next(const char *name);

#endif
