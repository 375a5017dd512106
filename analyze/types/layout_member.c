/*
 * From a path to the place: the way back of layout.c. Names are looked up as in
 * the language, through members without a name and through bases, nearest
 * first; at most LAYOUT_STEPS members are looked at.
 */
#include <string.h>

#include "analyze/types/layout.h"

enum { MAX_INNER = 64 };

struct place {
	type_id type;
	uint64_t off;
};

struct queue {
	struct place v[MAX_INNER];
	size_t n;
};

static bool is_named(const struct type_table *t, const struct type_member *m, const char *name,
		     size_t n)
{
	const char *text = type_table_text(t, m->name);

	return m->name && !(m->flags & TYPE_MEMBER_BASE) && !strncmp(text, name, n) && !text[n];
}

/* The member of that name; what has no name is queued, to be searched next. */
static bool find_in(const struct type_table *t, struct queue *q, struct place in, const char *name,
		    size_t n_name, unsigned *steps_left, struct layout_hit *out)
{
	uint32_t n;
	const struct type_member *v = type_table_members(t, type_table_peel(t, in.type), &n);

	for (uint32_t i = 0; i < n && *steps_left; i++, --*steps_left) {
		uint64_t off;

		if (v[i].flags & TYPE_MEMBER_VIRTUAL ||
		    __builtin_add_overflow(in.off, v[i].off, &off))
			continue;
		if (is_named(t, &v[i], name, n_name)) {
			out->type = v[i].type;
			out->off = off;
			out->bit_size = v[i].bit_size;
			out->bit_off = v[i].bit_off;
			return true;
		}
		if ((!v[i].name || v[i].flags & TYPE_MEMBER_BASE) && q->n < MAX_INNER)
			q->v[q->n++] = (struct place){v[i].type, off};
	}
	return false;
}

static bool is_record(const struct type_table *t, type_id id)
{
	uint8_t kind = type_table_get(t, type_table_peel(t, id))->kind;

	return kind == TYPE_STRUCT || kind == TYPE_UNION;
}

static bool step_member(const struct type_table *t, struct layout_hit *h, const char **path)
{
	struct queue q = {.n = 0};
	unsigned steps_left = LAYOUT_STEPS;
	size_t n = strcspn(*path, ".[");

	if (!n || !is_record(t, h->type))
		return false;
	q.v[q.n++] = (struct place){h->type, h->off};
	for (size_t i = 0; i < q.n; i++)
		if (find_in(t, &q, q.v[i], *path, n, &steps_left, h)) {
			*path += n;
			return true;
		}
	return false;
}

static bool step_element(const struct type_table *t, struct layout_hit *h, const char **path)
{
	const struct type *x = type_table_get(t, type_table_peel(t, h->type));
	char *end;
	uint64_t index = strtoull(*path + 1, &end, 10), size, off;

	if (x->kind != TYPE_ARRAY || end == *path + 1 || *end != ']' ||
	    !type_table_size(t, x->target, &size) || __builtin_mul_overflow(index, size, &off) ||
	    __builtin_add_overflow(h->off, off, &h->off))
		return false;
	h->type = x->target;
	*path = end + 1;
	return true;
}

bool layout_member(const struct type_table *t, type_id id, const char *path, struct layout_hit *out)
{
	struct layout_hit h = {.type = id, .outer = TYPE_NONE};

	while (*path) {
		bool ok = *path == '[' ? step_element(t, &h, &path) : step_member(t, &h, &path);

		if (!ok)
			return false;
		if (*path == '.' && path[1] && path[1] != '.')
			path++;
	}
	*out = h;
	return true;
}
