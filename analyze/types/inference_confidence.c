/*
 * How sure a line is, when the lines stand still: it goes up the chain of `from` to the variable, and
 * each link must still hold, since what was concluded from a type that was replaced later has lost its
 * reason. A line is as sure as the weakest link above it.
 */
#include "analyze/types/inference_run.h"

enum { AHEAD = 64 };

/* It comes from no other object. */
static bool is_seed(const struct inference_line *l)
{
	return l->reason > INFERRED_FIELD || l->from == OBJ_NONE;
}

/* Whether the field that the line goes back to still is a pointer to its type. */
static bool still_holds(struct inference_run *r, const struct inference_line *l)
{
	const struct inference_line *from;
	const struct layout_pointers *list;
	uint64_t size, off = l->off;

	if (is_seed(l) || l->reason < INFERRED_RING)
		return true;
	from = &r->out->v[l->from];
	list = from->type < type_table_count(r->in->table) ? r->lists[from->type] : NULL;
	size = list ? inference_shape(r, from->type)->size : 0;
	if (!size)
		return false;
	if (from->fit == FIT_ARRAY)
		off %= size;
	for (size_t i = 0; i < list->list.n; i++) {
		const struct layout_pointer *p = &list->list.v[i];
		uint64_t n = p->stride && off >= p->off ? (off - p->off) / p->stride : 0;

		if (off >= p->off && off - p->off - n * p->stride == 0 &&
		    (p->is_open || n < p->count) &&
		    (l->reason == INFERRED_RING ? from->type == l->type
						: p->target == l->type || p->how == POINTER_ERASED))
			return true;
	}
	return false;
}

uint8_t inference_own_confidence(const struct inference_line *l)
{
	if (l->type == TYPE_NONE)
		return CONFIDENCE_NONE;
	if (l->reason == INFERRED_TOLD)
		return CONFIDENCE_CERTAIN;
	if (l->fit == FIT_PREFIX ||
	    l->flags & (INFERENCE_CONFLICT | INFERENCE_SHARED | INFERENCE_REFUTED))
		return CONFIDENCE_GUESS;
	if ((l->fit != FIT_EXACT && !(l->flags & (INFERENCE_COUNTED | INFERENCE_CONFIRMED))) ||
	    l->reason <= INFERRED_RING ||
	    l->flags &
		    (INFERENCE_BAD_WORDS | INFERENCE_IS_HEAD | INFERENCE_READING | INFERENCE_DOUBT))
		return CONFIDENCE_LIKELY;
	return CONFIDENCE_CERTAIN;
}

static uint8_t least(uint8_t a, uint8_t b)
{
	return a < b ? a : b;
}

/* Up to what is decided or comes from no object, then down again; a circle is a guess. */
static int decide(struct inference_run *r, obj_id o, struct bitset *decided, struct err *err)
{
	struct inference_line *v = r->out->v;
	uint8_t so_far = CONFIDENCE_NONE;
	bool at_start = false;

	r->queues[0].n = r->queues[1].n = 0;
	while (!at_start && bitset_add_new(decided, o)) {
		at_start = v[o].type == TYPE_NONE || is_seed(&v[o]);
		so_far = v[o].confidence;
		if (vec_push(&r->queues[0], o) < 0 || vec_push(&r->queues[1], so_far) < 0)
			return err_nomem(err);
		/* on the way: who comes back to it goes in a circle */
		v[o].confidence = least(so_far, CONFIDENCE_GUESS);
		o = v[o].from;
	}
	if (!at_start)
		so_far = v[o].confidence;
	while (r->queues[0].n) {
		o = r->queues[0].v[--r->queues[0].n];
		so_far = least(so_far, (uint8_t)r->queues[1].v[--r->queues[1].n]);
		so_far = least(so_far, still_holds(r, &v[o]) ? inference_own_confidence(&v[o])
							     : CONFIDENCE_GUESS);
		v[o].confidence = so_far;
	}
	return 0;
}

/* What comes from an object that is decided, or from none, needs no way up. */
static bool decide_at_once(struct inference_run *r, obj_id o, struct bitset *decided)
{
	struct inference_line *l = &r->out->v[o];
	uint8_t above = CONFIDENCE_CERTAIN;

	if (l->type != TYPE_NONE && !is_seed(l)) {
		if (!bitset_has(decided, l->from))
			return false;
		above = r->out->v[l->from].confidence;
	}
	bitset_add(decided, o);
	l->confidence = least(l->confidence, above);
	l->confidence = least(l->confidence,
			      still_holds(r, l) ? inference_own_confidence(l) : CONFIDENCE_GUESS);
	return true;
}

int inference_decide(struct inference_run *r, struct err *err)
{
	struct inference *out = r->out;
	struct bitset decided;
	int rc = bitset_init(&decided, out->n) < 0 ? err_nomem(err) : 0;

	for (obj_id o = 0; o < out->n && rc == 0; o++) {
		if (o + AHEAD < out->n && out->v[o + AHEAD].from < out->n)
			__builtin_prefetch(&out->v[out->v[o + AHEAD].from], 1);
		if (!bitset_has(&decided, o) && !decide_at_once(r, o, &decided))
			rc = decide(r, o, &decided, err);
		if (objects_kind(r->in->objects, o) == OBJECT_MAPPING)
			continue;
		out->sums[out->v[o].confidence].objects++;
		out->sums[out->v[o].confidence].bytes += objects_size(r->in->objects, o);
	}
	bitset_deinit(&decided);
	return rc;
}
