/*
 * leaks: what nobody holds, by leaked group. A group is what one head reaches;
 * an object that several heads reach counts for the first. Ten thousand equal
 * leaks are one row:
 *
 *	shape = (size of the head, objects of the group, bytes of the group, site and type of the head)
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/ask/allocated.h"
#include "analyze/ask/answers.h"
#include "analyze/ask/cautions.h"
#include "analyze/ask/describe.h"
#include "analyze/ask/totals.h"
#include "analyze/ask/typed.h"
#include "base/cleanup.h"

struct leak_group {
	obj_id head;
	uint32_t objects;
	uint64_t bytes;
	uint32_t site; /* of the head, INDEX_NONE: not known */
	type_id type;  /* of the head, TYPE_NONE: not known */
};

struct leak_row {
	struct leak_group example; /* the group with the lowest address */
	uint64_t groups;
};

static int by_shape(const void *a, const void *b, void *arg)
{
	const struct leak_group *x = a, *y = b;
	const struct objects *o = arg;
	uint64_t sx = objects_size(o, x->head), sy = objects_size(o, y->head);

	if (sx != sy)
		return sx < sy ? -1 : 1;
	if (x->objects != y->objects)
		return x->objects < y->objects ? -1 : 1;
	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? -1 : 1;
	if (x->site != y->site)
		return x->site < y->site ? -1 : 1;
	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	return x->head < y->head ? -1 : x->head > y->head;
}

static int by_total(const void *a, const void *b)
{
	const struct leak_row *x = a, *y = b;
	uint64_t tx = x->groups * x->example.bytes, ty = y->groups * y->example.bytes;

	if (tx != ty)
		return tx > ty ? -1 : 1;
	return x->example.head < y->example.head ? -1 : x->example.head > y->example.head;
}

/* One group per head, in the order of heads; head_of: per object, the head of its group. */
static struct leak_group *collect_groups(struct session *s, const obj_id *head_of, size_t *n,
					 struct err *err)
{
	const struct objects *o = &s->heap.objects;
	uint32_t n_objects = objects_count(o);
	_cleanup_free_ uint32_t *place = calloc(n_objects + 1, sizeof(*place));
	struct leak_group *groups = calloc(s->reach.n[LEAKED_DIRECTLY] + 1, sizeof(*groups));

	struct typed t;

	*n = 0;
	if (!place || !groups) {
		err_nomem(err);
		free(groups);
		return NULL;
	}
	for (obj_id i = 0; i < n_objects; i++)
		if (s->reach.verdict[i] == LEAKED_DIRECTLY) {
			place[i] = (uint32_t)*n;
			groups[*n].site = allocated_site(s, i);
			groups[*n].type = typed_object(s, i, &t) ? t.type : TYPE_NONE;
			groups[(*n)++].head = i;
		}
	for (obj_id i = 0; i < n_objects; i++)
		if (head_of[i] != OBJ_NONE) {
			groups[place[head_of[i]]].objects++;
			groups[place[head_of[i]]].bytes += objects_size(o, i);
		}
	return groups;
}

static bool same_shape(const struct objects *o, const struct leak_group *a,
		       const struct leak_group *b)
{
	return objects_size(o, a->head) == objects_size(o, b->head) && a->objects == b->objects &&
	       a->bytes == b->bytes && a->site == b->site && a->type == b->type;
}

static struct leak_row *collect_rows(const struct objects *o, struct leak_group *groups, size_t n,
				     size_t *n_rows)
{
	struct leak_row *rows = calloc(n + 1, sizeof(*rows));

	*n_rows = 0;
	if (!rows)
		return NULL;
	qsort_r(groups, n, sizeof(*groups), by_shape, (void *)o);
	for (size_t i = 0; i < n; i++) {
		if (!i || !same_shape(o, &groups[i - 1], &groups[i]))
			rows[(*n_rows)++].example = groups[i];
		rows[*n_rows - 1].groups++;
	}
	qsort(rows, *n_rows, sizeof(*rows), by_total);
	return rows;
}

static void set_row(struct session *s, struct fact *f, const struct leak_row *r)
{
	fact_set_u64(f, "groups", r->groups);
	fact_set_u64(f, "objects", r->groups * r->example.objects);
	fact_set_u64(f, "bytes", r->groups * r->example.bytes);
	fact_set_u64(f, "objects_each", r->example.objects);
	fact_set_u64(f, "bytes_each", r->example.bytes);
	describe_object(s, fact_set_object(f, "head"), r->example.head);
}

