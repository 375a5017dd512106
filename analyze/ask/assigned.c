/*
 * The calls of a site that may be followed by an assignment: of the first function that is no way to malloc by
 * its symbol (wrappers.h), and of those that called it.
 */
#include "analyze/ask/assigned.h"
#include "analyze/ask/callers.h"
#include "analyze/ask/wrappers.h"

enum { MAX_SKIPPED = 16 };

static bool is_wrapper(struct session *s, addr_t pc)
{
	struct symbol symbol;

	return symbols_at(s->symbols, pc - 1, &symbol) && wrappers_match(symbol.name);
}

static int watch(struct session *s, const struct site_ref *site, struct err *err)
{
	enum { TAKEN = MAX_SKIPPED + SITE_DEPTH };
	addr_t pcs[TAKEN];
	size_t n = sampled_frames(&s->sampled, &s->space, &site->site, pcs, TAKEN);
	size_t first = callers_own(s, pcs, n);
	struct site_stack stack = {.site = site->number};

	while (first < n && is_wrapper(s, pcs[first]))
		first++;
	for (size_t i = first; i < n && stack.n < SITE_DEPTH; i++) {
		if (!pcs[i] || sampled_unmapped(&s->sampled, pcs[i] - 1, site->site.generation))
			break;
		stack.back[stack.n++] = pcs[i];
	}
	return stack.n && vec_push(&s->types.sites.stacks, stack) < 0 ? err_nomem(err) : 0;
}

int assigned_watch(struct session *s, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < s->sampled.sites.n && rc == 0; i++)
		rc = watch(s, &s->sampled.sites.v[i], err);
	return rc < 0 ? rc : site_types_init(&s->types.sites, err);
}

int assigned_claim(const struct session *s, struct inference_claims *out, struct err *err)
{
	return site_types_claim(&s->types.sites, &s->sites, &s->heap.objects, &s->types.table, out,
				err);
}
