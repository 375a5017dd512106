/*
 * Where malloc's own variables are, by what they look like.
 *
 * libc is stripped as a rule, so main_arena is found by the shape that no
 * release has changed: bins is an array of 127 list heads, and an empty one
 * points at itself, two words back (bin_at() pretends that each head is a
 * chunk, whose links start at its third word).
 *
 *	malloc_state   mutex flags (have_fastchunks) fastbins[10] top last_remainder │ bins[127 × 2] │ binmap[4 × u32]
 *	               next next_free attached_threads system_mem max_system_mem
 *	                                             a head at S that is empty:  [S] = [S + 8] = S − 16
 *
 * From the first such head every position is tried in which it can stand; the
 * right one has the most heads that are lists, a top that ends on a page, and a
 * `next` whose ring comes back to the state's own start. That start is how
 * bins_off is learnt: 112 since 2.27, 104 before, 24 once fastbins are gone.
 *
 * mp_ is found likewise: the mmap counters agree with each other, and
 * sbrk_base lies at or just below the main arena's first page or is 0.
 *
 *	malloc_par     … int n_mmaps, n_mmaps_max, max_n_mmaps, no_dyn_threshold; mmapped_mem, max_mmapped_mem, sbrk_base …
 *
 * Symbols, where there are some, only confirm. Limit: a main arena whose bins
 * hold no empty list at all is not found.
 */
#include "analyze/heap/glibc.h"

/* A search gives up after so many places that begin like an arena: real libcs have one each. */
#define MAX_PLACES 64

#define MMAPS_MAX_DEFAULT 65536 /* mp_.n_mmaps_max, unless mallopt changed it */

const uint32_t glibc_layout_bins_off[3] = {112, 104, 24};

bool glibc_view_move(struct glibc_view *v, addr_t a)
{
	const struct space *s = v->space;
	size_t lo = vec_bisect(&s->runs, e, e->addr <= a);
	const struct space_run *r;

	r = lo ? &s->runs.v[lo - 1] : NULL;
	if (!r || a - r->addr >= r->size || r->size - (a - r->addr) < 8)
		return false;
	v->lo = r->addr;
	v->size = r->size;
	v->data = r->data;
	return true;
}

addr_t glibc_view_next(struct glibc_view *v, addr_t a, addr_t end)
{
	const struct space *s = v->space;
	size_t lo;

	a = (a + 7) & ~7ull;
	if (a - v->lo < v->size && v->size - (a - v->lo) >= 8)
		return a < end ? a : end;
	lo = vec_bisect(&s->runs, e, e->addr + e->size <= a);
	for (; lo < s->runs.n && s->runs.v[lo].addr < end; lo++) {
		const struct space_run *r = &s->runs.v[lo];
		addr_t first = r->addr > a ? (r->addr + 7) & ~7ull : a;

		if (first < r->addr + r->size && r->addr + r->size - first >= 8)
			return first < end ? first : end;
	}
	return end;
}

uint64_t glibc_layout_state_size(const struct glibc_arena *a)
{
	return a->bins_off + BINS_BYTES + 16 + 5 * 8;
}

addr_t glibc_layout_next(addr_t state, uint32_t bins_off)
{
	return state + bins_off + BINS_BYTES + 16;
}

static bool is_empty_head(struct glibc *g, addr_t head)
{
	uint64_t fd, bk;

	return glibc_word(&g->view, head, &fd) && fd == head - 16 &&
	       glibc_word(&g->view, head + 8, &bk) && bk == fd;
}

/* How many of the 127 heads at bins are lists: empty, or pointing into mapped memory both ways. */
static uint32_t count_heads(struct glibc *g, addr_t bins)
{
	uint32_t n = 0;

	if (!g->state_budget)
		return 0;
	g->state_budget--;
	for (addr_t head = bins; head < bins + BINS_BYTES; head += 16) {
		uint64_t fd, bk;

		if (!glibc_word(&g->view, head, &fd) || !glibc_word(&g->view, head + 8, &bk))
			return 0;
		if (fd == head - 16 && bk == fd)
			n++;
		else if (fd && bk && !(fd & 15) && !(bk & 15) && fd != head - 16 &&
			 bk != head - 16 && space_mapping(g->view.space, fd) &&
			 space_mapping(g->view.space, bk))
			n++;
	}
	return n;
}

