/*
 * What an address leads to: the object, variable or function there, the text, or that nothing is.
 */
#ifndef HEAPDUMP_ASK_POINTEE_H
#define HEAPDUMP_ASK_POINTEE_H

#include "analyze/ask/fact.h"
#include "analyze/ask/session.h"

/*
 * Sets "to": {place, object, offset, path, name, symbol, file, line, text, text_cut}, as far as they are known.
 * declared: what the pointer's type says is there, TYPE_NONE: nothing. Needs the graph.
 */
void pointee_set(struct session *s, struct fact *into, addr_t to, type_id declared);

/* The same if the word leads anywhere at all; else nothing is set. */
void pointee_set_word(struct session *s, struct fact *into, addr_t word);

/*
 * Sets "text", up to the first NUL of at most max bytes, and "text_cut" if there is more. False, and nothing
 * set, where the bytes are not in the dump, or are no text and only_text is asked for.
 */
bool pointee_set_text(struct session *s, struct fact *into, addr_t at, uint64_t max,
		      bool only_text);

#endif
