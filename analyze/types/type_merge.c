/*
 * Merging types that refer to each other in circles.
 *
 * Two types are equal if their own lines are (kind, name, size, members' names
 * and offsets) and what they refer to is, pair by pair. For circles this is
 * read coinductively: while (a, b) is under test, it is taken for equal; if
 * nothing contradicts, all pairs assumed on the way are equal, and else all are
 * forgotten but those on the path to the contradiction, which are different
 * (as in the equivalence of finite automata, Hopcroft and Karp 1971).
 *
 *	batch type u ──hash──► candidates g in the table ──compare──► to[u] = g, or u is added
 *
 * A declaration equals every definition of its kind and name when it is met
 * inside: struct session is one type, whether struct conn was complete in the
 * unit or not. It keeps an id of its own; type_table_index() leads it to the
 * definition, if there is only one.
 *
 * Types are taken in post-order, so that what a type refers to is mostly
 * settled before. References to types of the batch stay raw in types just added
 * and are replaced at the end.
 *
 * Limits: MAX_CANDIDATES per type, STEPS_PER_TYPE comparisons; beyond these
 * types are added again.
 */
#include <string.h>

#include "analyze/types/type_merge.h"
#include "base/bitset.h"
#include "base/cleanup.h"

enum { MAX_CANDIDATES = 16, STEPS_PER_TYPE = 64, KEY_DEPTH = 4 };

/* A comparison under way, or a visit: which child comes next. */
struct frame {
	type_id u, g;
	uint32_t next;
};

struct merge {
	struct type_table *t;
	struct type_batch *b;
	type_id *to;
	type_id *failed;     /* per batch type: a type that it is not; TYPE_NONE: none known */
	VEC(uint32_t) trail; /* assumed in this comparison */
	VEC(struct frame) stack, visits;
	uint64_t steps_left;
	bool is_hasty; /* the contradiction is one with an assumption, not with a fact */
	type_id first_new;
	size_t first_new_member;
};

void type_batch_deinit(struct type_batch *b)
{
	vec_deinit(&b->types);
	vec_deinit(&b->members);
	vec_deinit(&b->arguments);
}

static bool is_raw(type_id ref)
{
	return ref & TYPE_RAW && ref != TYPE_NONE;
}

/* The id, where a reference's is known or assumed by now. */
static type_id settle(const struct merge *m, type_id ref)
{
	if (is_raw(ref) && m->to[ref & ~TYPE_RAW] != TYPE_NONE)
		return m->to[ref & ~TYPE_RAW];
	return ref;
}

static const struct type *node(const struct merge *m, type_id ref)
{
	return is_raw(ref) ? &m->b->types.v[ref & ~TYPE_RAW] : type_table_get(m->t, ref);
}

static const struct type_member *members(const struct merge *m, type_id ref, uint32_t *n)
{
	const struct type *x = node(m, ref);

	if (!is_raw(ref))
		return type_table_members(m->t, ref, n);
	*n = x->kind == TYPE_ARRAY ? 0 : x->n;
	return *n ? &m->b->members.v[x->first] : NULL;
}

static bool is_declaration(const struct type *x)
{
	return x->flags & TYPE_DECLARED;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15;
	return h ^ h >> 29;
}

static bool has_name_of_its_own(const struct type *x)
{
	return x->name != 0;
}

/* What a reference contributes to a hash: the nearest name, through a few nameless types. */
static uint64_t key_of(const struct merge *m, type_id ref)
{
	uint64_t h = 0;

	for (int i = 0; i < KEY_DEPTH && ref != TYPE_NONE; i++) {
		const struct type *x = node(m, settle(m, ref));

		h = mix(mix(h, x->kind), x->name);
		if (has_name_of_its_own(x) || x->kind == TYPE_STRUCT || x->kind == TYPE_UNION)
			break;
		h = mix(h, x->kind == TYPE_ARRAY ? x->count : x->n);
		ref = x->target;
	}
	return h;
}

/* The same for a type of the batch and its equal in the table. */
static uint32_t hash_of(const struct merge *m, type_id u)
{
	const struct type *x = node(m, u);
	uint64_t h = mix(mix(mix(0, x->kind), x->name), x->size);
	const struct type_member *v;
	uint32_t n;

	if (is_declaration(x))
		return (uint32_t)(mix(h, 1) >> 20) | 1;
	v = members(m, u, &n);
	for (uint32_t i = 0; i < n; i++)
		h = mix(mix(h, v[i].name), v[i].off);
	if (n)
		h = mix(h, key_of(m, v[0].type));
	h = mix(h, x->kind == TYPE_ARRAY ? x->count : x->n);
	return (uint32_t)(mix(h, key_of(m, x->target)) >> 20) | 1;
}

