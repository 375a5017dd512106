/*
 * Objects of which only the beginning is known (a base in C: struct GCObject { next; tt; marked }), by what others
 * have there. A tag: one scalar member of the head whose value says which type it is.
 *
 *	learn   objects that are known otherwise to be a T that begins with the head: value of the member → T
 *	        a member is the tag if nine of ten values stand for one type each, and there are two types at least
 *	apply   objects of the head: their value's type, if the size agrees
 *
 * Where no tag is found, or none for this value, the one type that begins with the head, fits the size and agrees with the content:
 * a guess.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/types/inference_run.h"

enum { MAX_HEADS = 16, MAX_TAGS = 8, VALUES = 256, MAX_TAG_BYTES = 4 };

struct tag {
	uint32_t off, size;
	bool is_full;
	uint32_t n_values;
	struct {
		uint32_t value;
		type_id type; /* TYPE_NONE: free */
		uint64_t n, votes;
	} v[VALUES];
};

struct head {
	type_id type;
	uint64_t n; /* objects of which nothing more is known */
	struct tag tags[MAX_TAGS];
	uint32_t n_tags;
	struct tag *best; /* NULL: none */
};

struct heads {
	struct head v[MAX_HEADS];
	uint32_t n;
};

static struct head *head_of(struct heads *h, type_id type)
{
	for (uint32_t i = 0; i < h->n; i++)
		if (h->v[i].type == type)
			return &h->v[i];
	return NULL;
}

static void add_tags(struct inference_run *r, struct head *h)
{
	const struct type_table *t = r->in->table;
	uint32_t n;
	const struct type_member *v = type_table_members(t, h->type, &n);

	for (uint32_t i = 0; i < n && h->n_tags < MAX_TAGS; i++) {
		const struct inference_shape *s = inference_shape(r, type_table_peel(t, v[i].type));
		struct tag *tag = &h->tags[h->n_tags];

		if (v[i].bit_size || !s->is_scalar || s->size > MAX_TAG_BYTES ||
		    v[i].off > UINT32_MAX)
			continue;
		tag->off = (uint32_t)v[i].off;
		tag->size = (uint32_t)s->size;
		for (uint32_t k = 0; k < VALUES; k++)
			tag->v[k].type = TYPE_NONE;
		h->n_tags++;
	}
}

static bool is_only_head(const struct inference_run *r, const struct inference_line *l)
{
	return l->fit == FIT_PREFIX && r->head_of[l->type];
}

static void find_heads(struct inference_run *r, struct heads *out)
{
	for (obj_id o = 0; o < r->out->n; o++) {
		const struct inference_line *l = &r->out->v[o];
		struct head *h;

		if (l->type == TYPE_NONE || !is_only_head(r, l))
			continue;
		h = head_of(out, l->type);
		if (!h && out->n < MAX_HEADS) {
			h = &out->v[out->n++];
			h->type = l->type;
			add_tags(r, h);
		}
		if (h)
			h->n++;
	}
}

static bool tag_value(struct inference_run *r, const struct tag *t, obj_id o, uint32_t *value)
{
	uint64_t avail;
	const uint8_t *p = inference_at(r, objects_addr(r->in->objects, o) + t->off, &avail);

	*value = 0;
	if (!p || avail < t->size)
		return false;
	memcpy(value, p, t->size);
	return true;
}

static uint32_t find_value(const struct tag *t, uint32_t value)
{
	uint32_t i = value * 0x9e3779b1u >> 24;

	for (uint32_t n = 0; n < VALUES; n++, i = (i + 1) % VALUES)
		if (t->v[i].type == TYPE_NONE || t->v[i].value == value)
			return i;
	return VALUES;
}

/* A vote (Boyer and Moore): what is left of it says by how much most agree. */
static void learn_tag(struct tag *t, uint32_t value, type_id type)
{
	uint32_t i = find_value(t, value);

	if (i == VALUES || (t->v[i].type == TYPE_NONE && t->n_values == VALUES / 2)) {
		t->is_full = true;
		return;
	}
	if (t->v[i].type == TYPE_NONE) {
		t->n_values++;
		t->v[i].value = value;
	}
	if (!t->v[i].votes)
		t->v[i].type = type;
	t->v[i].n++;
	if (t->v[i].type == type)
		t->v[i].votes++;
	else
		t->v[i].votes--;
}

