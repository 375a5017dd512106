/*
 * Proposals, over a queue of objects whose line got better.
 *
 *	variable ─┐                 ┌─► line of the object: kept if its rank is higher
 *	          ├─ typed words ───┤
 *	object  ──┘                 └─► then the object is queued, to be read by its new type
 *
 *	rank = (fit, reason)   only grows, so an object is read at most N_RANKS times
 *
 * What a type's pointers are is worked out once per type (layout_pointers.c).
 *
 * The confidence comes last, when the lines stand still: it goes up the chain
 * of `from` to the variable, and each link must still hold, since what was
 * concluded from a type that was replaced later has lost its reason.
 *
 * Limits: a pointer into the middle of an object says something only in rings
 * (intrusive lists); C++ vtables, locals of frames and unions' tags are not looked at.
 */
#include <string.h>

#include "analyze/types/inference.h"
#include "analyze/types/layout_pointers.h"
#include "base/big_array.h"
#include "base/bitset.h"

/* Where words are being read. */
struct source {
	enum inference_reason reason; /* FIELD or VARIABLE */
	uint32_t from;
	type_id type; /* peeled */
	addr_t addr;
	uint64_t size, element; /* element: bytes from one copy of the type to the next */
	bool has_bad_words;
};

struct run {
	const struct inference_input *in;
	struct inference *out;
	struct layout_pointers **lists; /* per type; NULL: not worked out yet */
	struct bitset heads;		/* types that another begins with */
	VEC(obj_id) queue;
	size_t queue_head;
	struct bitset queued;
};

static int list_of(struct run *r, type_id id, const struct layout_pointers **out, struct err *err)
{
	struct layout_pointers *p = r->lists[id];

	if (!p) {
		p = calloc(1, sizeof(*p));
		if (!p)
			return err_nomem(err);
		r->lists[id] = p;
		if (layout_pointers_of(r->in->table, id, p, err) < 0)
			return ERR_NOMEM;
	}
	*out = p;
	return 0;
}

static int rank_of(const struct inference_line *l)
{
	return l->fit * 4 + l->reason;
}

/* A better line replaces, an equal one of another type contradicts. */
static int propose(struct run *r, obj_id o, struct inference_line line, struct err *err)
{
	struct inference_line *now = &r->out->v[o];
	const struct objects *objects = r->in->objects;

	if (objects_kind(objects, o) == OBJECT_MAPPING)
		return 0;
	line.type = type_table_peel(r->in->table, line.type);
	line.fit = (uint8_t)inference_fit_of(r->in->table, line.type, objects_size(objects, o));
	if (line.fit == FIT_NONE)
		return 0;
	if (now->type == line.type && rank_of(&line) <= rank_of(now))
		return 0;
	if (rank_of(&line) <= rank_of(now)) {
		/* the outer of two that begin alike is no contradiction */
		if (line.fit == now->fit &&
		    !inference_has_at(r->in->table, now->type, 0, line.type))
			now->flags |= INFERENCE_CONFLICT;
		return 0;
	}
	if (line.fit == now->fit && now->type != line.type)
		line.flags |= INFERENCE_CONFLICT;
	line.flags |= now->flags & (now->type == line.type ? INFERENCE_CONFLICT : 0);
	*now = line;
	if (!bitset_add_new(&r->queued, o))
		return 0;
	return vec_push(&r->queue, o) < 0 ? err_nomem(err) : 0;
}

/* A word that is no address of anything: the memory is not what we think, or not initialised. */
static bool is_bad(const struct run *r, uint64_t word)
{
	uint64_t avail;

	return word && !space_mapping(r->in->space, word) && !space_at(r->in->space, word, &avail);
}

