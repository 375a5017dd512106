/*
 * A breadth-first search from all known objects and roots at once, over unknown objects only:
 *
 *	known object ── word at off of its type ──► unknown ─► unknown ─► …      all for the place (type, off)
 *	root ──────────────────────────────────────► unknown ─► …                 for the root
 *
 *	Σ n over places + behind none = unknown objects
 *
 * Places are found by an open hash table; their number is that of pointer members in use.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/types/inference_reach.h"
#include "base/big_array.h"

enum { FIRST_SLOTS = 256 };

struct search {
	const struct inference *known;
	const struct inference_reach_input *in;
	struct inference_reach *out;
	uint32_t *place_of; /* per object; INDEX_NONE: not reached, or known */
	obj_id *queue;
	size_t n_queued;
	uint32_t *slots; /* places by their hash; INDEX_NONE: free */
	size_t n_slots;
};

static bool is_unknown(const struct search *s, obj_id o)
{
	return o != OBJ_NONE && s->known->v[o].type == TYPE_NONE &&
	       objects_kind(s->in->objects, o) != OBJECT_MAPPING;
}

static size_t hash_of(type_id type, vertex_id root, uint64_t off)
{
	uint64_t x = ((uint64_t)type << 32 ^ root ^ off << 8) * 0x9e3779b97f4a7c15ull;

	return (size_t)(x ^ x >> 32);
}

static size_t slot_of(const struct search *s, type_id type, vertex_id root, uint64_t off)
{
	size_t i = hash_of(type, root, off) & (s->n_slots - 1);

	for (; s->slots[i] != INDEX_NONE; i = (i + 1) & (s->n_slots - 1)) {
		const struct inference_unknown *u = &s->out->list.v[s->slots[i]];

		if (u->type == type && u->root == root && u->off == off)
			break;
	}
	return i;
}

static int grow_slots(struct search *s, struct err *err)
{
	size_t n = s->n_slots ? s->n_slots * 2 : FIRST_SLOTS;

	if (s->n_slots && s->out->list.n < s->n_slots / 2)
		return 0;
	free(s->slots);
	s->slots = malloc(n * sizeof(*s->slots));
	if (!s->slots)
		return err_nomem(err);
	s->n_slots = n;
	memset(s->slots, 0xff, n * sizeof(*s->slots));
	for (size_t i = 0; i < s->out->list.n; i++) {
		const struct inference_unknown *u = &s->out->list.v[i];

		s->slots[slot_of(s, u->type, u->root, u->off)] = (uint32_t)i;
	}
	return 0;
}

/* The object, which nobody has reached yet, is behind that place. */
static int enter(struct search *s, obj_id o, type_id type, vertex_id root, uint64_t off,
		 struct err *err)
{
	struct inference_unknown u = {.type = type, .root = root, .off = off, .example = o};
	size_t slot;

	if (grow_slots(s, err) < 0)
		return ERR_NOMEM;
	slot = slot_of(s, type, root, off);
	if (s->slots[slot] == INDEX_NONE) {
		if (vec_push(&s->out->list, u) < 0)
			return err_nomem(err);
		s->slots[slot] = (uint32_t)(s->out->list.n - 1);
	}
	s->out->list.v[s->slots[slot]].n_direct++;
	s->place_of[o] = s->slots[slot];
	s->queue[s->n_queued++] = o;
	return 0;
}

static bool leads_to_unknown(const struct search *s, vertex_id v)
{
	const struct graph *g = s->in->graph;

	for (uint64_t e = graph_out_begin(g, v); e < graph_out_end(g, v); e++)
		if (is_unknown(s, graph_obj(g, g->out[e])))
			return true;
	return false;
}

