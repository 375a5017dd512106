/*
 * Reachability by tiers of roots. Within a tier the search goes by levels of
 * guesses: level k holds what needs k guessed edges.
 *
 *	level k      breadth-first over certain edges, round by round of distance
 *	level k+1    starts from the targets of guessed edges out of level k
 *
 * The starts of a level have different distances; each joins the queue in the round of its own
 * distance, so the queue stays sorted and the best path is exact in the order (guesses, hops). A
 * tier is exhausted before the next begins. Nothing becomes unreachable by all this: only which
 * path is remembered depends on it.
 *
 * What is not reached then belongs to unknown mappings that nothing reaches, and the rest is leaked:
 * heads are the components of the leaked subgraph that no other leaked component points into.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/graph/reach.h"
#include "analyze/graph/scc.h"
#include "base/vec.h"
#include "base/big_array.h"

enum { MAX_TIERS = 16, UNDECIDED = 255, AHEAD = 16 };

/* A vertex that a guessed edge leads to, waiting for the round of its distance. */
struct start {
	vertex_id to, from;
	uint32_t dist;
};

/* A vertex with guessed edges out, and its hops from the root. */
struct guesser {
	vertex_id v;
	uint32_t dist;
};

struct search {
	const struct graph *g;
	const struct bitset *edges; /* NULL: all may be followed */
	vertex_id *parent;
	vertex_id *queue; /* every vertex reached, in order; sorted by distance within a level */
	uint64_t n, next; /* queued; expanded */
	VEC(struct guesser) guessers; /* of this level */
	VEC(struct start) starts;
	struct bitset pending; /* vertices that are in starts */
	bool nomem;
};

static void visit(struct search *s, vertex_id v, vertex_id from)
{
	if (s->parent[v] != VERTEX_NONE)
		return;
	s->parent[v] = from;
	s->queue[s->n++] = v;
}

static bool may_follow(const struct search *s, uint64_t e)
{
	return !s->edges || bitset_has(s->edges, e);
}

/* Asks for the memory that expanding the vertices further down the queue will touch. */
static void look_ahead(const struct search *s)
{
	const struct graph *g = s->g;
	const vertex_id *q = s->queue + s->next;
	uint64_t first;

	if (s->next + 3 * AHEAD >= s->n)
		return;
	offsets_prefetch(&g->out_off, q[3 * AHEAD]);
	first = graph_out_begin(g, q[2 * AHEAD]);
	__builtin_prefetch(&g->out[first]);
	__builtin_prefetch(&g->out_class[first >> 1]);
	first = graph_out_begin(g, q[AHEAD]);
	if (first < g->n_edges)
		__builtin_prefetch(&s->parent[g->out[first]], 1);
}

static void expand_certain(struct search *s, vertex_id v, uint32_t dist)
{
	const struct graph *g = s->g;
	uint64_t end = graph_out_end(g, v);
	struct guesser guesser = {v, dist};
	bool guesses = false;

	for (uint64_t e = graph_out_begin(g, v); e < end; e++) {
		if (e + AHEAD < end)
			__builtin_prefetch(&s->parent[g->out[e + AHEAD]], 1);
		if (!graph_is_certain(graph_class(g, e)))
			guesses = true;
		else if (may_follow(s, e))
			visit(s, g->out[e], v);
	}
	if (guesses)
		s->nomem |= vec_push(&s->guessers, guesser) < 0;
}

/* The guessed edges of v: the first that leads to a vertex is the nearest, as v come by distance. */
static void expand_guesses(struct search *s, const struct guesser *from)
{
	for (uint64_t e = graph_out_begin(s->g, from->v); e < graph_out_end(s->g, from->v); e++) {
		struct start next = {s->g->out[e], from->v, from->dist + 1};

		if (!graph_is_certain(graph_class(s->g, e)) && may_follow(s, e) &&
		    s->parent[next.to] == VERTEX_NONE && bitset_add_new(&s->pending, next.to))
			s->nomem |= vec_push(&s->starts, next) < 0;
	}
}

/*
 * Exhausts a level, round by round. What the queue holds at the start of a round has the round's
 * distance; where it is empty, the nearest start says how far the next round is.
 */
static void run_level(struct search *s)
{
	uint32_t round = 0;
	size_t i = 0;

	while (s->next < s->n || i < s->starts.n) {
		uint64_t end;

		if (s->next == s->n)
			round = s->starts.v[i].dist;
		for (; i < s->starts.n && s->starts.v[i].dist <= round; i++)
			visit(s, s->starts.v[i].to, s->starts.v[i].from);
		for (end = s->n; s->next < end; s->next++) {
			look_ahead(s);
			expand_certain(s, s->queue[s->next], round);
		}
		round++;
	}
	for (i = 0; i < s->starts.n; i++)
		bitset_remove(&s->pending, s->starts.v[i].to);
	s->starts.n = 0;
}

static void run_tier(struct search *s, const uint8_t *root_tier, unsigned tier)
{
	for (uint32_t r = 0; r < s->g->n_roots; r++)
		if ((root_tier ? root_tier[r] : 0) == tier)
			visit(s, graph_root(r), 0);
	do {
		run_level(s);
		for (size_t i = 0; i < s->guessers.n; i++)
			expand_guesses(s, &s->guessers.v[i]);
		s->guessers.n = 0;
	} while (s->starts.n);
}

