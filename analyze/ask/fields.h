/*
 * Memory as the fields of its type, with their values.
 */
#ifndef HEAPDUMP_ASK_FIELDS_H
#define HEAPDUMP_ASK_FIELDS_H

#include "analyze/ask/member_path.h"

/*
 * Sets fields[] (docs/json.md, field) of what lies at the place; of a scalar one field without a name.
 * limit: elements of an array that are shown, runs of equal ones counted once. depth: 1 for the
 * place alone, more to set the fields of what pointers lead to, too. What is more than some
 * thousand fields is cut, and said. Needs the types.
 */
WARN_UNUSED int fields_set(struct session *s, struct fact *out, const struct member_place *place,
			   unsigned depth, size_t limit, struct err *err);

/* words[] of memory of no known type: bytes, and where one leads. n bytes at most, limit rows. */
void fields_set_words(struct session *s, struct fact *out, addr_t at, uint64_t n, size_t limit);

#endif
