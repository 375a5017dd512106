/*
 * Where conclusions begin: variables of known type (globals, statics, thread-locals of each thread), what
 * others say of single objects (claims), and locals (inference_locals.c). What allocation sites say is for
 * objects that nothing else is known of.
 */
#include "analyze/types/inference_run.h"

static int read_variable(struct inference_run *r, uint32_t i, addr_t at, struct err *err)
{
	const struct variable *v = &r->in->variables->list.v[i];
	struct inference_source s = {.reason = INFERRED_VARIABLE,
				     .from = i,
				     .type = type_table_peel(r->in->table, v->type),
				     .addr = at,
				     .confidence = CONFIDENCE_CERTAIN};

	if (!type_table_size(r->in->table, s.type, &s.size) || s.size > UINT64_MAX - at)
		return 0;
	s.element = s.size;
	return s.size ? inference_read(r, &s, 1, err) : 0;
}

static int read_variables(struct inference_run *r, struct err *err)
{
	const struct variables *v = r->in->variables;
	const struct threads *threads = r->in->threads;
	int rc = 0;

	for (uint32_t i = 0; i < v->list.n && rc == 0; i++) {
		if (!v->list.v[i].is_tls) {
			rc = read_variable(r, i, v->list.v[i].at, err);
			continue;
		}
		/* those of exited threads hold what was there before */
		for (size_t k = 0; threads && k < threads->n_live && rc == 0; k++)
			for (size_t b = 0; b < threads->list.v[k].tls.n && rc == 0; b++) {
				const struct tls_block *block = &threads->list.v[k].tls.v[b];

				if (block->module == v->list.v[i].module &&
				    v->list.v[i].at < range_size(block->at))
					rc = read_variable(r, i, block->at.lo + v->list.v[i].at,
							   err);
			}
	}
	return rc;
}

static int take_claim(struct inference_run *r, const struct inference_claim *c, struct err *err)
{
	return inference_propose(
		r, c->object,
		(struct inference_line){.type = type_table_peel(r->in->table, c->type),
					.from = c->from,
					.reason = c->reason,
					.confidence = c->confidence},
		err);
}

static int take_claims(struct inference_run *r, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < r->in->n_claims && rc == 0; i++) {
		const struct inference_claim *c = &r->in->claims[i];

		if (c->object < r->out->n && c->reason != INFERRED_SITE)
			rc = take_claim(r, c, err);
	}
	return rc;
}

/* What many types begin with is handed out for all of them: it says nothing of one object. */
static bool is_head(struct inference_run *r, const struct inference_claim *c)
{
	type_id type = type_table_peel(r->in->table, c->type);
	uint64_t usable = objects_size(r->in->objects, c->object);
	bool is_mapped = objects_kind(r->in->objects, c->object) == OBJECT_MMAPPED;

	return type < r->n_types && r->head_of[type] &&
	       (r->head_of[type] <= usable ||
		inference_fit_shape(inference_shape(r, type), usable, is_mapped) != FIT_EXACT);
}

int inference_fill_by_sites(struct inference_run *r, struct err *err)
{
	int rc = 0;

	r->fills_only = true;
	for (size_t i = 0; i < r->in->n_claims && rc == 0; i++) {
		const struct inference_claim *c = &r->in->claims[i];

		if (c->object < r->out->n && c->reason == INFERRED_SITE && !is_head(r, c))
			rc = take_claim(r, c, err);
	}
	if (rc == 0)
		rc = inference_spread(r, err);
	r->fills_only = false;
	return rc;
}

int inference_seed(struct inference_run *r, struct err *err)
{
	int rc = take_claims(r, err);

	if (rc == 0)
		rc = read_variables(r, err);
	return rc < 0 ? rc : inference_seed_locals(r, err);
}
