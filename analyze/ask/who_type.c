/*
 * who of a type: what its objects have in common.
 *
 *	g_sessions ─ table ─┬─ session          of 3 sessions the table dominates 3, g_sessions too:
 *	                    ├─ session          the table is the deepest that holds more than half
 *	                    ╰─ session
 *
 * Objects of the type that hold others of it (a list's nodes) are passed over.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/ask/describe.h"
#include "analyze/ask/dominator_walk.h"
#include "analyze/ask/typed.h"
#include "analyze/ask/who_type.h"
#include "base/cleanup.h"

enum { MAX_NAMESAKES = 64, SHOWN_LARGEST = 8 };

struct who_type {
	struct session *s;
	struct bitset objects; /* that are of it */
	uint32_t *below;       /* per vertex: how many of these it dominates, itself counted */
	uint64_t n, bytes, n_leaked, leaked_bytes, by_confidence[N_CONFIDENCES];
	vertex_id largest[SHOWN_LARGEST];
	size_t n_largest;
};

static bool is_one(const struct who_type *w, vertex_id v)
{
	obj_id o = graph_obj(&w->s->graph, v);

	return o != OBJ_NONE && bitset_has(&w->objects, o);
}

/* What it retains; of what is not reached, its size. */
static uint64_t weight_of(const struct who_type *w, vertex_id v)
{
	uint64_t retained = w->s->dominators.retained[v];

	return retained ? retained : objects_size(&w->s->heap.objects, graph_obj(&w->s->graph, v));
}

static void keep_largest(struct who_type *w, vertex_id v)
{
	size_t at = w->n_largest;

	for (; at && weight_of(w, w->largest[at - 1]) < weight_of(w, v); at--)
		if (at < SHOWN_LARGEST)
			w->largest[at] = w->largest[at - 1];
	if (at < SHOWN_LARGEST) {
		w->largest[at] = v;
		w->n_largest += w->n_largest < SHOWN_LARGEST;
	}
}

static void count(struct who_type *w, obj_id o)
{
	uint64_t size = objects_size(&w->s->heap.objects, o);
	uint8_t verdict = w->s->reach.verdict[o];

	bitset_add(&w->objects, o);
	w->n++;
	w->bytes += size;
	w->by_confidence[w->s->inference.v[o].confidence]++;
	if (verdict == LEAKED_DIRECTLY || verdict == LEAKED_INDIRECTLY) {
		w->n_leaked++;
		w->leaked_bytes += size;
	}
	keep_largest(w, graph_object(&w->s->graph, o));
}

static int collect(struct who_type *w, const char *name, struct err *err)
{
	const struct session *s = w->s;
	const struct type_table *t = &s->types.table;
	type_id ids[MAX_NAMESAKES];
	size_t n = type_names_find(t, name, ids, MAX_NAMESAKES);
	struct bitset types;
	struct typed typed;

	if (bitset_init(&types, type_table_count(t)) < 0)
		return err_nomem(err);
	for (size_t i = 0; i < n && i < MAX_NAMESAKES; i++)
		bitset_add(&types, type_table_peel(t, ids[i]));
	for (obj_id o = 0; o < objects_count(&s->heap.objects); o++)
		if (typed_object(s, o, &typed) && bitset_has(&types, typed.type))
			count(w, o);
	bitset_deinit(&types);
	return 0;
}

static void enter(void *arg, vertex_id v)
{
	struct who_type *w = arg;

	w->below[v] = is_one(w, v);
}

static void leave(void *arg, vertex_id v)
{
	struct who_type *w = arg;

	w->below[w->s->dominators.idom[v]] += w->below[v];
}

static bool has_most(const struct who_type *w, vertex_id v)
{
	return 2 * (uint64_t)w->below[v] > w->n;
}

/* Of two that dominate most of them: one is above the other, and dominates no fewer. */
static bool is_deeper(const struct dominators *d, vertex_id v, vertex_id than)
{
	return d->dominated[v] < d->dominated[than] || d->idom[v] == than;
}

/*
 * The deepest that dominates more than half of them; else whatever dominates more than the others. Those of the
 * type itself hold nothing together.
 */
static vertex_id holder_of(const struct who_type *w)
{
	const struct dominators *d = &w->s->dominators;
	vertex_id best = 0;

	for (vertex_id v = 1; v < graph_vertices(&w->s->graph); v++) {
		if (d->idom[v] == VERTEX_NONE || !w->below[v] || is_one(w, v))
			continue;
		if (!best || (has_most(w, v) && has_most(w, best) ? is_deeper(d, v, best)
								  : w->below[v] > w->below[best]))
			best = v;
	}
	return best;
}

static void set_numbers(struct fact *out, const struct who_type *w)
{
	fact_set_u64(out, "objects", w->n);
	fact_set_u64(out, "bytes", w->bytes);
	fact_set_u64(out, "leaked_objects", w->n_leaked);
	fact_set_u64(out, "leaked_bytes", w->leaked_bytes);
	fact_set_u64(out, "certain_objects", w->by_confidence[CONFIDENCE_CERTAIN]);
	fact_set_u64(out, "likely_objects", w->by_confidence[CONFIDENCE_LIKELY]);
	fact_set_u64(out, "guess_objects", w->by_confidence[CONFIDENCE_GUESS]);
}

static int set_holder(struct who_type *w, struct fact *out, struct err *err)
{
	vertex_id holder;
	struct fact *f;
	int rc = dominator_walk(w->s, enter, leave, w, err);

	if (rc < 0)
		return rc;
	holder = holder_of(w);
	if (!holder)
		return 0;
	f = fact_set_object(out, "held_together");
	describe_vertex(w->s, f, holder, NO_WORD);
	fact_set_u64(f, "objects", w->below[holder]);
	return 0;
}

int who_type(struct session *s, const char *name, struct fact *out, struct err *err)
{
	_cleanup_free_ uint32_t *below = calloc(graph_vertices(&s->graph), sizeof(*below));
	struct who_type w = {.s = s, .below = below};
	int rc = below && bitset_init(&w.objects, objects_count(&s->heap.objects)) == 0
			 ? collect(&w, name, err)
			 : err_nomem(err);
	struct fact *list;

	fact_set_str(out, "type", name);
	if (rc == 0)
		set_numbers(out, &w);
	if (rc == 0 && w.n)
		rc = set_holder(&w, out, err);
	list = fact_set_array(out, "largest");
	for (size_t i = 0; rc == 0 && i < w.n_largest; i++)
		describe_vertex(s, fact_add_object(list), w.largest[i], NO_WORD);
	bitset_deinit(&w.objects);
	if (rc == 0 && !w.n)
		return err_set(err, ERR_ABSENT, "no object is known to be of the type \"%.80s\"",
			       name);
	return rc;
}
