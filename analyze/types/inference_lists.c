/*
 * What inference asks of a type again and again, worked out once per type: its pointers, its size, and
 * whether larger types begin like it.
 *
 * A type is the head of another if that has it as its first member (or the first member of that, …), or if
 * that begins with the same members under the same names, as C programs inherit by a macro. The
 * second is found by hashes of the first 1, 2, … HEAD_MEMBERS members of all structs.
 */
#include <stdlib.h>

#include "analyze/types/inference_run.h"
#include "base/cleanup.h"

enum { HEAD_MEMBERS = 16, MAX_NESTED = 16 };

/* In an array of one element at the end, which goes on as long as the object does. */
static void open_tail(const struct inference_shape *s, struct layout_pointer *p)
{
	if (!s->is_open || p->off < s->tail || p->is_open || p->count != 1 || p->guard)
		return;
	p->stride = s->tail_element;
	p->count = 0;
	p->is_open = true;
}

/* Which pointer it is, if the user has said what it leads to: then it is in no doubt. */
static void apply_told(const struct inference_run *r, type_id id, struct layout_pointer *p)
{
	for (size_t i = 0; i < r->in->n_told; i++) {
		const struct inference_told *told = &r->in->told[i];

		if (p->off < told->off ||
		    !inference_has_at(r->in->table, id, p->off - told->off, told->type))
			continue;
		p->target = told->target;
		p->is_shared = p->is_decided = false;
	}
}

int inference_list_of(struct inference_run *r, type_id id, const struct layout_pointers **out,
		      struct err *err)
{
	struct layout_pointers *p = r->lists[id];

	if (!p) {
		p = calloc(1, sizeof(*p));
		if (!p)
			return err_nomem(err);
		r->lists[id] = p;
		if (layout_pointers_by_rules(r->in->table,
					     r->in->containers ? &r->in->containers->rules : NULL,
					     id, p, err) < 0 ||
		    inference_add_virtual(r, id, p, err) < 0)
			return ERR_NOMEM;
		for (size_t i = 0; i < p->list.n; i++) {
			struct layout_pointer *q = &p->list.v[i];

			q->target = type_table_peel(r->in->table, q->target);
			open_tail(inference_shape(r, id), q);
			apply_told(r, id, q);
			if (inference_is_untyped(q)) {
				bitset_add(&r->voids, id);
				r->has_voids = true;
			}
		}
	}
	*out = p;
	return 0;
}

bool inference_is_linked(const struct inference_run *r, type_id id)
{
	const struct layout_pointers *list = r->lists[id];

	for (size_t i = 0; list && i < list->list.n; i++)
		if (list->list.v[i].target == id)
			return true;
	return false;
}

bool inference_is_untyped(const struct layout_pointer *p)
{
	return p->target == TYPE_VOID && !p->is_shared;
}

const struct inference_shape *inference_fill_shape(struct inference_run *r, type_id id)
{
	struct inference_shape *s = &r->shapes[id < r->n_types ? id : TYPE_UNKNOWN];

	if (!s->is_known)
		*s = inference_shape_of(r->in->table, id);
	return s;
}

static void note_head(struct inference_run *r, type_id head, uint64_t size, uint64_t at_least)
{
	uint64_t *least = &r->head_of[head];

	if (inference_shape(r, head)->size && size >= at_least && (!*least || size < *least))
		*least = size;
}

/* First members, and their first members; of unions all. */
static void note_first_members(struct inference_run *r, type_id id, uint64_t size)
{
	const struct type_table *t = r->in->table;

	for (int depth = 0; depth < MAX_NESTED; depth++) {
		uint32_t n;
		const struct type_member *v = type_table_members(t, id, &n);
		bool is_union = type_table_get(t, id)->kind == TYPE_UNION;

		for (uint32_t i = 0; i < n && (!i || is_union); i++) {
			type_id first = v[i].off ? TYPE_UNKNOWN : type_table_peel(t, v[i].type);

			first = first < type_table_count(t) ? first : TYPE_UNKNOWN;
			note_head(r, first, size, inference_shape(r, first)->size + 1);
			id = i ? id : first;
		}
		if (is_union || !n)
			return;
	}
}

struct prefix {
	uint64_t hash, size; /* size 0: free */
};

struct prefixes {
	struct prefix *v;
	uint64_t mask;
};

static struct prefix *prefix_slot(const struct prefixes *p, uint64_t hash)
{
	uint64_t i = hash & p->mask;

	while (p->v[i].size && p->v[i].hash != hash)
		i = (i + 1) & p->mask;
	return &p->v[i];
}

static uint64_t hash_member(const struct type_table *t, uint64_t hash, const struct type_member *m)
{
	uint64_t x = (uint64_t)m->name << 32 ^ type_table_peel(t, m->type);

	hash = (hash ^ x) * 0x9e3779b97f4a7c15ull;
	hash = (hash ^ hash >> 29 ^ m->off << 16 ^ m->bit_size) * 0xbf58476d1ce4e5b9ull;
	return hash ^ hash >> 32;
}

/* Of a struct of known size: its members. */
static uint32_t struct_members(struct inference_run *r, type_id id, const struct type_member **v)
{
	uint32_t n = 0;
	const struct type *x = type_table_get(r->in->table, id);

	if (x->kind == TYPE_STRUCT && !(x->flags & TYPE_DECLARED) && inference_shape(r, id)->size)
		*v = type_table_members(r->in->table, id, &n);
	return n;
}

static void note_prefixes(struct inference_run *r, type_id id, const struct prefixes *p)
{
	const struct type_member *v;
	uint32_t n = struct_members(r, id, &v);
	uint64_t hash = 0, size = inference_shape(r, id)->size;

	for (uint32_t i = 0; i + 1 < n && i < HEAD_MEMBERS; i++) {
		struct prefix *slot;

		hash = hash_member(r->in->table, hash, &v[i]);
		slot = prefix_slot(p, hash);
		if (!slot->size || slot->size > size)
			*slot = (struct prefix){hash, size};
	}
}

/* What has more members may be of the same size, in padding. */
static void look_up_prefix(struct inference_run *r, type_id id, const struct prefixes *p)
{
	const struct type_member *v;
	uint32_t n = struct_members(r, id, &v);
	uint64_t hash = 0;

	if (!n || n > HEAD_MEMBERS)
		return;
	for (uint32_t i = 0; i < n; i++)
		hash = hash_member(r->in->table, hash, &v[i]);
	note_head(r, id, prefix_slot(p, hash)->size, 1);
}

int inference_find_heads(struct inference_run *r, struct err *err)
{
	uint32_t n = type_table_count(r->in->table), n_members;
	_cleanup_free_ struct prefix *slots = NULL;
	struct prefixes p = {0};
	const struct type_member *v;
	uint64_t n_prefixes = 0;

	for (type_id id = 0; id < n; id++) {
		n_members = struct_members(r, id, &v);
		n_prefixes += n_members < HEAD_MEMBERS ? n_members : HEAD_MEMBERS;
		if (inference_shape(r, id)->is_record)
			note_first_members(r, id, inference_shape(r, id)->size);
	}
	for (p.mask = 1; p.mask < 2 * n_prefixes + 2; p.mask *= 2)
		;
	p.v = slots = calloc(p.mask--, sizeof(*slots));
	if (!slots)
		return err_nomem(err);
	for (type_id id = 0; id < n; id++)
		note_prefixes(r, id, &p);
	for (type_id id = 0; id < n; id++)
		look_up_prefix(r, id, &p);
	return 0;
}
