/*
 * Symbols of every module: address → name and name → address, from .symtab of
 * the file or its debug file, else .dynsym and .gnu_debugdata. Tables are read per module on first use.
 */
#ifndef HEAPDUMP_SPACE_SYMBOLS_H
#define HEAPDUMP_SPACE_SYMBOLS_H

#include "analyze/space/modules.h"

enum symbol_kind { SYMBOL_DATA, SYMBOL_FUNC, SYMBOL_TLS };

struct symbol {
	addr_t addr;	  /* target address; TLS: offset in the module's TLS block */
	uint64_t size;	  /* 0: unknown */
	const char *name; /* lives as long as the symbols; a versioned name is cut at '@' */
	uint32_t module;
	enum symbol_kind kind;
	bool local; /* STB_LOCAL */
};

struct symbols; /* opaque */

WARN_UNUSED int symbols_new(struct symbols **out, const struct modules *modules, struct err *err);
void symbols_free(struct symbols *s);

/*
 * The data or function symbol that holds addr ([addr, addr + size), or the nearest below with no
 * size inside the same section). False: none. TLS: use symbols_tls.
 */
bool symbols_at(struct symbols *s, addr_t addr, struct symbol *out);

/* The thread-local symbol of the module that holds the block offset. */
bool symbols_tls(struct symbols *s, uint32_t module, uint64_t off, struct symbol *out);

/*
 * A data symbol or thread-local by name; "conn.c:pool" (a local by file) and "libx.so:name" narrow
 * it. Up to max are stored, the executable's first, global before local; the number found is returned.
 */
size_t symbols_by_name(struct symbols *s, const char *name, struct symbol *out, size_t max);

/*
 * The same by the name that the source has ("ns::g_table" of C++ or Rust), where the two differ.
 * Demangles every variable's name: 1 µs each.
 */
size_t symbols_by_source_name(struct symbols *s, const char *name, struct symbol *out, size_t max);

/* The name that the source has for a symbol's, or the symbol's own; lives as long as the symbols. */
const char *symbols_source_name(struct symbols *s, const char *name);

/* The symbol of that name and kind in one module. O(its symbols). */
bool symbols_in(struct symbols *s, uint32_t module, const char *name, enum symbol_kind kind,
		struct symbol *out);

/*
 * The data symbols (or, by kind, TLS symbols) of one module, sorted by address, overlapping aliases
 * merged to one (global preferred to local, longest first). Owned by s.
 */
const struct symbol *symbols_of(struct symbols *s, uint32_t module, enum symbol_kind kind,
				size_t *n);

#endif