/* Equal but for what they refer to. */
static bool same_line(const struct merge *m, type_id u, type_id g)
{
	const struct type *x = node(m, u), *y = node(m, g);
	const struct type_member *v, *w;
	uint32_t n, n_w;

	if (x->kind != y->kind || x->name != y->name || x->size != y->size ||
	    x->encoding != y->encoding ||
	    (x->flags & ~TYPE_FLAGS_OWN) != (y->flags & ~TYPE_FLAGS_OWN))
		return false;
	if (x->kind == TYPE_ARRAY)
		return x->count == y->count;
	v = members(m, u, &n);
	w = members(m, g, &n_w);
	if (n != n_w)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (v[i].name != w[i].name || v[i].off != w[i].off ||
		    v[i].bit_size != w[i].bit_size || v[i].bit_off != w[i].bit_off ||
		    v[i].flags != w[i].flags)
			return false;
	return true;
}

/* What a type refers to: child 0 is its target, then its members. False: there are no more. */
static bool child_of(const struct merge *m, type_id ref, uint32_t i, type_id *child)
{
	uint32_t n;
	const struct type_member *v = members(m, ref, &n);

	if (i > n)
		return false;
	*child = i ? v[i - 1].type : node(m, ref)->target;
	/* the target of a declaration is our own conclusion */
	if (!i && is_declaration(node(m, ref)))
		*child = TYPE_NONE;
	return true;
}

enum verdict { DIFFERENT, EQUAL, ASSUMED, OUT_OF_MEMORY };

/* One pair: known at once, or assumed and put on the stack. */
static enum verdict meet(struct merge *m, type_id u, type_id g)
{
	const struct type *x, *y;

	m->is_hasty = is_raw(u) && settle(m, u) != u;
	u = settle(m, u);
	g = settle(m, g);
	if (u == g)
		return EQUAL;
	if (u == TYPE_NONE || g == TYPE_NONE)
		return DIFFERENT;
	x = node(m, u);
	y = node(m, g);
	if (is_declaration(x) || is_declaration(y))
		return x->kind == y->kind && x->name == y->name ? EQUAL : DIFFERENT;
	if (!is_raw(u) || is_raw(g) || m->failed[u & ~TYPE_RAW] == g || !m->steps_left ||
	    !same_line(m, u, g))
		return DIFFERENT;
	m->steps_left--;
	if (vec_push(&m->trail, u & ~TYPE_RAW) < 0 ||
	    vec_push(&m->stack, ((struct frame){u, g, 0})) < 0)
		return OUT_OF_MEMORY;
	m->to[u & ~TYPE_RAW] = g;
	return ASSUMED;
}

static void forget(struct merge *m)
{
	for (size_t i = 0; i < m->trail.n; i++)
		m->to[m->trail.v[i]] = TYPE_NONE;
	if (m->steps_left && !m->is_hasty)
		for (size_t i = 0; i < m->stack.n; i++)
			m->failed[m->stack.v[i].u & ~TYPE_RAW] = m->stack.v[i].g;
}

static enum verdict compare(struct merge *m, type_id u, type_id g)
{
	enum verdict v;

	m->trail.n = m->stack.n = 0;
	v = meet(m, u, g);
	while (m->stack.n && v != DIFFERENT && v != OUT_OF_MEMORY) {
		struct frame *f = &m->stack.v[m->stack.n - 1];
		type_id a, b;

		if (!child_of(m, f->u, f->next, &a)) {
			m->stack.n--;
			continue;
		}
		child_of(m, f->g, f->next, &b);
		f->next++;
		v = meet(m, a, b);
	}
	if (v == DIFFERENT)
		forget(m);
	return v == ASSUMED ? EQUAL : v;
}

/* A declaration is found only among declarations. */
static enum verdict try(struct merge *m, type_id u, type_id g)
{
	const struct type *x = node(m, u), *y = node(m, g);

	if (is_declaration(x) != is_declaration(y))
		return DIFFERENT;
	if (!is_declaration(x))
		return compare(m, u, g);
	if (x->kind != y->kind || x->name != y->name)
		return DIFFERENT;
	m->to[u & ~TYPE_RAW] = g;
	return EQUAL;
}

static int add(struct merge *m, type_id u, uint32_t hash, struct err *err)
{
	struct type x = *node(m, u);
	uint32_t n;
	const struct type_member *v = members(m, u, &n);

	if (m->t->members.n + n > UINT32_MAX)
		return err_set(err, ERR_LIMIT, "more members of types than can be numbered");
	if (vec_reserve(&m->t->members, m->t->members.n + n) < 0)
		return err_nomem(err);
	if (x.kind != TYPE_ARRAY)
		x.first = n ? (uint32_t)m->t->members.n : 0;
	if (n)
		memcpy(m->t->members.v + m->t->members.n, v, n * sizeof(*v));
	m->t->members.n += n;
	return type_table_add(m->t, &x, hash, &m->to[u & ~TYPE_RAW], err);
}

