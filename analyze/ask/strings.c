/*
 * Strings by the members that say where their characters are and how many:
 *
 *	libstdc++   std::basic_string<char, ...>   _M_dataplus._M_p   _M_string_length
 *	Rust        &str                           data_ptr           length
 *	            alloc::string::String          vec.buf.….pointer  vec.len
 */
#include <string.h>

#include "analyze/ask/pointee.h"
#include "analyze/ask/strings.h"
#include "analyze/types/layout.h"

static const struct string_shape {
	const char *type; /* its name begins so */
	const char *at, *length;
} shapes[] = {
	{"std::__cxx11::basic_string<char,", "_M_dataplus._M_p", "_M_string_length"},
	{"std::basic_string<char,", "_M_dataplus._M_p", "_M_string_length"},
	{"std::basic_string_view<char,", "_M_str", "_M_len"},
	{"&str", "data_ptr", "length"},
	{"alloc::string::String", "vec.buf.inner.ptr.pointer.pointer", "vec.len"},
	{"alloc::string::String", "vec.buf.ptr.pointer.pointer", "vec.len"},
};

static bool word_at(const struct session *s, const struct value_place *p, const char *path,
		    uint64_t *word)
{
	struct layout_hit hit;

	return layout_member(&s->types.table, p->type, path, &hit) && !hit.bit_size &&
	       space_u64(&s->space, p->addr + hit.off, word);
}

void strings_set_text(struct session *s, struct fact *field, const struct value_place *p)
{
	const struct type_table *t = &s->types.table;
	const struct type *x = type_table_get(t, type_table_peel(t, p->type));
	const char *name = type_table_text(t, x->name);
	uint64_t at, length;

	for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
		if (!strncmp(name, shapes[i].type, strlen(shapes[i].type)) &&
		    word_at(s, p, shapes[i].at, &at) && word_at(s, p, shapes[i].length, &length)) {
			if (!length)
				fact_set_str(field, "text", "");
			else
				pointee_set_text(s, field, at, length, true);
			return;
		}
}
