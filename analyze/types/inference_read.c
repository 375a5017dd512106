/*
 * Reading: the pointers of what has a type, each to be followed. Memory is waited for as seldom as possible:
 *
 *	wave in address order ─► 64 objects: their lines and bytes are prefetched
 *	          └─► words of their pointers, 64 at a time: looked up in the index together, with the latencies overlapped
 *	                └─► proposals, to objects whose lines have been prefetched
 *
 * A word of a union (or a variant) is read once, whatever number of members have a pointer there:
 * inference_union.c tells them apart.
 *
 * Queues (inference_queue.c): one for each confidence, the surest first. An object may stand in two; it is read when
 * it is first met.
 */
#include <string.h>
#include <sys/mman.h>

#include "analyze/types/inference_run.h"

enum { INTERIOR_MAX = 1 << 20, SENTINELS = 4096 };

const uint8_t *inference_find_bytes(struct inference_run *r, addr_t addr, uint64_t *avail)
{
	const uint8_t *p = space_at(r->in->space, addr, avail);

	if (p)
		*inference_way(r->bytes, addr) =
			(struct inference_stretch){.addr = addr, .size = *avail, .bytes = p};
	return p;
}

static bool read_word(struct inference_run *r, addr_t addr, uint64_t *word)
{
	uint64_t avail;
	const uint8_t *p = inference_at(r, addr, &avail);

	if (!p || avail < sizeof(*word))
		return space_u64(r->in->space, addr, word);
	memcpy(word, p, sizeof(*word));
	return true;
}

bool inference_is_bad(struct inference_run *r, uint64_t word, bool is_code)
{
	struct inference_stretch *s = inference_way(r->mapped, word);
	const struct mapping *m;
	uint64_t avail;

	if (!word || word - s->addr < s->size)
		return word && is_code && !s->is_code;
	if (is_code && (word < SENTINELS || word > UINT64_MAX - SENTINELS))
		return false;
	m = space_mapping(r->in->space, word);
	if (m)
		*s = (struct inference_stretch){.addr = m->at.lo,
						.size = range_size(m->at),
						.is_code = m->prot & PROT_EXEC};
	return m ? is_code && !s->is_code : !space_at(r->in->space, word, &avail);
}

/* What a pointer into the middle of an object says: both ends of an intrusive list lie at one place of one type. */
static int follow_ring(struct inference_run *r, const struct inference_source *s,
		       const struct inference_line *line, obj_id o, uint64_t delta, struct err *err)
{
	const struct type_table *t = r->in->table;
	const struct inference_shape *target = inference_shape(r, line->type);
	uint64_t in_element = line->off % s->element;
	struct inference_line ring = *line;

	if (s->reason != INFERRED_FIELD || line->type == s->type || !target->is_record ||
	    s->element <= delta || in_element < delta || in_element - delta >= target->size ||
	    !inference_has_at(t, s->type, delta, line->type))
		return 0;
	ring.type = s->type;
	ring.reason = INFERRED_RING;
	if (inference_fit_of(t, ring.type, objects_size(r->in->objects, o), false) != FIT_EXACT)
		return 0;
	return inference_propose(r, o, ring, err);
}

/* Kept for later, once for an object: something better may be said of it. */
static int note_interior(struct inference_run *r, const struct inference_source *s,
			 const struct inference_line *line, obj_id o, uint64_t delta,
			 struct err *err)
{
	bool is_object = s->reason == INFERRED_FIELD;
	struct inference_interior i = {.object = o,
				       .from = is_object ? s->from : OBJ_NONE,
				       .off = is_object ? line->off : 0,
				       .target = line->type,
				       .delta = (uint32_t)delta,
				       .confidence = line->confidence};

	if (r->out->v[o].type != TYPE_NONE || delta > UINT32_MAX ||
	    !inference_shape(r, line->type)->size || !bitset_add_new(&r->has_interior, o))
		return 0;
	return vec_push(&r->interior, i) < 0 ? err_nomem(err) : 0;
}

/* The same of a word in a union, if one of its readings alone is a pointer to a known type. */
static int note_shared(struct inference_run *r, const struct inference_source *s,
		       struct inference_line *line, const struct layout_pointers *list,
		       uint32_t first, obj_id o, uint64_t delta, struct err *err)
{
	const struct layout_pointer *p = &list->list.v[first];
	uint32_t n = 0;

	for (size_t i = first; i < list->list.n && list->list.v[i].off == p->off; i++) {
		const struct layout_pointer *q = &list->list.v[i];

		if (!inference_is_shared(q) || q->guard != p->guard || q->is_code ||
		    !inference_shape(r, q->target)->size)
			continue;
		line->type = q->target;
		n++;
	}
	if (line->confidence > CONFIDENCE_LIKELY)
		line->confidence = CONFIDENCE_LIKELY;
	return n == 1 ? note_interior(r, s, line, o, delta, err) : 0;
}

