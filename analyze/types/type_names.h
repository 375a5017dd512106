/*
 * Types as text, as C and C++ write them, and from text back to types.
 */
#ifndef HEAPDUMP_TYPES_TYPE_NAMES_H
#define HEAPDUMP_TYPES_TYPE_NAMES_H

#include "analyze/types/type_table.h"

enum { TYPE_NAME_MAX = 256 };

/*
 * "struct session *[16384]", "void (*)(int, char **)", "ns::Class", "const char *", "user" for
 * "typedef struct {...} user;", "struct {...}" for one without any name. Always terminated; what does not fit is cut, and ends in "...".
 */
void type_names_spell(const struct type_table *t, type_id id, char out[static TYPE_NAME_MAX]);

/*
 * The types of that name: "struct session", "union u", "enum e", "class ns::C", "session" (a type of
 * any kind), "ns::Class". Definitions before declarations, structs before typedefs, then by id. Where
 * none has the name in full, those that end in "::name". Up to max are stored, the number found is
 * returned: more than one means that the name alone does not say which. O(log types), the
 * second search O(types).
 */
size_t type_names_find(const struct type_table *t, const char *name, type_id *out, size_t max);

#endif
