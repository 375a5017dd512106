/*
 * tree: the dominator tree from the top or from X, the largest first. Built
 * level by level with a queue; a question for children costs one pass over
 * the vertices, so the number of questions is bounded.
 */
#include "analyze/ask/answers.h"
#include "analyze/ask/resolve.h"
#include "analyze/ask/typed.h"
#include "analyze/ask/describe.h"
#include "base/cleanup.h"
#include "base/vec.h"

enum { MAX_QUESTIONS = 2000 };

struct branch {
	vertex_id v;
	unsigned depth;
	struct fact *fact;
};

struct growth {
	struct session *s;
	unsigned depth;
	size_t limit;
	vertex_id *child; /* limit of them */
	VEC(struct branch) queue;
};

/* How many children are worth a line. Below the super-root most roots retain nothing. */
static size_t count_children(const struct session *s, vertex_id v, size_t all)
{
	const struct dominators *d = &s->dominators;

	for (vertex_id w = 1; !v && w < graph_vertices(&s->graph); w++)
		all -= d->idom[w] == 0 && !d->retained[w];
	return all;
}

/* Adds the children of one branch and queues them. */
static int grow(struct growth *g, const struct branch *b, struct err *err)
{
	const struct session *s = g->s;
	size_t n = count_children(
		s, b->v, dominators_children(&s->dominators, &s->graph, b->v, g->child, g->limit));
	struct fact *list = fact_set_array(b->fact, "children");
	uint64_t shown = 0, all = 0;

	for (size_t i = 0; i < n && i < g->limit; i++) {
		struct branch next = {g->child[i], b->depth + 1, fact_add_object(list)};

		describe_vertex(g->s, next.fact, next.v, NO_WORD);
		shown += s->dominators.retained[next.v];
		if (next.depth < g->depth && g->queue.n < MAX_QUESTIONS &&
		    vec_push(&g->queue, next) < 0)
			return err_nomem(err);
	}
	all = s->dominators.retained[b->v];
	if (graph_obj(&s->graph, b->v) != OBJ_NONE) {
		obj_id o = graph_obj(&s->graph, b->v);

		all -= objects_kind(&s->heap.objects, o) == OBJECT_MAPPING
			       ? 0
			       : objects_size(&s->heap.objects, o);
	}
	fact_set_u64(b->fact, "children_count", n);
	fact_set_u64(b->fact, "children_cut", n > g->limit ? n - g->limit : 0);
	fact_set_u64(b->fact, "bytes_cut", all > shown ? all - shown : 0);
	return 0;
}

/* Where to begin: the super-root, an object, or each root of a variable. */
static int begin(struct growth *g, const char *x, struct fact *out, struct err *err)
{
	struct branch top = {0, 0, out};
	struct target t;
	struct fact *list;
	int rc;

	if (!x)
		return vec_push(&g->queue, top) < 0 ? err_nomem(err) : 0;
	rc = resolve(g->s, x, &t, err);
	if (rc < 0)
		return rc;
	if (t.kind == TARGET_TYPE)
		return err_set(err, ERR_USAGE, "\"%.60s\" is a type; the tree begins at one object",
			       x);
	if (t.kind == TARGET_ADDRESS && t.object == OBJ_NONE)
		return err_at_addr(err, ERR_ABSENT, t.addr, "is in no object");
	list = fact_set_array(out, "tops");
	for (uint32_t i = 0; t.kind != TARGET_ADDRESS && i < g->s->roots.list.n; i++) {
		top = (struct branch){graph_root(i), 0, NULL};
		if (!resolve_is_root(g->s, &t, i))
			continue;
		top.fact = fact_add_object(list);
		describe_vertex(g->s, top.fact, top.v, NO_WORD);
		if (vec_push(&g->queue, top) < 0)
			return err_nomem(err);
	}
	if (t.kind != TARGET_ADDRESS)
		return 0;
	top = (struct branch){graph_object(&g->s->graph, t.object), 0, fact_add_object(list)};
	describe_vertex(g->s, top.fact, top.v, NO_WORD);
	return vec_push(&g->queue, top) < 0 ? err_nomem(err) : 0;
}

int tree_answer(struct session *s, const char *x, unsigned depth, size_t limit, struct fact *out,
		struct err *err)
{
	_cleanup_free_ vertex_id *child = calloc(limit + 1, sizeof(*child));
	struct growth g = {.s = s, .depth = depth, .limit = limit, .child = child};
	int rc = child ? session_need_dominators(s, err) : err_nomem(err);

	if (rc == 0)
		rc = session_need_types(s, err);
	if (rc < 0)
		return rc;
	fact_set_u64(out, "heap_bytes", s->heap.objects.bytes);
	fact_set_u64(out, "retained", s->dominators.retained[0]);
	fact_set_bool(out, "heap_absent", s->heap.is_absent);
	typed_set_missing(s, out);
	rc = begin(&g, x, out, err);
	for (size_t i = 0; rc == 0 && i < g.queue.n; i++) {
		struct branch b = g.queue.v[i];

		rc = grow(&g, &b, err);
	}
	vec_deinit(&g.queue);
	return rc;
}
