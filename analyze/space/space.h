/*
 * The dumped address space: what bytes were at which address.
 *
 *	parts.segments   ████ dumped ████░░ not in the dump ░░████
 *	module files          ▒▒ fills what the dump left out (text, rodata), build-id checked ▒▒
 *	space.runs       sorted, disjoint, each with its bytes in this process
 *
 *	space.zeros      ▁▁ holes of a sparse file: known, but nothing to scan ▁▁
 *
 * Lookups are O(log runs). Immutable after the modules have been added.
 */
#ifndef HEAPDUMP_SPACE_SPACE_H
#define HEAPDUMP_SPACE_SPACE_H

#include "base/err.h"
#include "formats/parts.h"

enum run_source {
	RUN_DUMPED, /* bytes of the dump */
	RUN_MODULE_FILE, /* bytes of the module's file: the same build-id, and never written by the process */
};

struct space_run {
	addr_t addr;
	uint64_t size;
	const uint8_t *data;
	enum run_source source;
};

/* A mapping of the process as the dump lists it (a PT_LOAD), joined with the file table. */
struct mapping {
	struct range at;
	uint32_t prot; /* PROT_* */
	const char *
		path; /* of the file mapped there, NULL for anonymous memory or when no table says */
	uint64_t file_off; /* of the first byte in that file, when path is set */
	uint64_t n_dumped; /* bytes in the dump, from the start of the mapping */
};

struct space {
	const struct parts *parts;    /* not owned */
	VEC(struct space_run) runs;   /* sorted by addr, disjoint */
	VEC(struct mapping) mappings; /* sorted by address, disjoint */
	VEC(struct range) zeros;      /* known to be zero, in no run; sorted, disjoint */
};

WARN_UNUSED int space_init(struct space *s, const struct parts *parts, struct err *err);
void space_deinit(struct space *s);

/*
 * Takes the file's holes (file offsets, sorted, disjoint) out of the runs: they are zeros that need
 * not be read. Before any file is added. O(runs + holes).
 */
WARN_UNUSED int space_take_holes(struct space *s, const struct range *holes, size_t n,
				 struct err *err);

/*
 * Puts a module file's bytes under the parts of [addr, addr + size) that the dump does not hold.
 * data must outlive the space.
 */
WARN_UNUSED int space_add_file(struct space *s, addr_t addr, uint64_t size, const uint8_t *data,
			       struct err *err);

/*
 * The bytes at addr in this process's memory, with *avail (> 0) of them contiguous, or NULL if the
 * byte is not known. Zeros of a hole come in pieces. Not aligned in host memory in general: read words with memcpy.
 */
const uint8_t *space_at(const struct space *s, addr_t addr, uint64_t *avail);

/* The first address at or above addr that is in a run: known, and not in a hole; UINT64_MAX: none. */
addr_t space_next(const struct space *s, addr_t addr);

/* How many bytes of the range are known to be zero without being in a run. */
uint64_t space_zero_bytes(const struct space *s, struct range at);

/* Copies up to n bytes, across runs; the number copied before the first unknown byte. */
size_t space_read(const struct space *s, addr_t addr, void *dst, size_t n);

/* One little-endian number; false (and *out untouched) if not all its bytes are known. */
bool space_u64(const struct space *s, addr_t addr, uint64_t *out);
bool space_u32(const struct space *s, addr_t addr, uint32_t *out);

/* A NUL-terminated string into dst (always terminated, cut at n); false if its start is unknown. */
bool space_str(const struct space *s, addr_t addr, char *dst, size_t n);

/* Bytes that come from the dump, not from files. What crafted input may cost is bounded by it. O(runs). */
uint64_t space_dumped_bytes(const struct space *s);

/* The mapping that holds addr, or NULL. */
const struct mapping *space_mapping(const struct space *s, addr_t addr);

#endif
