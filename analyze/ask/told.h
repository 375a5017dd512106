/*
 * What the user says of types (--type): of one object, or of every pointer that a type has at a member.
 *
 *	0x55ce877885d0=struct session        that object
 *	g_cache=struct cache                 what that variable points to
 *	struct dictEntry.key=char            what each dictEntry's .key points to
 */
#ifndef HEAPDUMP_ASK_TOLD_H
#define HEAPDUMP_ASK_TOLD_H

#include "analyze/ask/session.h"
#include "analyze/types/vtables.h"

struct told {
	struct inference_claims *claims; /* of objects; added to */
	VEC(struct inference_told) members;
};

/*
 * Reads session.options.told; needs the heap and the types. ERR_USAGE: not of that form. ERR_ABSENT: no such object,
 * variable, type or member, several types of that name, or one that the object is too small for.
 */
WARN_UNUSED int told_read(struct session *s, struct told *out, struct err *err);

#endif
