/*
 * Types against sizes. An allocator rounds up: glibc's usable sizes are 24, 40,
 * 56, … so up to 15 bytes (23 of the smallest) say nothing; up to 31 where the rest of a free chunk was too small
 * to stand alone (less than 32 bytes), and a page less one byte in a mapping of its own.
 */
#include "analyze/types/inference.h"
#include "analyze/types/inference_run.h"

enum { ROUNDING = 16, MAX_NESTED = 32, NOT_SMALL = 64 };

/* Whether that many bytes asked for may have become this usable size. */
static bool rounds_to(uint64_t asked, uint64_t usable, bool is_mapped)
{
	uint64_t most = is_mapped ? INFERENCE_PAGE : ROUNDING;

	if (!is_mapped && asked >= NOT_SMALL)
		most = INFERENCE_SLACK;
	return asked <= usable && (usable - asked < most || usable <= INFERENCE_SMALLEST);
}

/*
 * Whether the type's last member, or that one's last, …, is an array without a count, or of one element, as flexible
 * arrays were written once. The array's offset and element.
 */
static bool ends_open(const struct type_table *t, type_id id, struct inference_shape *s)
{
	uint64_t off = 0;

	for (int i = 0; i < MAX_NESTED; i++) {
		const struct type *x = type_table_get(t, id = type_table_peel(t, id));
		uint32_t n;
		const struct type_member *v = type_table_members(t, id, &n);

		if (x->kind == TYPE_ARRAY) {
			s->tail = off;
			return i && (x->flags & TYPE_UNBOUNDED || x->count <= 1) &&
			       type_table_size(t, x->target, &s->tail_element) && s->tail_element;
		}
		if (x->kind != TYPE_STRUCT || !n)
			return false;
		id = v[n - 1].type;
		off += v[n - 1].off;
	}
	return false;
}

struct inference_shape inference_shape_of(const struct type_table *t, type_id id)
{
	const struct type *x = type_table_get(t, id = type_table_peel(t, id));
	struct inference_shape s = {.is_known = true};

	if (!type_table_size(t, id, &s.size) || !s.size)
		s.size = 0;
	s.is_scalar = x->kind == TYPE_BASE || x->kind == TYPE_ENUM || x->kind == TYPE_UNSPECIFIED;
	s.is_record = x->kind == TYPE_STRUCT || x->kind == TYPE_UNION;
	s.is_open = s.is_record && ends_open(t, id, &s);
	return s;
}

enum inference_fit inference_fit_shape(const struct inference_shape *s, uint64_t usable,
				       bool is_mapped)
{
	uint64_t rest;

	if (!s->size)
		return FIT_NONE;
	/* an array of one at the end may have none */
	if (s->size > usable)
		return s->is_open && s->tail && s->tail <= usable ? FIT_OPEN : FIT_NONE;
	if (s->is_scalar)
		return FIT_BYTES;
	if (s->is_record && rounds_to(s->size, usable, is_mapped))
		return FIT_EXACT;
	if (s->is_open)
		return FIT_OPEN;
	rest = s->is_record || s->size > sizeof(uint64_t) ? usable % s->size : 0;
	if (rest < (is_mapped ? INFERENCE_PAGE : ROUNDING) &&
	    (usable >= 2 * s->size || !s->is_record))
		return FIT_ARRAY;
	return FIT_PREFIX;
}

enum inference_fit inference_fit_of(const struct type_table *t, type_id id, uint64_t usable,
				    bool is_mapped)
{
	struct inference_shape s = inference_shape_of(t, id);

	return inference_fit_shape(&s, usable, is_mapped);
}

uint64_t inference_count(const struct inference_line *l, const struct type_table *t, uint64_t size)
{
	uint64_t one;

	if (l->fit != FIT_ARRAY && l->fit != FIT_BYTES)
		return l->fit != FIT_NONE;
	return type_table_size(t, l->type, &one) && one ? size / one : 0;
}

uint64_t inference_off_in_type(const struct type_table *t, const struct inference_line *l,
			       uint64_t off)
{
	struct inference_shape s = inference_shape_of(t, l->type);

	if (s.size && l->fit == FIT_ARRAY)
		off %= s.size;
	if (s.is_open && off > s.tail)
		off = s.tail + (off - s.tail) % s.tail_element;
	return off;
}

struct place {
	type_id id;
	uint64_t off;
};

enum { PLACES = 64, MAX_STEPS = 1024 };

struct places {
	struct place v[PLACES];
	int n, steps;
};

/* The members that hold the offset: one of a struct, perhaps all of a union. */
static void push_members(const struct type_table *t, struct places *p, struct place at)
{
	uint32_t n;
	const struct type_member *v = type_table_members(t, at.id, &n);
	bool is_union = type_table_get(t, at.id)->kind == TYPE_UNION;
	uint64_t size;

	for (uint32_t i = 0; i < n && p->n < PLACES && p->steps++ < MAX_STEPS; i++) {
		bool is_tail =
			type_table_get(t, type_table_peel(t, v[i].type))->flags & TYPE_UNBOUNDED;

		if (v[i].off > at.off || v[i].bit_size ||
		    v[i].flags & (TYPE_MEMBER_VIRTUAL | TYPE_MEMBER_VARIANT))
			continue;
		if (!is_tail &&
		    (!type_table_size(t, v[i].type, &size) || at.off - v[i].off >= size))
			continue;
		p->v[p->n++] = (struct place){v[i].type, at.off - v[i].off};
		if (!is_union)
			return;
	}
}

/* The first members of the outer are the inner's, one by one. */
static bool has_its_members(const struct type_table *t, type_id outer, type_id inner)
{
	uint32_t n_outer, n_inner;
	const struct type_member *x = type_table_members(t, outer, &n_outer);
	const struct type_member *y = type_table_members(t, inner, &n_inner);

	if (!n_inner || n_outer < n_inner || type_table_get(t, outer)->kind != TYPE_STRUCT ||
	    type_table_get(t, inner)->kind != TYPE_STRUCT)
		return false;
	for (uint32_t i = 0; i < n_inner; i++)
		if (x[i].name != y[i].name || x[i].off != y[i].off ||
		    x[i].bit_size != y[i].bit_size ||
		    type_table_peel(t, x[i].type) != type_table_peel(t, y[i].type))
			return false;
	return true;
}

static bool find_at(const struct type_table *t, type_id id, uint64_t off, type_id inner,
		    bool loosely)
{
	struct places p = {.v[0] = {id, off}, .n = 1};

	while (p.n && p.steps++ < MAX_STEPS) {
		struct place at = p.v[--p.n];
		const struct type *x = type_table_get(t, at.id = type_table_peel(t, at.id));
		uint64_t size;

		if (!at.off && (at.id == inner || (loosely && has_its_members(t, at.id, inner))))
			return true;
		if (x->kind == TYPE_STRUCT || x->kind == TYPE_UNION)
			push_members(t, &p, at);
		else if (x->kind == TYPE_ARRAY && type_table_size(t, x->target, &size) && size)
			p.v[p.n++] = (struct place){x->target, at.off % size};
	}
	return false;
}

bool inference_has_at(const struct type_table *t, type_id id, uint64_t off, type_id inner)
{
	return find_at(t, id, off, inner, false);
}

bool inference_begins_at(const struct type_table *t, type_id id, uint64_t off, type_id inner)
{
	return find_at(t, id, off, inner, true);
}

bool inference_begins_with(const struct type_table *t, type_id outer, type_id inner)
{
	return find_at(t, outer, 0, inner, true);
}
