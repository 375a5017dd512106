/*
 * Text that a class of the language's own library holds.
 */
#ifndef HEAPDUMP_ASK_STRINGS_H
#define HEAPDUMP_ASK_STRINGS_H

#include "analyze/ask/value.h"

/* Sets text, and text_cut, of a std::string, a &str, a String; else nothing. O(members). */
void strings_set_text(struct session *s, struct fact *field, const struct value_place *p);

#endif
