/*
 * A name is spelled once per type; namesakes of several modules meet in the interner.
 */
#include <stdio.h>
#include <stdlib.h>

#include "analyze/ask/typed.h"
#include "analyze/ask/type_rows.h"

int type_rows_init(struct type_rows *r, const struct session *s, struct err *err)
{
	*r = (struct type_rows){0};
	r->numbers = calloc(2 * (size_t)type_table_count(&s->types.table) + 1, sizeof(*r->numbers));
	return r->numbers ? 0 : err_nomem(err);
}

void type_rows_deinit(struct type_rows *r)
{
	interner_deinit(&r->names);
	free(r->numbers);
	*r = (struct type_rows){0};
}

uint32_t type_rows_of(struct type_rows *r, const struct session *s, obj_id o)
{
	char name[TYPED_NAME_MAX];
	struct typed t;
	uint32_t *number;

	if (o == OBJ_NONE || !typed_object(s, o, &t) || t.type >= type_table_count(&s->types.table))
		return INDEX_NONE;
	number = &r->numbers[2 * (size_t)t.type + t.is_array];
	if (!*number) {
		t.count = 0;
		typed_spell(s, &t, name);
		*number = 1 + interner_number(&r->names, name);
	}
	return *number - 1;
}

const char *type_rows_name(const struct type_rows *r, uint32_t number)
{
	return number < r->names.list.n ? r->names.list.v[number] : NULL;
}
