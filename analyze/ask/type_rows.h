/*
 * The types that objects are of, numbered by name: arrays of a type apart from single ones, types of one
 * name together.
 */
#ifndef HEAPDUMP_ASK_TYPE_ROWS_H
#define HEAPDUMP_ASK_TYPE_ROWS_H

#include "analyze/ask/interner.h"
#include "analyze/ask/session.h"

struct type_rows {
	struct interner names; /* by number */
	uint32_t *numbers;     /* per type, single and array: 1 + number; 0: not looked at yet */
};

/* Needs the types. ERR_NOMEM. */
WARN_UNUSED int type_rows_init(struct type_rows *r, const struct session *s, struct err *err);
void type_rows_deinit(struct type_rows *r);

/* The number of the object's type, INDEX_NONE: not known. */
uint32_t type_rows_of(struct type_rows *r, const struct session *s, obj_id o);

/* "struct conn", "char[]"; NULL of INDEX_NONE. */
const char *type_rows_name(const struct type_rows *r, uint32_t number);

#endif
