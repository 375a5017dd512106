/*
 * Which local variable a word of a stack or a register is.
 */
#ifndef HEAPDUMP_ASK_ROOT_WORDS_H
#define HEAPDUMP_ASK_ROOT_WORDS_H

#include "analyze/ask/fact.h"
#include "analyze/ask/session.h"

/*
 * The local of a root's word at off, and where in it. A word in which a frame has saved a
 * register is the local that its caller, or one further up, has in that register. False: of none, or
 * not known.
 */
bool root_words_local(struct session *s, uint32_t root, uint64_t off, struct local_hit *out);

/*
 * Adds "variable" and, of a member, "path"; where they differ from the root's, "variable_function" (it
 * is of an inlined function, or of another frame's) and "variable_frame".
 */
void root_words_set(struct session *s, struct fact *into, uint32_t root, uint64_t off);

#endif
