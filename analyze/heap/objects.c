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
 *
 * Then each object is packed into one word, where it lies (objects.h); those that do not fit are kept beside,
 * by id. A heap in which one of 16 does not fit stays as it is: looking them up would take longer than
 * the memory is worth.
 */
#include <assert.h>
#include <string.h>

#include "analyze/heap/objects.h"
#include "base/big_array.h"

#define OBJECTS_MAX   ((size_t)UINT32_MAX - 1)
#define SIZE_MAX_KEPT (UINT64_MAX >> 2)
#define ADDR_END      (1ull << 48)

/* One of so many may be odd. */
enum { ODD_SHARE = 16 };

void objects_deinit(struct objects *o)
{
	vec_deinit(&o->list);
	vec_deinit(&o->odd);
	free(o->packed);
	*o = (struct objects){0};
}

void objects_expect(struct objects *o, uint64_t n)
{
	assert(!o->list.v);
	if (n > OBJECTS_MAX)
		n = OBJECTS_MAX;
	o->list.v = big_array(n, sizeof(*o->list.v), 0);
	o->list.cap = o->list.v ? n : 0;
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

/* The object in one word; not more than its kind and place where it is odd. */
static uint64_t pack(const struct object *v)
{
	uint64_t size = v->size_kind >> 2, kind = v->size_kind & 3;
	addr_t addr = v->addr < ADDR_END ? v->addr : ADDR_END - 1;
	bool odd = (v->addr | size) % (1 << PACKED_GRANULE_SHIFT) || v->addr >= ADDR_END ||
		   size >> PACKED_GRANULE_SHIFT >= PACKED_SIZE_MAX;

	size = odd ? PACKED_SIZE_MAX : size >> PACKED_GRANULE_SHIFT;
	return addr >> PACKED_GRANULE_SHIFT << PACKED_ADDR_SHIFT | size << PACKED_SIZE_SHIFT | kind;
}

static bool is_odd(uint64_t word)
{
	return (word >> PACKED_SIZE_SHIFT & PACKED_SIZE_MAX) == PACKED_SIZE_MAX;
}

/*
 * What is kept of the list, at its beginning: packed, an object goes into the first half of the room that it or an
 * earlier one had.
 */
struct keeping {
	struct objects *o;
	size_t kept, n;
	bool packed, nomem;
};

/* Takes the packed form back, from the last to the first: there are too many odd ones. */
static void unpack_all(struct keeping *k)
{
	struct object *v = k->o->list.v;

	for (size_t i = k->kept; i-- > 0;) {
		uint64_t word;

		memcpy(&word, (uint8_t *)v + i * sizeof(word), sizeof(word));
		if (is_odd(word))
			v[i] = k->o->odd.v[--k->o->odd.n].is;
		else
			v[i] = (struct object){word >> PACKED_ADDR_SHIFT << PACKED_GRANULE_SHIFT,
					       (word >> PACKED_SIZE_SHIFT & PACKED_SIZE_MAX)
							       << (PACKED_GRANULE_SHIFT + 2) |
						       (word & 3)};
	}
	k->packed = false;
}

static void keep(struct keeping *k, const struct object *it)
{
	struct objects *o = k->o;
	struct object is = *it;
	uint64_t word = pack(&is);

	if (k->packed && is_odd(word)) {
		if (o->odd.n > k->n / ODD_SHARE)
			unpack_all(k);
		else if (vec_push(&o->odd, ((struct odd_object){(obj_id)k->kept, is})) < 0)
			k->nomem = true;
	}
	if (k->packed)
		memcpy((uint8_t *)o->list.v + k->kept * sizeof(word), &word, sizeof(word));
	else
		o->list.v[k->kept] = is;
	k->kept++;
}

/* Keeps what lies wholly above what was kept before it. */
static struct keeping drop_overlaps(struct objects *o)
{
	struct object *v = o->list.v;
	struct keeping k = {.o = o, .n = o->list.n, .packed = o->list.n > 0};
	addr_t end = 0;

	o->bytes = 0;
	o->n_mappings = 0;
	for (size_t i = 0; i < k.n && !k.nomem; i++) {
		uint64_t size = v[i].size_kind >> 2;
		addr_t next;

		if (v[i].addr < end || __builtin_add_overflow(v[i].addr, size, &next))
			continue;
		end = next;
		if ((v[i].size_kind & 3) == OBJECT_MAPPING)
			o->n_mappings++;
		else
			o->bytes += size;
		keep(&k, &v[i]);
	}
	return k;
}

/* The list becomes the packed one. */
static void fit_packed(struct objects *o)
{
	void *fit = realloc(o->list.v, (size_t)o->n * sizeof(*o->packed) + 1);

	o->packed = fit ? fit : (void *)o->list.v;
	o->list.v = NULL;
	o->list.n = o->list.cap = 0;
}

static void fit_list(struct objects *o)
{
	struct object *fit = o->n ? realloc(o->list.v, o->n * sizeof(*fit)) : NULL;

	o->list.n = o->n;
	if (!fit)
		return;
	o->list.v = fit;
	o->list.cap = o->n;
}

int objects_seal(struct objects *o, uint64_t *n_dropped, struct err *err)
{
	int rc = sort_list(o, err);
	struct keeping k;

	if (rc < 0)
		return rc;
	k = drop_overlaps(o);
	if (k.nomem) {
		objects_deinit(o);
		return err_nomem(err);
	}
	*n_dropped = k.n - k.kept;
	o->n = (uint32_t)k.kept;
	o->sealed = true;
	if (k.packed)
		fit_packed(o);
	else
		fit_list(o);
	return 0;
}

const struct object *objects_unpacked(const struct objects *o, obj_id i)
{
	if (!o->packed)
		return &o->list.v[i];
	return &o->odd.v[vec_bisect(&o->odd, e, e->id < i)].is;
}

obj_id objects_find(const struct objects *o, addr_t a)
{
	obj_id lo = 0, hi = o->n;

	while (lo < hi) {
		obj_id mid = lo + (hi - lo) / 2;

		if (objects_addr(o, mid) <= a)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || a - objects_addr(o, lo - 1) > objects_size(o, lo - 1))
		return OBJ_NONE;
	return lo - 1;
}

void objects_check(const struct objects *o)
{
	uint64_t bytes = 0, n_mappings = 0;
	addr_t end = 0;

	assert(o->sealed && o->n <= OBJECTS_MAX && !(o->packed && o->list.v));
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
