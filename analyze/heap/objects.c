/*
 * The table of objects: what a walk found, by address.
 *
 * Walkers append; each of them goes upwards through one region at a time, so
 * the list is a handful of ascending runs, and sealing is a natural merge
 * sort: it finds the runs and merges neighbours, skipping what is in place.
 *
 *	brk heap │ thread heaps │ mmapped chunks │ unknown mappings
 *	▁▂▃▄▅▆▇█ │ ▅▆▇          │ ▄▆█            │ ▁▃▅▇
 *
 * The sort is stable: of two objects at one address the first added stays.
 * Invariants after sealing: ascending, disjoint, none wraps around the address
 * space, bytes and n_mappings are sums over the list.
 */
#include <assert.h>
#include <string.h>

#include "analyze/heap/objects.h"

#define OBJECTS_MAX   ((size_t)UINT32_MAX - 1)
#define SIZE_MAX_KEPT (UINT64_MAX >> 2)

void objects_deinit(struct objects *o)
{
	vec_deinit(&o->list);
	*o = (struct objects){0};
}

int objects_add(struct objects *o, addr_t addr, uint64_t size, enum object_kind kind,
		struct err *err)
{
	assert(!o->sealed && size > 0);
	if (o->list.n >= OBJECTS_MAX)
		return err_set(err, ERR_LIMIT, "more than %zu objects", OBJECTS_MAX);
	if (size > SIZE_MAX_KEPT)
		size = SIZE_MAX_KEPT;
	if (vec_push(&o->list, ((struct object){addr, size << 2 | kind})) < 0)
		return err_nomem(err);
	return 0;
}

/* Where the ascending run that starts at i ends. */
static size_t run_end(const struct object *v, size_t i, size_t n)
{
	for (i++; i < n && v[i - 1].addr <= v[i].addr; i++)
		;
	return i;
}

/* The first of v[lo, hi) whose address is above addr. */
static size_t first_above(const struct object *v, size_t lo, size_t hi, addr_t addr)
{
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (v[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Merges the runs [lo, mid) and [mid, hi); spare holds what of the left run must move. */
static void merge_runs(struct object *v, size_t lo, size_t mid, size_t hi, struct object *spare)
{
	size_t left, n;

	lo = first_above(v, lo, mid, v[mid].addr);
	left = 0;
	n = mid - lo;
	memcpy(spare, v + lo, n * sizeof(*v));
	while (left < n && mid < hi)
		v[lo++] = spare[left].addr <= v[mid].addr ? spare[left++] : v[mid++];
	memcpy(v + lo, spare + left, (n - left) * sizeof(*v));
}

/* One pass: neighbouring runs become one. Returns the number of runs left. */
static size_t merge_pass(struct object *v, size_t n, struct object *spare)
{
	size_t n_runs = 0;

	for (size_t lo = 0; lo < n; n_runs++) {
		size_t mid = run_end(v, lo, n), hi;

		if (mid == n) {
			n_runs++;
			break;
		}
		hi = run_end(v, mid, n);
		merge_runs(v, lo, mid, hi, spare);
		lo = hi;
	}
	return n_runs;
}

static int sort_list(struct objects *o, struct err *err)
{
	struct object *v = o->list.v, *spare;
	size_t n = o->list.n;

	if (!n || run_end(v, 0, n) == n)
		return 0;
	spare = malloc(n * sizeof(*spare));
	if (!spare)
		return err_nomem(err);
	while (merge_pass(v, n, spare) > 1)
		;
	free(spare);
	return 0;
}

/* Keeps what lies wholly above what was kept before it; returns how many went. */
static uint64_t drop_overlaps(struct objects *o)
{
	struct object *v = o->list.v;
	size_t kept = 0, n = o->list.n;
	addr_t end = 0;

	o->bytes = 0;
	o->n_mappings = 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t size = v[i].size_kind >> 2;
		addr_t next;

		if (v[i].addr < end || __builtin_add_overflow(v[i].addr, size, &next))
			continue;
		end = next;
		if ((v[i].size_kind & 3) == OBJECT_MAPPING)
			o->n_mappings++;
		else
			o->bytes += size;
		if (kept != i)
			v[kept] = v[i];
		kept++;
	}
	o->list.n = kept;
	return n - kept;
}

int objects_seal(struct objects *o, uint64_t *n_dropped, struct err *err)
{
	struct object *fit;
	int rc = sort_list(o, err);

	if (rc < 0)
		return rc;
	*n_dropped = drop_overlaps(o);
	o->sealed = true;
	fit = o->list.n ? realloc(o->list.v, o->list.n * sizeof(*fit)) : NULL;
	if (fit) {
		o->list.v = fit;
		o->list.cap = o->list.n;
	}
	return 0;
}

obj_id objects_find(const struct objects *o, addr_t a)
{
	size_t above = first_above(o->list.v, 0, o->list.n, a);

	if (!above || a - o->list.v[above - 1].addr > o->list.v[above - 1].size_kind >> 2)
		return OBJ_NONE;
	return (obj_id)(above - 1);
}

void objects_check(const struct objects *o)
{
	uint64_t bytes = 0, n_mappings = 0;
	addr_t end = 0;

	assert(o->sealed && o->list.n <= OBJECTS_MAX);
	for (obj_id i = 0; i < objects_count(o); i++) {
		assert(objects_addr(o, i) >= end && objects_size(o, i) > 0);
		end = objects_addr(o, i) + objects_size(o, i);
		if (objects_kind(o, i) == OBJECT_MAPPING)
			n_mappings++;
		else
			bytes += objects_size(o, i);
	}
	assert(bytes == o->bytes && n_mappings == o->n_mappings);
}
