/*
 * What a container's words say together, where one alone says too little or something wrong:
 *
 *	buffers   begin at the object, and the object has room for all: then they are as sure as the
 *		  container itself. What lies behind the last element is not read: it is what was there before.
 *	rings     lead from node to node until they are back at the header, which may itself lie at the start
 *		  of an object: no pointer of a node could tell. A ring that does not close says nothing.
 *	deques    the array of chunks, and each chunk in use
 *
 * The last element is kept in `live`, an open hash table: object → its first and last live byte.
 *
 * Bounds: rings are walked for STEPS_PER_OBJECT nodes an object in all; chunks are fewer than words.
 */
#include "analyze/types/container_view.h"
#include "analyze/types/inference_run.h"

enum { STEPS_PER_OBJECT = 16, SOME_STEPS = 4096, FIRST_SLOTS = 64 };

static struct inference_live *live_slot(struct inference_live *v, size_t n_slots, obj_id o)
{
	size_t i = (o * 0x9e3779b1u) & (n_slots - 1);

	while (v[i].hi && v[i].object != o)
		i = (i + 1) & (n_slots - 1);
	return &v[i];
}

static int grow_live(struct inference *out, struct err *err)
{
	size_t n = out->n_live_slots ? out->n_live_slots * 2 : FIRST_SLOTS;
	struct inference_live *grown;

	if (out->n_live_slots && out->n_live < out->n_live_slots / 2)
		return 0;
	grown = calloc(n, sizeof(*grown));
	if (!grown)
		return err_nomem(err);
	for (size_t i = 0; i < out->n_live_slots; i++)
		if (out->live[i].hi)
			*live_slot(grown, n, out->live[i].object) = out->live[i];
	free(out->live);
	out->live = grown;
	out->n_live_slots = n;
	return 0;
}

static int set_live(struct inference *out, obj_id o, uint64_t lo, uint64_t hi, struct err *err)
{
	struct inference_live *slot;

	if (grow_live(out, err) < 0)
		return ERR_NOMEM;
	slot = live_slot(out->live, out->n_live_slots, o);
	out->n_live += !slot->hi;
	/* hi + 1: nothing may be live, and 0 is a free slot */
	*slot = (struct inference_live){.lo = lo, .hi = hi + 1, .object = o};
	return 0;
}

bool inference_live(const struct inference *r, obj_id o, uint64_t *lo, uint64_t *hi)
{
	const struct inference_live *slot;

	if (!r->n_live_slots || !(r->v[o].flags & INFERENCE_COUNTED))
		return false;
	slot = live_slot(r->live, r->n_live_slots, o);
	if (!slot->hi)
		return false;
	*lo = slot->lo;
	*hi = slot->hi - 1;
	return true;
}

/* The object that begins there; OBJ_NONE: none does. */
static obj_id object_at(const struct inference_run *r, addr_t at)
{
	obj_id o = at ? index_find(r->in->index, at) : OBJ_NONE;

	return o != OBJ_NONE && objects_addr(r->in->objects, o) == at ? o : OBJ_NONE;
}

/* A buffer of size bytes, of which [lo, hi) hold elements. */
static int propose_buffer(struct inference_run *r, struct inference_line line, obj_id o,
			  uint64_t size, uint64_t lo, uint64_t hi, struct err *err)
{
	const struct inference_line *now = &r->out->v[o];
	int rc;

	if (size > objects_size(r->in->objects, o) || hi > size || !size)
		return 0;
	line.type = type_table_peel(r->in->table, line.type);
	line.flags |= INFERENCE_COUNTED;
	rc = inference_shape(r, line.type)->is_scalar ? 0 : set_live(r->out, o, lo, hi, err);
	if (rc == 0)
		rc = inference_propose(r, o, line, err);
	/* another may have said so before, without the count */
	if (rc == 0 && now->type == line.type)
		r->out->v[o].flags |= INFERENCE_COUNTED;
	return rc;
}

static int follow_buffer(struct inference_run *r, const struct container_view *v,
			 const struct inference_line *line, struct err *err)
{
	obj_id o = v->is_local ? OBJ_NONE : object_at(r, v->first);

	if (o == OBJ_NONE)
		return 0;
	return propose_buffer(r, *line, o, v->end - v->first, 0, v->last - v->first, err);
}

/* The header of an old string, and all that there is room for behind it. */
static int follow_rep(struct inference_run *r, const struct container_view *v,
		      struct inference_line line, struct err *err)
{
	addr_t at = v->first - CONTAINER_REP_SIZE;
	obj_id o = object_at(r, at);

	if (o == OBJ_NONE || v->end - at > objects_size(r->in->objects, o))
		return 0;
	line.type = v->class->rep;
	line.flags |= INFERENCE_CONFIRMED;
	return inference_propose(r, o, line, err);
}

/* Whether the ring comes back to the header, and all its nodes are objects. */
static bool is_closed(struct inference_run *r, const struct container_view *v)
{
	addr_t node = v->node;
	uint64_t steps = 0;

	while (node && node != v->header && r->ring_steps) {
		r->ring_steps--;
		if (object_at(r, node) == OBJ_NONE ||
		    !space_u64(v->space, node + v->class->next, &node))
			return false;
		steps++;
	}
	return node == v->header && steps;
}

