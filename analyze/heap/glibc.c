/*
 * glibc's malloc, 2.26 and later, 64-bit: the walker's face.
 *
 * find: glibc_layout.c recognises main_arena. walk: arenas and regions, then
 * the lists of chunks that are free although marked in use (fastbins, thread
 * caches), then the size walk, then chunks with mappings of their own.
 *
 * What must come out, for every arena (the names on the left are mallinfo2's):
 *
 *	arena    = Σ system_mem = in use + cached + fast + free + lost
 *	uordblks = Σ system_mem − top − bins − fastbins = in use + cached
 *	fsmblks  = fast,  fordblks = free (top and bins) + fast
 *	hblkhd   = mp_.mmapped_mem = mmapped
 *
 *	heap.in_use_chunk_bytes + heap.cached_chunk_bytes = uordblks + hblkhd
 *
 * "In use" holds what is no object but no less used up: the thread caches'
 * own structs and the overhead (heap_info, malloc_state, alignment, fenceposts,
 * gaps that others took with sbrk), together heap.internal_chunk_bytes.
 * Releases before 2.43 have fastbins, and only they; the identity is the same.
 * mallinfo2() is asked with the caller's own cache in place, so the figures are
 * those of the moment.
 *
 * An object's usable size is its chunk's size less one word (the next chunk's
 * first word is its own), less two in a mapping of its own.
 */
#include "analyze/heap/glibc.h"

static void glibc_release(void *state)
{
	struct glibc *g = state;

	if (!g)
		return;
	vec_deinit(&g->arenas);
	vec_deinit(&g->regions);
	vec_deinit(&g->taken);
	free(g);
}

static uint64_t known_bytes(const struct space *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->runs.n; i++)
		sum += s->runs.v[i].size;
	return sum;
}

static void say_how(const struct glibc *g)
{
	struct heap *heap = g->w->heap;
	const char *how = "by structure, libc has no debug symbols";

	if (g->has_symbols)
		how = "by structure, confirmed by libc's symbols";
	else if (g->regions.n)
		how = "by its heaps alone, main_arena is not in the dump";
	snprintf(heap->allocator_note, sizeof(heap->allocator_note), "%s", how);
}

static int glibc_find(struct walk *w, bool *found, void **state, struct err *err)
{
	struct glibc *g = calloc(1, sizeof(*g));
	int rc;

	if (!g)
		return err_nomem(err);
	g->w = w;
	g->view.space = w->space;
	g->state_budget = 200000;
	g->tls_budget = known_bytes(w->space) / 8 + 1024;
	g->list_budget = known_bytes(w->space) / CHUNK_MIN * 4 + 1024;
	g->resync_budget = known_bytes(w->space) / CHUNK_ALIGN * 4 + 1024;
	rc = glibc_layout_find(g, err);
	if (!rc && !g->arenas.n)
		rc = glibc_arenas_orphans(g, err);
	if (rc < 0) {
		glibc_release(g);
		return rc;
	}
	*found = g->arenas.n > 0;
	*state = g;
	if (*found)
		say_how(g);
	return 0;
}

/* The arena's own variables, and the word of mp_ that points to the heap's start. */
static int claim_state(struct glibc *g, const struct glibc_arena *a, struct err *err)
{
	uint64_t size = a->state ? glibc_layout_state_size(a) : 0;
	int rc = claims_add_state(g->w->claims, (struct range){a->state, a->state + size}, err);

	if (!rc && a->params.addr)
		rc = claims_add_state(g->w->claims,
				      (struct range){a->params.addr + 16, a->params.addr + 24},
				      err);
	return rc;
}

static void add_sums(struct heap *heap, const struct heap_arena *s)
{
	heap->in_use_chunk_bytes += s->in_use_chunk_bytes;
	heap->cached_chunks += s->cached_chunks;
	heap->cached_chunk_bytes += s->cached_chunk_bytes;
	heap->free_chunks += s->free_chunks + s->fast_chunks;
	heap->free_chunk_bytes += s->free_chunk_bytes + s->fast_chunk_bytes;
	heap->lost_bytes += s->lost_bytes;
}

/* The walk's sums against what the arena says it has. */
static void check_system_bytes(struct glibc *g, const struct glibc_arena *a)
{
	const struct heap_arena *s = &a->sums;
	uint64_t walked = s->in_use_chunk_bytes + s->cached_chunk_bytes + s->fast_chunk_bytes +
			  s->free_chunk_bytes + s->lost_bytes;

	if (a->state && walked != a->system_bytes)
		warnings_add(g->w->warnings,
			     "malloc: the arena at 0x%lx has %lu bytes from the system, %lu were "
			     "walked",
			     a->state, a->system_bytes, walked);
}

static int report_arena(struct glibc *g, struct glibc_arena *a, struct err *err)
{
	struct heap *heap = g->w->heap;

	a->sums.kind = a->is_main ? "main" : "thread";
	a->sums.addr = a->state;
	a->sums.system_bytes = a->system_bytes;
	a->sums.in_use_chunk_bytes += a->overhead;
	heap->internal_chunk_bytes += a->overhead;
	check_system_bytes(g, a);
	add_sums(heap, &a->sums);
	return vec_push(&heap->arenas, a->sums) < 0 ? err_nomem(err) : 0;
}

static int report(struct glibc *g, struct err *err)
{
	struct heap *heap = g->w->heap;

	for (size_t i = 0; i < g->arenas.n; i++) {
		int rc = report_arena(g, &g->arenas.v[i], err);

		if (rc < 0)
			return rc;
	}
	if (!heap->mmapped_chunks)
		return 0;
	g->mapped.kind = "mmapped";
	g->mapped.system_bytes = heap->mmapped_bytes;
	add_sums(heap, &g->mapped);
	return vec_push(&heap->arenas, g->mapped) < 0 ? err_nomem(err) : 0;
}

static int glibc_walk(struct walk *w, void *state, struct err *err)
{
	struct glibc *g = state;
	int rc = g->regions.n ? 0 : glibc_arenas_find(g, err);

	for (size_t i = 0; !rc && i < g->arenas.n; i++)
		rc = claim_state(g, &g->arenas.v[i], err);
	if (!rc)
		rc = glibc_bins_take_fast(g, err);
	if (!rc)
		rc = glibc_tcache_take(g, err);
	if (rc < 0)
		return rc;
	glibc_bins_sort_taken(g);
	rc = glibc_chunks_walk(g, err);
	if (!rc)
		rc = glibc_mmapped_walk(g, err);
	if (rc < 0)
		return rc;
	glibc_bins_check(g);
	return report(g, err);
}

const struct walker glibc_walker = {"glibc malloc", glibc_find, glibc_walk, glibc_release};
