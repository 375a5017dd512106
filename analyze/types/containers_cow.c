/*
 * std::string as it was before C++11 (_GLIBCXX_USE_CXX11_ABI=0): one word, that points behind a header.
 *
 *	object ─► _Rep { _M_length, _M_capacity, _M_refcount }, then the characters ◄── _M_dataplus._M_p
 *
 * The characters are no member of _Rep; the table is told that it ends in them.
 */
#include <stdio.h>
#include <string.h>

#include "analyze/types/containers_known.h"
#include "analyze/types/layout.h"

enum { MAX_NAME = 4096, MAX_SAME = 8, HASH = 0x636f7773 };

static const char characters[] = "_M_refdata"; /* what libstdc++ calls them */

/* The string's _Rep, if the words of both are as they should be. */
static type_id find_rep(const struct type_table *t, type_id string)
{
	char name[MAX_NAME];
	const char *own = type_table_text(t, type_table_get(t, string)->name);
	struct layout_hit hit;
	uint32_t offset;
	uint64_t size;

	if (layout_member(t, string, "_M_string_length", &hit) ||
	    !layout_member(t, string, "_M_dataplus._M_p", &hit) || hit.off ||
	    snprintf(name, sizeof(name), "%s::_Rep", own) >= (int)sizeof(name) ||
	    !type_table_name(t, name, strlen(name), &offset))
		return TYPE_NONE;
	for (size_t i = vec_bisect(&t->index, e, type_table_get(t, *e)->name < offset);
	     i < t->index.n && type_table_get(t, t->index.v[i])->name == offset; i++) {
		type_id id = t->index.v[i];
		const struct type *x = type_table_get(t, id);

		if (x->kind == TYPE_STRUCT && !(x->flags & TYPE_DECLARED) &&
		    type_table_size(t, id, &size) && size == CONTAINER_REP_SIZE &&
		    layout_member(t, id, "_M_length", &hit) && !hit.off &&
		    layout_member(t, id, "_M_capacity", &hit) && hit.off == 8)
			return id;
	}
	return TYPE_NONE;
}

static bool is_open(const struct type_table *t, type_id rep)
{
	struct layout_hit hit;

	return layout_member(t, rep, characters, &hit);
}

type_id containers_rep(const struct type_table *t, type_id string)
{
	type_id rep = find_rep(t, string);

	return rep != TYPE_NONE && is_open(t, rep) ? rep : TYPE_NONE;
}

int containers_open_rep(struct type_table *t, type_id string, struct err *err)
{
	type_id rep = find_rep(t, string), array;
	struct type_member m = {.off = CONTAINER_REP_SIZE};
	struct type text = {.kind = TYPE_ARRAY, .flags = TYPE_UNBOUNDED};
	uint32_t first, n;
	int rc;

	if (rep == TYPE_NONE || is_open(t, rep))
		return 0;
	text.target = type_table_argument(t, string, 0);
	text.module = type_table_get(t, rep)->module;
	first = type_table_get(t, rep)->first;
	n = type_table_get(t, rep)->n;
	if (text.target == TYPE_NONE || t->members.n + n + 1 > UINT32_MAX)
		return 0;
	rc = type_table_intern(t, characters, strlen(characters), &m.name, err);
	if (rc == 0)
		rc = type_table_add(t, &text, HASH, &array, err);
	if (rc < 0)
		return rc;
	m.type = array;
	if (vec_reserve(&t->members, t->members.n + n + 1) < 0)
		return err_nomem(err);
	t->types.v[rep].first = (uint32_t)t->members.n;
	t->types.v[rep].n = n + 1;
	for (uint32_t i = 0; i < n; i++)
		t->members.v[t->members.n++] = t->members.v[first + i];
	t->members.v[t->members.n++] = m;
	return 0;
}