/* Its equal in the table, or itself added to it. */
static int place(struct merge *m, type_id u, struct err *err)
{
	const struct type_table *t = m->t;
	uint32_t hash, i, n = 0;

	if (m->to[u & ~TYPE_RAW] != TYPE_NONE)
		return 0;
	hash = hash_of(m, u);
	for (i = hash & (t->n_hash_slots - 1); t->by_hash[i].hash && n < MAX_CANDIDATES;
	     i = (i + 1) & (t->n_hash_slots - 1)) {
		enum verdict v;

		if (t->by_hash[i].hash != hash)
			continue;
		n++;
		v = try(m, u, t->by_hash[i].id);
		if (v == OUT_OF_MEMORY)
			return err_nomem(err);
		if (v == EQUAL)
			return 0;
	}
	/* a crowd of one hash would make each addition pass by all of them: out of the way */
	if (n == MAX_CANDIDATES)
		hash = (uint32_t)(mix(hash, t->types.n) >> 20) | 1;
	return add(m, u, hash, err);
}

/* Places what the type refers to, then it; an explicit stack, since the data choose the depth. */
static int visit(struct merge *m, uint32_t root, struct bitset *seen, struct err *err)
{
	if (!bitset_add_new(seen, root))
		return 0;
	m->visits.n = 0;
	if (vec_push(&m->visits, ((struct frame){TYPE_RAW | root, 0, 0})) < 0)
		return err_nomem(err);
	while (m->visits.n) {
		struct frame *f = &m->visits.v[m->visits.n - 1];
		type_id child;

		if (!child_of(m, f->u, f->next++, &child)) {
			int rc = place(m, f->u, err);

			if (rc < 0)
				return rc;
			m->visits.n--;
		} else if (is_raw(child) && bitset_add_new(seen, child & ~TYPE_RAW)) {
			if (vec_push(&m->visits, ((struct frame){child, 0, 0})) < 0)
				return err_nomem(err);
		}
	}
	return 0;
}

static void settle_added(struct merge *m)
{
	for (size_t i = m->first_new; i < m->t->types.n; i++)
		m->t->types.v[i].target = settle(m, m->t->types.v[i].target);
	for (size_t i = m->first_new_member; i < m->t->members.n; i++)
		m->t->members.v[i].type = settle(m, m->t->members.v[i].type);
}

/* An argument with where it comes from: types that became one bring theirs several times. */
struct placed {
	struct type_argument v;
	type_id raw; /* its owner in the batch */
	uint32_t at;
};

static int by_owner(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;

	if (x->v.owner != y->v.owner)
		return x->v.owner < y->v.owner ? -1 : 1;
	if (x->raw != y->raw)
		return x->raw < y->raw ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

/*
 * Arguments of the types just added; who was there has them. New types have higher ids than all before,
 * so the list stays sorted.
 */
static int add_arguments(struct merge *m, struct err *err)
{
	size_t n = m->b->arguments.n, n_placed = 0;
	_cleanup_free_ struct placed *v = malloc((n + 1) * sizeof(*v));

	if (!v || vec_reserve(&m->t->arguments, m->t->arguments.n + n) < 0)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		const struct type_argument *a = &m->b->arguments.v[i];
		struct placed p = {{m->to[a->owner], settle(m, a->type)}, a->owner, (uint32_t)i};

		if (p.v.owner >= m->first_new && p.v.owner < m->t->types.n &&
		    p.v.type < m->t->types.n)
			v[n_placed++] = p;
	}
	qsort(v, n_placed, sizeof(*v), by_owner);
	for (size_t i = 0, first = 0; i < n_placed; i++) {
		if (v[i].v.owner != v[first].v.owner)
			first = i;
		if (v[i].raw == v[first].raw)
			m->t->arguments.v[m->t->arguments.n++] = v[i].v;
	}
	return 0;
}

int type_merge(struct type_table *t, struct type_batch *b, type_id *to, struct err *err)
{
	size_t n = b->types.n;
	_cleanup_free_ type_id *failed = malloc((n + 1) * sizeof(*failed));
	struct merge m = {.t = t,
			  .b = b,
			  .to = to,
			  .failed = failed,
			  .steps_left = (uint64_t)n * STEPS_PER_TYPE,
			  .first_new = type_table_count(t),
			  .first_new_member = t->members.n};
	struct bitset seen = {0};
	int rc = failed && bitset_init(&seen, n) == 0 ? 0 : err_nomem(err);

	if (failed)
		memset(failed, 0xff, n * sizeof(*failed));
	memset(to, 0xff, n * sizeof(*to));
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = visit(&m, (uint32_t)i, &seen, err);
	if (rc == 0) {
		settle_added(&m);
		rc = add_arguments(&m, err);
	}
	bitset_deinit(&seen);
	vec_deinit(&m.trail);
	vec_deinit(&m.stack);
	vec_deinit(&m.visits);
	return rc;
}
