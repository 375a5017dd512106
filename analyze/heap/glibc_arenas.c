/*
 * Arenas, the heaps they have, and the runs of chunks in them.
 *
 * The ring of malloc_state.next names the arenas, and each heap names its own:
 *
 *	heap (aligned to HEAP_MAX_SIZE, 64 MiB)
 *	┌ ar_ptr │ prev │ size │ mprotect_size … ┬ malloc_state (first heap only) ┬ chunks … ┬ fence ┐
 *	└────────────────────────────────────────┴────────────────────────────────┴──────────┴───────┘
 *	0                                                                                        size
 *
 * So heaps are looked for at every aligned address of writable memory instead
 * of along `prev`: a smashed ring or a smashed prev loses nothing. An arena that
 * only its heap knows is added, with a warning.
 *
 * The main arena's chunks run from sbrk_base (rounded up to 16) to top. Where
 * brk failed there are mapped pieces in its stead, anywhere, without a header:
 * glibc_resync.c recognises one by the chain of chunks that fills it.
 *
 *	regions are sorted, disjoint; every one belongs to one arena
 *	thread arena:  Σ heap.size = system_mem
 */
#include "analyze/heap/glibc.h"

#define HEAP_SPAN_MIN (1ull << 20)

addr_t glibc_extent_end(const struct space *s, addr_t a)
{
	const struct mapping *m = space_mapping(s, a);
	const struct mapping *end = s->mappings.v + s->mappings.n;

	if (!m || !(m->prot & PROT_W))
		return a;
	while (m + 1 < end && m[1].at.lo == m->at.hi && m[1].prot & PROT_W &&
	       glibc_is_anonymous(&m[1]))
		m++;
	return m->at.hi;
}

addr_t glibc_extent_start(const struct space *s, addr_t a)
{
	const struct mapping *m = space_mapping(s, a);

	if (!m || !(m->prot & PROT_W))
		return a;
	while (m > s->mappings.v && m[-1].at.hi == m->at.lo && m[-1].prot & PROT_W &&
	       glibc_is_anonymous(&m[-1]))
		m--;
	return m->at.lo;
}

const struct glibc_region *glibc_arenas_region(const struct glibc *g, addr_t chunk)
{
	size_t lo = vec_bisect(&g->regions, e, e->lo <= chunk);

	return lo && chunk < g->regions.v[lo - 1].hi ? &g->regions.v[lo - 1] : NULL;
}

static uint32_t arena_by_state(const struct glibc *g, addr_t state)
{
	for (uint32_t i = 0; i < g->arenas.n; i++)
		if (g->arenas.v[i].state == state)
			return i;
	return INDEX_NONE;
}

static int add_arena(struct glibc *g, addr_t state, uint32_t bins_off, bool *added, struct err *err)
{
	struct glibc_arena a;

	*added = false;
	if (g->arenas.n >= GLIBC_ARENAS_MAX)
		return 0;
	if (arena_by_state(g, state) != INDEX_NONE || !glibc_layout_state(g, state, bins_off, &a))
		return 0;
	*added = true;
	return vec_push(&g->arenas, a) < 0 ? err_nomem(err) : 0;
}

/* Adds the arenas of one main arena's ring; ends where the ring is damaged. */
static int follow_ring(struct glibc *g, uint32_t main, struct err *err)
{
	addr_t at = g->arenas.v[main].state;
	uint32_t bins_off = g->arenas.v[main].bins_off;
	bool added = true;

	while (added) {
		addr_t from = at;
		int rc;

		if (!glibc_word(&g->view, glibc_layout_next(from, bins_off), &at))
			at = 0;
		if (at == g->arenas.v[main].state)
			return 0;
		rc = add_arena(g, at, bins_off, &added, err);
		if (rc < 0)
			return rc;
		if (!added)
			warnings_add(
				g->w->warnings,
				"malloc: the ring of arenas is damaged at 0x%lx: its next is 0x%lx",
				from, at);
	}
	return 0;
}

/* The greatest span to which every arena's own first heap is aligned, at most the default. */
static void find_heap_span(struct glibc *g)
{
	g->heap_span = HEAP_SPAN_DEFAULT;
	for (size_t i = 0; i < g->arenas.n; i++) {
		addr_t heap = g->arenas.v[i].state & ~(addr_t)(PAGE - 1);

		while (!g->arenas.v[i].is_main && heap & (g->heap_span - 1) &&
		       g->heap_span > HEAP_SPAN_MIN)
			g->heap_span /= 2;
	}
}

