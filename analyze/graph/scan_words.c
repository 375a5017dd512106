/*
 * The words of one source, and, for an explanation, which of them lead to a target.
 */
#include <string.h>

#include "analyze/graph/scan_words.h"

/* The run that holds addr or is the first above it, from a guess that is mostly right. */
static size_t run_for(const struct space *s, size_t guess, addr_t addr)
{
	size_t lo;

	if (guess < s->runs.n && s->runs.v[guess].addr <= addr &&
	    addr - s->runs.v[guess].addr < s->runs.v[guess].size)
		return guess;
	lo = vec_bisect(&s->runs, e, e->addr + e->size <= addr);
	return lo;
}

/* Goes on to a place behind what is in no run: absent, but for zeros that need no look. */
static void pass_absent(struct words_at *w, addr_t to)
{
	w->absent += to - w->addr - space_zero_bytes(w->space, (struct range){w->addr, to});
	w->addr = to;
}

bool words_next(struct words_at *w, struct words *out)
{
	const struct space_run *r;
	addr_t end;

	while (w->addr < w->end && w->end - w->addr >= 8) {
		w->run = run_for(w->space, w->run, w->addr);
		r = w->run < w->space->runs.n ? &w->space->runs.v[w->run] : NULL;
		if (!r || r->addr >= w->end) {
			pass_absent(w, w->end);
			return false;
		}
		if (r->addr > w->addr) {
			pass_absent(w, r->addr);
			w->addr = words_align(r->addr);
			continue;
		}
		end = r->addr + r->size < w->end ? r->addr + r->size : w->end;
		*out = (struct words){.bytes = r->data + (w->addr - r->addr),
				      .n = (end - w->addr) / 8,
				      .off = w->addr - w->start};
		w->addr = out->n ? w->addr + 8 * out->n : words_align(end);
		if (out->n)
			return true;
	}
	return false;
}

/* Whether the word, or its reading without the mask, leads to the object [lo, lo + size]. */
static bool leads_to(const struct objects *objects, obj_id target, uint64_t word, uint64_t mask)
{
	addr_t lo = objects_addr(objects, target);
	uint64_t size = objects_size(objects, target);

	if (word - lo > size && mask && objects_find(objects, word) == OBJ_NONE)
		word &= ~mask;
	return word - lo <= size && (word - lo < size || objects_find(objects, word) == target);
}

/* Whether the word is a root's, in an object. */
static bool is_rooted(const struct roots *roots, const struct objects *objects, addr_t at)
{
	for (size_t i = 0; i < roots->list.n; i++) {
		const struct root *r = &roots->list.v[i];

		if (r->class != ROOT_REGISTER && at - r->addr < r->size &&
		    objects_find(objects, r->addr) != OBJ_NONE)
			return true;
	}
	return false;
}

size_t scan_words_to(const struct space *space, const struct objects *objects,
		     const struct roots *roots, const struct graph *g, vertex_id from, vertex_id to,
		     const struct scan_options *options, uint64_t *offs, size_t max)
{
	obj_id source = graph_obj(g, from), target = graph_obj(g, to);
	bool is_root = graph_is_root(g, from);
	const struct root *r = is_root ? &roots->list.v[from - 1] : NULL;
	struct words w = {0};
	struct words_at at;
	size_t found = 0;

	if (target == OBJ_NONE || (!is_root && source == OBJ_NONE))
		return 0;
	at = is_root ? words_begin(space, 0, 0, 0)
		     : words_begin(space, 0, objects_addr(objects, source),
				   objects_size(objects, source));
	if (is_root)
		w = (struct words){r->bytes, r->size / 8, 0};
	while (is_root || words_next(&at, &w)) {
		for (uint64_t i = 0; i < w.n; i++) {
			uint64_t word;

			memcpy(&word, w.bytes + 8 * i, sizeof(word));
			if (!leads_to(objects, target, word, options->pointer_mask) ||
			    (!is_root && is_rooted(roots, objects, at.start + w.off + 8 * i)))
				continue;
			if (found < max)
				offs[found] = w.off + 8 * i;
			found++;
		}
		if (is_root)
			break;
	}
	return found;
}
