/*
 * who: why is this still here. Two things are told apart:
 *
 *	path          one way in, the shortest: how the program reaches it
 *	dominators    what every way in goes through: what could let go of it
 *
 * and then other ways in that share nothing with the first but the object.
 */
#include <string.h>

#include "analyze/ask/answers.h"
#include "analyze/ask/resolve.h"
#include "analyze/ask/trace.h"

enum { MAX_OTHERS = 3, MAX_CHILDREN = 10, MAX_REFERRERS = 8 };
#define OTHERS_BUDGET 20000000ull

static void set_children(struct session *s, struct fact *out, vertex_id v)
{
	vertex_id child[MAX_CHILDREN];
	size_t n = dominators_children(&s->dominators, &s->graph, v, child, MAX_CHILDREN);
	struct fact *list = fact_set_array(out, "holds");

	for (size_t i = 0; i < n && i < MAX_CHILDREN; i++)
		describe_vertex(s, fact_add_object(list), child[i], NO_WORD);
	fact_set_u64(out, "holds_count", n);
}

static int set_others(struct session *s, struct fact *out, const struct path *first,
		      struct err *err)
{
	struct path others[MAX_OTHERS] = {0};
	struct fact *list = fact_set_array(out, "others");
	bool cut = false;
	size_t n = 0;
	int rc = paths_others(others, MAX_OTHERS, &n, &cut, &s->graph, first, OTHERS_BUDGET, err);

	for (size_t i = 0; rc == 0 && i < n; i++)
		trace_path(s, fact_add_object(list), &others[i]);
	fact_set_bool(out, "others_cut", cut || n == MAX_OTHERS);
	for (size_t i = 0; i < MAX_OTHERS; i++)
		paths_deinit(&others[i]);
	return rc;
}

/* A leaked object: who points to it, all of them leaked too. */
static void set_referrers(struct session *s, struct fact *out, vertex_id v)
{
	const struct graph *g = &s->graph;
	struct fact *list = fact_set_array(out, "referrers");
	uint64_t n = g->in_off[v + 1] - g->in_off[v];

	for (uint64_t i = 0; i < n && i < MAX_REFERRERS; i++)
		describe_vertex(s, fact_add_object(list), g->in[g->in_off[v] + i], NO_WORD);
	fact_set_u64(out, "referrers_count", n);
}

static int explain_vertex(struct session *s, struct fact *out, vertex_id v, struct err *err)
{
	struct path path = {0};
	int rc = paths_shortest(&path, &s->reach, v, err);

	fact_set_bool(out, "reachable", rc == 0);
	if (rc == ERR_ABSENT) {
		set_referrers(s, out, v);
		return 0;
	}
	if (rc == 0) {
		trace_path(s, fact_set_object(out, "path"), &path);
		trace_dominators(s, fact_set_object(out, "dominators"), v);
		set_children(s, out, v);
		rc = set_others(s, out, &path, err);
	}
	paths_deinit(&path);
	return rc;
}

static void explain_variable(struct session *s, struct fact *out, const struct target *t)
{
	struct fact *v = fact_set_object(out, "variable");
	struct fact *list = fact_set_array(out, "roots");

	fact_set_str(v, "name", t->symbol.name);
	fact_set_str(v, "module", s->modules.list.v[t->symbol.module].name);
	fact_set_u64(v, "size", t->size);
	for (uint32_t i = 0; i < s->roots.list.n; i++) {
		struct fact *f;

		if (!resolve_is_root(t, &s->roots.list.v[i]))
			continue;
		f = fact_add_object(list);
		describe_root(s, fact_set_object(f, "root"), i, NO_WORD);
		set_children(s, f, graph_root(i));
	}
}

static void set_heap(struct session *s, struct fact *out)
{
	fact_set_u64(out, "heap_bytes", s->heap.objects.bytes);
	fact_set_u64(out, "heap_objects",
		     objects_count(&s->heap.objects) - s->heap.objects.n_mappings);
}

int who_answer(struct session *s, const char *x, struct fact *out, struct err *err)
{
	struct target t;
	int rc = session_need_heap(s, err);

	if (rc == 0)
		rc = resolve(s, x, &t, err);
	if (rc == 0)
		rc = session_need_dominators(s, err);
	if (rc == 0)
		rc = session_need_reverse(s, err);
	if (rc < 0)
		return rc;
	set_heap(s, out);
	fact_set_str(out, "query", x);
	if (t.kind == TARGET_VARIABLE) {
		explain_variable(s, out, &t);
		return 0;
	}
	fact_set_addr(out, "addr", t.addr);
	if (t.object == OBJ_NONE) {
		rc = map_answer(s, x, fact_set_object(out, "map"), err);
		return rc < 0 ? rc
			      : err_at_addr(err, ERR_ABSENT, t.addr, "is no object: %s",
					    fact_str(fact_get(out, "map"), "place"));
	}
	fact_set_u64(out, "offset", t.addr - objects_addr(&s->heap.objects, t.object));
	describe_object(s, fact_set_object(out, "object"), t.object);
	return explain_vertex(s, out, graph_object(&s->graph, t.object), err);
}
