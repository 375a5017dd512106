/*
 * The graph algorithms against naive second ones on thousands of random
 * graphs: other code, other ideas, small enough to be obviously right.
 *
 *	reachable    a matrix closure
 *	parents      Bellman-Ford over (tier, guesses, hops)
 *	heads        components by mutual reachability in the closure
 *	dominators   take a vertex out, see who is no longer reached
 *	retained     the same, summed
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/graph/dominators.h"
#include "analyze/graph/paths.h"
#include "analyze/graph/reach.h"

enum { N_GRAPHS = 4000, MAX_V = 40, MAX_E = 160 };

struct sample {
	struct graph g;
	struct graph_edge edges[MAX_E];
	size_t n_edges;
	uint8_t tier[MAX_V];
	struct objects objects;
	uint64_t sizes[MAX_V];
	struct bitset mappings;
	bool reach[MAX_V][MAX_V]; /* closure over edges between objects */
	uint32_t n;
};

static uint64_t random_state;

static uint32_t random_below(uint32_t n)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((random_state >> 33) % n);
}

static void objects_of(struct objects *o, const uint64_t *sizes, uint32_t n)
{
	addr_t at = 4096;
	uint64_t n_dropped;
	struct err err;

	*o = (struct objects){0};
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(objects_add(o, at, sizes[i], OBJECT_ARENA, &err), 0);
		at += (sizes[i] + 15) & ~15ull;
	}
	assert_int_equal(objects_seal(o, &n_dropped, &err), 0);
	assert_int_equal(n_dropped, 0);
}

/* As they are where there are 2^32 edges or more. */
static void widen(struct offsets *o, uint64_t n)
{
	struct offsets wide;

	assert_int_equal(offsets_init(&wide, n, UINT64_MAX, 0), 0);
	for (uint64_t i = 0; i < n; i++)
		offsets_set(&wide, i, offsets_at(o, i));
	offsets_deinit(o);
	*o = wide;
}

/* Sparse and dense, lists, cycles, trees with parent pointers: the shape depends on the seed. */
static void sample_init(struct sample *s, uint64_t seed)
{
	uint32_t roots, objects, density;
	struct err err;

	memset(s, 0, sizeof(*s));
	random_state = seed * 2654435761u + 1;
	roots = random_below(5);
	objects = 1 + random_below(MAX_V - 7);
	density = 1 + random_below(4);
	s->n = 1 + roots + objects;
	assert_int_equal(bitset_init(&s->mappings, objects), 0);
	for (uint32_t i = 0; i < objects; i++) {
		s->sizes[i] = 8 + random_below(1000);
		if (!random_below(12))
			bitset_add(&s->mappings, i);
	}
	objects_of(&s->objects, s->sizes, objects);
	for (uint32_t i = 0; i < roots; i++)
		s->tier[i] = (uint8_t)random_below(3);
	while (s->n_edges < MAX_E && s->n_edges < objects * density) {
		uint32_t from = 1 + random_below(s->n - 1), to = 1 + roots + random_below(objects);

		if (random_below(3) == 0 && from > roots && from + 1 < s->n)
			to = from + 1;
		s->edges[s->n_edges++] = (struct graph_edge){
			from, to, random_below(3) ? EDGE_ALIGNED : EDGE_INTERIOR};
	}
	assert_int_equal(graph_from_edges(&s->g, roots, objects, s->edges, s->n_edges, &err), 0);
	assert_int_equal(graph_make_reverse(&s->g, (unsigned)(seed % 4), &err), 0);
	if (seed % 5 == 0) {
		widen(&s->g.out_off, s->n + 1);
		widen(&s->g.in_off, s->n + 1);
	}
	graph_check(&s->g);
	for (size_t i = 0; i < s->n_edges; i++)
		s->reach[s->edges[i].from][s->edges[i].to] = true;
	for (uint32_t k = 0; k < s->n; k++)
		for (uint32_t i = 0; i < s->n; i++)
			for (uint32_t j = 0; s->reach[i][k] && j < s->n; j++)
				s->reach[i][j] |= s->reach[k][j];
}

static void sample_deinit(struct sample *s)
{
	objects_deinit(&s->objects);
	graph_deinit(&s->g);
	bitset_deinit(&s->mappings);
}

