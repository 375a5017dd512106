/*
 * The size walk. Chunks lie side by side, each with its size, so a region is
 * read from its first header to its end; the header behind a chunk says
 * (PREV_INUSE) whether it is free, and `taken` which of the others are.
 *
 *	lo                                                        top            hi
 *	[ in use ][ free ][ in use: cached ][ in use: fast ] … … [ free: top     ]
 *	            ↑ its size again in the last word, which is the next one's prev_size
 *
 * A chunk is accounted for only when the header behind it fits: a smashed size
 * is then noticed before its object exists. Behind damage glibc_resync.c finds
 * the next chunk. If that lies beyond where this chunk would end, the chunk was
 * right and its neighbour smashed; else it was this one.
 *
 * For every region      hi − base = in use + cached + fast + free + overhead + lost
 * and with Σ regions    system_mem − (fast + free) = mallinfo's uordblks
 * overhead: headers of heaps and arenas, alignment at the start, fenceposts,
 * and what others took with sbrk (no claim is laid to that).
 */
#include "analyze/heap/glibc.h"

struct chunk_walk {
	struct glibc *g;
	const struct glibc_region *r;
	struct glibc_arena *a;
	size_t taken;	 /* the first of g->taken that is not behind us */
	addr_t piece;	 /* where the chunks that will be claimed together start */
	uint32_t fences; /* fenceposts in a row just passed */
};

static int claim_piece(struct chunk_walk *cw, addr_t end, struct err *err)
{
	return claims_add(cw->g->w->claims, (struct range){cw->piece, end}, CLAIM_HEAP, err);
}

static int add_object(struct chunk_walk *cw, addr_t chunk, uint64_t size, struct err *err)
{
	struct heap_arena *s = &cw->a->sums;

	s->in_use_chunks++;
	s->in_use_chunk_bytes += size;
	return objects_add(cw->g->w->objects, chunk + CHUNK_HEADER, size - 8, OBJECT_ARENA, err);
}

static void add_taken(struct chunk_walk *cw, enum glibc_taken_kind kind, uint64_t size)
{
	struct heap_arena *s = &cw->a->sums;
	struct heap *heap = cw->g->w->heap;

	if (kind == TAKEN_FAST) {
		s->fast_chunks++;
		s->fast_chunk_bytes += size;
	} else if (kind == TAKEN_CACHED) {
		s->cached_chunks++;
		s->cached_chunk_bytes += size;
	} else {
		s->in_use_chunks++;
		s->in_use_chunk_bytes += size;
		heap->internal_chunks++;
		heap->internal_chunk_bytes += size;
	}
}

/* A chunk whose in-use bit is set. */
static inline int add_used(struct chunk_walk *cw, addr_t chunk, uint64_t size, struct err *err)
{
	struct glibc *g = cw->g;

	while (cw->taken < g->taken.n && g->taken.v[cw->taken].chunk < chunk)
		cw->taken++;
	if (cw->taken < g->taken.n && g->taken.v[cw->taken].chunk == chunk) {
		add_taken(cw, g->taken.v[cw->taken].kind, size);
		return 0;
	}
	return add_object(cw, chunk, size, err);
}

static void add_free(struct chunk_walk *cw, uint64_t size)
{
	cw->a->sums.free_chunks++;
	cw->a->sums.free_chunk_bytes += size;
}

static void lose(struct chunk_walk *cw, addr_t from, addr_t to, addr_t where, const char *what)
{
	cw->a->sums.lost_bytes += to - from;
	cw->a->damaged = true;
	warnings_add(cw->g->w->warnings,
		     "malloc: %s at 0x%lx in the arena at 0x%lx, %lu bytes are not walked", what,
		     where, cw->a->state, to - from);
}

enum behind { BEHIND_CHUNK, BEHIND_END, BEHIND_FENCE, BEHIND_ABSENT, BEHIND_DAMAGED };

/* What stands at next, behind a chunk of the given size. */
static inline enum behind look_behind(struct chunk_walk *cw, addr_t next, uint64_t size,
				      uint64_t *head)
{
	const struct glibc_region *r = cw->r;
	uint64_t foot;

	if (next == r->hi)
		return BEHIND_END;
	if (!glibc_word(&cw->g->view, next + 8, head))
		return BEHIND_ABSENT;
	if (r->in_heap && next + CHUNK_HEADER == r->hi && !glibc_chunk_size(*head))
		return BEHIND_FENCE;
	if (!glibc_head_fits(r, next, *head))
		return BEHIND_DAMAGED;
	if (*head & CHUNK_PREV_IN_USE)
		return BEHIND_CHUNK;
	if (!glibc_word(&cw->g->view, next, &foot) || foot != size)
		return BEHIND_DAMAGED;
	return BEHIND_CHUNK;
}