/* One pointer field, at off in the source, with that target. */
static int follow(struct run *r, struct source *s, uint64_t off, uint64_t word,
		  const struct layout_pointer *p, struct err *err)
{
	const struct type_table *t = r->in->table;
	struct inference_line line = {.type = p->target,
				      .from = s->from,
				      .off = off < UINT32_MAX ? (uint32_t)off : UINT32_MAX,
				      .reason = (uint8_t)s->reason,
				      .flags = p->is_shared ? INFERENCE_SHARED : 0};
	obj_id o = word && !p->is_code ? index_find(r->in->index, word) : OBJ_NONE;
	type_id target = type_table_peel(t, p->target);
	uint64_t delta;

	if (o == OBJ_NONE ||
	    word - objects_addr(r->in->objects, o) >= objects_size(r->in->objects, o)) {
		s->has_bad_words |= !p->is_shared && is_bad(r, word);
		return 0;
	}
	delta = word - objects_addr(r->in->objects, o);
	/* an intrusive list: both ends lie at one place of one type */
	if (s->reason == INFERRED_FIELD && target != s->type &&
	    type_table_get(t, target)->kind == TYPE_STRUCT && s->element > delta &&
	    inference_has_at(t, s->type, delta, target)) {
		struct inference_line ring = line;
		uint64_t size;

		ring.type = s->type;
		ring.reason = INFERRED_RING;
		if (type_table_size(t, target, &size) && off % s->element >= delta &&
		    off % s->element - delta < size &&
		    inference_fit_of(t, ring.type, objects_size(r->in->objects, o)) == FIT_EXACT &&
		    propose(r, o, ring, err) < 0)
			return ERR_NOMEM;
	}
	return delta ? 0 : propose(r, o, line, err);
}

/* Every copy of one pointer field in one element. */
static int follow_all(struct run *r, struct source *s, uint64_t base,
		      const struct layout_pointer *p, struct err *err)
{
	uint64_t count = p->is_open ? UINT64_MAX : p->count;
	int rc = 0;

	for (uint64_t i = 0; i < count && rc == 0; i++) {
		uint64_t off, word;

		if (__builtin_mul_overflow(i, p->stride, &off) ||
		    __builtin_add_overflow(off, base + p->off, &off) || off >= s->size ||
		    s->size - off < sizeof(word))
			break;
		if (space_u64(r->in->space, s->addr + off, &word) && word)
			rc = follow(r, s, off, word, p, err);
		if (!p->stride)
			break;
	}
	return rc;
}

static int read_source(struct run *r, struct source *s, uint64_t elements, struct err *err)
{
	const struct layout_pointers *list = NULL;
	int rc = list_of(r, s->type, &list, err);

	for (uint64_t e = 0; rc == 0 && list->list.n && e < elements; e++)
		for (size_t i = 0; i < list->list.n && rc == 0; i++)
			rc = follow_all(r, s, e * s->element, &list->list.v[i], err);
	return rc;
}

static int read_variable(struct run *r, uint32_t i, addr_t at, struct err *err)
{
	const struct variable *v = &r->in->variables->list.v[i];
	struct source s = {.reason = INFERRED_VARIABLE,
			   .from = i,
			   .type = type_table_peel(r->in->table, v->type),
			   .addr = at};

	if (!type_table_size(r->in->table, s.type, &s.size) || s.size > UINT64_MAX - at)
		return 0;
	s.element = s.size;
	return read_source(r, &s, 1, err);
}

static int read_variables(struct run *r, struct err *err)
{
	const struct variables *v = r->in->variables;
	const struct threads *threads = r->in->threads;
	int rc = 0;

	for (uint32_t i = 0; i < v->list.n && rc == 0; i++) {
		if (!v->list.v[i].is_tls) {
			rc = read_variable(r, i, v->list.v[i].at, err);
			continue;
		}
		for (size_t k = 0; threads && k < threads->list.n && rc == 0; k++)
			for (size_t b = 0; b < threads->list.v[k].tls.n && rc == 0; b++) {
				const struct tls_block *block = &threads->list.v[k].tls.v[b];

				if (block->module == v->list.v[i].module &&
				    v->list.v[i].at < range_size(block->at))
					rc = read_variable(r, i, block->at.lo + v->list.v[i].at,
							   err);
			}
	}
	return rc;
}

