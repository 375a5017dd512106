/*
 * top: the heap grouped.
 *
 *	size      usable size: exact to 1 KiB, then by powers of two
 *	module    where the object's first pointer into a module leads: its vtable, its type
 *	          descriptor, its callback; objects without one stand in a row of their own
 *	root      what each root alone retains; what several share belongs to none of them
 *
 * by allocation site or thread: top_sites.c; by type: top_types.c.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/ask/answers.h"
#include "analyze/ask/cautions.h"
#include "analyze/ask/describe.h"
#include "analyze/ask/top_sites.h"
#include "analyze/ask/top_types.h"
#include "analyze/ask/totals.h"
#include "analyze/ask/typed.h"
#include "base/cleanup.h"

enum { EXACT_SIZES = 1024, N_SIZE_ROWS = EXACT_SIZES + 64, MAX_WORDS = 64 };

struct row {
	uint32_t key;
	struct tally all, leaked;
	obj_id example; /* the first object of the row */
};

static bool is_leaked(const struct session *s, obj_id o)
{
	return s->reach.verdict[o] == LEAKED_DIRECTLY || s->reach.verdict[o] == LEAKED_INDIRECTLY;
}

static void count(const struct session *s, struct row *r, obj_id o)
{
	uint64_t size = objects_size(&s->heap.objects, o);

	if (!r->all.objects++)
		r->example = o;
	r->all.bytes += size;
	if (is_leaked(s, o)) {
		r->leaked.objects++;
		r->leaked.bytes += size;
	}
}

static uint32_t size_row(uint64_t size)
{
	if (size <= EXACT_SIZES)
		return (uint32_t)size;
	return EXACT_SIZES + 64 - (uint32_t)__builtin_clzll(size - 1) - 10;
}

/* The module that the first pointer into any module leads to; the last row: none. */
static uint32_t module_row(const struct session *s, obj_id o)
{
	uint64_t words[MAX_WORDS];
	uint64_t size = objects_size(&s->heap.objects, o);
	size_t n = space_read(&s->space, objects_addr(&s->heap.objects, o), words,
			      size < sizeof(words) ? size : sizeof(words)) /
		   8;

	for (size_t i = 0; i < n; i++) {
		uint32_t m = words[i] < 4096 ? INDEX_NONE : modules_find(&s->modules, words[i]);

		if (m != INDEX_NONE)
			return m;
	}
	return (uint32_t)s->modules.list.n;
}

static int by_bytes(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->all.bytes != y->all.bytes)
		return x->all.bytes > y->all.bytes ? -1 : 1;
	return x->key < y->key ? -1 : x->key > y->key;
}

static void set_size_label(struct fact *f, uint32_t key)
{
	uint64_t hi = key <= EXACT_SIZES ? key : 1024ull << (key - EXACT_SIZES);

	fact_set_u64(f, "size_min", key <= EXACT_SIZES ? hi : hi / 2 + 1);
	fact_set_u64(f, "size_max", hi);
}

static void set_row(struct session *s, struct fact *f, enum top_by by, const struct row *r)
{
	if (by == TOP_BY_SIZE)
		set_size_label(f, r->key);
	else
		fact_set_str(f, "module",
			     r->key < s->modules.list.n ? s->modules.list.v[r->key].name : NULL);
	fact_set_u64(f, "objects", r->all.objects);
	fact_set_u64(f, "bytes", r->all.bytes);
	fact_set_u64(f, "leaked_objects", r->leaked.objects);
	fact_set_u64(f, "leaked_bytes", r->leaked.bytes);
	describe_object(s, fact_set_object(f, "example"), r->example);
}

static void set_rows(struct session *s, struct fact *out, enum top_by by, struct row *rows,
		     size_t n, size_t limit)
{
	struct fact *list = fact_set_array(out, "rows");
	uint64_t n_rows = 0, cut = 0;

	qsort(rows, n, sizeof(*rows), by_bytes);
	for (size_t i = 0; i < n && rows[i].all.objects; i++) {
		if (n_rows++ < limit)
			set_row(s, fact_add_object(list), by, &rows[i]);
		else
			cut += rows[i].all.bytes;
	}
	fact_set_u64(out, "rows_cut", n_rows > limit ? n_rows - limit : 0);
	fact_set_u64(out, "bytes_cut", cut);
}