static int follow_ring(struct inference_run *r, const struct container_view *v,
		       const struct inference_line *first, struct err *err)
{
	struct inference_line line = *first;
	addr_t node = v->node;
	int rc = 0;

	if (!is_closed(r, v))
		return 0;
	line.type = v->class->node;
	while (rc == 0 && node != v->header) {
		obj_id o = object_at(r, node);

		/* the same memory as before, but for nobody's sake is it walked without an end */
		if (o == OBJ_NONE || !space_u64(v->space, node + v->class->next, &node))
			break;
		rc = inference_propose(r, o, line, err);
		line = (struct inference_line){.type = v->class->node,
					       .from = o,
					       .off = v->class->next,
					       .reason = INFERRED_FIELD,
					       .confidence = first->confidence};
	}
	return rc;
}

static int follow_deque(struct inference_run *r, const struct container_view *v,
			const struct inference_line *line, struct err *err)
{
	obj_id map = object_at(r, v->map);
	uint64_t chunk_size = v->per_chunk * v->class->element_size, place = v->skipped;
	struct inference_line of_chunk = {.type = v->class->element,
					  .from = map,
					  .reason = INFERRED_FIELD,
					  .confidence = line->confidence};
	int rc;

	if (map == OBJ_NONE || v->chunks_end - v->map > objects_size(r->in->objects, map))
		return 0;
	rc = propose_buffer(r, *line, map, v->map_end - v->map, v->chunks - v->map,
			    v->chunks_end - v->map, err);
	for (addr_t slot = v->chunks; slot < v->chunks_end && rc == 0; slot += 8) {
		uint64_t last = v->skipped + v->n - (slot - v->chunks) / 8 * v->per_chunk;
		addr_t chunk;
		obj_id o = space_u64(v->space, slot, &chunk) ? object_at(r, chunk) : OBJ_NONE;

		last = last > v->per_chunk ? v->per_chunk : last;
		of_chunk.off = slot - v->map < UINT32_MAX ? (uint32_t)(slot - v->map) : UINT32_MAX;
		if (o != OBJ_NONE && last >= place)
			rc = propose_buffer(r, of_chunk, o, chunk_size,
					    place * v->class->element_size,
					    last * v->class->element_size, err);
		if (v->skipped + v->n <= (slot + 8 - v->chunks) / 8 * v->per_chunk)
			break;
		place = 0;
	}
	return rc;
}

/* Pointers to nodes, or to the header: what they are declared as. */
static int follow_buckets(struct inference_run *r, const struct container_view *v, addr_t at,
			  const struct inference_line *line, struct err *err)
{
	obj_id o = object_at(r, at);
	uint64_t n = 0;
	uint32_t count = v->class->at[WORD_BUCKET_COUNT];

	if (o == OBJ_NONE)
		return 0;
	if (count != NO_CONTAINER_WORD && space_u64(v->space, v->at + count, &n) &&
	    n <= objects_size(r->in->objects, o) / 8)
		return propose_buffer(r, *line, o, n * 8, 0, n * 8, err);
	return inference_propose(r, o, *line, err);
}

int inference_follow_container(struct inference_run *r, const struct inference_source *s,
			       uint64_t off, const struct layout_pointer *p, addr_t word,
			       struct inference_line line, struct err *err)
{
	const struct container_class *k = &r->in->containers->classes.v[p->container - 1];
	struct container_view v;

	if (!r->has_ring_steps) {
		r->ring_steps = (uint64_t)STEPS_PER_OBJECT * r->out->n + SOME_STEPS;
		r->has_ring_steps = true;
	}
	/* a string of libc++ tells itself which of its union's members is there */
	if (inference_is_shared(p) && !(k->kind == CONTAINER_STRING && k->is_std_1))
		return 0;
	if (!container_view(&v, k, r->in->space, s->addr + off - p->rule_off))
		return 0;
	switch (k->kind) {
	case CONTAINER_LIST:
		return follow_ring(r, &v, &line, err);
	case CONTAINER_DEQUE:
		return follow_deque(r, &v, &line, err);
	case CONTAINER_HASH:
		return follow_buckets(r, &v, word, &line, err);
	default:
		if (k->rep != TYPE_VOID)
			return follow_rep(r, &v, line, err);
		line.type = k->element;
		return follow_buffer(r, &v, &line, err);
	}
}

int inference_follow_erased(struct inference_run *r, const struct inference_source *s, uint64_t off,
			    const struct layout_pointer *p, obj_id o, struct inference_line line,
			    struct err *err)
{
	uint64_t at = off + (uint64_t)(int64_t)p->manager, manager;
	int rc;

	if (!r->in->erased || at >= s->size || s->size - at < sizeof(manager) ||
	    !space_u64(r->in->space, s->addr + at, &manager) || !manager)
		return 0;
	rc = erased_type(r->in->erased, manager, &line.type, err);
	if (rc < 0 || line.type == TYPE_NONE)
		return rc;
	if (line.confidence > CONFIDENCE_LIKELY)
		line.confidence = CONFIDENCE_LIKELY;
	return inference_propose(r, o, line, err);
}
