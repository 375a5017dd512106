/*
 * Unions told apart: one word, several members with a pointer there, perhaps others without. Which of them
 * is in use is not known (a tag is the program's own business), but what the word leads to is:
 *
 *	reading        the target of each pointer member, if the object is large enough for it
 *	refuted        a pointer of the target would be no address, or an address is no pointer
 *	the only one   no other reading is left: likely. Of several the one that fits best, or has the most pointers,
 *	               as a guess; nothing if two are equal
 *
 * An integer or a double that is the exact address of an object by chance is not considered.
 * Bytes (char *) fit any object: they are a reading only if no other is left.
 */
#include "analyze/types/inference_run.h"

enum { MAX_READINGS = 16 };

struct readings {
	struct {
		type_id type;
		uint8_t fit;
		uint32_t n_good;
	} v[MAX_READINGS];
	uint32_t n, n_bytes;
	type_id bytes; /* the first reading that fits anything */
};

static bool has_reading(struct inference_run *r, const struct readings *x, type_id type)
{
	for (uint32_t i = 0; i < x->n; i++)
		if (x->v[i].type == type || inference_begins_with(r->in->table, x->v[i].type, type))
			return true;
	return false;
}

static void add_reading(struct inference_run *r, struct readings *x, obj_id o, type_id type,
			struct err *err)
{
	uint64_t usable = objects_size(r->in->objects, o);
	enum inference_fit fit =
		inference_fit_shape(inference_shape(r, type), usable,
				    objects_kind(r->in->objects, o) == OBJECT_MMAPPED);
	struct inference_content c;

	if (fit == FIT_BYTES)
		x->bytes = x->n_bytes++ ? x->bytes : type;
	if (fit <= FIT_BYTES || x->n == MAX_READINGS || has_reading(r, x, type))
		return;
	c = inference_weigh(r, o, 0, type, err);
	if (c.n_bad || c.n_strange)
		return;
	x->v[x->n].type = type;
	x->v[x->n].fit = (uint8_t)fit;
	x->v[x->n++].n_good = c.n_good;
}

static uint64_t merit(const struct readings *x, uint32_t i)
{
	return (uint64_t)x->v[i].fit << 32 | x->v[i].n_good;
}

/* The reading with the best fit and content; x->n: no other is as good. */
static uint32_t best_of(const struct readings *x)
{
	uint32_t best = 0, n_best = 1;

	for (uint32_t i = 1; i < x->n; i++) {
		if (merit(x, i) > merit(x, best))
			n_best = 0;
		n_best += merit(x, i) >= merit(x, best);
		best = merit(x, i) > merit(x, best) ? i : best;
	}
	return n_best == 1 ? best : x->n;
}

int inference_tell_apart(struct inference_run *r, obj_id o, struct inference_line line,
			 const struct layout_pointers *list, uint32_t first, struct err *err)
{
	const struct layout_pointer *p = &list->list.v[first];
	struct readings x = {0};

	for (size_t i = first; i < list->list.n && list->list.v[i].off == p->off; i++)
		if (inference_is_shared(&list->list.v[i]) && !list->list.v[i].is_code &&
		    list->list.v[i].guard == p->guard)
			add_reading(r, &x, o, list->list.v[i].target, err);
	if (x.n) {
		uint32_t best = best_of(&x);

		if (best == x.n)
			return 0;
		line.type = x.v[best].type;
		line.flags = x.n == 1 && (!x.n_bytes || x.v[best].n_good) ? INFERENCE_READING
									  : INFERENCE_SHARED;
	} else if (x.n_bytes) {
		line.type = x.bytes;
		line.flags = x.n_bytes == 1 ? INFERENCE_READING : INFERENCE_SHARED;
	} else {
		return 0;
	}
	return inference_propose(r, o, line, err);
}