bool glibc_layout_state(struct glibc *g, addr_t state, uint32_t bins_off, struct glibc_arena *out)
{
	struct glibc_arena a = {.state = state, .bins_off = bins_off};
	addr_t bins = state + bins_off, tail = glibc_layout_next(state, bins_off);
	uint64_t flags, max_bytes, head;

	if (state & 7)
		return false;
	if (count_heads(g, bins) < N_BINS - 3)
		return false;
	if (!glibc_word(&g->view, state, &flags) || !glibc_word(&g->view, bins - 16, &a.top) ||
	    !glibc_word(&g->view, tail + 24, &a.system_bytes) ||
	    !glibc_word(&g->view, tail + 32, &max_bytes))
		return false;
	a.contiguous = !(flags >> 32 & 2);
	if (a.top == bins - 16)
		a.top = 0;
	else if (glibc_word(&g->view, a.top + 8, &head))
		a.top_size = glibc_chunk_size(head);
	*out = a;
	return a.system_bytes <= max_bytes;
}

/* Whether `next` leads from state through states of the same layout back to it. */
static bool ring_closes(struct glibc *g, addr_t state, uint32_t bins_off)
{
	addr_t at = state;

	for (uint32_t n = 0; n < GLIBC_ARENAS_MAX; n++) {
		struct glibc_arena a;

		if (!glibc_word(&g->view, glibc_layout_next(at, bins_off), &at))
			return false;
		if (at == state)
			return true;
		if (!glibc_layout_state(g, at, bins_off, &a))
			return false;
	}
	return false;
}

static bool top_is_plausible(struct glibc *g, addr_t bins)
{
	uint64_t top, head;

	if (!glibc_word(&g->view, bins - 16, &top))
		return false;
	if (top == bins - 16)
		return true;
	return !(top & 15) && glibc_word(&g->view, top + 8, &head) && head & CHUNK_PREV_IN_USE &&
	       !((top + glibc_chunk_size(head)) & (PAGE - 1));
}

/* The state's start for a bins array at bins: by the ring, else the first known layout that reads. */
static bool find_start(struct glibc *g, addr_t bins, bool need_ring, struct glibc_arena *out)
{
	for (size_t i = 0; i < ARRAY_LEN(glibc_layout_bins_off); i++)
		if (ring_closes(g, bins - glibc_layout_bins_off[i], glibc_layout_bins_off[i]) &&
		    glibc_layout_state(g, bins - glibc_layout_bins_off[i], glibc_layout_bins_off[i],
				       out))
			return true;
	for (uint32_t off = 24; off <= 256; off += 8)
		if (ring_closes(g, bins - off, off) && glibc_layout_state(g, bins - off, off, out))
			return true;
	for (size_t i = 0; !need_ring && i < ARRAY_LEN(glibc_layout_bins_off); i++)
		if (glibc_layout_state(g, bins - glibc_layout_bins_off[i], glibc_layout_bins_off[i],
				       out))
			return true;
	return false;
}

/* head is the first empty head in its neighbourhood: which of the 127 is it? */
static bool place_bins(struct glibc *g, addr_t head, struct glibc_arena *out)
{
	addr_t best = 0;
	uint32_t most = 0;

	for (uint32_t k = 0; k < N_BINS; k++) {
		addr_t bins = head - 16 * k;
		uint32_t n = count_heads(g, bins);

		if (n < N_BINS - 3)
			continue;
		if (find_start(g, bins, true, out))
			return true;
		if (n + 3 * top_is_plausible(g, bins) > most) {
			most = n + 3 * top_is_plausible(g, bins);
			best = bins;
		}
	}
	return best && top_is_plausible(g, best) && find_start(g, best, false, out);
}

/* Whether main's brk memory can begin at base. */
static bool base_fits(struct glibc *g, const struct glibc_arena *main, addr_t base)
{
	if (base > main->top || !space_mapping(g->view.space, base))
		return false;
	return !main->contiguous || main->top - base <= main->system_bytes;
}

/*
 * Three words that can be mmapped_mem, max_mmapped_mem, sbrk_base, with the counters before them.
 * How good a find it is: 0 none, best with the default n_mmaps_max and a base.
 */
