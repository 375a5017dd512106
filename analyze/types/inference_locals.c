/*
 * Live locals as beginnings, in two turns:
 *
 *	first    those that have a value beyond doubt (locals_is_set), and are pointers: as sure as a variable
 *	later    all others, when what follows from the first turn and from variables is known: they give a type
 *	         to objects that have none, and disturb no other
 *
 * since a local of unoptimised code may not have been set yet, and holds what was on the stack before; and
 * of a struct that was passed not all members may be.
 */
#include "analyze/types/inference_run.h"
#include "analyze/types/layout.h"

static bool is_pointer(const struct type_table *t, type_id id)
{
	uint8_t kind = type_table_get(t, type_table_peel(t, id))->kind;

	return kind >= TYPE_POINTER && kind <= TYPE_RVALUE_REFERENCE;
}

static int read_piece(struct inference_run *r, struct inference_source *s,
		      const struct local_piece *p, type_id type, struct err *err)
{
	const struct locals *l = r->in->locals;

	s->type = type_table_peel(r->in->table, type);
	if (!type_table_size(r->in->table, s->type, &s->element) || !s->element)
		return 0;
	s->size = p->size < s->element ? p->size : s->element;
	s->addr = p->at;
	s->bytes = p->place == LOCAL_MEMORY ? NULL : l->values.v + p->at;
	return s->size ? inference_read(r, s, 1, err) : 0;
}

static int read_local(struct inference_run *r, uint32_t i, uint8_t confidence, struct err *err)
{
	const struct locals *l = r->in->locals;
	const struct local *x = &l->list.v[i];
	type_id type = l->names.v[x->name].type;
	int rc = 0;

	for (uint32_t k = 0; k < x->n_pieces && rc == 0; k++) {
		const struct local_piece *p = &l->pieces.v[x->pieces + k];
		struct inference_source s = {
			.reason = INFERRED_LOCAL, .from = i, .confidence = confidence};
		struct layout_hit hit = {.type = type};

		/* of a struct in pieces, each is a member */
		s.skip = p->off;
		if (x->n_pieces > 1 || p->off)
			if (layout_at(r->in->table, type, 0, p->off, &hit, 1) != 1 || hit.off)
				continue;
		rc = read_piece(r, &s, p, hit.type, err);
	}
	return rc;
}

static int read_all(struct inference_run *r, bool beyond_doubt, struct err *err)
{
	const struct locals *l = r->in->locals;
	int rc = 0;

	for (uint32_t i = 0; l && i < l->list.n && rc == 0; i++) {
		const struct local_name *name = &l->names.v[l->list.v[i].name];
		bool is_set = locals_is_set(l, i) && is_pointer(r->in->table, name->type);

		/* variables.h has them */
		if (name->flags & LOCAL_FIXED || is_set != beyond_doubt)
			continue;
		rc = read_local(r, i, is_set ? CONFIDENCE_CERTAIN : CONFIDENCE_LIKELY, err);
	}
	return rc;
}

int inference_seed_locals(struct inference_run *r, struct err *err)
{
	return read_all(r, true, err);
}

int inference_fill_by_locals(struct inference_run *r, struct err *err)
{
	int rc;

	r->fills_only = true;
	rc = read_all(r, false, err);
	if (rc == 0)
		rc = inference_spread(r, err);
	r->fills_only = false;
	return rc;
}