static int search_init(struct search *s, const struct graph *g, const struct bitset *edges)
{
	uint64_t n = graph_vertices(g);

	*s = (struct search){.g = g, .edges = edges};
	s->parent = big_array(n, sizeof(*s->parent), 0);
	s->queue = big_array(n, sizeof(*s->queue), 0);
	if (bitset_init(&s->pending, n) < 0 || !s->parent || !s->queue)
		return -1;
	memset(s->parent, 0xff, n * sizeof(*s->parent));
	return 0;
}

static void search_deinit(struct search *s)
{
	free(s->parent);
	free(s->queue);
	vec_deinit(&s->starts);
	vec_deinit(&s->guessers);
	bitset_deinit(&s->pending);
}

/* Decides what unreached mappings hold. The queue goes on behind what is reached. */
static void hold_by_mappings(struct reach *r, const struct search *s,
			     const struct bitset *is_mapping)
{
	const struct graph *g = s->g;
	uint64_t n = s->n, next = n;

	for (obj_id o = 0; o < g->n_objects; o++)
		if (r->verdict[o] == UNDECIDED && bitset_has(is_mapping, o)) {
			r->verdict[o] = MAPPING_UNREACHED;
			s->queue[n++] = graph_object(g, o);
		}
	while (next < n) {
		vertex_id v = s->queue[next++];

		for (uint64_t e = graph_out_begin(g, v); e < graph_out_end(g, v); e++) {
			obj_id o = graph_obj(g, g->out[e]);

			if (r->verdict[o] != UNDECIDED || (s->edges && !bitset_has(s->edges, e)))
				continue;
			r->verdict[o] = MAPPING_HELD;
			s->queue[n++] = g->out[e];
		}
	}
}

static int find_leaks(struct reach *r, const struct search *s, struct err *err)
{
	struct bitset leaked = {0}, heads = {0};
	uint32_t n = s->g->n_objects;
	int rc = 0;

	if (bitset_init(&leaked, n) < 0 || bitset_init(&heads, n) < 0)
		rc = err_nomem(err);
	for (obj_id o = 0; rc == 0 && o < n; o++)
		if (r->verdict[o] == UNDECIDED)
			bitset_add(&leaked, o);
	if (rc == 0)
		rc = scc_heads(s->g, &leaked, s->edges, &heads, err);
	for (obj_id o = 0; rc == 0 && o < n; o++)
		if (r->verdict[o] == UNDECIDED)
			r->verdict[o] = bitset_has(&heads, o) ? LEAKED_DIRECTLY : LEAKED_INDIRECTLY;
	bitset_deinit(&leaked);
	bitset_deinit(&heads);
	return rc;
}

int reach_init(struct reach *r, const struct graph *g, const uint8_t *root_tier,
	       const struct bitset *is_mapping, const struct bitset *edges, struct err *err)
{
	struct search s;
	int rc = 0;

	*r = (struct reach){.verdict = malloc((uint64_t)g->n_objects + 1)};
	if (search_init(&s, g, edges) < 0 || !r->verdict)
		rc = err_nomem(err);
	for (unsigned tier = 0; rc == 0 && tier < MAX_TIERS; tier++)
		run_tier(&s, root_tier, tier);
	if (rc == 0 && s.nomem)
		rc = err_nomem(err);
	for (obj_id o = 0; rc == 0 && o < g->n_objects; o++)
		r->verdict[o] = s.parent[graph_object(g, o)] == VERTEX_NONE ? UNDECIDED : REACHABLE;
	if (rc == 0 && is_mapping)
		hold_by_mappings(r, &s, is_mapping);
	free(s.queue);
	s.queue = NULL;
	if (rc == 0)
		rc = find_leaks(r, &s, err);
	for (obj_id o = 0; rc == 0 && o < g->n_objects; o++)
		r->n[r->verdict[o]]++;
	if (rc == 0) {
		r->parent = s.parent;
		s.parent = NULL;
	} else {
		reach_deinit(r);
	}
	search_deinit(&s);
	return rc;
}

void reach_deinit(struct reach *r)
{
	free(r->parent);
	free(r->verdict);
	*r = (struct reach){0};
}

int reach_leak_groups(const struct reach *r, const struct graph *g, obj_id *group, struct err *err)
{
	VEC(obj_id) queue = {0};
	int rc = 0;

	memset(group, 0xff, (size_t)g->n_objects * sizeof(*group));
	for (obj_id head = 0; rc == 0 && head < g->n_objects; head++) {
		if (r->verdict[head] != LEAKED_DIRECTLY)
			continue;
		group[head] = head;
		queue.n = 0;
		rc = vec_push(&queue, head);
		for (size_t i = 0; rc == 0 && i < queue.n; i++) {
			vertex_id v = graph_object(g, queue.v[i]);

			for (uint64_t e = graph_out_begin(g, v); rc == 0 && e < graph_out_end(g, v);
			     e++) {
				obj_id o = graph_obj(g, g->out[e]);

				if (r->verdict[o] != LEAKED_INDIRECTLY || group[o] != OBJ_NONE)
					continue;
				group[o] = head;
				rc = vec_push(&queue, o);
			}
		}
	}
	vec_deinit(&queue);
	return rc < 0 ? err_nomem(err) : 0;
}