static bool held_by_root(const struct sample *s, uint32_t v)
{
	for (uint32_t r = 1; r <= s->g.n_roots; r++)
		if (s->reach[r][v])
			return true;
	return false;
}

static bool held_by_mapping(const struct sample *s, uint32_t v)
{
	for (uint32_t o = 0; o < s->g.n_objects; o++) {
		uint32_t m = graph_object(&s->g, o);

		if (bitset_has(&s->mappings, o) && !held_by_root(s, m) && s->reach[m][v])
			return true;
	}
	return false;
}

static bool is_leaked(const struct sample *s, uint32_t v)
{
	return !held_by_root(s, v) && !bitset_has(&s->mappings, graph_obj(&s->g, v)) &&
	       !held_by_mapping(s, v);
}

/* A head: the lowest of its component, and no leaked object outside the component reaches it. */
static bool is_head(const struct sample *s, uint32_t v)
{
	for (uint32_t u = 1 + s->g.n_roots; u < s->n; u++) {
		if (u == v || !is_leaked(s, u) || !s->reach[u][v])
			continue;
		if (!s->reach[v][u] || u < v)
			return false;
	}
	return true;
}

static enum verdict naive_verdict(const struct sample *s, uint32_t v)
{
	if (held_by_root(s, v))
		return REACHABLE;
	if (bitset_has(&s->mappings, graph_obj(&s->g, v)))
		return MAPPING_UNREACHED;
	if (held_by_mapping(s, v))
		return MAPPING_HELD;
	return is_head(s, v) ? LEAKED_DIRECTLY : LEAKED_INDIRECTLY;
}

static void every_verdict_equals_that_of_the_closure(void **state)
{
	for (uint64_t seed = 0; seed < N_GRAPHS; seed++) {
		struct sample s;
		struct reach r;
		struct err err;
		uint64_t sum = 0;

		sample_init(&s, seed);
		assert_int_equal(reach_init(&r, &s.g, s.tier, &s.mappings, NULL, &err), 0);
		for (uint32_t o = 0; o < s.g.n_objects; o++)
			assert_int_equal(r.verdict[o], naive_verdict(&s, graph_object(&s.g, o)));
		for (size_t i = 0; i < 5; i++)
			sum += r.n[i];
		assert_int_equal(sum, s.g.n_objects);
		reach_deinit(&r);
		sample_deinit(&s);
	}
}

/* (tier, guesses, hops) as one number. */
static void naive_costs(const struct sample *s, uint64_t *cost)
{
	for (uint32_t v = 0; v < s->n; v++)
		cost[v] = UINT64_MAX;
	for (uint32_t r = 0; r < s->g.n_roots; r++)
		cost[1 + r] = (uint64_t)s->tier[r] << 40;
	for (uint32_t round = 0; round < s->n; round++)
		for (size_t i = 0; i < s->n_edges; i++) {
			const struct graph_edge *e = &s->edges[i];
			uint64_t step = 1 + (graph_is_certain(e->class) ? 0 : 1 << 20);

			if (e->from != e->to && cost[e->from] != UINT64_MAX &&
			    cost[e->from] + step < cost[e->to])
				cost[e->to] = cost[e->from] + step;
		}
}

static uint64_t path_cost(const struct sample *s, const struct path *p)
{
	uint64_t cost = (uint64_t)s->tier[p->at.v[0] - 1] << 40;

	for (size_t i = 0; i + 1 < p->at.n; i++) {
		enum edge_class c = paths_edge(&s->g, p->at.v[i], p->at.v[i + 1]);

		assert_int_not_equal(c, N_EDGE_CLASSES);
		cost += 1 + (graph_is_certain(c) ? 0 : 1 << 20);
	}
	return cost;
}

static void every_path_is_as_good_as_the_naive_best(void **state)
{
	for (uint64_t seed = 0; seed < N_GRAPHS; seed++) {
		struct sample s;
		struct reach r;
		struct err err;
		uint64_t cost[MAX_V];

		sample_init(&s, seed);
		naive_costs(&s, cost);
		assert_int_equal(reach_init(&r, &s.g, s.tier, NULL, NULL, &err), 0);
		for (uint32_t v = 1; v < s.n; v++) {
			struct path p = {0};
			int rc = paths_shortest(&p, &r, v, &err);

			assert_int_equal(rc, cost[v] == UINT64_MAX ? ERR_ABSENT : 0);
			if (rc == 0)
				assert_int_equal(path_cost(&s, &p), cost[v]);
			paths_deinit(&p);
		}
		reach_deinit(&r);
		sample_deinit(&s);
	}
}