static bool has_look(const struct fact *object)
{
	return fact_has(object, "text") || fact_has(object, "points_to");
}

/*
 * A head that looks like nothing is shown with the first member of its group that looks like
 * something. row_of: per object that is the head of a shown row, 1 + the row. O(objects).
 */
static void set_members(struct session *s, struct fact *list, const obj_id *head_of,
			uint32_t *row_of)
{
	for (obj_id i = 0; i < objects_count(&s->heap.objects); i++) {
		uint32_t row = head_of[i] == OBJ_NONE ? 0 : row_of[head_of[i]];
		struct fact *f, *member;

		if (!row)
			continue;
		f = (struct fact *)fact_at(list, row - 1);
		if (has_look(fact_get(f, "head"))) {
			row_of[head_of[i]] = 0;
			continue;
		}
		member = fact_object();
		describe_object(s, member, i);
		if (has_look(member)) {
			row_of[head_of[i]] = 0;
			describe_object(s, fact_set_object(f, "member"), i);
		}
		fact_free(member);
	}
}

static void set_totals(struct session *s, struct fact *f)
{
	struct totals t = totals_of(s);
	struct tally leaked = totals_leaked(&t);

	fact_set_u64(f, "leaked_objects", leaked.objects);
	fact_set_u64(f, "leaked_bytes", leaked.bytes);
	fact_set_u64(f, "directly_leaked_objects", t.by_verdict[LEAKED_DIRECTLY].objects);
	fact_set_u64(f, "directly_leaked_bytes", t.by_verdict[LEAKED_DIRECTLY].bytes);
	fact_set_u64(f, "mapping_held_objects", t.by_verdict[MAPPING_HELD].objects);
	fact_set_u64(f, "mapping_held_bytes", t.by_verdict[MAPPING_HELD].bytes);
	fact_set_u64(f, "unreached_mappings", t.unreached_mappings.objects);
	fact_set_u64(f, "in_use_objects", t.in_use.objects);
	fact_set_u64(f, "in_use_bytes", t.in_use.bytes);
}

int leaks_answer(struct session *s, size_t limit, struct fact *out, struct err *err)
{
	_cleanup_free_ struct leak_group *groups = NULL;
	_cleanup_free_ struct leak_row *rows = NULL;
	_cleanup_free_ obj_id *head_of = NULL;
	_cleanup_free_ uint32_t *row_of = NULL;
	size_t n_groups, n_rows;
	uint64_t cut_objects = 0, cut_bytes = 0;
	struct fact *list;
	int rc = session_need_types(s, err);

	if (rc < 0)
		return rc;
	head_of = malloc((objects_count(&s->heap.objects) + 1) * sizeof(*head_of));
	row_of = calloc(objects_count(&s->heap.objects) + 1, sizeof(*row_of));
	if (!head_of || !row_of)
		return err_nomem(err);
	rc = reach_leak_groups(&s->reach, &s->graph, head_of, err);
	if (rc < 0)
		return rc;
	groups = collect_groups(s, head_of, &n_groups, err);
	rows = groups ? collect_rows(&s->heap.objects, groups, n_groups, &n_rows) : NULL;
	if (!rows)
		return err_nomem(err);
	set_totals(s, out);
	cautions_set(s, out);
	typed_set_missing(s, out);
	fact_set_u64(out, "groups", n_groups);
	list = fact_set_array(out, "rows");
	for (size_t i = 0; i < n_rows; i++) {
		if (i < limit) {
			set_row(s, fact_add_object(list), &rows[i]);
			row_of[rows[i].example.head] = (uint32_t)i + 1;
			continue;
		}
		cut_objects += rows[i].groups * rows[i].example.objects;
		cut_bytes += rows[i].groups * rows[i].example.bytes;
	}
	set_members(s, list, head_of, row_of);
	fact_set_u64(out, "rows_cut", n_rows > limit ? n_rows - limit : 0);
	fact_set_u64(out, "objects_cut", cut_objects);
	fact_set_u64(out, "bytes_cut", cut_bytes);
	return 0;
}
