/*
 * Agreement by site: objects of one size that one call stack allocated are one type, where those that are known otherwise
 * agree. Sampled objects only.
 *
 *	per (site, usable size): known objects by type; the rest gets the type if
 *		at least ENOUGH are known, 9 of 10 of them are this type, and none is certainly another
 */
#include <stdlib.h>

#include "analyze/heap/sites.h"
#include "analyze/types/inference_run.h"

enum { ENOUGH = 4, FIRST_SLOTS = 256 };

/* What is known of one size from one site. size 0: free. */
struct site_group {
	uint64_t size;
	uint32_t site;
	type_id type; /* of most of those seen so far: Boyer and Moore's vote, then counted */
	uint64_t votes, n_known, n_agree;
	bool is_contradicted;
};

struct site_groups {
	struct site_group *v;
	size_t n_slots, n;
};

static struct site_group *slot_of(const struct site_groups *g, uint32_t site, uint64_t size)
{
	uint64_t hash = (size ^ (uint64_t)site << 32) * 0x9e3779b97f4a7c15ull;
	size_t i = (size_t)(hash >> 20) & (g->n_slots - 1);

	while (g->v[i].size && (g->v[i].size != size || g->v[i].site != site))
		i = (i + 1) & (g->n_slots - 1);
	return &g->v[i];
}

static int grow(struct site_groups *g, struct err *err)
{
	struct site_groups to = {.n_slots = g->n_slots ? g->n_slots * 2 : FIRST_SLOTS, .n = g->n};

	if (g->n < g->n_slots / 2)
		return 0;
	to.v = calloc(to.n_slots, sizeof(*to.v));
	if (!to.v)
		return err_nomem(err);
	for (size_t i = 0; i < g->n_slots; i++)
		if (g->v[i].size)
			*slot_of(&to, g->v[i].site, g->v[i].size) = g->v[i];
	free(g->v);
	*g = to;
	return 0;
}

static bool is_witness(const struct inference_line *l)
{
	return l->confidence > CONFIDENCE_GUESS && l->reason != INFERRED_SITE;
}

static int vote(struct inference_run *r, struct site_groups *g, struct err *err)
{
	const struct sites *sites = r->in->sites;

	for (size_t i = 0; i < sites->births.n; i++) {
		const struct birth *b = &sites->births.v[i];
		const struct inference_line *l = &r->out->v[b->object];
		struct site_group *group;

		if (!is_witness(l))
			continue;
		if (grow(g, err) < 0)
			return ERR_NOMEM;
		group = slot_of(g, b->site, objects_size(r->in->objects, b->object));
		if (!group->size) {
			*group = (struct site_group){
				.size = objects_size(r->in->objects, b->object), .site = b->site};
			g->n++;
		}
		if (!group->votes)
			group->type = l->type;
		group->votes += group->type == l->type ? 1 : -1ull;
	}
	return 0;
}

static void count(const struct inference_run *r, const struct site_groups *g)
{
	const struct sites *sites = r->in->sites;

	for (size_t i = 0; g->n && i < sites->births.n; i++) {
		const struct birth *b = &sites->births.v[i];
		const struct inference_line *l = &r->out->v[b->object];
		struct site_group *group;

		if (!is_witness(l))
			continue;
		group = slot_of(g, b->site, objects_size(r->in->objects, b->object));
		group->n_known++;
		group->n_agree += group->type == l->type;
		group->is_contradicted |=
			group->type != l->type && l->confidence == CONFIDENCE_CERTAIN;
	}
}

static int apply(struct inference_run *r, const struct site_groups *g, struct err *err)
{
	const struct sites *sites = r->in->sites;
	int rc = 0;

	for (size_t i = 0; g->n && i < sites->births.n && rc == 0; i++) {
		const struct birth *b = &sites->births.v[i];
		const struct site_group *group;

		if (r->out->v[b->object].type != TYPE_NONE)
			continue;
		group = slot_of(g, b->site, objects_size(r->in->objects, b->object));
		if (!group->size || group->is_contradicted || group->n_known < ENOUGH ||
		    group->n_agree * 10 < group->n_known * 9)
			continue;
		rc = inference_propose(r, b->object,
				       (struct inference_line){.type = group->type,
							       .from = b->site,
							       .reason = INFERRED_SITE,
							       .confidence = CONFIDENCE_LIKELY},
				       err);
	}
	return rc;
}

int inference_agree(struct inference_run *r, struct err *err)
{
	struct site_groups g = {0};
	int rc = r->in->sites ? vote(r, &g, err) : 0;

	if (rc == 0) {
		count(r, &g);
		rc = apply(r, &g, err);
	}
	free(g.v);
	return rc;
}