static int read_object(struct run *r, obj_id o, struct err *err)
{
	struct inference_line *l = &r->out->v[o];
	struct source s = {.reason = INFERRED_FIELD,
			   .from = o,
			   .type = l->type,
			   .addr = objects_addr(r->in->objects, o),
			   .size = objects_size(r->in->objects, o)};
	uint64_t size;
	int rc;

	if (l->fit == FIT_BYTES || !type_table_size(r->in->table, l->type, &size) || !size)
		return 0;
	s.element = size;
	rc = read_source(r, &s, inference_count(l, r->in->table, s.size), err);
	if (s.has_bad_words)
		r->out->v[o].flags |= INFERENCE_BAD_WORDS;
	return rc;
}

static int spread(struct run *r, struct err *err)
{
	int rc = 0;

	while (rc == 0 && r->queue_head < r->queue.n) {
		obj_id o = r->queue.v[r->queue_head++];

		bitset_remove(&r->queued, o);
		rc = read_object(r, o, err);
		/* what is read is not kept: the queue stays as long as what waits */
		if (r->queue_head > r->queue.n / 2 && r->queue_head > 4096) {
			memmove(r->queue.v, r->queue.v + r->queue_head,
				(r->queue.n - r->queue_head) * sizeof(*r->queue.v));
			r->queue.n -= r->queue_head;
			r->queue_head = 0;
		}
	}
	return rc;
}

/* Types that stand at the start of others. */
static void find_heads(struct run *r)
{
	const struct type_table *t = r->in->table;

	for (type_id id = 0; id < type_table_count(t); id++) {
		uint32_t n;
		const struct type_member *v = type_table_members(t, id, &n);
		uint8_t kind = type_table_get(t, id)->kind;

		for (uint32_t i = 0; i < n && (kind == TYPE_STRUCT || kind == TYPE_UNION); i++)
			if (!v[i].off)
				bitset_add(&r->heads, type_table_peel(t, v[i].type));
	}
}

/* Whether the field that the line goes back to still is a pointer to its type. */
static bool still_holds(const struct run *r, const struct inference_line *l)
{
	const struct inference_line *from;
	const struct layout_pointers *list;
	uint64_t size, off = l->off;

	if (l->reason == INFERRED_VARIABLE)
		return true;
	from = &r->out->v[l->from];
	list = from->type < type_table_count(r->in->table) ? r->lists[from->type] : NULL;
	if (!list || !type_table_size(r->in->table, from->type, &size) || !size)
		return false;
	if (from->fit == FIT_ARRAY)
		off %= size;
	for (size_t i = 0; i < list->list.n; i++) {
		const struct layout_pointer *p = &list->list.v[i];
		uint64_t n = p->stride && off >= p->off ? (off - p->off) / p->stride : 0;

		if (off >= p->off && off - p->off - n * p->stride == 0 &&
		    (p->is_open || n < p->count) &&
		    (l->reason == INFERRED_RING
			     ? from->type == l->type
			     : type_table_peel(r->in->table, p->target) == l->type))
			return true;
	}
	return false;
}

/* How sure the line is by itself, if what it comes from were certain. */
static uint8_t own_confidence(const struct run *r, obj_id o)
{
	struct inference_line *l = &r->out->v[o];
	uint64_t size;

	if (l->type == TYPE_NONE)
		return CONFIDENCE_NONE;
	if (l->fit == FIT_EXACT && type_table_size(r->in->table, l->type, &size) &&
	    size < objects_size(r->in->objects, o) && bitset_has(&r->heads, l->type))
		l->flags |= INFERENCE_IS_HEAD;
	if (l->fit == FIT_PREFIX || l->flags & (INFERENCE_CONFLICT | INFERENCE_SHARED) ||
	    !still_holds(r, l))
		return CONFIDENCE_GUESS;
	if (l->fit != FIT_EXACT || l->reason == INFERRED_RING ||
	    l->flags & (INFERENCE_BAD_WORDS | INFERENCE_IS_HEAD))
		return CONFIDENCE_LIKELY;
	return CONFIDENCE_CERTAIN;
}

