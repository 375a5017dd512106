/*
 * Lists of free chunks. Fastbins (and thread caches, glibc_tcache.c) are single
 * lists of chunks that keep their in-use bit, so that only the list tells that
 * they are free; what they hold is put into `taken` before the walk.
 *
 *	plain (to 2.31)              head → chunk → chunk → NULL
 *	safe-linking (from 2.32)     the same, but a link stored at slot s is  next ^ (s >> 12)
 *
 * Releases were patched in both directions, so every list is tried both ways
 * and the one that validates is taken: each chunk 16-aligned, in a known
 * region, of the list's size. Where neither reaches NULL the longer valid part
 * is taken and a warning says where it ends.
 *
 * The doubly linked bins hold chunks that the walk sees as free anyway; they
 * are only counted against it. Counting jumps through memory at random, so an
 * arena with more than CHECK_MAX free chunks is not counted.
 *
 * Bound: no chunk is in two lists, so all lists together have at most
 * list_budget = heap bytes / 32 links; cycles end there or at the list's count.
 */
#include "analyze/heap/glibc.h"

#define CHECK_MAX 262144

static bool list_chunk(struct glibc *g, const struct glibc_list *l, addr_t link, addr_t *chunk)
{
	const struct glibc_region *r;
	uint64_t head;

	*chunk = l->is_fast ? link : link - CHUNK_HEADER;
	if (link & (CHUNK_ALIGN - 1))
		return false;
	r = glibc_arenas_region(g, *chunk);
	if (!r && !l->size)
		return glibc_mmapped_is(g, *chunk);
	if (!r || !glibc_word(&g->view, *chunk + 8, &head) || !glibc_head_fits(r, *chunk, head))
		return false;
	return l->size ? glibc_chunk_size(head) == l->size : glibc_chunk_size(head) >= CHUNK_MIN;
}

/* Follows the list one way; *whole: to NULL. Brent's cycle test keeps a ring from costing l->max. */
static uint64_t list_length(struct glibc *g, const struct glibc_list *l, bool mangled, bool *whole)
{
	addr_t link = l->first, mark = 0;
	uint64_t n = 0, next_mark = 1;

	*whole = false;
	while (link && n < l->max && g->list_budget) {
		addr_t chunk, slot;

		if (link == mark || !list_chunk(g, l, link, &chunk))
			return n;
		if (++n == next_mark) {
			mark = link;
			next_mark *= 2;
		}
		g->list_budget--;
		slot = chunk + CHUNK_HEADER;
		if (!glibc_word(&g->view, slot, &link))
			return n;
		link ^= mangled ? slot >> 12 : 0;
	}
	*whole = !link;
	return n;
}

static int take_n(struct glibc *g, const struct glibc_list *l, uint64_t n, bool mangled,
		  struct err *err)
{
	addr_t link = l->first;

	for (; n; n--) {
		addr_t chunk, slot;

		if (!list_chunk(g, l, link, &chunk))
			return 0;
		if (vec_push(&g->taken, ((struct glibc_taken){chunk, l->kind})) < 0)
			return err_nomem(err);
		slot = chunk + CHUNK_HEADER;
		if (!glibc_word(&g->view, slot, &link))
			return 0;
		link ^= mangled ? slot >> 12 : 0;
	}
	return 0;
}

int glibc_bins_take_list(struct glibc *g, struct glibc_list *l, struct err *err)
{
	bool mangled = true, plain_whole = false;
	uint64_t n = list_length(g, l, true, &l->whole);

	if (!l->whole) {
		uint64_t n_plain = list_length(g, l, false, &plain_whole);

		if (plain_whole || n_plain > n) {
			n = n_plain;
			mangled = false;
			l->whole = plain_whole;
		}
	}
	l->n_taken = n;
	return take_n(g, l, n, mangled, err);
}