/*
 * Goes on behind something that does not fit. p is the last header that did (0: none yet), next
 * where it leads. *from: the chunk to go on with, 0: none.
 */
static int skip_damage(struct chunk_walk *cw, addr_t p, addr_t next, bool absent, addr_t *from,
		       struct err *err)
{
	const struct glibc_region *r = cw->r;
	addr_t start = p ? p + CHUNK_ALIGN : next;
	addr_t to = glibc_resync_find(cw->g, r, start, next);
	addr_t end = to ? to : r->hi;
	const char *what = absent ? "memory that is not in the dump" : "a damaged chunk";
	bool p_is_right = p && end > next;

	*from = to;
	if (p_is_right) {
		int rc = add_used(cw, p, next - p, err);

		lose(cw, next, end, next, what);
		return rc;
	}
	lose(cw, p ? p : next, end, p ? p : next, what);
	return 0;
}

/* Behind two fenceposts of brk memory: what others took with sbrk, up to where chunks go on. */
static int skip_foreign(struct chunk_walk *cw, addr_t at, addr_t *from, struct err *err)
{
	int rc = claim_piece(cw, at, err);

	*from = glibc_resync_find(cw->g, cw->r, at, at);
	cw->piece = *from ? *from : cw->r->hi;
	cw->fences = 0;
	if (*from || cw->a->contiguous)
		cw->a->overhead += cw->piece - at;
	return rc;
}

/* The last chunk of a region: top, or in a damaged arena whatever ends there. */
static void add_last(struct chunk_walk *cw, uint64_t size)
{
	if (size == FENCE_SIZE)
		cw->a->overhead += size;
	else
		add_free(cw, size);
}

/* Accounts for the chunk at p, whose neighbour at p + size has the given head. */
static inline int account(struct chunk_walk *cw, addr_t p, uint64_t size, uint64_t next_head,
			  struct err *err)
{
	if (size == FENCE_SIZE) {
		cw->a->overhead += size;
		cw->fences++;
		return 0;
	}
	cw->fences = 0;
	if (next_head & CHUNK_PREV_IN_USE)
		return add_used(cw, p, size, err);
	add_free(cw, size);
	return 0;
}

/* One step from the header at *p; *p becomes the next chunk, 0 at the end. */
static inline int step(struct chunk_walk *cw, addr_t *p, uint64_t *head, struct err *err)
{
	uint64_t size = glibc_chunk_size(*head), next_head = 0;
	addr_t next = *p + size;
	enum behind behind = look_behind(cw, next, size, &next_head);
	int rc;

	if (__builtin_expect(behind == BEHIND_CHUNK, 1)) {
		rc = account(cw, *p, size, next_head, err);
		*p = next;
		*head = next_head;
		return rc;
	}
	if (behind == BEHIND_END || behind == BEHIND_FENCE) {
		if (behind == BEHIND_END)
			add_last(cw, size);
		else
			cw->a->overhead += size + CHUNK_HEADER;
		*p = 0;
		return 0;
	}
	if (!cw->r->in_heap && size == FENCE_SIZE && cw->fences) {
		cw->a->overhead += size;
		rc = skip_foreign(cw, next, p, err);
	} else {
		rc = skip_damage(cw, *p, next, behind == BEHIND_ABSENT, p, err);
	}
	if (*p && !glibc_word(&cw->g->view, *p + 8, head))
		*p = 0;
	return rc;
}

static int walk_region(struct chunk_walk *cw, struct err *err)
{
	const struct glibc_region *r = cw->r;
	addr_t p = r->lo;
	uint64_t head = 0;
	int rc = 0;

	cw->piece = r->base;
	cw->fences = 0;
	if (!glibc_word(&cw->g->view, p + 8, &head))
		rc = skip_damage(cw, 0, p, true, &p, err);
	else if (glibc_chunk_size(head) < CHUNK_MIN || !glibc_head_fits(r, p, head))
		rc = skip_damage(cw, 0, p, false, &p, err);
	if (p && p != r->lo && !glibc_word(&cw->g->view, p + 8, &head))
		p = 0;
	while (!rc && p)
		rc = step(cw, &p, &head, err);
	return rc < 0 ? rc : claim_piece(cw, r->hi, err);
}

int glibc_chunks_walk(struct glibc *g, struct err *err)
{
	struct chunk_walk cw = {.g = g};

	for (size_t i = 0; i < g->regions.n; i++) {
		int rc;

		cw.r = &g->regions.v[i];
		cw.a = &g->arenas.v[cw.r->arena];
		rc = walk_region(&cw, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}