/* Marks what the roots reach when vertex out does not exist. */
static void reached_without(const struct sample *s, uint32_t out, bool *reached)
{
	bool grew = true;

	memset(reached, 0, MAX_V);
	for (uint32_t r = 1; r <= s->g.n_roots; r++)
		reached[r] = r != out;
	while (grew) {
		grew = false;
		for (size_t i = 0; i < s->n_edges; i++) {
			const struct graph_edge *e = &s->edges[i];

			if (reached[e->from] && e->to != out && !reached[e->to])
				reached[e->to] = grew = true;
		}
	}
}

static void dominators_and_retained_equal_taking_each_vertex_out(void **state)
{
	for (uint64_t seed = 0; seed < N_GRAPHS; seed++) {
		struct sample s;
		struct dominators d;
		struct err err;
		bool all[MAX_V], without[MAX_V][MAX_V];
		uint64_t top = 0, reachable = 0;

		sample_init(&s, seed);
		assert_int_equal(dominators_init(&d, &s.g, &s.objects, NULL, &err), 0);
		reached_without(&s, 0, all);
		for (uint32_t v = 1; v < s.n; v++)
			reached_without(&s, v, without[v]);
		for (uint32_t v = 1; v < s.n; v++) {
			uint64_t retained = 0;
			uint32_t count = 0, depth = 0, chain = 0;

			if (!all[v]) {
				assert_int_equal(d.idom[v], VERTEX_NONE);
				assert_int_equal(d.retained[v], 0);
				continue;
			}
			for (uint32_t u = 1 + s.g.n_roots; u < s.n; u++)
				if (all[u] && !without[v][u]) {
					retained += s.sizes[graph_obj(&s.g, u)];
					count++;
				}
			assert_int_equal(d.retained[v], retained);
			assert_int_equal(d.dominated[v], count);
			/* the chain of idoms is the set of dominators */
			for (uint32_t u = 1; u < s.n; u++)
				depth += u != v && all[u] && !without[u][v];
			for (uint32_t u = d.idom[v]; u; u = d.idom[u]) {
				assert_false(without[u][v]);
				chain++;
			}
			assert_int_equal(chain, depth);
			if (d.idom[v] == 0)
				top += d.retained[v];
			if (v > s.g.n_roots)
				reachable += s.sizes[graph_obj(&s.g, v)];
		}
		assert_int_equal(top, reachable);
		assert_int_equal(d.retained[0], reachable);
		dominators_deinit(&d);
		sample_deinit(&s);
	}
}

static void children_come_largest_first_and_cut_ones_are_the_smallest(void **state)
{
	for (uint64_t seed = 0; seed < 500; seed++) {
		struct sample s;
		struct dominators d;
		struct err err;
		vertex_id all[MAX_V], few[3];

		sample_init(&s, seed);
		assert_int_equal(dominators_init(&d, &s.g, &s.objects, NULL, &err), 0);
		for (uint32_t v = 0; v < s.n; v++) {
			size_t n = dominators_children(&d, &s.g, v, all, MAX_V);

			assert_int_equal(dominators_children(&d, &s.g, v, few, 3), n);
			for (size_t i = 0; i < n && i < 3; i++)
				assert_int_equal(few[i], all[i]);
			for (size_t i = 0; i + 1 < n; i++)
				assert_true(d.retained[all[i]] > d.retained[all[i + 1]] ||
					    (d.retained[all[i]] == d.retained[all[i + 1]] &&
					     all[i] < all[i + 1]));
		}
		dominators_deinit(&d);
		sample_deinit(&s);
	}
}

