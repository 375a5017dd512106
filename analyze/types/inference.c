/*
 * Proposals: which of what pointers say of an object is kept.
 *
 *	variable ─┐                 ┌─► line of the object: kept if its rank is higher
 *	          ├─ typed words ───┤
 *	object  ──┘                 └─► then the object is queued, to be read by its new type
 *
 *	rank = (told or a vtable, how sure so far, fit, how close in size, reason)
 *
 * The rank of an object's line only grows, and an object is read again only if its type, or how sure it
 * is, changed: so it is read a bounded number of times. The surest are read first (inference_read.c), so
 * that what a guess leads to seldom has to be taken back. What two proposals that disagree mean
 * for the object and for those who made them is decided here, too: contradict().
 *
 * How sure a line is "so far" is only for this order; inference_confidence.c says it in the end.
 *
 * Limits: what was proposed by an object whose type was replaced later stays proposed (as a guess).
 */
#include <string.h>

#include "analyze/types/inference_run.h"
#include "base/big_array.h"

/* What was told, or is written in the object, outranks every fit. */
static uint32_t above(const struct inference_line *l)
{
	if (l->reason < INFERRED_VTABLE ||
	    (l->reason == INFERRED_VTABLE && l->confidence < CONFIDENCE_CERTAIN))
		return 0;
	return 1u + l->reason - INFERRED_VTABLE;
}

/* Bytes yield to all that fits; a prefix is better only where no union or guess leads to it. */
static uint32_t tier_of(const struct inference_line *l)
{
	if (l->fit == FIT_BYTES && !(l->flags & INFERENCE_COUNTED))
		return l->confidence > CONFIDENCE_GUESS ? 2 : 1;
	if (l->confidence > CONFIDENCE_GUESS)
		return 2u + l->confidence;
	return l->fit == FIT_PREFIX && l->flags & INFERENCE_SHARED ? 1 : 3;
}

static uint32_t rank_of(struct inference_run *r, const struct inference_line *l, uint64_t usable)
{
	uint64_t slack = usable - inference_shape(r, l->type)->size;
	uint32_t close = l->fit == FIT_EXACT && slack < INFERENCE_SLACK
				 ? INFERENCE_SLACK - 1 - (uint32_t)slack
				 : 0;

	return above(l) << 24 | tier_of(l) << 16 | (uint32_t)l->fit << 12 | close << 4 | l->reason;
}

static bool is_from_object(const struct inference_line *l)
{
	return l->reason != INFERRED_NOT && l->reason <= INFERRED_FIELD && l->from != OBJ_NONE;
}

static bool agree(struct inference_run *r, type_id a, type_id b)
{
	const struct inference_shape *x = inference_shape(r, a), *y = inference_shape(r, b);

	return a == b || (x->is_scalar && y->is_scalar && x->size == y->size) ||
	       inference_begins_with(r->in->table, a, b) ||
	       inference_begins_with(r->in->table, b, a);
}

/*
 * The object is one of the two, and somebody is wrong: a pointer that is left over from before, a cast, or
 * the type of what holds the pointer. A guess proves nothing.
 */
static void contradict(struct inference_run *r, struct inference_line *kept,
		       const struct inference_line *lost)
{
	struct inference_line *v = r->out->v;

	if ((lost->confidence <= CONFIDENCE_GUESS && kept->confidence > CONFIDENCE_GUESS) ||
	    agree(r, kept->type, lost->type))
		return;
	if (kept->fit == lost->fit && above(kept) == above(lost) &&
	    kept->confidence == lost->confidence)
		kept->flags |= INFERENCE_CONFLICT;
	kept->flags |= INFERENCE_DOUBT;
	if (kept->fit == FIT_BYTES || lost->fit == FIT_BYTES)
		return;
	if (is_from_object(kept))
		v[kept->from].flags |= INFERENCE_DOUBT;
	if (is_from_object(lost))
		v[lost->from].flags |= INFERENCE_DOUBT;
}

static void queue(struct inference_run *r, obj_id o, uint8_t confidence)
{
	bitset_add(&r->queued, o);
	inference_queue_add(&r->queues[confidence], o);
}

/* The size alone: whether a larger type, or several of this one, may be there as well. */
static uint8_t size_confidence(struct inference_run *r, struct inference_line *l, uint64_t usable)
{
	uint64_t size = inference_shape(r, l->type)->size, head_of = r->head_of[l->type];

	/* who counts knows the size; a vtable's claim has asked itself */
	if (l->fit != FIT_EXACT || l->flags & INFERENCE_COUNTED || l->reason >= INFERRED_VTABLE)
		return CONFIDENCE_CERTAIN;
	if (head_of && head_of <= usable)
		l->flags |= INFERENCE_IS_HEAD;
	return usable - size >= INFERENCE_SLACK / 2 || usable >= 2 * size ? CONFIDENCE_LIKELY
									  : CONFIDENCE_CERTAIN;
}

static uint8_t least(uint8_t a, uint8_t b)
{
	return a < b ? a : b;
}

