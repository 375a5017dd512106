/*
 * How sure a line is, when the lines stand still: it goes up the chain of `from` to the variable, and
 * each link must still hold, since what was concluded from a type that was replaced later has lost its
 * reason. A line is as sure as the weakest link above it.
 */
#include "analyze/types/inference_run.h"

/* Types that stand at the start of others. */
static void find_heads(struct inference_run *r)
{
	const struct type_table *t = r->in->table;

	for (type_id id = 0; id < type_table_count(t); id++) {
		uint32_t n;
		const struct type_member *v = type_table_members(t, id, &n);
		uint8_t kind = type_table_get(t, id)->kind;

		for (uint32_t i = 0; i < n && (kind == TYPE_STRUCT || kind == TYPE_UNION); i++)
			if (!v[i].off)
				bitset_add(&r->heads, type_table_peel(t, v[i].type));
	}
}

/* It comes from no other object. */
static bool is_seed(const struct inference_line *l)
{
	return l->reason != INFERRED_RING && l->reason != INFERRED_FIELD;
}

static bool is_claim(const struct inference_line *l)
{
	return l->reason == INFERRED_SITE || l->reason >= INFERRED_VTABLE;
}

/* Whether the field that the line goes back to still is a pointer to its type. */
static bool still_holds(const struct inference_run *r, const struct inference_line *l)
{
	const struct inference_line *from;
	const struct layout_pointers *list;
	uint64_t size, off = l->off;

	if (is_seed(l))
		return true;
	from = &r->out->v[l->from];
	list = from->type < type_table_count(r->in->table) ? r->lists[from->type] : NULL;
	if (!list || !type_table_size(r->in->table, from->type, &size) || !size)
		return false;
	if (from->fit == FIT_ARRAY)
		off %= size;
	for (size_t i = 0; i < list->list.n; i++) {
		const struct layout_pointer *p = &list->list.v[i];
		uint64_t n = p->stride && off >= p->off ? (off - p->off) / p->stride : 0;

		if (off >= p->off && off - p->off - n * p->stride == 0 &&
		    (p->is_open || n < p->count) &&
		    (l->reason == INFERRED_RING
			     ? from->type == l->type
			     : type_table_peel(r->in->table, p->target) == l->type))
			return true;
	}
	return false;
}

/* How sure the line is by itself, if what it comes from were certain. */
static uint8_t own_confidence(const struct inference_run *r, obj_id o)
{
	struct inference_line *l = &r->out->v[o];
	uint64_t size;

	if (l->type == TYPE_NONE)
		return CONFIDENCE_NONE;
	if (l->fit == FIT_EXACT && type_table_size(r->in->table, l->type, &size) &&
	    size < objects_size(r->in->objects, o) && bitset_has(&r->heads, l->type))
		l->flags |= INFERENCE_IS_HEAD;
	if (l->fit == FIT_PREFIX || l->flags & (INFERENCE_CONFLICT | INFERENCE_SHARED) ||
	    !still_holds(r, l))
		return CONFIDENCE_GUESS;
	if (l->fit != FIT_EXACT || l->reason == INFERRED_RING ||
	    l->flags & (INFERENCE_BAD_WORDS | INFERENCE_IS_HEAD))
		return CONFIDENCE_LIKELY;
	return CONFIDENCE_CERTAIN;
}

/* Up to a variable or to what is decided, then down again; a circle is a guess. */
static int decide(struct inference_run *r, obj_id o, struct bitset *decided, struct err *err)
{
	struct inference_line *v = r->out->v;
	uint8_t so_far = CONFIDENCE_CERTAIN;
	bool at_start = false;

	r->queue.n = 0;
	while (!bitset_has(decided, o)) {
		/* marked while on the way: who comes back to it goes in a circle */
		bitset_add(decided, o);
		if (is_claim(&v[o]))
			so_far = v[o].confidence;
		v[o].confidence = v[o].type == TYPE_NONE ? CONFIDENCE_NONE : CONFIDENCE_GUESS;
		if (vec_push(&r->queue, o) < 0)
			return err_nomem(err);
		at_start = v[o].type == TYPE_NONE || is_seed(&v[o]);
		if (at_start)
			break;
		o = v[o].from;
	}
	if (!at_start)
		so_far = v[o].confidence;
	while (r->queue.n) {
		uint8_t own;

		o = r->queue.v[--r->queue.n];
		own = own_confidence(r, o);
		so_far = own < so_far ? own : so_far;
		v[o].confidence = so_far;
	}
	return 0;
}

int inference_decide(struct inference_run *r, struct err *err)
{
	struct inference *out = r->out;
	struct bitset decided;
	int rc = bitset_init(&decided, out->n) < 0 ? err_nomem(err) : 0;

	find_heads(r);
	for (obj_id o = 0; o < out->n && rc == 0; o++) {
		rc = decide(r, o, &decided, err);
		if (objects_kind(r->in->objects, o) == OBJECT_MAPPING)
			continue;
		out->sums[out->v[o].confidence].objects++;
		out->sums[out->v[o].confidence].bytes += objects_size(r->in->objects, o);
	}
	bitset_deinit(&decided);
	return rc;
}
