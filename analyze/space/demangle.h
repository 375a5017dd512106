/*
 * Mangled names (C++, Rust) as their sources have them. Owner of the demangling library.
 */
#ifndef HEAPDUMP_SPACE_DEMANGLE_H
#define HEAPDUMP_SPACE_DEMANGLE_H

#include "base/ids.h"

/*
 * "ns::g_table" of _ZN2ns7g_tableE, "vtable for Conn" of _ZTV4Conn; malloc'd. NULL: the name is not
 * mangled, is longer than can be told safely, or memory is out. Bounded, whatever the name.
 */
char *demangle(const char *name);

/* Whether a name may be mangled: by its first letters. */
bool demangle_may_be(const char *name);

/* Names that were asked for, so that each is told once. All zero: empty. */
struct demangled {
	struct demangled_name **slots; /* by hash, open addressing; owned */
	size_t n_slots, n;	       /* slots: a power of two, more than twice n */
};

/* The name as the source has it, or the name itself; the former lives as long as d. */
const char *demangled_name(struct demangled *d, const char *name);
void demangled_deinit(struct demangled *d);

#endif
