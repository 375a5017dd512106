/*
 * Memory by a name and members: "g_sessions", "0x55….conn", "g_table.buckets[3]->key".
 */
#ifndef HEAPDUMP_ASK_MEMBER_PATH_H
#define HEAPDUMP_ASK_MEMBER_PATH_H

#include "analyze/ask/resolve.h"
#include "analyze/ask/value.h"

struct member_place {
	struct value_place value; /* type TYPE_NONE: not known */
	uint64_t count;		  /* is_array: elements of value.type that lie there */
	bool is_array;
	bool has_path;	      /* members were named: value is what they lead to, not the whole */
	struct target target; /* what the path begins with */
};

/*
 * Members of what a pointer leads to are named as the pointer's own: a dot serves for an arrow. ERR_ABSENT:
 * there is no such variable or member, or a pointer on the way leads nowhere. Reads types.
 */
WARN_UNUSED int member_path_find(struct session *s, const char *text, struct member_place *out,
				 struct err *err);

/* What the place leads to: the object a pointer there points to, else the address itself. */
addr_t member_path_target(const struct session *s, const struct member_place *p);

/* The memory at an address as what it is known to be: an object's type, or a variable's. */
struct member_place member_path_at(const struct session *s, addr_t at);

#endif