/* The chunks of the heap at heap; false: no heap_info that makes sense. */
static bool heap_region(struct glibc *g, addr_t heap, uint32_t arena, struct glibc_region *out)
{
	const struct glibc_arena *a = &g->arenas.v[arena];
	addr_t room = glibc_extent_end(g->view.space, heap) - heap;
	bool first = a->state - heap < PAGE;
	/* sizeof(heap_info) differs between releases: the arena's own heap tells it. */
	uint64_t size, header = a->state & (PAGE - 1);

	if (!glibc_word(&g->view, heap + 16, &size) || size & (PAGE - 1) || !size || size > room)
		return false;
	header += first ? glibc_layout_state_size(a) : 0;
	*out = (struct glibc_region){
		.base = heap,
		.lo = heap + ((header + CHUNK_ALIGN - 1) & ~(uint64_t)(CHUNK_ALIGN - 1)),
		.hi = heap + size,
		.arena = arena,
		.in_heap = true,
	};
	if (a->top > out->lo && a->top < out->hi && a->top_size && a->top_size <= out->hi - a->top)
		out->hi = a->top + a->top_size;
	return true;
}

/* An arena that no ring names, in the heap that its heap_info says is its first. */
static int add_orphan(struct glibc *g, addr_t state, uint32_t *out, struct err *err)
{
	bool added = false;
	int rc = 0;

	for (size_t i = 0; !rc && !added && i < ARRAY_LEN(glibc_layout_bins_off); i++)
		rc = add_arena(g, state, glibc_layout_bins_off[i], &added, err);
	if (rc < 0 || !added)
		return rc;
	*out = (uint32_t)g->arenas.n - 1;
	if (g->arenas.v[0].is_main)
		warnings_add(g->w->warnings,
			     "malloc: the arena at 0x%lx is missing from the ring of arenas",
			     state);
	return 0;
}

/* The arena of the heap that may begin at heap. */
static int arena_of_heap(struct glibc *g, addr_t heap, uint32_t *out, struct err *err)
{
	uint64_t state;

	*out = INDEX_NONE;
	if (!glibc_word(&g->view, heap, &state) || !state || state & 7)
		return 0;
	*out = arena_by_state(g, state);
	if (*out != INDEX_NONE || state - heap < 24 || state - heap > 128)
		return 0;
	return add_orphan(g, state, out, err);
}

static int add_region(struct glibc *g, struct glibc_region r, struct err *err)
{
	return vec_push(&g->regions, r) < 0 ? err_nomem(err) : 0;
}

/* Claims what the kernel made writable for the heap, chunks or not. */
static int add_heap(struct glibc *g, const struct glibc_region *r, struct err *err)
{
	addr_t end = glibc_extent_end(g->view.space, r->base);
	int rc = add_region(g, *r, err);

	if (rc < 0)
		return rc;
	if (end - r->base > g->heap_span)
		end = r->base + g->heap_span;
	if (end < r->hi)
		end = r->hi;
	g->arenas.v[r->arena].overhead += r->lo - r->base;
	return claims_add(g->w->claims, (struct range){r->base, end}, CLAIM_HEAP, err);
}

