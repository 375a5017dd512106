/*
 * Claims are one sorted list of disjoint ranges. A claim fills only the holes
 * its range still has, so the order of the passes decides, and no byte is
 * explained twice.
 *
 *	before    ....[ stack ]........[ module ]....
 *	claim            {------- heap -------}
 *	after     ....[ stack ][ heap ][ module ]....
 *
 * Adjacent claims of one kind are joined, which keeps the list as short as
 * the address space is simple. Insertion moves the tail: claims come mostly
 * in address order, and there are as many as mappings, not as objects.
 */
#include <string.h>

#include "analyze/space/claims.h"

/* The number of claims that start at or below addr. */
static size_t claims_upto(const struct claims *c, addr_t addr)
{
	size_t lo = vec_bisect(&c->list, e, e->at.lo <= addr);

	return lo;
}

/* Puts a range that overlaps nothing before index i, or extends the claim just below. */
static int claims_insert(struct claims *c, size_t i, struct range at, enum claim_kind kind,
			 struct err *err)
{
	struct claim *below = i ? &c->list.v[i - 1] : NULL;

	if (below && below->at.hi == at.lo && below->kind == kind) {
		below->at.hi = at.hi;
		return 0;
	}
	if (vec_reserve(&c->list, c->list.n + 1) < 0)
		return err_nomem(err);
	memmove(&c->list.v[i + 1], &c->list.v[i], (c->list.n - i) * sizeof(*c->list.v));
	c->list.v[i] = (struct claim){at, kind};
	c->list.n++;
	return 0;
}

int claims_add(struct claims *c, struct range at, enum claim_kind kind, struct err *err)
{
	while (at.lo < at.hi) {
		size_t i = claims_upto(c, at.lo);
		addr_t next;
		int rc;

		if (i && c->list.v[i - 1].at.hi > at.lo) {
			at.lo = c->list.v[i - 1].at.hi;
			continue;
		}
		next = i < c->list.n && c->list.v[i].at.lo < at.hi ? c->list.v[i].at.lo : at.hi;
		rc = claims_insert(c, i, (struct range){at.lo, next}, kind, err);
		if (rc < 0)
			return rc;
		at.lo = next;
	}
	return 0;
}

int claims_add_state(struct claims *c, struct range at, struct err *err)
{
	if (at.lo >= at.hi)
		return 0;
	return vec_push(&c->state, at) < 0 ? err_nomem(err) : 0;
}

void claims_deinit(struct claims *c)
{
	vec_deinit(&c->list);
	vec_deinit(&c->state);
}

int claims_each_free(const struct claims *c, const struct space *s,
		     int (*fn)(void *arg, struct range at, const struct mapping *m), void *arg)
{
	size_t next = 0;

	for (size_t i = 0; i < s->mappings.n; i++) {
		const struct mapping *m = &s->mappings.v[i];
		addr_t at = m->at.lo;

		while (next < c->list.n && c->list.v[next].at.hi <= at)
			next++;
		for (size_t k = next; at < m->at.hi; k++) {
			bool inside = k < c->list.n && c->list.v[k].at.lo < m->at.hi;
			addr_t hole_end = inside ? c->list.v[k].at.lo : m->at.hi;
			int rc = hole_end > at ? fn(arg, (struct range){at, hole_end}, m) : 0;

			if (rc)
				return rc;
			at = inside ? c->list.v[k].at.hi : m->at.hi;
		}
	}
	return 0;
}

uint64_t claims_bytes(const struct claims *c, enum claim_kind kind)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < c->list.n; i++)
		if (c->list.v[i].kind == kind)
			sum += range_size(c->list.v[i].at);
	return sum;
}

const struct claim *claims_find(const struct claims *c, addr_t addr)
{
	size_t i = claims_upto(c, addr);

	if (!i || !range_has(c->list.v[i - 1].at, addr))
		return NULL;
	return &c->list.v[i - 1];
}

bool claims_is_state(const struct claims *c, addr_t addr)
{
	for (size_t i = 0; i < c->state.n; i++)
		if (range_has(c->state.v[i], addr))
			return true;
	return false;
}
