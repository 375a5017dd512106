/*
 * Which ELF files were mapped where: the list modules.c starts from, before any file is looked for.
 */
#ifndef HEAPDUMP_SPACE_MODULE_CANDIDATES_H
#define HEAPDUMP_SPACE_MODULE_CANDIDATES_H

#include "analyze/space/modules.h"

/* A module to be, and the headers that memory holds of it. */
struct candidate {
	struct module module;	/* path, at, is_exe, is_vdso, is_interp, link_map set; fd −1 */
	struct elf_image image; /* ph.n 0: not in the dump */
	addr_t base;		/* where the file's first byte is mapped */
	bool listed;		/* in the loader's list, or named by the auxiliary vector */
};

struct candidates {
	VEC(struct candidate) list;
	size_t n_sorted; /* that many are in order of their bases; those found later follow */
	size_t exe;	 /* index of the executable, SIZE_MAX: unknown */
	bool whole_link_map;
	uint64_t header_budget; /* program headers that may still be read */
};

/*
 * Collects them from NT_FILE, the auxiliary vector, the loader's list and ELF headers in memory.
 */
WARN_UNUSED int candidates_find(struct candidates *c, const struct space *s, struct err *err);

/*
 * Reads the loader's list, if that was not possible before candidates had got the headers of their
 * files. New ones come last. The list is unchanged on failure, but for these.
 */
WARN_UNUSED int candidates_ask_loader(struct candidates *c, const struct space *s, struct err *err);
void candidates_deinit(struct candidates *c);

#endif
