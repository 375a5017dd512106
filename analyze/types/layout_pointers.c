/*
 * A walk over the type's members with an explicit stack. An array is one step
 * with a stride; an array of structs of arrays multiplies where the strides
 * fit together, and else is written out element by element, up to the limit.
 *
 *	struct { struct pair { void *a, *b; } v[8]; }   →   a: off 0, stride 16, count 8;  b: off 8, 16, 8
 *
 * A union with a tag is entered once for each value of it: what is below that has a guard.
 *
 *	_Variant_storage { _M_index; _M_u { _M_first | _M_rest { _M_first | … } } }
 *	                                    index = 0            index = 1
 */
#include <string.h>

#include "analyze/types/layout_pointers.h"

enum { MAX_STEPS = 1 << 20 };

struct step {
	type_id type;
	uint64_t off, stride, count; /* count copies of it */
	bool is_shared, is_open;
	bool is_undecided;	 /* shared, and no guard says which is there */
	uint32_t guard;		 /* as a pointer's */
	struct layout_guard tag; /* of the union that it is; size 0: it has none */
};

/* A rule, where the walk came by its type. */
struct rule_place {
	const struct pointer_rule *rule;
	struct step at;
};

struct walk {
	const struct type_table *t;
	const struct pointer_rules *rules;
	VEC(struct rule_place) places;
	struct layout_pointers *out;
	VEC(struct step) stack;
	uint32_t steps_left;
};

void layout_pointers_deinit(struct layout_pointers *p)
{
	vec_deinit(&p->list);
	vec_deinit(&p->guards);
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
				   .is_decided = s->guard && !s->is_undecided,
				   .guard = s->guard,
				   .is_open = s->is_open};

	if (w->rules && bitset_has(&w->rules->opaque, type_table_peel(w->t, p.target)))
		p.how = POINTER_LINK;
	p.is_code = type_table_get(w->t, type_table_peel(w->t, p.target))->kind == TYPE_FUNCTION;
	if (w->out->list.n >= LAYOUT_POINTERS_MAX) {
		w->out->is_cut = true;
		return 0;
	}
	return vec_push(&w->out->list, p);
}

static bool is_one_of(const struct walk *w, const struct type_member *m, const char *const *names)
{
	const char *name = type_table_text(w->t, m->name);

	for (; *names; names++)
		if (!strcmp(name, *names))
			return true;
	return false;
}

/* Below a guard, what is there is not the nothing that it was before: {_M_empty; _M_storage}. */
static bool is_placeholder(const struct walk *w, const struct step *s, const struct type_member *v,
			   uint32_t n)
{
	static const char *const empty[] = {"_M_empty", NULL};

	return s->guard && n == 2 && (is_one_of(w, &v[0], empty) || is_one_of(w, &v[1], empty));
}

/* The members of a union with a tag: a value, and a union of those that come after. */
static int add_values(struct walk *w, const struct step *s, const struct type_member *v, uint32_t n)
{
	static const char *const values[] = {"_M_value", "_M_payload", "__val_",
					     "_M_first", "__head",     NULL};
	static const char *const rest[] = {"_M_rest", "__tail", NULL};

	for (uint32_t i = 0; i < n; i++) {
		struct step child = *s;

		child.type = v[i].type;
		if (__builtin_add_overflow(s->off, v[i].off, &child.off))
			continue;
		if (is_one_of(w, &v[i], rest)) {
			child.tag.value++;
		} else if (is_one_of(w, &v[i], values)) {
			if (w->out->guards.n >= LAYOUT_POINTERS_MAX) {
				w->out->is_cut = true;
				return 0;
			}
			if (vec_push(&w->out->guards, s->tag) < 0)
				return -1;
			child.guard = (uint32_t)w->out->guards.n;
			child.tag.size = 0;
			child.is_undecided = false;
		} else {
			continue;
		}
		if (push(w, child) < 0)
			return -1;
	}
	return 0;
}

/* If the member is a union that the struct has a tag of. */
static void find_tag(const struct walk *w, const struct step *s, type_id id, uint32_t member,
		     struct step *child)
{
	const struct pointer_choice *c;
	size_t i;

