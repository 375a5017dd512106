/*
 * Storage of types, and the questions that need nothing but the table.
 *
 * Names are interned, so that equal names are equal numbers; the index is the
 * named types sorted by that number. Both hash tables are open, with linear
 * probing, at most three quarters full.
 *
 *	∀ type:    target < n or TYPE_NONE,  first + n ≤ members,  name < names
 *	∀ member:  type < n or TYPE_NONE,  name < names
 *
 * Chains (typedef of typedef of …) are followed for MAX_CHAIN steps: no
 * program's are longer, and a circle ends.
 */
#include <string.h>

#include "analyze/types/type_table.h"

enum { MAX_CHAIN = 64, MAX_NAME = 1 << 16, FIRST_SLOTS = 1 << 8 };

static uint32_t hash_of(const char *text, size_t n)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t)text[i]) * 0x100000001b3;
	h ^= h >> 32;
	return (uint32_t)h ? (uint32_t)h : 1;
}

/* Where that hash's first candidate stands. */
static uint32_t slot_of(uint32_t hash, uint32_t n_slots)
{
	return hash & (n_slots - 1);
}

static void put_slot(struct type_slot *slots, uint32_t n_slots, struct type_slot s)
{
	uint32_t i = slot_of(s.hash, n_slots);

	while (slots[i].hash)
		i = (i + 1) & (n_slots - 1);
	slots[i] = s;
}

/* Room for one more of n entries. */
static int grow_slots(struct type_slot **slots, uint32_t *n_slots, size_t n, struct err *err)
{
	uint32_t want = *n_slots ? *n_slots * 2 : FIRST_SLOTS;
	struct type_slot *grown;

	if (n + 1 <= (size_t)*n_slots / 4 * 3)
		return 0;
	if (*n_slots > UINT32_MAX / 4)
		return err_set(err, ERR_LIMIT, "more types than can be numbered");
	grown = calloc(want, sizeof(*grown));
	if (!grown)
		return err_nomem(err);
	for (uint32_t i = 0; i < *n_slots; i++)
		if ((*slots)[i].hash)
			put_slot(grown, want, (*slots)[i]);
	free(*slots);
	*slots = grown;
	*n_slots = want;
	return 0;
}

int type_table_init(struct type_table *t, struct err *err)
{
	struct type first = {.kind = TYPE_KIND_VOID, .target = TYPE_NONE, .module = INDEX_NONE};
	type_id id;
	int rc;

	*t = (struct type_table){0};
	rc = vec_push(&t->names, 0) < 0 ? err_nomem(err) : type_table_add(t, &first, 1, &id, err);
	first.kind = TYPE_UNSPECIFIED;
	if (rc == 0)
		rc = type_table_add(t, &first, 2, &id, err);
	if (rc < 0)
		type_table_deinit(t);
	return rc;
}

void type_table_deinit(struct type_table *t)
{
	vec_deinit(&t->types);
	vec_deinit(&t->members);
	vec_deinit(&t->arguments);
	vec_deinit(&t->aliases);
	vec_deinit(&t->names);
	vec_deinit(&t->index);
	free(t->by_name);
	free(t->by_hash);
	*t = (struct type_table){0};
}

void type_table_clear(struct type_table *t)
{
	t->types.n = t->types.n < TYPE_UNKNOWN + 1 ? t->types.n : TYPE_UNKNOWN + 1;
	t->members.n = t->arguments.n = t->index.n = t->aliases.n = 0;
	t->names.n = 1;
	t->n_names = 0;
	if (t->by_name)
		memset(t->by_name, 0, t->n_name_slots * sizeof(*t->by_name));
	if (t->by_hash)
		memset(t->by_hash, 0, t->n_hash_slots * sizeof(*t->by_hash));
}

static size_t cut(size_t n)
{
	return n < MAX_NAME ? n : MAX_NAME;
}

bool type_table_name(const struct type_table *t, const char *text, size_t n, uint32_t *name)
{
	uint32_t hash, i;

	n = cut(n);
	hash = hash_of(text, n);
	if (!n || !t->n_name_slots) {
		*name = 0;
		return !n;
	}
	for (i = slot_of(hash, t->n_name_slots); t->by_name[i].hash;
	     i = (i + 1) & (t->n_name_slots - 1)) {
		const char *at = t->names.v + t->by_name[i].id;

		if (t->by_name[i].hash != hash || strncmp(at, text, n) || at[n])
			continue;
		*name = t->by_name[i].id;
		return true;
	}
	return false;
}

