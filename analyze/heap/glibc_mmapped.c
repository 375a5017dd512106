/*
 * Chunks with a mapping of their own: above mmap_threshold malloc asks the
 * kernel. No list names them, so a leaked one shows by its header alone.
 *
 *	page ┬ 0 │ size|2 ┬ user data … ┐            size is a multiple of the page
 *	     └───┴────────┴─────────────┘ page
 *
 *	memalign:  page ┬ old header ┬ lead │ size|2 ┬ aligned user data … ┐   lead + size is a multiple
 *	                └────────────┴──────┴────────┴─────────────────────┘
 *
 * The kernel joins neighbouring mappings, so what is unclaimed, anonymous and
 * writable is tried page by page: a chunk leads to the page behind it. The old
 * header of a memalign stays behind at the page's start and must not win: the
 * real one repeats its distance in its first word. Since 2.43 two words at the
 * end are left out of size (and mmapped_mem grows by 16 too much with every
 * mremap, so that there only the number is checked).
 *
 *	Σ (lead + size) = mp_.mmapped_mem,  their number = mp_.n_mmaps       (checked where mp_ is known)
 *
 * Where more were found than mp_ counts, those that do not touch another chunk
 * or an edge of their mapping were data that looks like a header, and go.
 * Limit: a block aligned to more than a page and then moved by realloc is taken
 * at its page's start.
 */
#include "analyze/heap/glibc.h"

struct mmapped {
	addr_t page;	/* of the block */
	uint64_t bytes; /* of the block: whole pages */
	addr_t chunk;
	uint64_t usable;
	bool anchored;
	bool has_tail; /* 2.43: two words at the end are not in size */
};

struct mmapped_search {
	struct glibc *g;
	VEC(struct range) extents;
	VEC(struct mmapped) found;
	bool has_tails;
	struct err *err;
};

/* A chunk header at chunk, lead bytes behind its page; end bounds the block. */
static bool header_at(struct glibc *g, addr_t page, uint64_t lead, addr_t end, struct mmapped *out)
{
	uint64_t prev, head, size, bytes;
	addr_t chunk = page + lead;

	if (!glibc_word(&g->view, chunk, &prev) || !glibc_word(&g->view, chunk + 8, &head))
		return false;
	if ((prev & ~15ull) != lead || prev & 14 || (head & 7) != CHUNK_MMAPPED || head & 8)
		return false;
	size = glibc_chunk_size(head);
	if (size < CHUNK_MIN || size > end - chunk)
		return false;
	bytes = lead + size;
	*out = (struct mmapped){page, bytes, chunk, size - CHUNK_HEADER, false, false};
	if (!(bytes & (PAGE - 1)))
		return true;
	out->bytes = bytes + CHUNK_HEADER;
	out->usable = size - 8;
	out->has_tail = true;
	return !(out->bytes & (PAGE - 1)) && out->bytes <= end - page;
}

/* The chunk of a memalign whose block begins at page, if that is what it is. */
static bool aligned_header_at(struct glibc *g, addr_t page, addr_t end, struct mmapped *out)
{
	for (uint64_t align = 2 * CHUNK_ALIGN; align && align < end - page; align *= 2) {
		addr_t user = (page + CHUNK_HEADER + align - 1) & ~(align - 1);
		uint64_t lead = user - CHUNK_HEADER - page;

		if (lead >= end - page)
			return false;
		if (lead && header_at(g, page, lead, end, out))
			return true;
		/* Before 2.43 a lead was never too small to be a chunk. */
		if (lead && lead < CHUNK_MIN && align < end - page - lead &&
		    header_at(g, page, lead + align, end, out))
			return true;
	}
	return false;
}

bool glibc_mmapped_is(struct glibc *g, addr_t chunk)
{
	const struct mapping *last;
	struct mmapped m;
	uint64_t prev;
	addr_t page;

	if (!glibc_word(&g->view, chunk, &prev))
		return false;
	page = chunk - (prev & ~15ull);
	if (page & (PAGE - 1) || page > chunk ||
	    !header_at(g, page, chunk - page, -(addr_t)PAGE, &m))
		return false;
	last = space_mapping(g->view.space, page + m.bytes - 1);
	return last && last->prot & PROT_W;
}

static bool block_at(struct glibc *g, addr_t page, addr_t end, struct mmapped *out)
{
	struct mmapped aligned;
	uint64_t head, prev;

	/* Both begin with a header of their own, the aligned block with a stale one. */
	if (!glibc_word(&g->view, page, &prev) || !glibc_word(&g->view, page + 8, &head) ||
	    prev & ~1ull || (head & 15) != CHUNK_MMAPPED || head < CHUNK_MIN)
		return false;
	if (aligned_header_at(g, page, end, &aligned)) {
		*out = aligned;
		return true;
	}
	return header_at(g, page, 0, end, out);
}