/* The words of a known object that lead to unknown ones. */
static int enter_from_object(struct search *s, obj_id o, struct err *err)
{
	const struct objects *objects = s->in->objects;
	const struct inference_line *l = &s->known->v[o];
	uint64_t size = objects_size(objects, o), word;
	addr_t at = objects_addr(objects, o);
	int rc = 0;

	for (uint64_t off = 0; size - off >= sizeof(word) && off < size && rc == 0;
	     off += sizeof(word)) {
		obj_id to;

		if (!space_u64(s->in->space, at + off, &word) || !word)
			continue;
		to = index_find(s->in->index, word);
		if (is_unknown(s, to) && s->place_of[to] == INDEX_NONE)
			rc = enter(s, to, l->type, VERTEX_NONE,
				   inference_off_in_type(s->in->table, l, off), err);
	}
	return rc;
}

static int enter_all(struct search *s, struct err *err)
{
	const struct graph *g = s->in->graph;
	int rc = 0;

	for (obj_id o = 0; o < s->known->n && rc == 0; o++) {
		const struct inference_line *l = &s->known->v[o];

		if (l->type != TYPE_NONE && l->fit != FIT_BYTES &&
		    leads_to_unknown(s, graph_object(g, o)))
			rc = enter_from_object(s, o, err);
	}
	for (uint32_t r = 0; r < g->n_roots && rc == 0; r++) {
		vertex_id v = graph_root(r);

		for (uint64_t e = graph_out_begin(g, v); e < graph_out_end(g, v) && rc == 0; e++) {
			obj_id o = graph_obj(g, g->out[e]);

			if (is_unknown(s, o) && s->place_of[o] == INDEX_NONE)
				rc = enter(s, o, TYPE_NONE, v, 0, err);
		}
	}
	return rc;
}

static void spread(struct search *s)
{
	const struct graph *g = s->in->graph;

	for (size_t i = 0; i < s->n_queued; i++) {
		obj_id from = s->queue[i];
		vertex_id v = graph_object(g, from);

		for (uint64_t e = graph_out_begin(g, v); e < graph_out_end(g, v); e++) {
			obj_id to = graph_obj(g, g->out[e]);

			if (!is_unknown(s, to) || s->place_of[to] != INDEX_NONE)
				continue;
			s->place_of[to] = s->place_of[from];
			s->queue[s->n_queued++] = to;
		}
	}
}

static int by_bytes(const void *a, const void *b)
{
	const struct inference_unknown *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return x->example < y->example ? -1 : x->example > y->example;
}

static void sum(struct search *s)
{
	for (obj_id o = 0; o < s->known->n; o++) {
		uint64_t size = objects_size(s->in->objects, o);

		if (!is_unknown(s, o))
			continue;
		if (s->place_of[o] == INDEX_NONE) {
			s->out->n++;
			s->out->bytes += size;
		} else {
			s->out->list.v[s->place_of[o]].n++;
			s->out->list.v[s->place_of[o]].bytes += size;
		}
	}
	if (s->out->list.n)
		qsort(s->out->list.v, s->out->list.n, sizeof(*s->out->list.v), by_bytes);
}

int inference_reach_init(struct inference_reach *out, const struct inference *r,
			 const struct inference_reach_input *in, struct err *err)
{
	struct search s = {.known = r, .in = in, .out = out};
	int rc = 0;

	*out = (struct inference_reach){0};
	s.place_of = big_array(r->n, sizeof(*s.place_of), 0);
	s.queue = big_array(r->n, sizeof(*s.queue), 0);
	if (!s.place_of || !s.queue)
		rc = err_nomem(err);
	for (obj_id o = 0; o < r->n && rc == 0; o++)
		s.place_of[o] = INDEX_NONE;
	if (rc == 0)
		rc = enter_all(&s, err);
	if (rc == 0) {
		spread(&s);
		sum(&s);
	}
	free(s.place_of);
	free(s.queue);
	free(s.slots);
	if (rc < 0)
		inference_reach_deinit(out);
	return rc;
}

void inference_reach_deinit(struct inference_reach *r)
{
	vec_deinit(&r->list);
	*r = (struct inference_reach){0};
}
