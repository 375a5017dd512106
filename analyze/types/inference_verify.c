/*
 * What would be certain is looked at once more, all of it, when the lines stand still: a pointer that is left over from
 * before leads to memory that is something else by now, of the same size, and nobody contradicts who is not known.
 *
 *	a word that is no pointer by its type and is the start of an object
 *	a pointer to a struct that leads to an object of another size, or into the middle of what has none there
 *	a bool that is neither 0 nor 1; an enumerator's value that has bits none of them has
 *
 *	nothing but zeros where there are pointers
 * One of these, and the object is likely. Objects are looked at in the order of their addresses: memory is read once,
 * in a row.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/types/inference_run.h"

enum { MAX_CHECKS = 64, MAX_STEPS = 512, MAX_REPEATED = 4, WORDS = 1 << 16 };

/* Bits that must be 0 in a scalar. */
struct inference_check {
	uint32_t off, size;
	uint64_t zeros;
};

/* Of one type. */
struct inference_checks {
	struct inference_check v[MAX_CHECKS];
	uint32_t n;
	bool *is_pointer; /* per word: perhaps, by some member; n_words of them */
	uint64_t n_words;
};

struct step {
	type_id type;
	uint64_t off;
};

struct steps {
	struct step v[MAX_CHECKS];
	uint32_t n, taken;
};

/* DWARF 5 §7.8 */
enum { DW_ATE_BOOLEAN = 0x02 };

/* Bits that no enumerator has, nor a smaller number than the greatest; 0: any may be there. */
static uint64_t zeros_of(const struct type_table *t, type_id id)
{
	const struct type *x = type_table_get(t, id);
	uint32_t n;
	const struct type_member *v = type_table_members(t, id, &n);
	uint64_t all = 0;

	if (x->kind == TYPE_BASE)
		return x->encoding == DW_ATE_BOOLEAN ? ~1ull : 0;
	if (x->kind != TYPE_ENUM || !n)
		return 0;
	for (uint32_t i = 0; i < n; i++)
		all |= v[i].off;
	return all >> 31 ? 0 : ~0ull << (64 - __builtin_clzll(all | 1));
}

static void push_step(struct steps *s, type_id type, uint64_t off)
{
	if (s->n < MAX_CHECKS)
		s->v[s->n++] = (struct step){type, off};
}

static void push_inner(const struct type_table *t, struct steps *s, struct step at)
{
	const struct type *x = type_table_get(t, at.type);
	uint32_t n;
	const struct type_member *v = type_table_members(t, at.type, &n);
	uint64_t size;

	if (x->kind == TYPE_ARRAY && type_table_size(t, x->target, &size))
		for (uint64_t i = 0; i < x->count && i < MAX_REPEATED; i++)
			push_step(s, x->target, at.off + i * size);
	if (x->kind != TYPE_STRUCT)
		return;
	for (uint32_t i = 0; i < n; i++)
		if (!v[i].bit_size && !(v[i].flags & (TYPE_MEMBER_VIRTUAL | TYPE_MEMBER_VARIANT)))
			push_step(s, v[i].type, at.off + v[i].off);
}

static void list_checks(const struct type_table *t, type_id id, struct inference_checks *c)
{
	struct steps s = {.v[0] = {id, 0}, .n = 1};

	while (s.n && s.taken++ < MAX_STEPS) {
		struct step at = s.v[--s.n];
		uint64_t size, zeros;

		at.type = type_table_peel(t, at.type);
		zeros = zeros_of(t, at.type);
		push_inner(t, &s, at);
		if (zeros && type_table_size(t, at.type, &size) && size && size <= 8 &&
		    at.off < UINT32_MAX - 8 && c->n < MAX_CHECKS)
			c->v[c->n++] =
				(struct inference_check){(uint32_t)at.off, (uint32_t)size, zeros};
	}
}

/* Which words have a pointer in some member, or one in a union. */
static bool mark_pointers(struct inference_run *r, type_id id, struct inference_checks *c,
			  struct err *err)
{
	const struct layout_pointers *list = NULL;
	uint64_t size = inference_shape(r, id)->size;

