/*
 * Private to roots*.c: what the parts of the root list are made with.
 */
#ifndef HEAPDUMP_SPACE_ROOTS_BUILD_H
#define HEAPDUMP_SPACE_ROOTS_BUILD_H

#include "analyze/space/roots.h"

struct roots_builder {
	struct roots *roots;
	const struct space *space;
	const struct modules *modules;
	struct symbols *symbols;
	const struct threads *threads;
	const struct frames *frames;
	const struct claims *claims;
	const struct sampled *sampled;
};

/* A root without a place: every index absent. */
static inline struct root root_of(enum root_class class)
{
	return (struct root){
		.class = class, .module = INDEX_NONE, .thread = INDEX_NONE, .frame = INDEX_NONE};
}

/* Adds one root as it is. */
WARN_UNUSED int roots_add(struct roots_builder *b, const struct root *r, struct err *err);

/* A name of the roots' own, or NULL out of memory. */
PRINTF_LIKE(2, 3) const char *roots_make_name(struct roots_builder *b, const char *fmt, ...);

/*
 * Adds the aligned words of the range as roots like r: cut where the allocator's own state lies and
 * where the dump has no bytes.
 */
WARN_UNUSED int roots_add_range(struct roots_builder *b, struct root r, struct range at,
				struct err *err);

/*
 * Adds the range cut into named pieces by sorted symbols, whose addresses plus base are target
 * addresses; what lies between them is added without a name.
 */
WARN_UNUSED int roots_add_symbols(struct roots_builder *b, struct root r, struct range at,
				  const struct symbol *symbols, size_t n, uint64_t base,
				  struct err *err);

/* Thread-locals, descriptors, dtvs of every thread. */
WARN_UNUSED int roots_add_tls(struct roots_builder *b, struct err *err);

/* What the program named, and what the kernel holds. */
WARN_UNUSED int roots_add_registered(struct roots_builder *b, struct err *err);
WARN_UNUSED int roots_add_kernel(struct roots_builder *b, struct err *err);

#endif