/* Free anonymous writable memory, neighbouring mappings joined. */
static int add_extent(void *arg, struct range at, const struct mapping *m)
{
	struct mmapped_search *s = arg;
	struct range *last = s->extents.n ? &s->extents.v[s->extents.n - 1] : NULL;

	if (!(m->prot & PROT_W) || !glibc_is_anonymous(m))
		return 0;
	if (last && last->hi == at.lo) {
		last->hi = at.hi;
		return 0;
	}
	return vec_push(&s->extents, at) < 0 ? err_nomem(s->err) : 0;
}

static int search_extent(struct mmapped_search *s, struct range at)
{
	struct glibc *g = s->g;
	addr_t page = (at.lo + PAGE - 1) & ~(addr_t)(PAGE - 1);
	bool touches = true;

	/* The page that the address space ends with is nobody's; so no address below wraps around. */
	if (at.hi > -(addr_t)PAGE)
		at.hi = -(addr_t)PAGE;
	while (page >= at.lo && page < at.hi) {
		struct mmapped m;

		page = glibc_view_next(&g->view, page, at.hi);
		if (page & (PAGE - 1)) {
			page = (page + PAGE - 1) & ~(addr_t)(PAGE - 1);
			touches = false;
			continue;
		}
		if (page >= at.hi)
			break;
		if (!block_at(g, page, at.hi, &m)) {
			touches = false;
			page += PAGE;
			continue;
		}
		page += m.bytes;
		m.anchored = touches || page == at.hi;
		touches = m.anchored;
		if (vec_push(&s->found, m) < 0)
			return err_nomem(s->err);
	}
	return 0;
}

/* An object, or what a thread cache keeps (2.42 and later, if told to). */
static int add_chunk(struct glibc *g, const struct mmapped *m, struct err *err)
{
	if (glibc_bins_is_taken(g, m->chunk)) {
		g->mapped.cached_chunks++;
		g->mapped.cached_chunk_bytes += m->bytes;
		return 0;
	}
	g->mapped.in_use_chunks++;
	g->mapped.in_use_chunk_bytes += m->bytes;
	return objects_add(g->w->objects, m->chunk + CHUNK_HEADER, m->usable, OBJECT_MMAPPED, err);
}

static int add_found(struct mmapped_search *s, bool anchored_only, struct err *err)
{
	struct walk *w = s->g->w;

	for (size_t i = 0; i < s->found.n; i++) {
		const struct mmapped *m = &s->found.v[i];
		int rc;

		if (anchored_only && !m->anchored)
			continue;
		rc = add_chunk(s->g, m, err);
		if (!rc)
			rc = claims_add(w->claims, (struct range){m->page, m->page + m->bytes},
					CLAIM_HEAP, err);
		if (rc < 0)
			return rc;
		s->has_tails |= m->has_tail;
		w->heap->mmapped_chunks++;
		w->heap->mmapped_bytes += m->bytes;
	}
	return 0;
}

/* What the libcs count themselves; false where one of them has no mp_ that was found. */
static bool expected(const struct glibc *g, uint64_t *n, uint64_t *bytes)
{
	*n = *bytes = 0;
	for (size_t i = 0; i < g->arenas.n; i++) {
		if (!g->arenas.v[i].is_main)
			continue;
		if (!g->arenas.v[i].params.addr)
			return false;
		*n += g->arenas.v[i].params.n_mmaps;
		*bytes += g->arenas.v[i].params.mmapped_bytes;
	}
	return true;
}

int glibc_mmapped_walk(struct glibc *g, struct err *err)
{
	struct mmapped_search s = {.g = g, .err = err};
	struct heap *heap = g->w->heap;
	uint64_t n = 0, bytes = 0;
	bool known = expected(g, &n, &bytes);
	int rc = claims_each_free(g->w->claims, g->view.space, add_extent, &s);

	for (size_t i = 0; !rc && i < s.extents.n; i++)
		rc = search_extent(&s, s.extents.v[i]);
	if (!rc)
		rc = add_found(&s, known && s.found.n > n, err);
	vec_deinit(&s.extents);
	vec_deinit(&s.found);
	if (!rc && known &&
	    (heap->mmapped_chunks != n || (!s.has_tails && heap->mmapped_bytes != bytes)))
		warnings_add(
			g->w->warnings,
			"malloc: %lu mapped chunks of %lu bytes were found, malloc itself counts "
			"%lu of %lu bytes",
			heap->mmapped_chunks, heap->mmapped_bytes, n, bytes);
	return rc;
}
