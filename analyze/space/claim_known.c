/*
 * The easy part of the address space. A module owns the whole pages of its
 * segments: the rest of the last page of .bss is the module's too, though no
 * variable is there. A file that is mapped read-only holds no pointers of the
 * process; one that is writable may, and stays unclaimed (an unknown mapping).
 */
#include "analyze/space/claim_known.h"

#define PAGE_MASK 4095ull

static int claim_modules(struct claims *c, const struct modules *m, struct err *err)
{
	for (size_t i = 0; i < m->list.n; i++) {
		const struct module *x = &m->list.v[i];
		int rc = 0;

		for (size_t k = 0; rc == 0 && k < x->loads.n; k++)
			rc = claims_add(c,
					(struct range){x->loads.v[k].lo & ~PAGE_MASK,
						       (x->loads.v[k].hi + PAGE_MASK) & ~PAGE_MASK},
					CLAIM_MODULE, err);
		if (rc == 0 && !x->loads.n)
			rc = claims_add(c, x->at, CLAIM_MODULE, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int claim_known(struct claims *c, const struct space *s, const struct modules *m, struct err *err)
{
	int rc = claim_modules(c, m, err);

	for (size_t i = 0; rc == 0 && i < s->mappings.n; i++) {
		const struct mapping *x = &s->mappings.v[i];

		if (!(x->prot & (PROT_R | PROT_W | PROT_X)))
			rc = claims_add(c, x->at, CLAIM_UNREADABLE, err);
		else if (!(x->prot & PROT_W) && x->path)
			rc = claims_add(c, x->at, CLAIM_FILE, err);
	}
	return rc;
}
