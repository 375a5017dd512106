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
 * Limits: a pointer into the middle of an object says something only in rings
 * (intrusive lists); C++ vtables, locals of frames and unions' tags are not looked at.
 */
#include <string.h>

#include "analyze/types/inference_run.h"
#include "base/big_array.h"

static int list_of(struct inference_run *r, type_id id, const struct layout_pointers **out,
		   struct err *err)
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

/* What was told, or is written in the object, outranks every fit. */
static int rank_of(const struct inference_line *l)
{
	int above = l->reason >= INFERRED_VTABLE ? N_FITS : 0;

	return (above + l->fit) * N_REASONS + l->reason;
}

/* A better line replaces, an equal one of another type contradicts. */
int inference_propose(struct inference_run *r, obj_id o, struct inference_line line,
		      struct err *err)
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
static bool is_bad(const struct inference_run *r, uint64_t word)
{
	uint64_t avail;

	return word && !space_mapping(r->in->space, word) && !space_at(r->in->space, word, &avail);
}

/* One pointer field, at off in the source, with that target. */
static int follow(struct inference_run *r, struct inference_source *s, uint64_t off, uint64_t word,
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
		    inference_propose(r, o, ring, err) < 0)
			return ERR_NOMEM;
	}
	return delta ? 0 : inference_propose(r, o, line, err);
}

/* Every copy of one pointer field in one element. */
static int follow_all(struct inference_run *r, struct inference_source *s, uint64_t base,
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

int inference_read(struct inference_run *r, struct inference_source *s, uint64_t elements,
		   struct err *err)
{
	const struct layout_pointers *list = NULL;
	int rc = list_of(r, s->type, &list, err);

	for (uint64_t e = 0; rc == 0 && list->list.n && e < elements; e++)
		for (size_t i = 0; i < list->list.n && rc == 0; i++)
			rc = follow_all(r, s, e * s->element, &list->list.v[i], err);
	return rc;
}

static int read_object(struct inference_run *r, obj_id o, struct err *err)
{
	struct inference_line *l = &r->out->v[o];
	struct inference_source s = {.reason = INFERRED_FIELD,
				     .from = o,
				     .type = l->type,
				     .addr = objects_addr(r->in->objects, o),
				     .size = objects_size(r->in->objects, o)};
	uint64_t size;
	int rc;

	if (l->fit == FIT_BYTES || !type_table_size(r->in->table, l->type, &size) || !size)
		return 0;
	s.element = size;
	rc = inference_read(r, &s, inference_count(l, r->in->table, s.size), err);
	if (s.has_bad_words)
		r->out->v[o].flags |= INFERENCE_BAD_WORDS;
	return rc;
}

static int spread(struct inference_run *r, struct err *err)
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

static int begin(struct inference_run *r, struct err *err)
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
	return 0;
}

static void end(struct inference_run *r)
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
	struct inference_run r = {.in = in, .out = out};
	int rc;

	*out = (struct inference){0};
	rc = begin(&r, err);
	if (rc == 0)
		rc = inference_seed(&r, err);
	if (rc == 0)
		rc = spread(&r, err);
	if (rc == 0)
		rc = inference_decide(&r, err);
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