static uint32_t params_at(struct glibc *g, addr_t at, uint32_t pad, const struct glibc_arena *main,
			  struct glibc_params *out)
{
	uint64_t lo, hi, bytes, max_bytes, base, n, n_max, most;
	bool unlimited; /* by mallopt, which also sets no_dyn_threshold */

	if (!glibc_word(&g->view, at - pad - 16, &lo) || !glibc_word(&g->view, at - pad - 8, &hi) ||
	    !glibc_word(&g->view, at, &bytes) || !glibc_word(&g->view, at + 8, &max_bytes) ||
	    !glibc_word(&g->view, at + 16, &base))
		return 0;
	n = lo & UINT32_MAX;
	n_max = lo >> 32;
	most = hi & UINT32_MAX;
	unlimited = !n_max || n_max > INT32_MAX;
	if (hi >> 33 || n > most || (unlimited && !(hi >> 32 && base)) || bytes > max_bytes ||
	    (bytes | max_bytes) & (CHUNK_ALIGN - 1) || !bytes != !n || !max_bytes != !most ||
	    bytes / PAGE < n)
		return 0;
	if (base ? !base_fits(g, main, base) : n_max != MMAPS_MAX_DEFAULT)
		return 0;
	*out = (struct glibc_params){at, n, bytes, base};
	return (n_max == MMAPS_MAX_DEFAULT) + 2 * (base != 0);
}

/* The best mp_ in one writable range; *best is how good the one so far is. */
static void find_params(struct glibc *g, struct range in, struct glibc_arena *main, uint32_t *best)
{
	addr_t at = glibc_view_next(&g->view, in.lo + 40, in.hi);

	for (; at < in.hi && in.hi - at >= 24; at = glibc_view_next(&g->view, at + 8, in.hi)) {
		struct glibc_params p;

		for (uint32_t pad = 0; pad <= 4; pad += 4) {
			uint32_t good = params_at(g, at, pad, main, &p);

			if (good > *best) {
				main->params = p;
				*best = good;
			}
		}
	}
}

static int add_main(struct glibc *g, struct glibc_arena *a, const struct module *m, struct err *err)
{
	uint32_t best = 0;

	for (size_t i = 0; i < g->arenas.n; i++)
		if (g->arenas.v[i].state == a->state)
			return 0;
	a->is_main = true;
	for (size_t i = 0; i < m->writable.n; i++)
		find_params(g, m->writable.v[i], a, &best);
	return vec_push(&g->arenas, *a) < 0 ? err_nomem(err) : 0;
}

/* Every main arena in one range of a module's writable memory. */
static int search_range(struct glibc *g, const struct module *m, struct range in,
			uint32_t *n_places, struct err *err)
{
	addr_t at = glibc_view_next(&g->view, in.lo, in.hi);

	for (; at < in.hi && in.hi - at >= 16; at = glibc_view_next(&g->view, at + 8, in.hi)) {
		struct glibc_arena a;
		int rc;

		if (!is_empty_head(g, at))
			continue;
		if (++*n_places > MAX_PLACES)
			return 0;
		rc = place_bins(g, at, &a) ? add_main(g, &a, m, err) : 0;
		if (rc < 0)
			return rc;
		at += BINS_BYTES;
	}
	return 0;
}

/* Modules named libc*, or all the others: a static executable has malloc in itself. */
static int search_modules(struct glibc *g, bool named_libc, struct err *err)
{
	const struct modules *m = g->w->modules;

	for (size_t i = 0; i < m->list.n; i++) {
		const struct module *mod = &m->list.v[i];
		uint32_t n_places = 0;

		if (named_libc != (mod->name && !strncmp(mod->name, "libc", 4)))
			continue;
		for (size_t k = 0; k < mod->writable.n; k++) {
			int rc = search_range(g, mod, mod->writable.v[k], &n_places, err);

			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

int glibc_layout_find(struct glibc *g, struct err *err)
{
	struct symbol s;
	int rc = search_modules(g, true, err);

	if (!rc && !g->arenas.n)
		rc = search_modules(g, false, err);
	if (rc < 0)
		return rc;
	g->has_symbols = g->arenas.n && g->w->symbols &&
			 symbols_by_name(g->w->symbols, "main_arena", &s, 1) &&
			 s.addr == g->arenas.v[0].state;
	return 0;
}
