/*
 * What declared types do not say, when all they say has been concluded. In rounds, until nothing is new:
 *
 *	interior    a pointer into the middle, of an object that nothing points to the start of: one type of its size
 *	            has such a member there (container_of; a flexible array behind its header)
 *	narrow      an object that begins with a head (a base) and is larger: what else begins so
 *	agree       objects of one site and size are what those are that are known
 *	learn       a void * member leads to a T wherever it is known: elsewhere, too
 *
 * What comes of it spreads along declared types again, and is a guess or likely, never certain.
 */
#include "analyze/types/inference_run.h"

enum { MAX_ROUNDS = 8 };

/* Whether the type has the target there, other than as its first member. */
static bool suits_interior(struct inference_run *r, type_id type, enum inference_fit fit,
			   const void *arg)
{
	const struct inference_interior *i = arg;
	const struct type_table *t = r->in->table;
	uint32_t n;
	const struct type_member *v = type_table_members(t, type, &n);

	if (!inference_shape(r, i->target)->is_scalar)
		return inference_begins_at(t, type, i->delta, i->target);
	/* what is any byte of a string is none: only the first of the open end is */
	return n && v[n - 1].off == i->delta && inference_shape(r, type)->is_open &&
	       type_table_peel(t, type_table_get(t, type_table_peel(t, v[n - 1].type))->target) ==
		       i->target;
}

int inference_take_interior(struct inference_run *r, struct err *err)
{
	size_t n = r->interior.n;
	int rc = 0;

	for (size_t k = 0; k < n && rc == 0; k++) {
		struct inference_interior i = r->interior.v[k];
		struct inference_line line = {.from = i.from,
					      .off = i.off,
					      .reason = INFERRED_MEMBER,
					      .confidence = i.confidence};
		bool by_size;

		if (r->out->v[i.object].type != TYPE_NONE)
			continue;
		rc = inference_pick(r, i.object, suits_interior, &i, &line.type, &by_size, err);
		if (rc < 0 || line.type == TYPE_NONE)
			continue;
		if (!by_size || inference_shape(r, i.target)->is_scalar)
			line.confidence = CONFIDENCE_GUESS;
		rc = inference_propose(r, i.object, line, err);
	}
	r->interior.n = 0;
	return rc;
}

static int one_round(struct inference_run *r, bool by_content, struct err *err)
{
	int rc = inference_take_interior(r, err);

	if (rc == 0)
		rc = inference_spread(r, err);
	if (rc == 0 && r->has_prefixes)
		rc = inference_narrow(r, by_content, err);
	if (rc == 0)
		rc = inference_spread(r, err);
	if (rc == 0 && r->has_voids)
		rc = inference_learn(r, err);
	if (rc == 0)
		rc = inference_spread(r, err);
	if (rc == 0)
		rc = inference_agree(r, err);
	return rc < 0 ? rc : inference_spread(r, err);
}

int inference_weak(struct inference_run *r, struct err *err)
{
	bool by_content = false;
	int rc = 0;

	for (int i = 0; i < MAX_ROUNDS && rc == 0; i++) {
		uint64_t before = r->n_taken;

		rc = one_round(r, by_content, err);
		if (r->n_taken != before)
			continue;
		if (by_content || !r->has_prefixes)
			break;
		by_content = true;
	}
	return rc;
}