int type_table_intern(struct type_table *t, const char *text, size_t n, uint32_t *name,
		      struct err *err)
{
	uint32_t at = (uint32_t)t->names.n;
	int rc;

	n = cut(n);
	if (type_table_name(t, text, n, name))
		return 0;
	if (t->names.n > UINT32_MAX - MAX_NAME - 2)
		return err_set(err, ERR_LIMIT, "more than 4 GiB of names of types");
	rc = grow_slots(&t->by_name, &t->n_name_slots, t->n_names, err);
	if (rc < 0)
		return rc;
	if (vec_reserve(&t->names, t->names.n + n + 1) < 0)
		return err_nomem(err);
	memcpy(t->names.v + at, text, n);
	t->names.v[at + n] = 0;
	t->names.n += n + 1;
	t->n_names++;
	put_slot(t->by_name, t->n_name_slots, (struct type_slot){hash_of(text, n), at});
	*name = at;
	return 0;
}

int type_table_add(struct type_table *t, const struct type *type, uint32_t hash, type_id *id,
		   struct err *err)
{
	int rc = grow_slots(&t->by_hash, &t->n_hash_slots, t->types.n, err);

	if (rc < 0)
		return rc;
	if (t->types.n >= TYPE_MAX)
		return err_set(err, ERR_LIMIT, "more types than can be numbered");
	if (vec_push(&t->types, *type) < 0)
		return err_nomem(err);
	*id = (type_id)(t->types.n - 1);
	put_slot(t->by_hash, t->n_hash_slots, (struct type_slot){hash ? hash : 1, *id});
	return 0;
}

static int by_name_then_id(const void *a, const void *b, void *arg)
{
	const struct type_table *t = arg;
	type_id x = *(const type_id *)a, y = *(const type_id *)b;
	uint32_t nx = t->types.v[x].name, ny = t->types.v[y].name;

	if (nx != ny)
		return nx < ny ? -1 : 1;
	return x < y ? -1 : x > y;
}

static bool is_tagged(const struct type *t)
{
	return t->kind == TYPE_STRUCT || t->kind == TYPE_UNION || t->kind == TYPE_ENUM;
}

/* The types of one name: declarations get the one definition of their kind. */
static void join(struct type_table *t, const type_id *ids, size_t n, uint8_t kind)
{
	type_id definition = TYPE_NONE;
	size_t n_definitions = 0;

	for (size_t i = 0; i < n; i++) {
		const struct type *x = &t->types.v[ids[i]];

		if (x->kind == kind && !(x->flags & TYPE_DECLARED)) {
			definition = ids[i];
			n_definitions++;
		}
	}
	for (size_t i = 0; i < n; i++) {
		struct type *x = &t->types.v[ids[i]];

		if (x->kind != kind)
			continue;
		if (n_definitions > 1)
			x->flags |= TYPE_NAMESAKES;
		if (x->flags & TYPE_DECLARED)
			x->target = n_definitions == 1 ? definition : TYPE_NONE;
	}
}

static int by_type_then_alias(const void *a, const void *b)
{
	const struct type_alias *x = a, *y = b;

	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	return x->alias < y->alias ? -1 : x->alias > y->alias;
}

static int index_aliases(struct type_table *t, struct err *err)
{
	t->aliases.n = 0;
	for (size_t i = 0; i < t->types.n; i++) {
		const struct type *x = &t->types.v[i], *y;
		struct type_alias a = {x->target, (type_id)i};

		if (x->kind != TYPE_TYPEDEF || !x->name || x->target >= t->types.n)
			continue;
		y = &t->types.v[x->target];
		if (is_tagged(y) && !y->name && vec_push(&t->aliases, a) < 0)
			return err_nomem(err);
	}
	if (t->aliases.n)
		qsort(t->aliases.v, t->aliases.n, sizeof(*t->aliases.v), by_type_then_alias);
	return 0;
}

