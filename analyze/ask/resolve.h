/*
 * What the user means by X: an address, a variable, a member of what these lead to, a type.
 */
#ifndef HEAPDUMP_ASK_RESOLVE_H
#define HEAPDUMP_ASK_RESOLVE_H

#include "analyze/ask/fact.h"
#include "analyze/ask/session.h"

enum target_kind { TARGET_ADDRESS, TARGET_VARIABLE, TARGET_ROOT, TARGET_TYPE };

struct target {
	enum target_kind kind;
	addr_t addr;	      /* address, or where the variable is */
	uint64_t size;	      /* of the variable; 0: unknown */
	obj_id object;	      /* that holds addr, or OBJ_NONE */
	struct symbol symbol; /* TARGET_VARIABLE */
	uint32_t root;	      /* TARGET_ROOT: that holds addr, which is in no object */
	type_id type;	      /* TARGET_TYPE: the first of that name */
};

/*
 * "0x…" (or hex digits with a leading digit) is an address; else a variable's name, "file.c:name" or
 * "lib.so:name"; or one of these with members, ".conn->rbuf", for the address that these lead to; or else a
 * type's name. ERR_ABSENT: no such variable, or several (the sentence lists
 * them). ERR_USAGE: not a number. Needs the heap; makes the graph where only a root can be meant.
 */
WARN_UNUSED int resolve(struct session *s, const char *text, struct target *out, struct err *err);

/* The same without members and types. */
WARN_UNUSED int resolve_base(struct session *s, const char *text, struct target *out,
			     struct err *err);

/* Whether that root is meant: the variable, or a piece of it, or one thread's copy of it. */
bool resolve_is_root(const struct session *s, const struct target *t, uint32_t root);

/* The root whose words hold the address, INDEX_NONE: none (registers have no address). O(roots). */
uint32_t resolve_root_at(const struct session *s, addr_t at);

/* Only an address. ERR_USAGE. */
WARN_UNUSED int resolve_address(const char *text, addr_t *out, struct err *err);

#endif
