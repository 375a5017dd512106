/*
 * Finding the allocator beneath us.
 *
 *	hd_real.malloc ─► boot_malloc ─ first call ─► dlsym(RTLD_NEXT, …) for all ─► hd_real.malloc = the allocator's
 *	                                 nested, or
 *	                                 meanwhile ─► boot arena
 *
 * The finding is done once, by whichever thread comes first; another one that comes meanwhile is served by the arena
 * like a nested call. Boot blocks are stuck in the free filter, so that every later free, realloc and
 * malloc_usable_size of one takes the slow path and is recognised by address.
 *
 * Limits: BOOT_BYTES; glibc's dlsym needs none of it, older ones 32 bytes.
 */
#include "dump/real.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "dump/sampler.h"
#include "dump/sys.h"

enum { BOOT_BYTES = HD_REAL_BOOT_BYTES, BOOT_ALIGN = 16, BOOT_HEADER = 16 };

enum { UNKNOWN, FINDING, FOUND };

uint8_t hd_real_boot[BOOT_BYTES] __attribute__((aligned(4096)));
static uint64_t boot_used;
static uint32_t stage;

/* Each block has its size in front of it. */
static void *boot_take(size_t align, size_t size)
{
	uint64_t used = __atomic_load_n(&boot_used, __ATOMIC_RELAXED), at, end;
	uint8_t *p;

	do {
		at = (used + BOOT_HEADER + align - 1) & ~(uint64_t)(align - 1);
		if (size > BOOT_BYTES || __builtin_add_overflow(at, size, &end) ||
		    end > BOOT_BYTES) {
			errno = ENOMEM;
			return NULL;
		}
	} while (!__atomic_compare_exchange_n(&boot_used, &used, end, true, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	p = hd_real_boot + at;
	memcpy(p - BOOT_HEADER, &size, sizeof(size));
	__atomic_store_n(&hd_filter[hd_filter_slot(p)], 255, __ATOMIC_RELAXED);
	return p;
}

size_t hd_real_boot_size(const void *p)
{
	size_t size;

	memcpy(&size, (const uint8_t *)p - BOOT_HEADER, sizeof(size));
	return size;
}

void *hd_real_next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

/* Where the allocator beneath lacks one of the family. */
static void *memalign_by_posix(size_t align, size_t size)
{
	void *p = NULL;
	int error =
		hd_real.posix_memalign(&p, align < sizeof(void *) ? sizeof(void *) : align, size);

	if (error)
		errno = error;
	return error ? NULL : p;
}

static int posix_by_memalign(void **out, size_t align, size_t size)
{
	void *p;

	if (align % sizeof(void *) || align & (align - 1) || !align)
		return EINVAL;
	p = hd_real.memalign(align, size);
	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

static size_t usable_unknown(void *p)
{
	return 0;
}

/* Publishes what was found; free last, as nothing of the new allocator's can be freed before. */
static void publish(const struct hd_real *found)
{
	__atomic_store_n(&hd_real.usable_size, found->usable_size, __ATOMIC_RELEASE);
	__atomic_store_n(&hd_real.posix_memalign, found->posix_memalign, __ATOMIC_RELEASE);
	__atomic_store_n(&hd_real.aligned_alloc, found->aligned_alloc, __ATOMIC_RELEASE);
	__atomic_store_n(&hd_real.memalign, found->memalign, __ATOMIC_RELEASE);
	__atomic_store_n(&hd_real.free, found->free, __ATOMIC_RELEASE);
	__atomic_store_n(&hd_real.realloc, found->realloc, __ATOMIC_RELEASE);
	__atomic_store_n(&hd_real.calloc, found->calloc, __ATOMIC_RELEASE);
	__atomic_store_n(&hd_real.malloc, found->malloc, __ATOMIC_RELEASE);
}

static void find_all(void)
{
	struct hd_real f = {
		.malloc = dlsym(RTLD_NEXT, "malloc"),
		.calloc = dlsym(RTLD_NEXT, "calloc"),
		.realloc = dlsym(RTLD_NEXT, "realloc"),
		.free = dlsym(RTLD_NEXT, "free"),
		.memalign = dlsym(RTLD_NEXT, "memalign"),
		.aligned_alloc = dlsym(RTLD_NEXT, "aligned_alloc"),
		.posix_memalign = dlsym(RTLD_NEXT, "posix_memalign"),
		.usable_size = dlsym(RTLD_NEXT, "malloc_usable_size"),
	};

	if (!f.malloc || !f.calloc || !f.realloc || !f.free || !(f.memalign || f.posix_memalign)) {
		hd_sys_say("no malloc was found behind the library: is it linked into a static "
			   "program?");
		__builtin_trap();
	}
	if (!f.memalign)
		f.memalign = memalign_by_posix;
	if (!f.posix_memalign)
		f.posix_memalign = posix_by_memalign;
	if (!f.aligned_alloc)
		f.aligned_alloc = f.memalign;
	if (!f.usable_size)
		f.usable_size = usable_unknown;
	publish(&f);
}

/* Whether the allocator may be called now. */
static bool found(void)
{
	uint32_t expected = UNKNOWN;

	if (__atomic_load_n(&stage, __ATOMIC_ACQUIRE) == FOUND)
		return true;
	if (!__atomic_compare_exchange_n(&stage, &expected, FINDING, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		return expected == FOUND;
	find_all();
	__atomic_store_n(&stage, FOUND, __ATOMIC_RELEASE);
	return true;
}

static void *boot_malloc(size_t size)
{
	return found() ? hd_real.malloc(size) : boot_take(BOOT_ALIGN, size);
}

static void *boot_calloc(size_t n, size_t size)
{
	size_t bytes;

	if (found())
		return hd_real.calloc(n, size);
	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return boot_take(BOOT_ALIGN, bytes);
}

/* Old boot blocks never come here: the hooks copy them out. */
static void *boot_realloc(void *p, size_t size)
{
	if (found())
		return hd_real.realloc(p, size);
	return p ? NULL : boot_take(BOOT_ALIGN, size);
}

static void boot_free(void *p)
{
	if (p && found())
		hd_real.free(p);
}

static void *boot_memalign(size_t align, size_t size)
{
	if (found())
		return hd_real.memalign(align, size);
	return boot_take(align < BOOT_ALIGN ? BOOT_ALIGN : align, size);
}

static void *boot_aligned_alloc(size_t align, size_t size)
{
	return found() ? hd_real.aligned_alloc(align, size) : boot_memalign(align, size);
}

static int boot_posix_memalign(void **out, size_t align, size_t size)
{
	void *p;

	if (found())
		return hd_real.posix_memalign(out, align, size);
	p = boot_memalign(align, size);
	if (p)
		*out = p;
	return p ? 0 : ENOMEM;
}

static size_t boot_usable_size(void *p)
{
	return p && found() ? hd_real.usable_size(p) : 0;
}

struct hd_real hd_real = {
	.malloc = boot_malloc,
	.calloc = boot_calloc,
	.realloc = boot_realloc,
	.free = boot_free,
	.memalign = boot_memalign,
	.aligned_alloc = boot_aligned_alloc,
	.posix_memalign = boot_posix_memalign,
	.usable_size = boot_usable_size,
};
