/*
 * What is learned from others of a kind: where one void * member of a type leads to objects whose type is known
 * from elsewhere, to at least ENOUGH of them, and all are the same, then the rest that it leads to are so, too.
 * Two passes over the objects that have such members: one counts, one proposes.
 */
#include <stdlib.h>

#include "analyze/types/inference_run.h"

enum { ENOUGH = 16, SAMPLE = 1 << 17 };

static struct inference_habit *habit_of(struct inference_run *r, const struct inference_word *w)
{
	type_id type = r->sources[w->source].type;
	size_t n = r->lists[type]->list.n;

	if (!r->habits[type]) {
		r->habits[type] = calloc(n, sizeof(struct inference_habit));
		for (size_t i = 0; r->habits[type] && i < n; i++)
			r->habits[type][i].type = TYPE_NONE;
	}
	return r->habits[type] ? &r->habits[type][w->pointer] : NULL;
}

int inference_note(struct inference_run *r, const struct inference_word *w, obj_id o,
		   uint64_t delta, struct err *err)
{
	const struct inference_source *s = &r->sources[w->source];
	const struct inference_line *l = &r->out->v[o];
	struct inference_habit *h = habit_of(r, w);
	struct inference_line line;

	if (!h)
		return err_nomem(err);
	if (r->mode == MODE_TALLY) {
		if (l->type == TYPE_NONE || l->reason == INFERRED_LEARNED || delta)
			return 0;
		if (h->type == TYPE_NONE)
			h->type = l->type;
		h->n += h->type == l->type && l->confidence > CONFIDENCE_GUESS;
		h->n_other += h->type != l->type;
		return 0;
	}
	if (delta || l->type != TYPE_NONE || h->n < ENOUGH || h->n_other)
		return 0;
	line = (struct inference_line){.type = h->type,
				       .from = s->from,
				       .off = w->off < UINT32_MAX ? (uint32_t)w->off : UINT32_MAX,
				       .reason = INFERRED_LEARNED,
				       .confidence = s->confidence};
	if (inference_fit_of(r->in->table, line.type, objects_size(r->in->objects, o), false) !=
	    FIT_EXACT)
		return 0;
	return inference_propose(r, o, line, err);
}

static int pass(struct inference_run *r, enum inference_mode mode, obj_id step, struct err *err)
{
	int rc = 0;

	r->mode = mode;
	for (uint64_t o = 0; o < r->out->n && rc == 0; o += step) {
		const struct inference_line *l = &r->out->v[o];

		if (l->type != TYPE_NONE && l->fit != FIT_BYTES && bitset_has(&r->voids, l->type))
			rc = inference_read_object(r, (obj_id)o, err);
	}
	if (rc == 0)
		rc = inference_flush(r, err);
	r->mode = MODE_FOLLOW;
	return rc;
}

static bool has_learned(const struct inference_run *r)
{
	for (type_id id = 0; id < r->n_types; id++)
		for (size_t i = 0; r->habits[id] && i < r->lists[id]->list.n; i++)
			if (r->habits[id][i].n >= ENOUGH && !r->habits[id][i].n_other)
				return true;
	return false;
}

static void forget(struct inference_run *r)
{
	for (type_id id = 0; id < r->n_types; id++) {
		free(r->habits[id]);
		r->habits[id] = NULL;
	}
}

int inference_learn(struct inference_run *r, struct err *err)
{
	obj_id step = r->out->n / SAMPLE + 1;
	int rc = pass(r, MODE_TALLY, step, err);
	bool is_any = rc == 0 && has_learned(r);

	/* of many objects some show whether it is worth looking at all */
	if (is_any && step > 1) {
		forget(r);
		rc = pass(r, MODE_TALLY, 1, err);
		is_any = rc == 0 && has_learned(r);
	}
	if (is_any)
		rc = pass(r, MODE_APPLY, 1, err);
	forget(r);
	return rc;
}