static int follow(struct inference_run *r, const struct inference_word *w, addr_t word, obj_id o,
		  struct err *err)
{
	const struct inference_source *s = &r->sources[w->source];
	const struct layout_pointers *list = r->lists[s->type];
	const struct layout_pointer *p = &list->list.v[w->pointer];
	uint64_t off = s->skip + w->off;
	struct inference_line line = {.type = p->target,
				      .from = s->from,
				      .off = off < UINT32_MAX ? (uint32_t)off : UINT32_MAX,
				      .reason = (uint8_t)s->reason,
				      .confidence = s->confidence};
	uint64_t delta = word - objects_addr(r->in->objects, o);
	int rc = 0;

	if (delta >= objects_size(r->in->objects, o))
		return 0;
	if (p->how == POINTER_CONTAINER)
		return r->mode == MODE_FOLLOW && !s->bytes
			       ? inference_follow_container(r, s, w->off, p, word, line, err)
			       : 0;
	if (p->how == POINTER_ERASED)
		return r->mode == MODE_FOLLOW && !s->bytes && !delta
			       ? inference_follow_erased(r, s, w->off, p, o, line, err)
			       : 0;
	if (r->mode != MODE_FOLLOW)
		return inference_note(r, w, o, delta, err);
	if (inference_is_shared(p) && !delta)
		return inference_tell_apart(r, o, line, list, w->pointer, err);
	if (inference_is_shared(p))
		return note_shared(r, s, &line, list, w->pointer, o, delta, err);
	/* beyond what is declared may be what was there before */
	if (p->is_open && w->off >= s->element && line.confidence > CONFIDENCE_LIKELY)
		line.confidence = CONFIDENCE_LIKELY;
	if (!delta)
		return inference_propose(r, o, line, err);
	if (s->reason == INFERRED_FIELD && inference_shape(r, p->target)->is_record)
		r->out->v[s->from].flags |= INFERENCE_UNFIT;
	if (delta < s->element)
		rc = follow_ring(r, s, &line, o, delta, err);
	return rc < 0 ? rc : note_interior(r, s, &line, o, delta, err);
}

/* An object that is read holds nothing that is surer than its own words allow. */
static void judge(struct inference_run *r, struct inference_source *s)
{
	uint8_t flags = s->n_bad ? INFERENCE_BAD_WORDS : 0;

	if (s->n_bad > 1 && s->n_bad > s->n_good)
		flags |= INFERENCE_REFUTED;
	if (!flags || s->reason != INFERRED_FIELD || r->mode != MODE_FOLLOW)
		return;
	r->out->v[s->from].flags |= flags;
	if (s->confidence > CONFIDENCE_LIKELY)
		s->confidence = CONFIDENCE_LIKELY;
	if (flags & INFERENCE_REFUTED)
		s->confidence = CONFIDENCE_GUESS;
}

/* What a void * leads to is learned from others, if at all. */
static bool says_nothing(const struct inference_run *r, const struct layout_pointer *p)
{
	return r->mode == MODE_FOLLOW && p->how == POINTER_PLAIN && inference_is_untyped(p);
}

/* Looks the words up together. Those in no object are judged, and forgotten. */
static void look_up(struct inference_run *r, obj_id *objects)
{
	struct range span = index_span(r->in->index);

	index_find_batch(r->in->index, r->targets, r->n_words, objects);
	for (uint32_t i = 0; i < r->n_words; i++) {
		const struct inference_word *w = &r->words[i];
		struct inference_source *s = &r->sources[w->source];
		const struct layout_pointer *p = &r->lists[s->type]->list.v[w->pointer];
		addr_t word = r->targets[i];

		if (word < span.lo || word >= span.hi || p->is_code || p->how == POINTER_LINK ||
		    says_nothing(r, p))
			objects[i] = OBJ_NONE;
		/* what only closes a container may point behind all memory */
		if (p->how == POINTER_LINK)
			continue;
		if (objects[i] != OBJ_NONE) {
			__builtin_prefetch(&r->out->v[objects[i]], 1);
			s->n_good += !inference_is_shared(p);
		} else if (!inference_is_shared(p) && p->target != TYPE_VOID &&
			   inference_is_bad(r, word, p->is_code)) {
			s->n_bad++;
		} else {
			s->n_good += !inference_is_shared(p);
		}
	}
}

