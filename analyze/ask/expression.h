/*
 * A path as one expression of the source: g_sessions["alice"].second.conn, g_list->next×749->buf.
 */
#ifndef HEAPDUMP_ASK_EXPRESSION_H
#define HEAPDUMP_ASK_EXPRESSION_H

#include "analyze/ask/fact.h"
#include "analyze/ask/session.h"

/*
 * Sets "expression", which points to the path's last object, and "expression_guess" where the type of an object on
 * the way is a guess. Nothing where a step has no name: no variable at its start, no type, no member. Needs
 * the types. O(bytes of the objects on the path).
 */
void expression_set(struct session *s, struct fact *into, const struct path *p);

/* expression_key.c: an element's key, as the source would write it: 42, "alice", 'x', RED; {...}. */
enum { EXPRESSION_KEY_MAX = 160 };
void expression_key(const struct session *s, type_id type, addr_t at,
		    char out[static EXPRESSION_KEY_MAX]);

#endif