static int find_heaps_in(struct glibc *g, const struct mapping *m, struct err *err)
{
	addr_t span = g->heap_span, heap = (m->at.lo + span - 1) & ~(span - 1);

	for (; heap >= m->at.lo && heap < m->at.lo + m->n_dumped; heap += span) {
		struct glibc_region r;
		uint32_t arena;
		int rc = arena_of_heap(g, heap, &arena, err);

		if (rc < 0)
			return rc;
		if (arena == INDEX_NONE || g->arenas.v[arena].is_main ||
		    !heap_region(g, heap, arena, &r))
			continue;
		rc = add_heap(g, &r, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int find_heaps(struct glibc *g, struct err *err)
{
	const struct space *s = g->view.space;

	for (size_t i = 0; i < s->mappings.n; i++) {
		const struct mapping *m = &s->mappings.v[i];
		bool ours = m->prot & PROT_W && glibc_is_anonymous(m);
		int rc = ours ? find_heaps_in(g, m, err) : 0;

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* The brk memory of a main arena, foreign sbrk calls between included. */
static int add_brk(struct glibc *g, uint32_t arena, struct err *err)
{
	const struct glibc_arena *a = &g->arenas.v[arena];
	struct glibc_region r = {.base = a->params.sbrk_base, .arena = arena};

	if (!r.base && a->contiguous && a->top)
		r.base = glibc_extent_start(g->view.space, a->top);
	if (!r.base)
		return 0;
	r.lo = (r.base + CHUNK_ALIGN - 1) & ~(addr_t)(CHUNK_ALIGN - 1);
	r.hi = glibc_extent_end(g->view.space, r.base);
	if (a->top >= r.lo && a->top < r.hi && a->top_size && a->top_size <= r.hi - a->top)
		r.hi = a->top + a->top_size;
	if (r.hi <= r.lo || r.lo < r.base)
		return 0;
	g->arenas.v[arena].overhead += a->params.sbrk_base ? r.lo - r.base : 0;
	return add_region(g, r, err);
}

struct piece_search {
	struct glibc *g;
	uint32_t arena;
	VEC(struct glibc_region)
	found; /* apart: the regions must stay sorted while they are asked */
	struct err *err;
};

/* The start of the page behind the one that holds a; the end of the address space stays. */
static addr_t next_page(addr_t a)
{
	addr_t next = (a | (PAGE - 1)) + 1;

	return next ? next : UINT64_MAX;
}

/* Pieces that were mapped because brk could not grow. */
static int find_pieces_in(void *arg, struct range at, const struct mapping *m)
{
	struct piece_search *p = arg;
	struct glibc *g = p->g;
	addr_t end = at.lo + m->n_dumped < at.hi ? at.lo + m->n_dumped : at.hi;

	if (!(m->prot & PROT_W) || !glibc_is_anonymous(m))
		return 0;
	for (addr_t lo = at.lo; lo < end; lo = next_page(lo)) {
		struct glibc_region r = {.base = lo, .lo = lo, .arena = p->arena};

		r.hi = glibc_arenas_region(g, lo) ? 0
						  : glibc_resync_piece(g, &g->arenas.v[p->arena],
								       (struct range){lo, at.hi});
		if (!r.hi)
			continue;
		if (vec_push(&p->found, r) < 0)
			return err_nomem(p->err);
		lo = r.hi - 1;
	}
	return 0;
}

static int by_lo(const void *a, const void *b)
{
	const struct glibc_region *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

/* Sorts the regions; of two that overlap the later one goes. */
static void sort_regions(struct glibc *g)
{
	size_t kept = 0;

	if (g->regions.n)
		qsort(g->regions.v, g->regions.n, sizeof(*g->regions.v), by_lo);
	for (size_t i = 0; i < g->regions.n; i++)
		if (!kept || g->regions.v[i].lo >= g->regions.v[kept - 1].hi)
			g->regions.v[kept++] = g->regions.v[i];
	g->regions.n = kept;
}

static int add_main_regions(struct glibc *g, uint32_t arena, struct err *err)
{
	struct piece_search p = {.g = g, .arena = arena, .err = err};
	int rc = add_brk(g, arena, err);

	if (rc < 0)
		return rc;
	sort_regions(g);
	if (g->arenas.v[arena].contiguous)
		return 0;
	rc = claims_each_free(g->w->claims, g->view.space, find_pieces_in, &p);
	for (size_t i = 0; !rc && i < p.found.n; i++)
		rc = add_region(g, p.found.v[i], err);
	vec_deinit(&p.found);
	sort_regions(g);
	return rc;
}

/* The brk heap without its arena: the first anonymous memory above the executable, if chunks fill it. */
static int add_brk_orphan(struct glibc *g, struct err *err)
{
	const struct space *s = g->view.space;
	const struct modules *m = g->w->modules;
	addr_t above = m->exe == INDEX_NONE ? 0 : m->list.v[m->exe].at.hi;
	struct glibc_arena a = {.is_main = true, .contiguous = true};
	struct glibc_region r = {.arena = (uint32_t)g->arenas.n};
	size_t i = 0;

	while (i < s->mappings.n &&
	       (s->mappings.v[i].at.lo < above || !glibc_is_anonymous(&s->mappings.v[i]) ||
		!(s->mappings.v[i].prot & PROT_W)))
		i++;
	if (i == s->mappings.n)
		return 0;
	r.base = r.lo = s->mappings.v[i].at.lo;
	r.hi = glibc_extent_end(s, r.lo);
	if (claims_find(g->w->claims, r.lo) || !glibc_resync_starts(g, &r))
		return 0;
	if (vec_push(&g->arenas, a) < 0)
		return err_nomem(err);
	return add_region(g, r, err);
}

int glibc_arenas_orphans(struct glibc *g, struct err *err)
{
	int rc;

	g->heap_span = HEAP_SPAN_DEFAULT;
	rc = find_heaps(g, err);
	if (!rc)
		rc = add_brk_orphan(g, err);
	if (rc < 0)
		return rc;
	sort_regions(g);
	if (g->arenas.n)
		warnings_add(
			g->w->warnings,
			"malloc: main_arena is not in the dump: %zu arenas were found by their "
			"heaps, chunks in main's fastbins count as in use",
			g->arenas.n);
	return 0;
}

int glibc_arenas_find(struct glibc *g, struct err *err)
{
	uint32_t n_main = (uint32_t)g->arenas.n;
	int rc = 0;

	for (uint32_t i = 0; !rc && i < n_main; i++)
		rc = follow_ring(g, i, err);
	find_heap_span(g);
	if (!rc)
		rc = find_heaps(g, err);
	for (uint32_t i = 0; !rc && i < n_main; i++)
		rc = add_main_regions(g, i, err);
	return rc;
}