static void leaked_groups_partition_the_leaked_objects(void **state)
{
	for (uint64_t seed = 0; seed < N_GRAPHS; seed++) {
		struct sample s;
		struct reach r;
		struct err err;
		obj_id group[MAX_V];

		sample_init(&s, seed);
		assert_int_equal(reach_init(&r, &s.g, s.tier, &s.mappings, NULL, &err), 0);
		assert_int_equal(reach_leak_groups(&r, &s.g, group, &err), 0);
		for (uint32_t o = 0; o < s.g.n_objects; o++) {
			uint32_t v = graph_object(&s.g, o);

			if (!is_leaked(&s, v)) {
				assert_int_equal(group[o], OBJ_NONE);
				continue;
			}
			assert_int_not_equal(group[o], OBJ_NONE);
			assert_int_equal(r.verdict[group[o]], LEAKED_DIRECTLY);
			assert_true(group[o] == o || s.reach[graph_object(&s.g, group[o])][v]);
		}
		reach_deinit(&r);
		sample_deinit(&s);
	}
}

static void other_ways_in_share_no_inner_object(void **state)
{
	size_t seen = 0;

	for (uint64_t seed = 0; seed < 1500; seed++) {
		struct sample s;
		struct reach r;
		struct err err;

		sample_init(&s, seed);
		assert_int_equal(reach_init(&r, &s.g, s.tier, NULL, NULL, &err), 0);
		for (uint32_t v = 1 + s.g.n_roots; v < s.n; v++) {
			struct path first = {0}, others[4] = {0};
			bool used[MAX_V] = {0}, cut;
			size_t n;

			if (paths_shortest(&first, &r, v, &err) < 0)
				continue;
			assert_int_equal(
				paths_others(others, 4, &n, &cut, &s.g, &first, 100000, &err), 0);
			assert_false(cut);
			for (size_t i = 0; i + 1 < first.at.n; i++)
				used[first.at.v[i]] = !graph_is_root(&s.g, first.at.v[i]);
			for (size_t k = 0; k < n; k++) {
				const struct path *p = &others[k];

				seen++;
				assert_true(graph_is_root(&s.g, p->at.v[0]));
				assert_int_equal(p->at.v[p->at.n - 1], v);
				for (size_t i = 0; i + 1 < p->at.n; i++) {
					assert_int_not_equal(
						paths_edge(&s.g, p->at.v[i], p->at.v[i + 1]),
						N_EDGE_CLASSES);
					assert_false(used[p->at.v[i]]);
					used[p->at.v[i]] = !graph_is_root(&s.g, p->at.v[i]);
				}
				paths_deinit(&others[k]);
			}
			paths_deinit(&first);
		}
		reach_deinit(&r);
		sample_deinit(&s);
	}
	assert_true(seen > 1000);
}

static void an_edge_mask_is_as_good_as_a_graph_without_those_edges(void **state)
{
	for (uint64_t seed = 0; seed < 1000; seed++) {
		struct sample s;
		struct graph_edge kept[MAX_E];
		struct bitset mask;
		struct graph small;
		struct dominators d, e;
		struct reach r, q;
		struct err err;
		size_t n = 0;

		sample_init(&s, seed);
		assert_int_equal(bitset_init(&mask, s.g.n_edges + 1), 0);
		for (uint32_t v = 0; v < s.n; v++)
			for (uint64_t i = graph_out_begin(&s.g, v); i < graph_out_end(&s.g, v); i++)
				if (graph_is_certain(graph_class(&s.g, i))) {
					bitset_add(&mask, i);
					kept[n++] =
						(struct graph_edge){v, s.g.out[i], EDGE_ALIGNED};
				}
		assert_int_equal(
			graph_from_edges(&small, s.g.n_roots, s.g.n_objects, kept, n, &err), 0);
		assert_int_equal(dominators_init(&d, &s.g, &s.objects, &mask, &err), 0);
		assert_int_equal(dominators_init(&e, &small, &s.objects, NULL, &err), 0);
		assert_int_equal(reach_init(&r, &s.g, s.tier, &s.mappings, &mask, &err), 0);
		assert_int_equal(reach_init(&q, &small, s.tier, &s.mappings, NULL, &err), 0);
		assert_memory_equal(d.idom, e.idom, s.n * sizeof(*d.idom));
		assert_memory_equal(d.retained, e.retained, s.n * sizeof(*d.retained));
		assert_memory_equal(r.verdict, q.verdict, s.g.n_objects);
		reach_deinit(&r);
		reach_deinit(&q);
		dominators_deinit(&d);
		dominators_deinit(&e);
		graph_deinit(&small);
		bitset_deinit(&mask);
		sample_deinit(&s);
	}
}

