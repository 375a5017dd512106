/*
 * From what is known of calls to claims on objects.
 */
#include <stdlib.h>

#include "analyze/types/site_types.h"

enum { MAX_CALLS = 1 << 16, MAX_LOOKED_AT = 16 << 20 };

static int compare_calls(const void *a, const void *b)
{
	const struct site_call *x = a, *y = b;

	return x->back < y->back ? -1 : x->back > y->back;
}

int site_types_init(struct site_types *s, struct err *err)
{
	size_t n = 0;

	s->steps_left = MAX_LOOKED_AT;
	for (size_t i = 0; i < s->stacks.n; i++)
		for (uint32_t k = 0; k < s->stacks.v[i].n && s->calls.n < MAX_CALLS; k++) {
			struct site_call call = {.back = s->stacks.v[i].back[k]};

			if (vec_push(&s->calls, call) < 0)
				return err_nomem(err);
		}
	if (s->calls.n)
		qsort(s->calls.v, s->calls.n, sizeof(*s->calls.v), compare_calls);
	for (size_t i = 0; i < s->calls.n; i++)
		if (!n || s->calls.v[n - 1].back != s->calls.v[i].back)
			s->calls.v[n++] = s->calls.v[i];
	s->calls.n = n;
	return 0;
}

void site_types_deinit(struct site_types *s)
{
	vec_deinit(&s->stacks);
	vec_deinit(&s->calls);
	*s = (struct site_types){0};
}

/* The first call of the stack whose result has a type; NULL: none, or it goes no farther. */
static const struct site_call *typed_call(const struct site_types *s, uint32_t site)
{
	size_t i = vec_bisect(&s->stacks, e, e->site < site);
	const struct site_stack *stack = i < s->stacks.n ? &s->stacks.v[i] : NULL;

	for (uint32_t k = 0; stack && stack->site == site && k < stack->n; k++) {
		size_t c = vec_bisect(&s->calls, e, e->back < stack->back[k]);
		const struct site_call *call = c < s->calls.n ? &s->calls.v[c] : NULL;

		if (!call || call->back != stack->back[k])
			return NULL;
		if (call->n)
			return call;
		if (!call->passes)
			return NULL;
	}
	return NULL;
}

/* Whether one of the two types may stand for the object as well, as what the other begins with. */
static bool agree(const struct type_table *table, type_id a, type_id b)
{
	return inference_begins_with(table, a, b) || inference_begins_with(table, b, a);
}

/*
 * The type that fits best, of two that begin alike the larger; a guess where others fit as well. A prefix is no
 * agreement, and bytes are whatever is put into them.
 */
static bool choose(const struct site_call *call, const struct type_table *table, uint64_t usable,
		   bool is_mapped, struct inference_claim *c)
{
	enum inference_fit best = FIT_NONE;
	uint64_t size = 0, own;
	bool differ = false;

	for (uint8_t i = 0; i < call->n; i++) {
		type_id id = call->types[i];
		enum inference_fit fit = inference_fit_of(table, id, usable, is_mapped);

		if (fit == FIT_NONE || fit == FIT_PREFIX || fit < best ||
		    !type_table_size(table, id, &own))
			continue;
		differ = fit == best && (differ || !agree(table, c->type, id));
		if (fit > best || own > size) {
			c->type = id;
			size = own;
		}
		best = fit;
	}
	c->confidence = best == FIT_BYTES || differ ? CONFIDENCE_GUESS : CONFIDENCE_LIKELY;
	return best != FIT_NONE;
}

int site_types_claim(const struct site_types *s, const struct sites *sites,
		     const struct objects *objects, const struct type_table *table,
		     struct inference_claims *out, struct err *err)
{
	for (size_t i = 0; s->stacks.n && i < sites->births.n; i++) {
		const struct birth *b = &sites->births.v[i];
		const struct site_call *call = typed_call(s, b->site);
		struct inference_claim c = {
			.object = b->object, .from = b->site, .reason = INFERRED_SITE};

		if (call &&
		    choose(call, table, objects_size(objects, b->object),
			   objects_kind(objects, b->object) == OBJECT_MMAPPED, &c) &&
		    vec_push(&out->list, c) < 0)
			return err_nomem(err);
	}
	return 0;
}