uint32_t type_table_called(const struct type_table *t, type_id id)
{
	const struct type *x = type_table_get(t, id);
	size_t i;

	if (x->name || !is_tagged(x))
		return x->name;
	i = vec_bisect(&t->aliases, e, e->type < id);
	return i < t->aliases.n && t->aliases.v[i].type == id
		       ? t->types.v[t->aliases.v[i].alias].name
		       : 0;
}

int type_table_index(struct type_table *t, struct err *err)
{
	size_t i, end;

	t->index.n = 0;
	for (i = 0; i < t->types.n; i++)
		if (t->types.v[i].name && vec_push(&t->index, (type_id)i) < 0)
			return err_nomem(err);
	if (t->index.n)
		qsort_r(t->index.v, t->index.n, sizeof(*t->index.v), by_name_then_id, t);
	for (i = 0; i < t->index.n; i = end) {
		uint32_t name = t->types.v[t->index.v[i]].name;

		for (end = i; end < t->index.n && t->types.v[t->index.v[end]].name == name;)
			end++;
		for (uint8_t kind = TYPE_STRUCT; kind <= TYPE_ENUM; kind++)
			join(t, &t->index.v[i], end - i, kind);
		join(t, &t->index.v[i], end - i, TYPE_TYPEDEF);
	}
	return index_aliases(t, err);
}

const struct type_member *type_table_members(const struct type_table *t, type_id id, uint32_t *n)
{
	const struct type *x = type_table_get(t, id);

	*n = x->kind == TYPE_ARRAY ? 0 : x->n;
	return *n ? &t->members.v[x->first] : NULL;
}

type_id type_table_argument(const struct type_table *t, type_id id, uint32_t i)
{
	size_t at = vec_bisect(&t->arguments, e, e->owner < id) + i;

	return at < t->arguments.n && t->arguments.v[at].owner == id ? t->arguments.v[at].type
								     : TYPE_NONE;
}

type_id type_table_peel(const struct type_table *t, type_id id)
{
	for (int i = 0; i < MAX_CHAIN; i++) {
		const struct type *x = type_table_get(t, id);
		bool passes = (x->kind >= TYPE_TYPEDEF && x->kind <= TYPE_ATOMIC) ||
			      (is_tagged(x) && x->flags & TYPE_DECLARED);

		if (!passes || x->target == TYPE_NONE)
			return id < t->types.n ? id : TYPE_UNKNOWN;
		id = x->target;
	}
	return TYPE_UNKNOWN;
}

bool type_table_size(const struct type_table *t, type_id id, uint64_t *size)
{
	uint64_t times = 1;

	for (int i = 0; i < MAX_CHAIN; i++) {
		const struct type *x = type_table_get(t, type_table_peel(t, id));

		if (x->kind == TYPE_ARRAY) {
			if (x->flags & TYPE_UNBOUNDED ||
			    __builtin_mul_overflow(times, x->count, &times))
				return false;
			id = x->target;
			continue;
		}
		if (x->kind == TYPE_KIND_VOID || x->kind == TYPE_FUNCTION ||
		    x->flags & TYPE_DECLARED || (x->kind == TYPE_UNSPECIFIED && !x->size))
			return false;
		return !__builtin_mul_overflow(times, x->size, size);
	}
	return false;
}

void type_table_check(const struct type_table *t)
{
	assert(t->types.n > TYPE_UNKNOWN);
	for (size_t i = 0; i < t->types.n; i++) {
		const struct type *x = &t->types.v[i];

		assert(x->kind < N_TYPE_KINDS && x->name < t->names.n);
		assert(x->target == TYPE_NONE || x->target < t->types.n);
		assert(x->kind == TYPE_ARRAY || !x->n ||
		       (x->first < t->members.n && x->n <= t->members.n - x->first));
	}
	for (size_t i = 0; i < t->members.n; i++) {
		assert(t->members.v[i].name < t->names.n);
		assert(t->members.v[i].type == TYPE_NONE || t->members.v[i].type < t->types.n);
	}
	for (size_t i = 0; i < t->arguments.n; i++) {
		assert(t->arguments.v[i].owner < t->types.n);
		assert(t->arguments.v[i].type < t->types.n);
		assert(!i || t->arguments.v[i - 1].owner <= t->arguments.v[i].owner);
	}
	for (size_t i = 0; i < t->aliases.n; i++)
		assert(t->aliases.v[i].type < t->types.n && t->aliases.v[i].alias < t->types.n);
}
