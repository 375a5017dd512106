/*
 * What is left of the address space when modules, threads and allocators have
 * claimed theirs (claim_known.c took what needs no explanation: file pages,
 * reservations). Custom arenas, JIT memory, shared memory live there, and they
 * may hold the only pointer to an object: so each unclaimed writable piece,
 * anonymous, shared or of a shared file, is an object, scanned when it is
 * reached, and stays unclaimed. Read-only memory is not: its words cannot have
 * changed since.
 *
 * A piece that the dump holds nothing of is still an object: something may
 * point into it. Its bytes are not in unknown_bytes, which counts what there is
 * to look at.
 */
#include "analyze/heap/heap.h"
#include "analyze/heap/mappings.h"

struct pieces {
	struct walk *w;
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

	if (!(m->prot & PROT_W))
		return 0;
	p->w->heap->unknown_bytes += dumped_bytes(at, m);
	return objects_add(p->w->objects, at.lo, range_size(at), OBJECT_MAPPING, p->err);
}

int mappings_add(struct walk *w, struct err *err)
{
	struct pieces p = {w, err};

	return claims_each_free(w->claims, w->space, add_piece, &p);
}
