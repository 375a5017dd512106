/*
 * A growing array of any type:
 *
 *	VEC(struct segment) segs = {0};
 *	if (vec_push(&segs, s) < 0) return err_nomem(err);
 *	for (size_t i = 0; i < segs.n; i++) use(&segs.v[i]);
 *	vec_deinit(&segs);
 *
 * Zeroed memory is an empty vector. Elements move when it grows: keep indexes, not pointers.
 */
#ifndef HEAPDUMP_BASE_VEC_H
#define HEAPDUMP_BASE_VEC_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define VEC(T)                                                                                     \
	struct {                                                                                   \
		T *v;                                                                              \
		size_t n, cap;                                                                     \
	}

/* Room for at least n elements of the given size. 0, or -1 out of memory (nothing changed). */
static inline int vec_reserve_bytes(void **v, size_t *cap, size_t n, size_t size)
{
	size_t want = *cap ? *cap : 8;
	void *p;

	if (n <= *cap)
		return 0;
	while (want < n) {
		if (want > SIZE_MAX / 2 / size)
			return -1;
		want *= 2;
	}
	p = realloc(*v, want * size);
	if (!p)
		return -1;
	*v = p;
	*cap = want;
	return 0;
}

#define vec_reserve(vec, count)                                                                    \
	vec_reserve_bytes((void **)&(vec)->v, &(vec)->cap, (count), sizeof(*(vec)->v))

/* Appends x. 0, or -1 out of memory. */
#define vec_push(vec, x)                                                                           \
	(vec_reserve((vec), (vec)->n + 1) < 0 ? -1 : ((vec)->v[(vec)->n++] = (x), 0))

/*
 * How many leading elements of a sorted vector satisfy `before`, an expression of the element pointer e: where the first that
 * does not stands. O(log n).
 *
 *	size_t i = vec_bisect(&segs, e, e->addr <= at);       those at or below at
 */
#define vec_bisect(vec, e, before)                                                                 \
	({                                                                                         \
		size_t lo_ = 0, hi_ = (vec)->n;                                                    \
                                                                                                   \
		while (lo_ < hi_) {                                                                \
			size_t mid_ = lo_ + (hi_ - lo_) / 2;                                       \
			const __typeof__(*(vec)->v) *e = &(vec)->v[mid_];                          \
                                                                                                   \
			if (before)                                                                \
				lo_ = mid_ + 1;                                                    \
			else                                                                       \
				hi_ = mid_;                                                        \
		}                                                                                  \
		lo_;                                                                               \
	})

#define vec_deinit(vec)                                                                            \
	do {                                                                                       \
		free((vec)->v);                                                                    \
		(vec)->v = NULL;                                                                   \
		(vec)->n = (vec)->cap = 0;                                                         \
	} while (0)

#endif