	c->n_words = size / sizeof(uint64_t) < WORDS ? size / sizeof(uint64_t) : WORDS;
	c->is_pointer = calloc(c->n_words + 1, sizeof(*c->is_pointer));
	if (!c->is_pointer || inference_list_of(r, id, &list, err) < 0)
		return false;
	/* what is not known of a type may be a pointer anywhere */
	if (list->is_cut)
		memset(c->is_pointer, 1, c->n_words);
	for (size_t i = 0; i < list->list.n; i++) {
		const struct layout_pointer *p = &list->list.v[i];
		uint64_t n = p->is_open ? c->n_words : p->count, off = p->off;

		for (uint64_t k = 0; k < n && off / sizeof(uint64_t) < c->n_words;
		     k++, off += p->stride) {
			c->is_pointer[off / sizeof(uint64_t)] = true;
			if (!p->stride)
				break;
		}
	}
	return true;
}

static const struct inference_checks *checks_of(struct inference_run *r, type_id id,
						struct err *err)
{
	struct inference_checks *c = r->checks[id];

	if (c)
		return c;
	c = r->checks[id] = calloc(1, sizeof(*c));
	if (!c || !mark_pointers(r, id, c, err))
		return NULL;
	list_checks(r->in->table, id, c);
	return c;
}

void inference_free_checks(struct inference_run *r)
{
	for (uint32_t i = 0; r->checks && i < r->n_types; i++)
		if (r->checks[i]) {
			free(r->checks[i]->is_pointer);
			free(r->checks[i]);
		}
	free(r->checks);
}

static bool is_out_of_range(const struct inference_checks *c, const uint8_t *at, uint64_t avail)
{
	for (uint32_t i = 0; i < c->n; i++) {
		uint64_t value = 0;

		if (avail < c->v[i].off || avail - c->v[i].off < c->v[i].size)
			continue;
		memcpy(&value, at + c->v[i].off, c->v[i].size);
		if (value & c->v[i].zeros)
			return true;
	}
	return false;
}

static bool has_pointers(const struct inference_run *r, type_id id)
{
	return r->lists[id] && r->lists[id]->list.n;
}

static bool is_zero(const uint8_t *at, uint64_t n)
{
	return n && !at[0] && !memcmp(at, at + 1, n - 1);
}

/* A word that holds a number, and is where an object starts. */
static bool has_strange_word(struct inference_run *r, const struct inference_checks *c,
			     const uint8_t *at, uint64_t avail)
{
	struct range span = index_span(r->in->index);

	for (uint64_t i = 0; i < c->n_words && (i + 1) * sizeof(uint64_t) <= avail; i++) {
		uint64_t word;
		obj_id o;

		memcpy(&word, at + i * sizeof(word), sizeof(word));
		if (word < span.lo || word >= span.hi || c->is_pointer[i])
			continue;
		o = index_find(r->in->index, word);
		if (o != OBJ_NONE && objects_addr(r->in->objects, o) == word)
			return true;
	}
	return false;
}

int inference_verify(struct inference_run *r, struct err *err)
{
	r->checks = calloc(r->n_types, sizeof(*r->checks));
	if (!r->checks)
		return err_nomem(err);
	for (obj_id o = 0; o < r->out->n; o++) {
		struct inference_line *l = &r->out->v[o];
		const struct inference_checks *c;
		uint64_t avail, size;
		const uint8_t *at;

		if (l->confidence != CONFIDENCE_CERTAIN)
			continue;
		c = checks_of(r, l->type, err);
		if (!c)
			return err_nomem(err);
		at = inference_at(r, objects_addr(r->in->objects, o), &avail);
		if (l->flags & INFERENCE_UNFIT && inference_weigh(r, o, 0, l->type, err).n_unfit)
			l->flags |= INFERENCE_DOUBT;
		size = inference_shape(r, l->type)->size;
		avail = avail < size ? avail : size;
		if (at &&
		    ((l->fit == FIT_EXACT && has_pointers(r, l->type) && is_zero(at, avail)) ||
		     is_out_of_range(c, at, avail) || has_strange_word(r, c, at, avail)))
			l->flags |= INFERENCE_DOUBT;
	}
	return 0;
}
