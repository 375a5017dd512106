/*
 * One value of the dumped process, as its language writes it.
 */
#ifndef HEAPDUMP_ASK_VALUE_H
#define HEAPDUMP_ASK_VALUE_H

#include "analyze/ask/fact.h"
#include "analyze/ask/session.h"

/* Where a value lies, and as what it is read. */
struct value_place {
	addr_t addr;
	type_id type;
	uint64_t extent; /* bytes that are there for it; more than the type's size: it ends open */
	uint16_t bit_size; /* 0: no bit-field */
	uint8_t bit_off;
};

/* What a type is made of, for who shows values of it. */
enum value_form { VALUE_SCALAR, VALUE_RECORD, VALUE_ARRAY, VALUE_NONE };
enum value_form value_form(const struct session *s, type_id type);

/*
 * Sets kind, and of a scalar value, text, to; of what is not in the dump absent. The kinds are in
 * docs/json.md. O(1), an enum's O(enumerators), a pointer's as pointee_set().
 */
void value_set(struct session *s, struct fact *into, const struct value_place *p);

/* A pointer's or reference's word and what it points to; false: it is none, or not in the dump. */
bool value_pointer(const struct session *s, const struct value_place *p, addr_t *to,
		   type_id *target);

#endif
