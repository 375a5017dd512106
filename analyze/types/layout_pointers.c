/*
 * A walk over the type's members with an explicit stack. An array is one step
 * with a stride; an array of structs of arrays multiplies where the strides
 * fit together, and else is written out element by element, up to the limit.
 *
 *	struct { struct pair { void *a, *b; } v[8]; }   →   a: off 0, stride 16, count 8;  b: off 8, 16, 8
 */
#include "analyze/types/layout_pointers.h"

enum { MAX_STEPS = 1 << 20 };

struct step {
	type_id type;
	uint64_t off, stride, count; /* count copies of it */
	bool is_shared, is_open;
};

struct walk {
	const struct type_table *t;
	struct layout_pointers *out;
	VEC(struct step) stack;
	uint32_t steps_left;
};

void layout_pointers_deinit(struct layout_pointers *p)
{
	vec_deinit(&p->list);
	p->is_cut = false;
}

static int push(struct walk *w, struct step s)
{
	if (w->stack.n >= LAYOUT_POINTERS_MAX) {
		w->out->is_cut = true;
		return 0;
	}
	return vec_push(&w->stack, s);
}

static int add_pointer(struct walk *w, const struct step *s, const struct type *x)
{
	struct layout_pointer p = {.off = s->off,
				   .stride = s->stride,
				   .count = s->count,
				   .target = x->target == TYPE_NONE ? TYPE_UNKNOWN : x->target,
				   .is_shared = s->is_shared,
				   .is_open = s->is_open};

	p.is_code = type_table_get(w->t, type_table_peel(w->t, p.target))->kind == TYPE_FUNCTION;
	if (w->out->list.n >= LAYOUT_POINTERS_MAX) {
		w->out->is_cut = true;
		return 0;
	}
	return vec_push(&w->out->list, p);
}

static int add_members(struct walk *w, const struct step *s, type_id id)
{
	uint32_t n;
	const struct type_member *v = type_table_members(w->t, id, &n);
	bool is_union = type_table_get(w->t, id)->kind == TYPE_UNION;

	for (uint32_t i = 0; i < n; i++) {
		struct step child = *s;

		if (v[i].bit_size)
			continue;
		if (v[i].flags & TYPE_MEMBER_VIRTUAL ||
		    __builtin_add_overflow(s->off, v[i].off, &child.off)) {
			w->out->is_cut = true;
			continue;
		}
		child.type = v[i].type;
		child.is_shared |= is_union || v[i].flags & TYPE_MEMBER_VARIANT;
		if (push(w, child) < 0)
			return -1;
	}
	return 0;
}

/* count copies, each of n elements of size bytes. */
static int add_array(struct walk *w, const struct step *s, const struct type *x)
{
	struct step child = *s;
	uint64_t size, whole;

	if (!type_table_size(w->t, x->target, &size) || !size) {
		w->out->is_cut = true;
		return 0;
	}
	child.type = x->target;
	child.stride = size;
	if (x->flags & TYPE_UNBOUNDED || !x->count) {
		if (s->count != 1 || s->is_open)
			return 0;
		child.is_open = true;
		child.count = 0;
		return push(w, child);
	}
	if (s->count == 1 && !s->is_open) {
		child.count = x->count;
		return push(w, child);
	}
	if (!__builtin_mul_overflow(x->count, size, &whole) && whole == s->stride &&
	    !__builtin_mul_overflow(x->count, s->count, &child.count))
		return push(w, child);
	child.stride = s->stride;
	for (uint64_t i = 0; i < x->count; i++) {
		if (i >= LAYOUT_POINTERS_MAX || w->stack.n >= LAYOUT_POINTERS_MAX) {
			w->out->is_cut = true;
			break;
		}
		child.off = s->off + i * size;
		if (push(w, child) < 0)
			return -1;
	}
	return 0;
}

static int take(struct walk *w, const struct step *s)
{
	type_id id = type_table_peel(w->t, s->type);
	const struct type *x = type_table_get(w->t, id);

	switch (x->kind) {
	case TYPE_POINTER:
	case TYPE_REFERENCE:
	case TYPE_RVALUE_REFERENCE:
		return add_pointer(w, s, x);
	case TYPE_STRUCT:
	case TYPE_UNION:
		w->out->is_cut |= (x->flags & (TYPE_DECLARED | TYPE_DAMAGED)) != 0;
		return add_members(w, s, id);
	case TYPE_ARRAY:
		return add_array(w, s, x);
	default:
		w->out->is_cut |= id == TYPE_UNKNOWN;
		return 0;
	}
}

static int by_off(const void *a, const void *b)
{
	const struct layout_pointer *x = a, *y = b;

	if (x->off != y->off)
		return x->off < y->off ? -1 : 1;
	if (x->stride != y->stride)
		return x->stride < y->stride ? -1 : 1;
	return x->target < y->target ? -1 : x->target > y->target;
}

int layout_pointers_of(const struct type_table *t, type_id id, struct layout_pointers *p,
		       struct err *err)
{
	struct walk w = {.t = t, .out = p, .steps_left = MAX_STEPS};
	int rc;

	p->list.n = 0;
	p->is_cut = false;
	rc = push(&w, (struct step){.type = id, .count = 1});
	while (rc == 0 && w.stack.n) {
		struct step s = w.stack.v[--w.stack.n];

		if (!w.steps_left--) {
			p->is_cut = true;
			break;
		}
		rc = take(&w, &s);
	}
	vec_deinit(&w.stack);
	if (rc < 0)
		return err_nomem(err);
	if (p->list.n)
		qsort(p->list.v, p->list.n, sizeof(*p->list.v), by_off);
	return 0;
}
