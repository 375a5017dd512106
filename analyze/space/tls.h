/*
 * Where modules' thread-local storage lies: module ids and static offsets, as
 * the dynamic loader chose them. Private to threads.c.
 */
#ifndef HEAPDUMP_SPACE_TLS_H
#define HEAPDUMP_SPACE_TLS_H

#include "analyze/space/modules.h"

struct tls_module {
	uint32_t module;
	uint64_t modid;	 /* index into the dtv; 0: unknown */
	int64_t off;	 /* of the block from the thread pointer (negative on x86-64) */
	bool has_static; /* off is valid: the block is in the static area */
	uint64_t size, align;
};

struct tls_layout {
	VEC(struct tls_module) list;
};

/* Fails only out of memory. A module whose numbers cannot be found is left out. */
WARN_UNUSED int tls_layout_init(struct tls_layout *t, const struct space *s,
				const struct modules *modules, struct err *err);
void tls_layout_deinit(struct tls_layout *t);

#endif