static int take_fast_of(struct glibc *g, const struct glibc_arena *a, struct err *err)
{
	addr_t heads = a->state + a->bins_off - 16 - 8 * N_FASTBINS;

	for (uint32_t i = 0; i < N_FASTBINS; i++) {
		struct glibc_list l = {
			.size = CHUNK_MIN + 16 * i,
			.max = UINT64_MAX,
			.is_fast = true,
			.kind = TAKEN_FAST,
		};
		int rc;

		if (!glibc_word(&g->view, heads + 8 * i, &l.first) || !l.first)
			continue;
		rc = glibc_bins_take_list(g, &l, err);
		if (rc < 0)
			return rc;
		if (!l.whole)
			warnings_add(g->w->warnings,
				     "malloc: the fastbin at 0x%lx is damaged after %lu chunks",
				     heads + 8 * i, l.n_taken);
	}
	return 0;
}

int glibc_bins_take_fast(struct glibc *g, struct err *err)
{
	for (size_t i = 0; i < g->arenas.n; i++) {
		int rc = 0;

		if (g->arenas.v[i].bins_off >= 16 + 8 + 8 * N_FASTBINS)
			rc = take_fast_of(g, &g->arenas.v[i], err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int by_chunk(const void *a, const void *b)
{
	const struct glibc_taken *x = a, *y = b;

	if (x->chunk != y->chunk)
		return x->chunk < y->chunk ? -1 : 1;
	return (int)x->kind - (int)y->kind;
}

void glibc_bins_sort_taken(struct glibc *g)
{
	size_t kept = 0, n = g->taken.n;

	if (n)
		qsort(g->taken.v, n, sizeof(*g->taken.v), by_chunk);
	for (size_t i = 0; i < n; i++)
		if (!kept || g->taken.v[kept - 1].chunk != g->taken.v[i].chunk)
			g->taken.v[kept++] = g->taken.v[i];
	if (kept < n)
		warnings_add(g->w->warnings,
			     "malloc: %zu free chunks are in more than one list (a double free)",
			     n - kept);
	g->taken.n = kept;
}

bool glibc_bins_is_taken(const struct glibc *g, addr_t chunk)
{
	size_t lo = vec_bisect(&g->taken, e, e->chunk < chunk);

	return lo < g->taken.n && g->taken.v[lo].chunk == chunk;
}

/* Adds up one bin; false: it is damaged, *at says where. */
static bool count_bin(struct glibc *g, addr_t head, uint64_t *n, uint64_t *bytes, addr_t *at)
{
	addr_t bin = head - 16, p = bin;

	for (;;) {
		uint64_t size, back;
		addr_t from = p;

		*at = from;
		if (!glibc_word(&g->view, from + 16, &p))
			return false;
		if (!glibc_word(&g->view, p + 24, &back) || back != from)
			return false;
		if (p == bin)
			return true;
		if (*n >= CHECK_MAX || !g->list_budget)
			return true;
		g->list_budget--;
		if (!glibc_arenas_region(g, p) || !glibc_word(&g->view, p + 8, &size)) {
			*at = p;
			return false;
		}
		*n += 1;
		*bytes += glibc_chunk_size(size);
	}
}

static void check_arena(struct glibc *g, const struct glibc_arena *a)
{
	addr_t bins = a->state + a->bins_off, at;
	uint64_t n = 0, bytes = 0, seen = a->sums.free_chunks,
		 seen_bytes = a->sums.free_chunk_bytes;

	if (seen > CHECK_MAX || a->damaged || !a->state)
		return;
	for (uint32_t i = 0; i < N_BINS; i++)
		if (!count_bin(g, bins + 16 * i, &n, &bytes, &at)) {
			warnings_add(g->w->warnings,
				     "malloc: bin %u of the arena at 0x%lx is damaged at 0x%lx",
				     i + 1, a->state, at);
			return;
		}
	if (a->top) {
		n++;
		bytes += a->top_size;
	}
	if (n != seen || bytes != seen_bytes)
		warnings_add(g->w->warnings,
			     "malloc: the bins of the arena at 0x%lx hold %lu chunks of %lu bytes, "
			     "the walk found %lu free ones of %lu bytes",
			     a->state, n, bytes, seen, seen_bytes);
}

void glibc_bins_check(struct glibc *g)
{
	for (size_t i = 0; i < g->arenas.n; i++)
		check_arena(g, &g->arenas.v[i]);
}
