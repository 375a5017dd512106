/*
 * Types against what is in an object: its pointer members must be addresses, and what is the address of an object should
 * be a pointer member. And which type is the only one that agrees, among those of a size.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/types/inference_run.h"

enum { WORDS = 64, CANDIDATES = 16 };

/* The words of one copy: pointers; pointers to functions; in a union, or void *, which may hold a number. */
struct masks {
	uint64_t sure, code, shared, untyped;
	type_id targets[WORDS]; /* of sure ones */
};

static void mark_words(struct masks *m, const struct layout_pointer *p)
{
	uint64_t n = p->is_open ? WORDS : p->count, off = p->off;
	uint64_t *mask = p->is_shared || p->guard ? &m->shared
			 : p->is_code		  ? &m->code
			 : p->target == TYPE_VOID ? &m->untyped
						  : &m->sure;

	for (uint64_t i = 0; i < n && off < WORDS * sizeof(uint64_t); i++, off += p->stride) {
		*mask |= 1ull << off / sizeof(uint64_t);
		m->targets[off / sizeof(uint64_t)] = p->target;
		if (!p->stride || p->stride > WORDS * sizeof(uint64_t))
			break;
	}
}

static obj_id start_of(struct inference_run *r, addr_t word)
{
	obj_id o = index_find(r->in->index, word);

	return o != OBJ_NONE && objects_addr(r->in->objects, o) == word ? o : OBJ_NONE;
}

/* A pointer into the middle of an object whose type has no such thing there. */
static bool is_misplaced(struct inference_run *r, obj_id o, uint64_t delta, type_id target)
{
	const struct inference_line *l = &r->out->v[o];
	uint64_t element = l->type == TYPE_NONE ? 0 : inference_shape(r, l->type)->size;

	if (!element || l->fit == FIT_BYTES || l->fit == FIT_PREFIX ||
	    l->confidence <= CONFIDENCE_GUESS)
		return false;
	if (l->fit == FIT_ARRAY)
		delta %= element;
	return !inference_begins_at(r->in->table, l->type, delta, target);
}

/*
 * A good pointer is better still if what it leads to is known to be that, or has its size, and bad if it is known to be
 * something else.
 */
static void weigh_target(struct inference_run *r, obj_id source, addr_t word, type_id target,
			 struct inference_content *c)
{
	obj_id o = index_find(r->in->index, word);
	const struct inference_line *l = o == OBJ_NONE ? NULL : &r->out->v[o];
	const struct inference_shape *x = inference_shape(r, target);
	uint64_t delta = l ? word - objects_addr(r->in->objects, o) : 0;
	enum inference_fit fit;
	bool agrees;

	if (!l || !x->size || x->is_scalar || delta == objects_size(r->in->objects, o))
		return;
	if (delta) {
		c->n_unfit += x->is_record && is_misplaced(r, o, delta, target);
		c->n_unsure++;
		return;
	}
	fit = inference_fit_shape(x, objects_size(r->in->objects, o),
				  objects_kind(r->in->objects, o) == OBJECT_MMAPPED);
	/* what it says itself confirms nothing */
	agrees = l->type != TYPE_NONE && (l->reason != INFERRED_FIELD || l->from != source) &&
		 (inference_begins_with(r->in->table, l->type, target) ||
		  inference_begins_with(r->in->table, target, l->type));
	if (fit == FIT_EXACT || (fit == FIT_OPEN && l->type == target))
		c->n_exact++;
	else
		c->n_unsure++;
	/* larger is no contradiction, but for what is linked by a member: what holds that is known, as a rule */
	c->n_unfit += !agrees && (fit == FIT_NONE || ((fit == FIT_PREFIX || fit == FIT_ARRAY) &&
						      inference_is_linked_head(r, target)));
	c->n_good += agrees;
	c->n_bad += !agrees && l->type != TYPE_NONE && l->confidence > CONFIDENCE_GUESS &&
		    x->is_record && inference_shape(r, l->type)->is_record;
}

static void weigh_word(struct inference_run *r, const struct masks *m, obj_id o, uint64_t i,
		       uint64_t word, struct inference_content *c)
{
	bool is_bad = inference_is_bad(r, word, m->code >> i & 1);

	if (m->shared >> i & 1)
		return;
	if (m->untyped >> i & 1)
		c->n_odd += is_bad;
	else if (!((m->sure | m->code) >> i & 1))
		c->n_strange += start_of(r, word) != OBJ_NONE;
	else if (is_bad)
		c->n_bad++;
	else
		c->n_good++;
	if (m->sure >> i & 1 && !is_bad)
		weigh_target(r, o, word, m->targets[i], c);
}

