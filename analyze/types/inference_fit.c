/*
 * Types against sizes. An allocator rounds up: glibc's usable sizes are 24, 40,
 * 56, … so up to 15 bytes (23 of the smallest) say nothing.
 */
#include "analyze/types/inference.h"

enum { ROUNDING = 16, SMALLEST = 24, MAX_NESTED = 32 };

/* Whether that many bytes asked for may have become this usable size. */
static bool rounds_to(uint64_t asked, uint64_t usable)
{
	return asked <= usable && (usable - asked < ROUNDING || usable <= SMALLEST);
}

static bool ends_open(const struct type_table *t, type_id id)
{
	for (int i = 0; i < MAX_NESTED; i++) {
		const struct type *x = type_table_get(t, id = type_table_peel(t, id));
		uint32_t n;
		const struct type_member *v = type_table_members(t, id, &n);

		if (x->kind == TYPE_ARRAY)
			return x->flags & TYPE_UNBOUNDED || !x->count;
		if (x->kind != TYPE_STRUCT || !n)
			return false;
		id = v[n - 1].type;
	}
	return false;
}

static bool is_scalar(const struct type *x)
{
	return x->kind == TYPE_BASE || x->kind == TYPE_ENUM || x->kind == TYPE_UNSPECIFIED;
}

enum inference_fit inference_fit_of(const struct type_table *t, type_id id, uint64_t usable)
{
	const struct type *x = type_table_get(t, id = type_table_peel(t, id));
	uint64_t size;
	bool is_record = x->kind == TYPE_STRUCT || x->kind == TYPE_UNION;

	if (!type_table_size(t, id, &size) || !size || size > usable)
		return FIT_NONE;
	if (is_scalar(x))
		return FIT_BYTES;
	if (is_record && rounds_to(size, usable))
		return FIT_EXACT;
	if (is_record && ends_open(t, id))
		return FIT_OPEN;
	if (usable / size >= 1 && usable % size < ROUNDING && (usable >= 2 * size || !is_record))
		return FIT_ARRAY;
	return FIT_PREFIX;
}

uint64_t inference_count(const struct inference_line *l, const struct type_table *t, uint64_t size)
{
	uint64_t one;

	if (l->fit != FIT_ARRAY && l->fit != FIT_BYTES)
		return l->fit != FIT_NONE;
	return type_table_size(t, l->type, &one) && one ? size / one : 0;
}

bool inference_has_at(const struct type_table *t, type_id id, uint64_t off, type_id inner)
{
	for (int depth = 0; depth < MAX_NESTED; depth++) {
		const struct type *x = type_table_get(t, id = type_table_peel(t, id));
		uint32_t n, i;
		const struct type_member *v = type_table_members(t, id, &n);
		uint64_t size;

		if (!off && id == inner)
			return true;
		if (x->kind == TYPE_ARRAY) {
			if (!type_table_size(t, x->target, &size) || !size)
				return false;
			off %= size;
			id = x->target;
			continue;
		}
		if (x->kind != TYPE_STRUCT)
			return false;
		for (i = 0; i < n; i++)
			if (v[i].off <= off && !v[i].bit_size &&
			    !(v[i].flags & (TYPE_MEMBER_VIRTUAL | TYPE_MEMBER_VARIANT)) &&
			    type_table_size(t, v[i].type, &size) && off - v[i].off < size)
				break;
		if (i == n)
			return false;
		off -= v[i].off;
		id = v[i].type;
	}
	return false;
}
