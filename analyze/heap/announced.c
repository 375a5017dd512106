/*
 * Splitting a pool's block at the objects that the program announced in it:
 *
 *	block      │ head │ a │ free │ b │ b's neighbour, retired │ c │ free   │
 *	objects    │ head │ a │      │ b │                        │ c │
 *
 * The head stays the block's object (what points to the block points there), unless an announced
 * object begins where the block does. What lies between and behind is in no object: it is the
 * pool's, like free chunks of an allocator, and its stale words hold nothing. It is counted, so that
 *
 *	block bytes = Σ head + Σ announced + rest          allocator's in use = objects' in use + rest
 *
 * In an unknown mapping, where much else may live, pieces of a page or more stay mappings.
 *
 * Limit: pointers that a pool keeps between its objects (links in slot headers) are not seen.
 */
#include "analyze/heap/announced.h"

enum { SUB_OBJECT = 2, PIECE_MIN = 4096 };

struct splitter {
	const struct objects *from;
	const struct sampled *sampled;
	struct objects to;
	struct announced *account;
	size_t next; /* region */
	struct err *err;
};

/* The next announced region at or above addr, which it moves to; NULL: none. */
static const struct heapimage_region *next_region(struct splitter *s, addr_t addr)
{
	for (; s->next < s->sampled->regions.n; s->next++) {
		const struct heapimage_region *r = &s->sampled->regions.v[s->next];

		if (r->kind != SUB_OBJECT)
			continue;
		if (r->addr >= addr)
			return r;
		s->account->n_stray++;
	}
	return NULL;
}

static int add(struct splitter *s, addr_t lo, addr_t hi, enum object_kind kind)
{
	return lo < hi ? objects_add(&s->to, lo, hi - lo, kind, s->err) : 0;
}

/* What lies in a block between two announced objects, or behind the last. */
static int add_rest(struct splitter *s, addr_t lo, addr_t hi, bool is_head, enum object_kind kind)
{
	bool is_mapping = kind == OBJECT_MAPPING;

	if (is_head || (is_mapping && hi - lo >= PIECE_MIN))
		return add(s, lo, hi, kind);
	if (!is_mapping)
		s->account->rest_bytes += hi - lo;
	return 0;
}

/* Adds the announced objects of [lo, hi), the first of which is r, and what is kept of the block. */
static int split(struct splitter *s, addr_t lo, addr_t hi, enum object_kind kind,
		 const struct heapimage_region *r)
{
	struct announced *a = s->account;
	addr_t at = lo;
	bool any = false;
	int rc = 0;

	for (; rc == 0 && r && r->addr < hi; s->next++, r = next_region(s, lo)) {
		if (r->size > hi - r->addr) {
			a->n_stray++;
			continue;
		}
		if (any && r->addr < at) {
			a->n_overlap++;
			continue;
		}
		rc = add_rest(s, at, r->addr, !any, kind);
		if (rc == 0)
			rc = add(s, r->addr, r->addr + r->size, OBJECT_ANNOUNCED);
		at = r->addr + r->size;
		any = true;
		a->n++;
		a->bytes += r->size;
		a->mapped_n += kind == OBJECT_MAPPING;
		a->mapped_bytes += kind == OBJECT_MAPPING ? r->size : 0;
	}
	if (any && kind != OBJECT_MAPPING) {
		a->blocks++;
		a->block_bytes += hi - lo;
		if (vec_push(&a->split, ((struct split_block){lo, hi - lo})) < 0)
			return err_nomem(s->err);
	}
	return rc < 0 ? rc : add_rest(s, at, hi, !any, kind);
}

static int split_all(struct splitter *s)
{
	int rc = 0;

	for (obj_id o = 0; rc == 0 && o < objects_count(s->from); o++) {
		addr_t lo = objects_addr(s->from, o), hi = lo + objects_size(s->from, o);
		enum object_kind kind = objects_kind(s->from, o);
		const struct heapimage_region *r = next_region(s, lo);

		rc = r && r->addr < hi ? split(s, lo, hi, kind, r) : add(s, lo, hi, kind);
	}
	if (rc == 0)
		next_region(s, UINT64_MAX);
	return rc;
}

static bool any_announced(const struct sampled *sampled)
{
	for (size_t i = 0; i < sampled->regions.n; i++)
		if (sampled->regions.v[i].kind == SUB_OBJECT)
			return true;
	return false;
}

int announced_split(struct objects *objects, const struct sampled *sampled, struct announced *out,
		    struct warnings *warnings, struct err *err)
{
	struct splitter s = {.from = objects, .sampled = sampled, .account = out, .err = err};
	uint64_t n_dropped = 0;
	int rc;

	*out = (struct announced){0};
	if (!any_announced(sampled))
		return 0;
	rc = split_all(&s);
	if (rc == 0)
		rc = objects_seal(&s.to, &n_dropped, err);
	if (rc < 0) {
		objects_deinit(&s.to);
		return rc;
	}
	objects_deinit(objects);
	*objects = s.to;
	if (out->n_stray)
		warnings_add(warnings,
			     "%llu announced objects are in no block that is in use: they were not "
			     "retired, or reach beyond their block",
			     (unsigned long long)out->n_stray);
	if (out->n_overlap)
		warnings_add(warnings, "%llu announced objects overlap others: left out",
			     (unsigned long long)out->n_overlap);
	return 0;
}

void announced_deinit(struct announced *a)
{
	vec_deinit(&a->split);
}

const struct split_block *announced_block(const struct announced *a, addr_t addr)
{
	size_t lo = vec_bisect(&a->split, e, e->addr < addr);

	return lo < a->split.n && a->split.v[lo].addr == addr ? &a->split.v[lo] : NULL;
}
