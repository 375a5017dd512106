/*
 * Private to value.c: an enumeration's value by its names.
 */
#ifndef HEAPDUMP_ASK_VALUE_ENUM_H
#define HEAPDUMP_ASK_VALUE_ENUM_H

#include "analyze/ask/fact.h"
#include "analyze/types/type_table.h"

/* Sets kind, value (the number) and name_of_value: "GREEN"; of flags "READ | WRITE", "READ | 0x8"; none where no name fits. */
void value_enum_set(const struct type_table *t, struct fact *into, type_id id, uint64_t value,
		    unsigned bits);

#endif
