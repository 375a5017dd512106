/*
 * top by type. What a row retains is what would come back if all its objects were freed at once, as far as
 * dominators tell: the sum over those that are below no other of the row.
 *
 *	g_list ─ node ─ node ─ node ─ text        retained of node: that of the first, once
 *
 * A counter per row says whether an object of the row is above the one where the walk is.
 */
#include <stdlib.h>

#include "analyze/ask/describe.h"
#include "analyze/ask/dominator_walk.h"
#include "analyze/ask/top_types.h"
#include "analyze/ask/totals.h"
#include "analyze/ask/type_rows.h"
#include "analyze/ask/unknown.h"

enum { UNKNOWN_PLACES = 3 };

struct type_row {
	uint32_t number; /* INDEX_NONE: not known */
	struct tally all, leaked;
	uint64_t by_confidence[N_CONFIDENCES];
	uint64_t retained;
	obj_id example; /* the first */
	uint32_t on_way;
};

struct top_type_rows {
	struct type_rows types;
	VEC(struct type_row) list; /* by number */
	struct type_row unknown;
};

static struct type_row *row_of(struct top_type_rows *rows, const struct session *s, obj_id o)
{
	uint32_t number = type_rows_of(&rows->types, s, o);

	if (number == INDEX_NONE)
		return &rows->unknown;
	while (rows->list.n <= number) {
		struct type_row row = {.number = (uint32_t)rows->list.n};

		if (vec_push(&rows->list, row) < 0)
			return NULL;
	}
	return &rows->list.v[number];
}

static int collect(const struct session *s, struct top_type_rows *rows, struct err *err)
{
	const struct objects *objects = &s->heap.objects;

	for (obj_id o = 0; o < objects_count(objects); o++) {
		uint64_t size = objects_size(objects, o);
		struct type_row *r;

		if (objects_kind(objects, o) == OBJECT_MAPPING)
			continue;
		r = row_of(rows, s, o);
		if (!r)
			return err_nomem(err);
		if (!r->all.objects++)
			r->example = o;
		r->all.bytes += size;
		r->by_confidence[o < s->inference.n ? s->inference.v[o].confidence : 0] += size;
		if (s->reach.verdict[o] == LEAKED_DIRECTLY ||
		    s->reach.verdict[o] == LEAKED_INDIRECTLY) {
			r->leaked.objects++;
			r->leaked.bytes += size;
		}
	}
	return 0;
}

/* The row of a vertex, NULL: a root, or a mapping. */
static struct type_row *row_at(struct top_type_rows *rows, const struct session *s, vertex_id v)
{
	obj_id o = graph_obj(&s->graph, v);

	if (o == OBJ_NONE || objects_kind(&s->heap.objects, o) == OBJECT_MAPPING)
		return NULL;
	return row_of(rows, s, o);
}

/* A walk over the dominator tree. */
struct top_type_walk {
	const struct session *s;
	struct top_type_rows *rows;
};

static void enter(void *arg, vertex_id v)
{
	const struct top_type_walk *w = arg;
	struct type_row *r = row_at(w->rows, w->s, v);

	if (r && !r->on_way++)
		r->retained += w->s->dominators.retained[v];
}

static void leave(void *arg, vertex_id v)
{
	const struct top_type_walk *w = arg;
	struct type_row *r = row_at(w->rows, w->s, v);

	if (r)
		r->on_way--;
}

static int by_bytes(const void *a, const void *b)
{
	const struct type_row *x = a, *y = b;

	if (x->all.bytes != y->all.bytes)
		return x->all.bytes > y->all.bytes ? -1 : 1;
	return x->example < y->example ? -1 : x->example > y->example;
}

static void set_row(struct session *s, struct fact *f, const struct top_type_rows *rows,
		    const struct type_row *r)
{
	fact_set_str(f, "type", type_rows_name(&rows->types, r->number));
	fact_set_u64(f, "objects", r->all.objects);
	fact_set_u64(f, "bytes", r->all.bytes);
	fact_set_u64(f, "leaked_objects", r->leaked.objects);
	fact_set_u64(f, "leaked_bytes", r->leaked.bytes);
	fact_set_u64(f, "certain_bytes", r->by_confidence[CONFIDENCE_CERTAIN]);
	fact_set_u64(f, "likely_bytes", r->by_confidence[CONFIDENCE_LIKELY]);
	fact_set_u64(f, "guess_bytes", r->by_confidence[CONFIDENCE_GUESS]);
	fact_set_u64(f, "retained", r->retained);
	if (r->all.objects)
		describe_object(s, fact_set_object(f, "example"), r->example);
}

static void set_rows(struct session *s, struct fact *out, struct top_type_rows *rows, size_t limit)
{
	struct fact *list = fact_set_array(out, "rows");
	uint64_t cut = 0;

	if (rows->list.n)
		qsort(rows->list.v, rows->list.n, sizeof(*rows->list.v), by_bytes);
	for (size_t i = 0; i < rows->list.n; i++)
		if (i < limit)
			set_row(s, fact_add_object(list), rows, &rows->list.v[i]);
		else
			cut += rows->list.v[i].all.bytes;
	fact_set_u64(out, "rows_cut", rows->list.n > limit ? rows->list.n - limit : 0);
	fact_set_u64(out, "bytes_cut", cut);
	set_row(s, fact_set_object(out, "unknown"), rows, &rows->unknown);
}

static void set_known(const struct session *s, struct fact *f)
{
	const struct inference_sum *sums = s->inference.sums;

	fact_set_u64(f, "certain_bytes", sums[CONFIDENCE_CERTAIN].bytes);
	fact_set_u64(f, "likely_bytes", sums[CONFIDENCE_LIKELY].bytes);
	fact_set_u64(f, "guess_bytes", sums[CONFIDENCE_GUESS].bytes);
	fact_set_u64(f, "certain_objects", sums[CONFIDENCE_CERTAIN].objects);
	fact_set_u64(f, "likely_objects", sums[CONFIDENCE_LIKELY].objects);
	fact_set_u64(f, "guess_objects", sums[CONFIDENCE_GUESS].objects);
}

int top_types(struct session *s, size_t limit, struct fact *out, struct err *err)
{
	struct top_type_rows rows = {.unknown.number = INDEX_NONE};
	int rc = type_rows_init(&rows.types, s, err);

	if (rc == 0)
		rc = collect(s, &rows, err);
	if (rc == 0)
		rc = dominator_walk(s, enter, leave, &(struct top_type_walk){s, &rows}, err);
	if (rc == 0) {
		set_known(s, fact_set_object(out, "known"));
		set_rows(s, out, &rows, limit);
		rc = unknown_set(s, out, UNKNOWN_PLACES, err);
	}
	vec_deinit(&rows.list);
	type_rows_deinit(&rows.types);
	return rc;
}
