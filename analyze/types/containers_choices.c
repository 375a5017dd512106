/*
 * Classes that keep one of several things, or none, in a union, and say beside it which: optional and variant.
 *
 *	_Optional_payload_base   { union _M_payload; bool _M_engaged }		libstdc++ since GCC 9
 *	_Optional_payload        { union {…}; bool _M_engaged }			before
 *	__optional_destruct_base { union {…}; bool __engaged_ }			libc++
 *	_Variant_storage         { union _M_u; unsigned char _M_index }
 *	__base                   { union __data; unsigned int __index }		libc++
 *
 * The names of what is in the union are layout_pointers.c's.
 */
#include <string.h>

#include "analyze/types/containers_known.h"

static const struct {
	const char *name, *tag;
	uint8_t first;
} known[] = {
	{"_Optional_payload_base", "_M_engaged", 1},
	{"_Optional_payload", "_M_engaged", 1},
	{"__optional_destruct_base", "__engaged_", 1},
	{"_Variant_storage", "_M_index", 0},
	{"__base", "__index", 0}, /* of __variant_detail */
};

/* The class's own tag, of a size that a tag has, and its own only union. */
static bool find_members(const struct type_table *t, struct pointer_choice *c, const char *tag)
{
	uint32_t n, n_unions = 0;
	const struct type_member *v = type_table_members(t, c->type, &n);
	uint64_t size = 0;

	for (uint32_t i = 0; i < n; i++) {
		type_id type = type_table_peel(t, v[i].type);

		if (v[i].flags & (TYPE_MEMBER_BASE | TYPE_MEMBER_VIRTUAL) || v[i].bit_size)
			continue;
		if (type_table_get(t, type)->kind == TYPE_UNION) {
			n_unions++;
			c->member = i;
		} else if (!strcmp(type_table_text(t, v[i].name), tag) &&
			   type_table_get(t, type)->kind == TYPE_BASE && v[i].off < UINT32_MAX &&
			   type_table_size(t, type, &size)) {
			c->tag_off = (uint32_t)v[i].off;
		}
	}
	c->tag_size = (uint8_t)size;
	return n_unions == 1 && (size == 1 || size == 2 || size == 4);
}

int containers_find_choices(struct containers *c, const struct type_table *t, struct err *err)
{
	for (type_id id = 0; id < type_table_count(t); id++) {
		const struct type *x = type_table_get(t, id);
		const char *name = type_table_text(t, x->name);
		struct pointer_choice choice = {.type = id};
		size_t n;

		if (x->kind != TYPE_STRUCT || x->flags & TYPE_DECLARED ||
		    strncmp(name, "std::", 5) != 0)
			continue;
		name = containers_base_name(name, &n);
		for (size_t i = 0; i < ARRAY_LEN(known); i++) {
			if (strlen(known[i].name) != n || memcmp(name, known[i].name, n) != 0)
				continue;
			choice.first = known[i].first;
			if (find_members(t, &choice, known[i].tag) &&
			    vec_push(&c->rules.choices, choice) < 0)
				return err_nomem(err);
		}
	}
	return 0;
}