int inference_flush(struct inference_run *r, struct err *err)
{
	obj_id objects[INFERENCE_BATCH];
	int rc = 0;

	look_up(r, objects);
	for (uint32_t i = 0; i < r->n_sources; i++)
		judge(r, &r->sources[i]);
	for (uint32_t i = 0; i < r->n_words && rc == 0; i++)
		if (objects[i] != OBJ_NONE)
			rc = follow(r, &r->words[i], r->targets[i], objects[i], err);
	r->n_words = r->n_sources = 0;
	return rc;
}

static bool source_word(struct inference_run *r, const struct inference_source *s, uint64_t off,
			uint64_t *word)
{
	if (!s->bytes)
		return read_word(r, s->addr + off, word);
	memcpy(word, s->bytes + off, sizeof(*word));
	return true;
}

static void prefetch_at(struct inference_run *r, addr_t addr)
{
	uint64_t avail;
	const uint8_t *at = inference_at(r, addr, &avail);

	if (at)
		__builtin_prefetch(at);
}

/* One word of the source that is being read, which may be another after a flush. */
static int take_word(struct inference_run *r, const struct inference_source *s, uint64_t off,
		     uint64_t word, uint32_t pointer, struct err *err)
{
	if (r->n_words == INFERENCE_BATCH) {
		if (inference_flush(r, err) < 0)
			return ERR_NOMEM;
		r->sources[r->n_sources++] = *s;
	}
	/*
	 * what is read soon, if it is an object: in a list, nothing else would be waited for meanwhile. In a dense wave it
	 * is asked for again, in order: both cost 47 ns an object
	 */
	if (r->is_sparse)
		prefetch_at(r, word);
	r->targets[r->n_words] = word;
	r->words[r->n_words++] = (struct inference_word){off, r->n_sources - 1, pointer};
	return 0;
}

/* Whether all guards of a pointer's copy number i hold, in the copy of the type at base. */
static bool is_there(const struct inference_run *r, const struct inference_source *s, uint64_t base,
		     uint64_t i, const struct layout_pointers *l, uint32_t guard)
{
	while (guard) {
		const struct layout_guard *g = &l->guards.v[guard - 1];
		uint64_t off = base + g->off + i * g->stride, value = 0;

		if (off >= s->size || s->size - off < g->size)
			return false;
		if (s->bytes)
			memcpy(&value, s->bytes + off, g->size);
		else if (space_read(r->in->space, s->addr + off, &value, g->size) != g->size)
			return false;
		if (value != g->value)
			return false;
		guard = g->outer;
	}
	return true;
}

/* Copies of one pointer field, its first one at base + p->off. */
static int take_words(struct inference_run *r, const struct inference_source *s, uint64_t base,
		      uint32_t pointer, struct err *err)
{
	const struct layout_pointer *p = &r->lists[s->type]->list.v[pointer];
	uint64_t count = p->is_open ? UINT64_MAX : p->count, off, word;

	for (uint64_t i = 0; i < count; i++) {
		if (__builtin_mul_overflow(i, p->stride, &off) ||
		    __builtin_add_overflow(off, base + p->off, &off) || off >= s->size ||
		    s->size - off < sizeof(word))
			break;
		if (is_there(r, s, base, i, r->lists[s->type], p->guard) &&
		    source_word(r, s, off, &word) && word &&
		    take_word(r, s, off, word, pointer, err) < 0)
			return ERR_NOMEM;
		if (!p->stride)
			break;
	}
	return 0;
}

/* Members of a union that have a pointer at the same place are one word. */
static bool is_another_reading(const struct layout_pointers *l, size_t i)
{
	const struct layout_pointer *p = &l->list.v[i], *q = p - 1;

	return i && inference_is_shared(p) && inference_is_shared(q) && p->guard == q->guard &&
	       p->off == q->off && p->stride == q->stride && p->count == q->count &&
	       p->is_open == q->is_open;
}

static bool is_left_out(const struct inference_run *r, const struct layout_pointers *l, uint32_t i)
{
	return r->mode == MODE_FOLLOW ? is_another_reading(l, i)
				      : !inference_is_untyped(&l->list.v[i]);
}

