/*
 * What the files locals_*.c share while live variables are searched. dwarf.c's files and they are
 * this room's users of libdw.
 */
#ifndef HEAPDUMP_TYPES_LOCALS_SEARCH_H
#define HEAPDUMP_TYPES_LOCALS_SEARCH_H

#include <dwarf.h>
#include <elfutils/libdw.h>

#include "analyze/types/locals.h"

struct dwarf_reader;

/* An expression, decoded; without operations: none. */
struct locals_code {
	Dwarf_Attribute attr; /* what operands are resolved by */
	Dwarf_Op *ops;
	size_t n;
};

/* A function that an address is in. */
struct locals_function {
	Dwarf_Die die;
	uint64_t bias; /* of its module, bytes */
	uint32_t module;
	uint8_t self_tail_calls;   /* enum locals_tail */
	Dwarf_Addr after_prologue; /* as in the file; or PROLOGUE_NOT_ASKED */
};

#define PROLOGUE_NOT_ASKED 0ull

/* Whether a function may have been begun again by a jump, so that its caller knows nothing of it. */
enum locals_tail { TAIL_NOT_ASKED, TAIL_NEVER, TAIL_PERHAPS };

/* A variable of the scopes around an address. */
struct locals_source {
	struct locals_code where;
	uint64_t constant; /* of its bytes in values, where the value is a constant */
	uint32_t n_constant;
	uint32_t name;
};

/* An address that frames stand at: pc, or the call before it. Or an allocation site's call. */
struct locals_pc {
	addr_t at;
	uint32_t call; /* index of the sites' calls; UINT32_MAX: none */
	bool is_frame;
	uint32_t function;	 /* index; UINT32_MAX: none was found */
	uint32_t sources, n;	 /* its variables */
	struct locals_code base; /* the function's frame base there */
	Dwarf_Die call_site;	 /* of the call it stands behind; addr NULL: none */
};

struct locals_search {
	struct locals_input in;
	struct locals *out;
	VEC(struct locals_pc) pcs; /* ascending */
	uint32_t *pc_of;	   /* per frame: index of pcs */
	VEC(struct locals_function) functions;
	VEC(struct locals_source) sources;
	uint64_t steps_left; /* DIEs and ranges that may still be looked at */
};

/* locals_scopes.c, for dwarf.c: whether a unit has code that frames stand in. */
bool locals_scopes_is_live(struct dwarf_reader *r, Dwarf_Die *unit);

/* A function of such a unit. ERR_NOMEM. */
WARN_UNUSED int locals_scopes_note(struct dwarf_reader *r, Dwarf_Die *function);

/* The module's units are read, its types have ids: the variables of the functions noted. ERR_NOMEM. */
WARN_UNUSED int locals_scopes_read(struct dwarf_reader *r);

/* Where expressions are worked out: one frame. */
struct locals_context {
	struct locals_search *search;
	uint32_t frame;
	const struct locals_pc *pc;
	const struct locals_function *function;
	unsigned *steps_left; /* of all that one variable may take */
	uint8_t *doubt;
	unsigned n_callers; /* frames gone up, for values at entry */
};

/* What an expression says of some bytes of a variable. */
struct locals_part {
	enum { PART_NONE, PART_MEMORY, PART_REGISTER, PART_VALUE, PART_BYTES } kind;
	uint64_t number;      /* address, register, value */
	uint64_t size;	      /* bytes of the variable; 0: all of it */
	const uint8_t *bytes; /* n_bytes */
	size_t n_bytes;
};

/* locals_expression.c: the parts, in order, up to max; 0: it cannot be told. */
size_t locals_expression_place(const struct locals_context *c, const struct locals_code *code,
			       struct locals_part *out, size_t max);

/* The number that an expression computes; of a register its content. */
bool locals_expression_number(const struct locals_context *c, const struct locals_code *code,
			      uint64_t *out);

/* The register that an expression names and nothing else; false: another expression. */
bool locals_expression_register(const struct locals_code *code, uint32_t *number);

/* locals_entry.c: what a register had when the frame's function was entered. */
bool locals_entry_value(const struct locals_context *c, uint32_t number, uint64_t *out);

/* The same of a parameter that the compiler has taken away; its DIE. */
bool locals_entry_argument(const struct locals_context *c, const Dwarf_Die *parameter,
			   uint64_t *out);

#endif
