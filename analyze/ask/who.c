/*
 * who: why is this still here. Two things are told apart:
 *
 *	path          one way in, the shortest: how the program reaches it
 *	dominators    what every way in goes through: what could let go of it
 *
 * and then other ways in that share nothing with the first but the object.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/ask/allocated.h"
#include "analyze/ask/answers.h"
#include "analyze/ask/cautions.h"
#include "analyze/ask/resolve.h"
#include "analyze/ask/trace.h"
#include "analyze/ask/who_type.h"
#include "analyze/ask/typed.h"
#include "base/cleanup.h"

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
	uint64_t n = graph_in_end(g, v) - graph_in_begin(g, v);

	for (uint64_t i = 0; i < n && i < MAX_REFERRERS; i++)
		describe_vertex(s, fact_add_object(list), g->in[graph_in_begin(g, v) + i], NO_WORD);
	fact_set_u64(out, "referrers_count", n);
}

/* What would have had to be freed with it: the leaked group it is in. */
static int set_group(struct session *s, struct fact *out, obj_id o, struct err *err)
{
	const struct objects *objects = &s->heap.objects;
	uint32_t n = objects_count(objects);
	_cleanup_free_ obj_id *head_of = malloc((n + 1) * sizeof(*head_of));
	uint64_t n_members = 0, bytes = 0;
	struct fact *f;
	int rc = head_of ? reach_leak_groups(&s->reach, &s->graph, head_of, err) : err_nomem(err);

	if (rc < 0 || head_of[o] == OBJ_NONE)
		return rc;
	for (obj_id i = 0; i < n; i++)
		if (head_of[i] == head_of[o]) {
			n_members++;
			bytes += objects_size(objects, i);
		}
	f = fact_set_object(out, "group");
	fact_set_u64(f, "objects", n_members);
	fact_set_u64(f, "bytes", bytes);
	describe_object(s, fact_set_object(f, "head"), head_of[o]);
	return 0;
}

static int explain_vertex(struct session *s, struct fact *out, vertex_id v, struct err *err)
{
	struct path path = {0};
	int rc = paths_shortest(&path, &s->reach, v, err);

	fact_set_bool(out, "reachable", rc == 0);
	if (rc == ERR_ABSENT) {
		cautions_set_unreached(s, out);
		set_referrers(s, out, v);
		return set_group(s, out, graph_obj(&s->graph, v), err);
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

static void set_variable(struct session *s, struct fact *out, const struct target *t)
{
	struct fact *v = fact_set_object(out, "variable");

	describe_name(s, v, "name", t->symbol.name);
	fact_set_str(v, "module", s->modules.list.v[t->symbol.module].name);
	fact_set_u64(v, "size", t->size);
}

/* The roots that are meant; by an address, the word there is named too. */
static void explain_roots(struct session *s, struct fact *out, const struct target *t)
{
	struct fact *list = fact_set_array(out, "roots");

	for (uint32_t i = 0; i < s->roots.list.n; i++) {
		struct fact *f;

		if (!resolve_is_root(s, t, i))
			continue;
		f = fact_add_object(list);
		describe_root(s, fact_set_object(f, "root"), i,
			      t->kind == TARGET_ROOT ? t->addr - s->roots.list.v[i].addr : NO_WORD);
		set_children(s, f, graph_root(i));
	}
}

static int explain_nothing(struct session *s, struct fact *out, const struct target *t,
			   struct err *err)
{
	char address[24];
	int rc;

	snprintf(address, sizeof(address), "0x%llx", (unsigned long long)t->addr);
	rc = map_answer(s, address, fact_set_object(out, "map"), err);
	return rc < 0 ? rc
		      : err_at_addr(err, ERR_ABSENT, t->addr, "is no object: %s",
				    fact_str(fact_get(out, "map"), "place"));
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
	if (rc == 0)
		rc = session_need_types(s, err);
	if (rc < 0)
		return rc;
	set_heap(s, out);
	fact_set_str(out, "query", x);
	typed_set_missing(s, out);
	if (t.kind == TARGET_TYPE)
		return who_type(s, x, out, err);
	if (t.kind == TARGET_VARIABLE)
		set_variable(s, out, &t);
	else
		fact_set_addr(out, "addr", t.addr);
	if (t.kind != TARGET_ADDRESS) {
		explain_roots(s, out, &t);
		return 0;
	}
	if (t.object == OBJ_NONE)
		return explain_nothing(s, out, &t, err);
	fact_set_u64(out, "offset", t.addr - objects_addr(&s->heap.objects, t.object));
	describe_object(s, fact_set_object(out, "object"), t.object);
	allocated_set(s, out, t.object);
	return explain_vertex(s, out, graph_object(&s->graph, t.object), err);
}