/* One copy of the type, at off in the source; bytes: all of the source, NULL: in pieces. */
static int read_element(struct inference_run *r, const struct inference_source *s,
			const uint8_t *bytes, uint64_t off, const struct layout_pointers *l,
			struct err *err)
{
	for (uint32_t i = 0; i < l->list.n; i++) {
		const struct layout_pointer *p = &l->list.v[i];
		uint64_t word = 0, at = off + p->off;

		if (is_left_out(r, l, i))
			continue;
		if (!bytes || p->count != 1 || p->guard || at < off || at > s->size ||
		    s->size - at < sizeof(word)) {
			if (take_words(r, s, off, i, err) < 0)
				return ERR_NOMEM;
			continue;
		}
		memcpy(&word, bytes + at, sizeof(word));
		if (word && take_word(r, s, at, word, i, err) < 0)
			return ERR_NOMEM;
	}
	return 0;
}

int inference_read(struct inference_run *r, const struct inference_source *s, uint64_t elements,
		   struct err *err)
{
	const struct layout_pointers *list = NULL;
	int rc = inference_list_of(r, s->type, &list, err);
	const uint8_t *bytes;
	uint64_t avail;

	if (rc < 0 || !list->list.n)
		return rc;
	if (r->n_sources == INFERENCE_BATCH || r->n_words + list->list.n > INFERENCE_BATCH)
		rc = inference_flush(r, err);
	r->sources[r->n_sources++] = *s;
	bytes = s->bytes ? s->bytes : inference_at(r, s->addr, &avail);
	if (!s->bytes && bytes && avail < s->size)
		bytes = NULL;
	for (uint64_t e = 0; rc == 0 && e < elements; e++)
		rc = read_element(r, s, bytes, e * s->element, list, err);
	return rc;
}

int inference_read_object(struct inference_run *r, obj_id o, struct err *err)
{
	const struct inference_line *l = &r->out->v[o];
	uint64_t lo, hi;
	struct inference_source s = {.reason = INFERRED_FIELD,
				     .from = o,
				     .type = l->type,
				     .addr = objects_addr(r->in->objects, o),
				     .size = objects_size(r->in->objects, o),
				     .confidence = l->confidence};

	s.element = inference_shape(r, l->type)->size;
	if (l->fit == FIT_BYTES || !s.element)
		return 0;
	if (inference_live(r->out, o, &lo, &hi)) {
		s.addr += lo;
		s.skip = lo;
		s.size = hi - lo;
	}
	return inference_read(r, &s, l->fit == FIT_ARRAY ? s.size / s.element : 1, err);
}

/* Takes the next ones of the wave, and asks for their lines and bytes. */
static void look_ahead(struct inference_run *r, int q)
{
	obj_id *ahead = r->ahead[q];

	r->n_ahead[q] = inference_queue_take(&r->queues[q], ahead, INFERENCE_BATCH);
	for (uint32_t i = 0; i < r->n_ahead[q]; i++) {
		__builtin_prefetch(&r->out->v[ahead[i]], 1);
		prefetch_at(r, objects_addr(r->in->objects, ahead[i]));
	}
}

/* The next ones of the surest queue that has any. Some of them may have been read meanwhile. */
static uint32_t take_objects(struct inference_run *r, obj_id *out)
{
	uint32_t n = 0;

	for (int q = N_CONFIDENCES - 1; q >= 0 && !n; q--) {
		if (!r->n_ahead[q]) {
			inference_queue_begin_wave(&r->queues[q]);
			look_ahead(r, q);
		}
		n = r->n_ahead[q];
		if (!n)
			continue;
		memcpy(out, r->ahead[q], n * sizeof(*out));
		look_ahead(r, q);
		r->is_sparse = r->n_ahead[q] < INFERENCE_BATCH;
	}
	return n;
}

int inference_spread(struct inference_run *r, struct err *err)
{
	obj_id objects[INFERENCE_BATCH];
	uint32_t n;
	int rc = inference_flush(r, err);

	while (rc == 0 && (n = take_objects(r, objects))) {
		for (uint32_t i = 0; i < n && rc == 0; i++) {
			if (!bitset_has(&r->queued, objects[i]))
				continue;
			bitset_remove(&r->queued, objects[i]);
			rc = inference_read_object(r, objects[i], err);
		}
		/* what is surer than the rest of the queue must not wait for it */
		if (rc == 0)
			rc = inference_flush(r, err);
		if (rc == 0 && r->interior.n >= INTERIOR_MAX)
			rc = inference_take_interior(r, err);
	}
	return rc;
}