int inference_propose(struct inference_run *r, obj_id o, struct inference_line line,
		      struct err *err)
{
	struct inference_line *now = &r->out->v[o];
	uint64_t usable = objects_size(r->in->objects, o);
	enum object_kind kind = objects_kind(r->in->objects, o);
	enum {
		KEPT = INFERENCE_CONFLICT | INFERENCE_DOUBT | INFERENCE_BAD_WORDS |
		       INFERENCE_REFUTED | INFERENCE_COUNTED | INFERENCE_CONFIRMED
	};
	struct inference_line was = *now;

	if (kind == OBJECT_MAPPING || (r->fills_only && was.confidence > CONFIDENCE_GUESS))
		return 0;
	line.fit = (uint8_t)inference_fit_shape(inference_shape(r, line.type), usable,
						kind == OBJECT_MMAPPED);
	if ((line.fit == FIT_NONE || line.fit == FIT_PREFIX || line.fit == FIT_ARRAY) &&
	    is_from_object(&line))
		r->out->v[line.from].flags |= INFERENCE_UNFIT;
	if (line.fit == FIT_NONE)
		return 0;
	if (line.flags & INFERENCE_COUNTED && line.fit != FIT_BYTES &&
	    usable / 2 >= inference_shape(r, line.type)->size)
		line.fit = FIT_ARRAY;
	line.confidence = least(line.confidence, size_confidence(r, &line, usable));
	line.confidence = least(line.confidence, inference_check_content(r, o, &line, &was, err));
	line.confidence = least(line.confidence, inference_own_confidence(&line));
	if (was.type != TYPE_NONE && rank_of(r, &line, usable) <= rank_of(r, &was, usable)) {
		if (was.type != line.type)
			contradict(r, now, &line);
		return 0;
	}
	if (was.type == line.type)
		line.flags |= was.flags & KEPT;
	else if (was.type != TYPE_NONE)
		contradict(r, &line, &was);
	*now = line;
	r->n_taken += was.type != line.type;
	r->has_prefixes |= line.fit == FIT_PREFIX;
	if (was.type == line.type && was.fit == line.fit && was.confidence >= line.confidence)
		return 0;
	if (line.fit != FIT_BYTES)
		queue(r, o, line.confidence);
	return 0;
}

static int begin(struct inference_run *r, struct err *err)
{
	uint32_t n_types = r->n_types = type_table_count(r->in->table);
	struct inference *out = r->out;

	out->n = objects_count(r->in->objects);
	out->v = big_array(out->n, sizeof(*out->v), 0);
	r->lists = calloc(n_types, sizeof(*r->lists));
	r->shapes = calloc(n_types, sizeof(*r->shapes));
	r->head_of = calloc(n_types, sizeof(*r->head_of));
	r->habits = calloc(n_types, sizeof(*r->habits));
	r->steps_left = 64ull * ((uint64_t)n_types + out->n) + (1 << 24);
	if (!out->v || !r->lists || !r->shapes || !r->head_of || !r->habits ||
	    bitset_init(&r->queued, out->n) < 0 || bitset_init(&r->has_interior, out->n) < 0 ||
	    bitset_init(&r->voids, n_types) < 0)
		return err_nomem(err);
	for (size_t i = 0; i < N_CONFIDENCES; i++)
		if (inference_queue_init(&r->queues[i], out->n, err) < 0)
			return ERR_NOMEM;
	for (obj_id o = 0; o < out->n; o++)
		out->v[o] = (struct inference_line){.type = TYPE_NONE};
	return inference_find_heads(r, err);
}

static void end(struct inference_run *r)
{
	for (uint32_t i = 0; r->lists && i < type_table_count(r->in->table); i++)
		if (r->lists[i]) {
			layout_pointers_deinit(r->lists[i]);
			free(r->lists[i]);
		}
	for (uint32_t i = 0; r->habits && i < type_table_count(r->in->table); i++)
		free(r->habits[i]);
	inference_free_checks(r);
	free(r->lists);
	free(r->habits);
	free(r->shapes);
	free(r->head_of);
	bitset_deinit(&r->queued);
	bitset_deinit(&r->has_interior);
	bitset_deinit(&r->voids);
	vec_deinit(&r->interior);
	vec_deinit(&r->by_size);
	vec_deinit(&r->open);
	for (size_t i = 0; i < N_CONFIDENCES; i++)
		inference_queue_deinit(&r->queues[i]);
	free(r);
}

static int conclude(struct inference_run *r, struct err *err)
{
	int rc = begin(r, err);

	if (rc == 0)
		rc = inference_seed(r, err);
	if (rc == 0)
		rc = inference_spread(r, err);
	if (rc == 0)
		rc = inference_fill_by_locals(r, err);
	if (rc == 0)
		rc = inference_fill_by_sites(r, err);
	if (rc == 0)
		rc = inference_weak(r, err);
	if (rc == 0)
		rc = inference_verify(r, err);
	return rc < 0 ? rc : inference_decide(r, err);
}

int inference_run(struct inference *out, const struct inference_input *in, struct err *err)
{
	struct inference_run *r = calloc(1, sizeof(*r));
	int rc;

	*out = (struct inference){0};
	if (!r)
		return err_nomem(err);
	r->in = in;
	r->out = out;
	rc = conclude(r, err);
	end(r);
	if (rc < 0)
		inference_deinit(out);
	return rc;
}

void inference_deinit(struct inference *r)
{
	free(r->v);
	free(r->live);
	*r = (struct inference){0};
}