/* A list as long as real ones: anything that recursed would be dead. */
static void a_list_of_three_million_needs_no_stack(void **state)
{
	enum { N = 3000000 };
	struct graph_edge *edges = malloc((N + 1) * sizeof(*edges));
	uint64_t *sizes = malloc(N * sizeof(*sizes));
	struct objects objects;
	struct graph g;
	struct reach r;
	struct dominators d;
	struct path p = {0};
	struct err err;

	/* the last half is a leaked ring */
	for (uint32_t i = 0; i < N; i++) {
		edges[i] = (struct graph_edge){1 + i, 2 + i, EDGE_ALIGNED};
		sizes[i] = 16;
	}
	edges[N / 2].to = 2 + N / 2;
	edges[N / 2] = (struct graph_edge){N + 1, 2 + N / 2, EDGE_ALIGNED};
	objects_of(&objects, sizes, N);
	assert_int_equal(graph_from_edges(&g, 1, N, edges, N, &err), 0);
	assert_int_equal(reach_init(&r, &g, NULL, NULL, NULL, &err), 0);
	assert_int_equal(r.n[REACHABLE], N / 2);
	assert_int_equal(r.n[LEAKED_DIRECTLY], 1);
	assert_int_equal(r.verdict[N / 2], LEAKED_DIRECTLY);
	assert_int_equal(dominators_init(&d, &g, &objects, NULL, &err), 0);
	assert_int_equal(d.retained[1], (uint64_t)N / 2 * 16);
	assert_int_equal(d.retained[N / 2 + 1], 16);
	assert_int_equal(paths_shortest(&p, &r, N / 2 + 1, &err), 0);
	assert_int_equal(p.at.n, N / 2 + 1);
	paths_deinit(&p);
	dominators_deinit(&d);
	reach_deinit(&r);
	graph_deinit(&g);
	objects_deinit(&objects);
	free(edges);
	free(sizes);
}

/* Where the climb to the dominator is as long as the list, for each of as many objects. */
static void a_list_whose_end_holds_what_its_middle_holds_too_is_no_square(void **state)
{
	enum { N = 400000 };
	struct graph_edge *edges = malloc(3 * N * sizeof(*edges));
	uint64_t *sizes = malloc(2 * N * sizeof(*sizes));
	uint32_t *holder = malloc(N * sizeof(*holder));
	struct objects objects;
	struct graph g;
	struct dominators d;
	struct err err;

	/* root → 1 → 2 … → N, N → each of N+1 … 2N, and one of the list → each of them */
	for (uint32_t i = 0; i < N; i++) {
		edges[3 * i] = (struct graph_edge){1 + i, 2 + i, EDGE_ALIGNED};
		edges[3 * i + 1] = (struct graph_edge){1 + N, 2 + N + i, EDGE_ALIGNED};
		holder[i] = 1 + random_below(i % 2 ? N + 1 : 10);
		edges[3 * i + 2] = (struct graph_edge){holder[i], 2 + N + i, EDGE_ALIGNED};
		sizes[i] = sizes[N + i] = 16;
	}
	objects_of(&objects, sizes, 2 * N);
	assert_int_equal(graph_from_edges(&g, 1, 2 * N, edges, 3 * N, &err), 0);
	assert_int_equal(dominators_init(&d, &g, &objects, NULL, &err), 0);
	for (uint32_t i = 0; i < N; i++) {
		assert_int_equal(d.idom[2 + i], 1 + i);
		assert_int_equal(d.idom[2 + N + i], holder[i]);
	}
	dominators_deinit(&d);
	graph_deinit(&g);
	objects_deinit(&objects);
	free(edges);
	free(sizes);
	free(holder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_verdict_equals_that_of_the_closure),
		cmocka_unit_test(every_path_is_as_good_as_the_naive_best),
		cmocka_unit_test(dominators_and_retained_equal_taking_each_vertex_out),
		cmocka_unit_test(children_come_largest_first_and_cut_ones_are_the_smallest),
		cmocka_unit_test(leaked_groups_partition_the_leaked_objects),
		cmocka_unit_test(other_ways_in_share_no_inner_object),
		cmocka_unit_test(an_edge_mask_is_as_good_as_a_graph_without_those_edges),
		cmocka_unit_test(a_list_of_three_million_needs_no_stack),
		cmocka_unit_test(a_list_whose_end_holds_what_its_middle_holds_too_is_no_square),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