struct inference_content inference_weigh(struct inference_run *r, obj_id o, uint64_t off,
					 type_id type, struct err *err)
{
	struct inference_content c = {0};
	const struct layout_pointers *list = NULL;
	addr_t addr = objects_addr(r->in->objects, o) + off;
	uint64_t size = inference_shape(r, type)->size, avail;
	uint64_t there = objects_size(r->in->objects, o) - off;
	const uint8_t *at = inference_at(r, addr, &avail);
	struct masks m = {0};

	if (!at || inference_list_of(r, type, &list, err) < 0)
		return c;
	size = size < there && !inference_shape(r, type)->is_open ? size : there;
	size = size < avail ? size : avail;
	for (size_t i = 0; i < list->list.n; i++)
		mark_words(&m, &list->list.v[i]);
	for (uint64_t i = 0; i < WORDS && (i + 1) * sizeof(uint64_t) <= size; i++) {
		uint64_t word;

		memcpy(&word, at + i * sizeof(word), sizeof(word));
		if (word)
			weigh_word(r, &m, o, i, word, &c);
	}
	return c;
}

struct sized {
	uint64_t size;
	type_id id;
};

static int by_size_then_id(const void *a, const void *b)
{
	const struct sized *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static int list_by_size(struct inference_run *r, struct err *err)
{
	VEC(struct sized) all = {0};
	int rc = 0;

	for (type_id id = 0; id < type_table_count(r->in->table) && rc == 0; id++) {
		const struct inference_shape *s = inference_shape(r, id);
		const struct type *x = type_table_get(r->in->table, id);

		if (type_table_peel(r->in->table, id) != id || !s->is_record || !s->size ||
		    x->flags & (TYPE_DECLARED | TYPE_DAMAGED))
			continue;
		rc = vec_push(&all, ((struct sized){s->size, id}));
		if (rc == 0 && s->is_open)
			rc = vec_push(&r->open, id);
	}
	if (all.n)
		qsort(all.v, all.n, sizeof(*all.v), by_size_then_id);
	for (size_t i = 0; i < all.n && rc == 0; i++)
		rc = vec_push(&r->by_size, all.v[i].id);
	vec_deinit(&all);
	return rc < 0 ? err_nomem(err) : 0;
}

struct candidates {
	type_id v[CANDIDATES];
	uint32_t n_good[CANDIDATES];
	uint32_t n, n_sized; /* n_sized: before the content was looked at */
	bool is_cut;
};

static void consider(struct inference_run *r, obj_id o, type_id id, inference_suits *suits,
		     const void *arg, struct candidates *c, struct err *err)
{
	bool is_mapped = objects_kind(r->in->objects, o) == OBJECT_MMAPPED;
	enum inference_fit fit = inference_fit_shape(inference_shape(r, id),
						     objects_size(r->in->objects, o), is_mapped);
	struct inference_content content;

	if (!r->steps_left) {
		c->is_cut = true;
		return;
	}
	r->steps_left--;
	if ((fit != FIT_EXACT && fit != FIT_OPEN) || !suits(r, id, fit, arg))
		return;
	c->n_sized++;
	content = inference_weigh(r, o, 0, id, err);
	if (content.n_bad || content.n_strange)
		return;
	if (c->n == CANDIDATES)
		c->is_cut = true;
	else
		c->n_good[c->n] = content.n_good, c->v[c->n++] = id;
}

/* Of those that are left, the one that all others stand at the start of; of equal ones the first. */
static type_id outermost(struct inference_run *r, const struct candidates *c)
{
	for (uint32_t i = 0; i < c->n; i++) {
		uint32_t k = 0;

		while (k < c->n &&
		       (k == i || inference_begins_with(r->in->table, c->v[i], c->v[k])))
			k++;
		if (k == c->n)
			return c->v[i];
	}
	return TYPE_NONE;
}

/* Only those with the most pointers. */
static void keep_best(struct candidates *c)
{
	uint32_t most = 0, n = 0;

	for (uint32_t i = 0; i < c->n; i++)
		most = c->n_good[i] > most ? c->n_good[i] : most;
	for (uint32_t i = 0; i < c->n; i++)
		if (c->n_good[i] == most)
			c->v[n++] = c->v[i];
	c->n = n;
}

int inference_pick(struct inference_run *r, obj_id o, inference_suits *suits, const void *arg,
		   type_id *type, bool *by_size, struct err *err)
{
	uint64_t usable = objects_size(r->in->objects, o), least;
	struct candidates c = {0};
	size_t i;

	*type = TYPE_NONE;
	if (!r->by_size.n && list_by_size(r, err) < 0)
		return ERR_NOMEM;
	least = usable > INFERENCE_SMALLEST ? usable - INFERENCE_SLACK / 2 + 1 : 1;
	if (objects_kind(r->in->objects, o) == OBJECT_MMAPPED)
		least = usable > INFERENCE_PAGE ? usable - INFERENCE_PAGE + 1 : 1;
	i = vec_bisect(&r->by_size, e, inference_shape(r, *e)->size < least);
	for (; i < r->by_size.n && inference_shape(r, r->by_size.v[i])->size <= usable; i++)
		consider(r, o, r->by_size.v[i], suits, arg, &c, err);
	for (i = 0; i < r->open.n; i++)
		if (inference_shape(r, r->open.v[i])->size < least)
			consider(r, o, r->open.v[i], suits, arg, &c, err);
	keep_best(&c);
	if (c.n && !c.is_cut)
		*type = outermost(r, &c);
	*by_size = c.n_sized == 1;
	return 0;
}