/* Nine of ten agree, at least. */
static bool is_agreed(uint64_t votes, uint64_t n)
{
	return n && votes * 10 >= n * 8;
}

/* Whether its values tell types apart: all in all, and two types at least. */
static bool is_tag(const struct tag *t)
{
	uint64_t votes = 0, n = 0;
	type_id first = TYPE_NONE;
	bool are_two = false;

	for (uint32_t i = 0; i < VALUES; i++) {
		votes += t->v[i].votes;
		n += t->v[i].n;
		if (!is_agreed(t->v[i].votes, t->v[i].n))
			continue;
		are_two |= first != TYPE_NONE && first != t->v[i].type;
		first = t->v[i].type;
	}
	return !t->is_full && are_two && is_agreed(votes, n);
}

/* By type: which heads it begins with. */
static void learn_from(struct inference_run *r, struct heads *heads, obj_id o)
{
	const struct inference_line *l = &r->out->v[o];
	uint32_t value;

	for (uint32_t i = 0; i < heads->n; i++) {
		struct head *h = &heads->v[i];

		if (l->type == h->type || !h->n_tags ||
		    inference_shape(r, l->type)->size <= inference_shape(r, h->type)->size ||
		    !inference_begins_with(r->in->table, l->type, h->type))
			continue;
		for (uint32_t k = 0; k < h->n_tags; k++)
			if (!h->tags[k].is_full && tag_value(r, &h->tags[k], o, &value))
				learn_tag(&h->tags[k], value, l->type);
	}
}

static void choose_tags(struct heads *heads)
{
	for (uint32_t i = 0; i < heads->n; i++) {
		struct head *h = &heads->v[i];

		for (uint32_t k = 0; k < h->n_tags; k++) {
			struct tag *t = &h->tags[k];

			if (is_tag(t) && (!h->best || t->n_values < h->best->n_values))
				h->best = t;
		}
	}
}

static bool suits_head(struct inference_run *r, type_id type, enum inference_fit fit,
		       const void *arg)
{
	const type_id *head = arg;

	return type != *head && type_table_get(r->in->table, type)->kind == TYPE_STRUCT &&
	       inference_begins_with(r->in->table, type, *head);
}

static int narrow_one(struct inference_run *r, struct head *h, obj_id o, bool by_content,
		      struct err *err)
{
	struct inference_line line = r->out->v[o];
	uint32_t value, i;
	bool by_size;
	int rc = 0;

	line.flags = 0;
	line.reason = INFERRED_LEARNED;
	line.type = TYPE_NONE;
	if (h->best && tag_value(r, h->best, o, &value)) {
		i = find_value(h->best, value);
		line.type = i < VALUES && is_agreed(h->best->v[i].votes, h->best->v[i].n)
				    ? h->best->v[i].type
				    : TYPE_NONE;
		line.confidence = CONFIDENCE_LIKELY;
	}
	if (line.type == TYPE_NONE && by_content) {
		line.confidence = CONFIDENCE_GUESS;
		rc = inference_pick(r, o, suits_head, &h->type, &line.type, &by_size, err);
	}
	if (rc < 0 || line.type == TYPE_NONE)
		return rc;
	return inference_propose(r, o, line, err);
}

int inference_narrow(struct inference_run *r, bool by_content, struct err *err)
{
	struct heads *heads = calloc(1, sizeof(*heads));
	int rc = 0;

	if (!heads)
		return err_nomem(err);
	find_heads(r, heads);
	for (obj_id o = 0; o < r->out->n && heads->n; o++) {
		const struct inference_line *l = &r->out->v[o];

		if (l->type != TYPE_NONE && l->fit >= FIT_OPEN && l->confidence > CONFIDENCE_GUESS)
			learn_from(r, heads, o);
	}
	choose_tags(heads);
	for (obj_id o = 0; o < r->out->n && heads->n && rc == 0; o++) {
		const struct inference_line *l = &r->out->v[o];
		struct head *h =
			l->type != TYPE_NONE && is_only_head(r, l) ? head_of(heads, l->type) : NULL;

		if (h)
			rc = narrow_one(r, h, o, by_content, err);
	}
	free(heads);
	return rc;
}