	if (!w->rules || s->is_undecided)
		return;
	i = vec_bisect(&w->rules->choices, e, e->type < id);
	c = i < w->rules->choices.n ? &w->rules->choices.v[i] : NULL;
	if (!c || c->type != id || c->member != member)
		return;
	child->is_shared = child->is_undecided = true;
	child->tag = (struct layout_guard){.stride = s->count == 1 && !s->is_open ? 0 : s->stride,
					   .value = c->first,
					   .outer = s->guard,
					   .size = c->tag_size};
	if (__builtin_add_overflow(s->off, c->tag_off, &child->tag.off))
		child->tag.size = 0;
}

static int add_members(struct walk *w, const struct step *s, type_id id)
{
	uint32_t n;
	const struct type_member *v = type_table_members(w->t, id, &n);
	bool is_union = type_table_get(w->t, id)->kind == TYPE_UNION;

	if (is_union && s->tag.size)
		return add_values(w, s, v, n);
	if (is_union && is_placeholder(w, s, v, n))
		is_union = false;

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
		child.tag.size = 0;
		if (is_union || v[i].flags & TYPE_MEMBER_VARIANT)
			child.is_shared = child.is_undecided = true;
		find_tag(w, s, id, i, &child);
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
	if (!__builtin_mul_overflow(x->count, size, &whole) && whole == s->stride && !s->guard &&
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

static int note_rules(struct walk *w, const struct step *s, type_id id)
{
	size_t i = vec_bisect(&w->rules->list, e, e->type < id);

	for (; i < w->rules->list.n && w->rules->list.v[i].type == id; i++) {
		struct rule_place p = {&w->rules->list.v[i], *s};

		if (w->places.n < LAYOUT_POINTERS_MAX && vec_push(&w->places, p) < 0)
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
		if (w->rules && note_rules(w, s, id) < 0)
			return -1;
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
	if (x->guard != y->guard)
		return x->guard < y->guard ? -1 : 1;
	return x->target < y->target ? -1 : x->target > y->target;
}

void layout_pointers_sort(struct layout_pointers *p)
{
	if (p->list.n)
		qsort(p->list.v, p->list.n, sizeof(*p->list.v), by_off);
}

/* The pointers that rules speak of, found again in the sorted list. */
static void apply_rules(struct walk *w)
{
	for (size_t i = 0; i < w->places.n; i++) {
		const struct rule_place *r = &w->places.v[i];
		uint64_t off = r->at.off + r->rule->off;
		size_t k = vec_bisect(&w->out->list, e, e->off < off);

		for (; k < w->out->list.n && w->out->list.v[k].off == off; k++) {
			struct layout_pointer *p = &w->out->list.v[k];

			if (p->stride != r->at.stride || p->count != r->at.count ||
			    p->is_open != r->at.is_open || p->guard != r->at.guard)
				continue;
			if (r->rule->target != TYPE_NONE)
				p->target = r->rule->target;
			p->how = r->rule->how;
			p->container = r->rule->container;
			p->rule_off = r->rule->off;
			p->manager = r->rule->manager;
			/* function::_M_functor may be a function's address as well */
			p->is_code &= p->how != POINTER_ERASED;
		}
	}
}

int layout_pointers_by_rules(const struct type_table *t, const struct pointer_rules *rules,
			     type_id id, struct layout_pointers *p, struct err *err)
{
	struct walk w = {.t = t, .rules = rules, .out = p, .steps_left = MAX_STEPS};
	int rc;

	p->list.n = 0;
	p->guards.n = 0;
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
	layout_pointers_sort(p);
	if (rc == 0)
		apply_rules(&w);
	vec_deinit(&w.stack);
	vec_deinit(&w.places);
	return rc < 0 ? err_nomem(err) : 0;
}

int layout_pointers_of(const struct type_table *t, type_id id, struct layout_pointers *p,
		       struct err *err)
{
	return layout_pointers_by_rules(t, NULL, id, p, err);
}

void pointer_rules_deinit(struct pointer_rules *r)
{
	vec_deinit(&r->list);
	vec_deinit(&r->choices);
	bitset_deinit(&r->opaque);
}