/* Up to a variable or to what is decided, then down again; a circle is a guess. */
static int decide(struct run *r, obj_id o, struct bitset *decided, struct err *err)
{
	struct inference_line *v = r->out->v;
	uint8_t so_far = CONFIDENCE_CERTAIN;
	bool at_start = false;

	r->queue.n = 0;
	while (!bitset_has(decided, o)) {
		/* marked while on the way: who comes back to it goes in a circle */
		bitset_add(decided, o);
		v[o].confidence = v[o].type == TYPE_NONE ? CONFIDENCE_NONE : CONFIDENCE_GUESS;
		if (vec_push(&r->queue, o) < 0)
			return err_nomem(err);
		at_start = v[o].type == TYPE_NONE || v[o].reason == INFERRED_VARIABLE;
		if (at_start)
			break;
		o = v[o].from;
	}
	if (!at_start)
		so_far = v[o].confidence;
	while (r->queue.n) {
		uint8_t own;

		o = r->queue.v[--r->queue.n];
		own = own_confidence(r, o);
		so_far = own < so_far ? own : so_far;
		v[o].confidence = so_far;
	}
	return 0;
}

static int decide_all(struct run *r, struct err *err)
{
	struct inference *out = r->out;
	struct bitset decided;
	int rc = bitset_init(&decided, out->n) < 0 ? err_nomem(err) : 0;

	for (obj_id o = 0; o < out->n && rc == 0; o++) {
		rc = decide(r, o, &decided, err);
		if (objects_kind(r->in->objects, o) == OBJECT_MAPPING)
			continue;
		out->sums[out->v[o].confidence].objects++;
		out->sums[out->v[o].confidence].bytes += objects_size(r->in->objects, o);
	}
	bitset_deinit(&decided);
	return rc;
}

static int begin(struct run *r, struct err *err)
{
	uint32_t n_types = type_table_count(r->in->table);
	struct inference *out = r->out;

	out->n = objects_count(r->in->objects);
	out->v = big_array(out->n, sizeof(*out->v), 0);
	r->lists = calloc(n_types, sizeof(*r->lists));
	if (!out->v || !r->lists || bitset_init(&r->heads, n_types) < 0 ||
	    bitset_init(&r->queued, out->n) < 0)
		return err_nomem(err);
	for (obj_id o = 0; o < out->n; o++)
		out->v[o] = (struct inference_line){.type = TYPE_NONE};
	find_heads(r);
	return 0;
}

static void end(struct run *r)
{
	for (uint32_t i = 0; r->lists && i < type_table_count(r->in->table); i++)
		if (r->lists[i]) {
			layout_pointers_deinit(r->lists[i]);
			free(r->lists[i]);
		}
	free(r->lists);
	bitset_deinit(&r->heads);
	bitset_deinit(&r->queued);
	vec_deinit(&r->queue);
}

int inference_run(struct inference *out, const struct inference_input *in, struct err *err)
{
	struct run r = {.in = in, .out = out};
	int rc;

	*out = (struct inference){0};
	rc = begin(&r, err);
	if (rc == 0)
		rc = read_variables(&r, err);
	if (rc == 0)
		rc = spread(&r, err);
	if (rc == 0)
		rc = decide_all(&r, err);
	end(&r);
	if (rc < 0)
		inference_deinit(out);
	return rc;
}

void inference_deinit(struct inference *r)
{
	free(r->v);
	*r = (struct inference){0};
}
