/*
 * What the user means by X: an address, or the name of a variable.
 */
#ifndef HEAPDUMP_ASK_RESOLVE_H
#define HEAPDUMP_ASK_RESOLVE_H

#include "analyze/ask/fact.h"
#include "analyze/ask/session.h"

enum target_kind { TARGET_ADDRESS, TARGET_VARIABLE };

struct target {
	enum target_kind kind;
	addr_t addr;	      /* address, or where the variable is */
	uint64_t size;	      /* of the variable; 0: unknown */
	obj_id object;	      /* that holds addr, or OBJ_NONE */
	uint32_t first_root;  /* the roots of that variable: */
	uint32_t n_roots;     /* several where it is cut, or where threads each have one */
	struct symbol symbol; /* TARGET_VARIABLE */
};

/*
 * "0x…" (or hex digits with a leading digit and a letter) is an address; else a variable's name,
 * "file.c:name" or "lib.so:name". ERR_ABSENT: no such variable, or several (the sentence lists
 * them). ERR_USAGE: not a number. Needs the graph for the roots of a variable.
 */
WARN_UNUSED int resolve(struct session *s, const char *text, struct target *out, struct err *err);

/* Only an address. ERR_USAGE. */
WARN_UNUSED int resolve_address(const char *text, addr_t *out, struct err *err);

#endif
