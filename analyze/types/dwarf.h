/*
 * A module's DWARF into the type table and the list of variables. DWARF 4 and
 * 5; separate debug files, compressed sections, dwz's alternate files (supplementary
 * object files, DWARF 5 §7.3.6), type units (§3.1.4) and split units in .dwo files (§7.3.2) come
 * through libdw, which has to be able to read them: .dwp packages need elfutils 0.191, and gcc's
 * type units in .dwo files (-gsplit-dwarf with -fdebug-types-section: one section each) it does not read.
 */
#ifndef HEAPDUMP_TYPES_DWARF_H
#define HEAPDUMP_TYPES_DWARF_H

#include "analyze/space/debuginfo.h"
#include "analyze/types/locals.h"
#include "analyze/types/variables.h"

/* What a reading saw. */
struct dwarf_account {
	uint64_t n_units;	  /* with type units and what dwz made */
	uint64_t n_without_split; /* units whose .dwo file is not here: their types are missing */
	uint64_t n_read;	  /* types as they stand in the units */
	uint64_t n_cut;		  /* DIEs left out: nested too deep, or not where they belong */
	bool has_dwarf;
};

/*
 * Adds the module's types and variables, then indexes and sorts both; to the search (NULL: none) what
 * is declared where frames stand. Of a module without DWARF
 * nothing (account.has_dwarf). Damage is cut out and counted. Fails out of memory, or with more
 * than can be numbered; t is then of no use. O(bytes of the module's .debug_info).
 */
WARN_UNUSED int dwarf_types_read(struct type_table *t, struct variables *v,
				 struct locals_search *search, struct debuginfo *d,
				 const struct modules *modules, uint32_t module,
				 struct dwarf_account *account, struct err *err);

#endif