static int group(struct session *s, enum top_by by, size_t limit, struct fact *out, struct err *err)
{
	size_t n = by == TOP_BY_SIZE ? N_SIZE_ROWS : s->modules.list.n + 1;
	_cleanup_free_ struct row *rows = calloc(n, sizeof(*rows));

	if (!rows)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++)
		rows[i].key = (uint32_t)i;
	for (obj_id o = 0; o < objects_count(&s->heap.objects); o++)
		if (objects_kind(&s->heap.objects, o) != OBJECT_MAPPING)
			count(s,
			      &rows[by == TOP_BY_SIZE ? size_row(objects_size(&s->heap.objects, o))
						      : module_row(s, o)],
			      o);
	set_rows(s, out, by, rows, n, limit);
	return 0;
}

static bool is_mapping(const struct session *s, vertex_id v)
{
	return objects_kind(&s->heap.objects, graph_obj(&s->graph, v)) == OBJECT_MAPPING;
}

/* The roots are children of the super-root; so are the objects that no single root dominates. */
static int group_by_root(struct session *s, size_t limit, struct fact *out, struct err *err)
{
	const struct dominators *d = &s->dominators;
	struct fact *list = fact_set_array(out, "rows");
	uint64_t shared_bytes = 0, shared_objects = 0, n_roots = 0, bytes = 0, shown = 0;
	vertex_id largest = 0;
	_cleanup_free_ vertex_id *child = NULL;
	size_t n = dominators_children(d, &s->graph, 0, NULL, 0);

	child = calloc(n + 1, sizeof(*child));
	if (!child)
		return err_nomem(err);
	dominators_children(d, &s->graph, 0, child, n);
	for (size_t i = 0; i < n; i++) {
		struct fact *f;

		if (!graph_is_root(&s->graph, child[i])) {
			largest = largest || !d->retained[child[i]] ? largest : child[i];
			shared_bytes += d->retained[child[i]];
			shared_objects += d->dominated[child[i]] - is_mapping(s, child[i]);
			continue;
		}
		if (!d->retained[child[i]])
			continue;
		bytes += d->retained[child[i]];
		if (n_roots++ >= limit)
			continue;
		shown += d->retained[child[i]];
		f = fact_add_object(list);
		describe_root(s, fact_set_object(f, "root"), child[i] - 1, NO_WORD);
	}
	fact_set_u64(out, "shared_bytes", shared_bytes);
	fact_set_u64(out, "shared_objects", shared_objects);
	if (largest)
		describe_object(s, fact_set_object(out, "shared_largest"),
				graph_obj(&s->graph, largest));
	fact_set_u64(out, "rows_cut", n_roots > limit ? n_roots - limit : 0);
	fact_set_u64(out, "bytes_cut", bytes - shown);
	return 0;
}

/* What retains most: a root, or an object that several roots hold. */
static void set_largest(struct session *s, struct fact *out)
{
	vertex_id v;

	if (dominators_children(&s->dominators, &s->graph, 0, &v, 1) && s->dominators.retained[v])
		describe_vertex(s, fact_set_object(out, "largest"), v, NO_WORD);
}

int top_answer(struct session *s, enum top_by by, size_t limit, struct fact *out, struct err *err)
{
	static const char *const names[] = {"size",   "module", "root",	    "site",
					    "thread", "type",	"type,site"};
	struct totals t;
	int rc = session_need_dominators(s, err);

	if (rc == 0)
		rc = session_need_types(s, err);
	if (rc < 0)
		return rc;
	t = totals_of(s);
	fact_set_str(out, "by", names[by]);
	fact_set_u64(out, "in_use_objects", t.in_use.objects);
	fact_set_u64(out, "in_use_bytes", t.in_use.bytes);
	fact_set_u64(out, "leaked_objects", totals_leaked(&t).objects);
	fact_set_u64(out, "leaked_bytes", totals_leaked(&t).bytes);
	cautions_set(s, out);
	typed_set_missing(s, out);
	set_largest(s, out);
	if (by == TOP_BY_ROOT)
		return group_by_root(s, limit, out, err);
	if (by == TOP_BY_TYPE)
		return top_types(s, limit, out, err);
	if (by == TOP_BY_SITE || by == TOP_BY_THREAD || by == TOP_BY_TYPE_SITE)
		return top_sites(s, by, limit, out, err);
	return group(s, by, limit, out, err);
}
