/*
 * What is left of the address space when modules, threads and allocators have
 * claimed theirs. Custom arenas, JIT memory, shared memory live there, and they
 * may hold the only pointer to an object: so each unclaimed writable piece is an
 * object, scanned when it is reached, and stays unclaimed.
 *
 *	no access               reservation or guard    CLAIM_UNREADABLE, no object
 *	a file, read-only       data file, locale       CLAIM_FILE, no object
 *	writable                anonymous, shared,      OBJECT_MAPPING
 *	                        MAP_SHARED file
 *	read-only, anonymous    sealed data             neither: it cannot have changed since
 *
 * A piece that the dump holds nothing of is still an object: something may
 * point into it. Its bytes are not in unknown_bytes, which counts what there is
 * to look at.
 */
#include "analyze/heap/heap.h"
#include "analyze/heap/mappings.h"

struct pieces {
	struct walk *w;
	VEC(struct claim) claims; /* made after the walk over the claims */
	struct err *err;
};

static uint64_t dumped_bytes(struct range at, const struct mapping *m)
{
	addr_t end = m->at.lo + m->n_dumped;

	if (end > at.hi)
		end = at.hi;
	return end > at.lo ? end - at.lo : 0;
}

static int add_piece(void *arg, struct range at, const struct mapping *m)
{
	struct pieces *p = arg;
	struct claim c = {at, m->prot ? CLAIM_FILE : CLAIM_UNREADABLE};

	if (m->prot & PROT_W) {
		p->w->heap->unknown_bytes += dumped_bytes(at, m);
		return objects_add(p->w->objects, at.lo, range_size(at), OBJECT_MAPPING, p->err);
	}
	if (m->prot && !m->path)
		return 0;
	return vec_push(&p->claims, c) < 0 ? err_nomem(p->err) : 0;
}

int mappings_add(struct walk *w, struct err *err)
{
	struct pieces p = {.w = w, .err = err};
	int rc = claims_each_free(w->claims, w->space, add_piece, &p);

	for (size_t i = 0; !rc && i < p.claims.n; i++)
		rc = claims_add(w->claims, p.claims.v[i].at, p.claims.v[i].kind, err);
	vec_deinit(&p.claims);
	return rc;
}
