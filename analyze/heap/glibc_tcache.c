/*
 * Thread caches. Each thread keeps freed chunks, still marked in use, in a
 * struct that is itself a chunk of its arena; only a thread-local variable of
 * libc (`tcache`) points to it.
 *
 *	release     contents                                          chunk
 *	2.26–2.29   u8  counts[64],    entry *entries[64]             0x250
 *	2.30–2.41   u16 counts[64],    entry *entries[64]             0x290
 *	2.42–       u16 num_slots[76], entry *entries[76]             0x300   slots still free; bins 64–75 of mixed size,
 *	                                                                      also with mappings of their own
 *
 *	entry: next (plain or mangled, see glibc_bins.c), key
 *
 * So every word of a libc's thread-local block that points to an in-use chunk of
 * one of these sizes is a candidate, and what the chunk holds decides: entries
 * are NULL or chunks of their bin's size, a count is 0 where its entry is NULL.
 * An empty cache is all zero, which proves nothing: it is believed only from
 * libc's own block. Where no thread-local storage is known (a core without
 * notes) all chunks of these sizes are looked at, and a cache must hold
 * something to be seen.
 *
 * The structs are the allocator's own: in use, but no objects. Threads that
 * exited have given theirs back.
 */
#include "analyze/heap/glibc.h"

#define MAX_LISTS 76

static const struct tcache_form {
	uint64_t chunk_size;
	uint32_t n_bins, count_bytes;
	bool counts_slots;
} forms[] = {
	{0x290, 64, 2, false},
	{0x300, 76, 2, true},
	{0x250, 64, 1, false},
};

#define CHUNK_SMALLEST 0x250
#define CHUNK_LARGEST  0x320

#define N_SMALL 64 /* bins of one size each */

struct tcache {
	addr_t chunk;
	const struct tcache_form *form;
	addr_t entries[MAX_LISTS];
	uint32_t counts[MAX_LISTS];
	uint32_t n_filled; /* bins that hold something */
};

static uint64_t bin_size(uint32_t bin)
{
	return bin < N_SMALL ? CHUNK_MIN + CHUNK_ALIGN * (uint64_t)bin : 0;
}

static bool entry_fits(struct glibc *g, addr_t entry, uint32_t bin)
{
	const struct glibc_region *r;
	addr_t chunk = entry - CHUNK_HEADER;
	uint64_t head, size;

	if (entry & (CHUNK_ALIGN - 1))
		return false;
	r = glibc_arenas_region(g, chunk);
	if (!r && bin >= N_SMALL)
		return glibc_mmapped_is(g, chunk);
	if (!r || !glibc_word(&g->view, chunk + 8, &head) || !glibc_head_fits(r, chunk, head))
		return false;
	size = glibc_chunk_size(head);
	return bin < N_SMALL ? size == bin_size(bin) : size > bin_size(N_SMALL - 1);
}

static bool read_form(struct glibc *g, struct tcache *t)
{
	uint8_t raw[0x300];
	size_t n = t->form->n_bins * (t->form->count_bytes + 8ul);

	if (space_read(g->view.space, t->chunk + CHUNK_HEADER, raw, n) != n)
		return false;
	t->n_filled = 0;
	for (uint32_t i = 0; i < t->form->n_bins; i++) {
		t->counts[i] = 0;
		memcpy(&t->counts[i], raw + i * t->form->count_bytes, t->form->count_bytes);
		memcpy(&t->entries[i], raw + t->form->n_bins * t->form->count_bytes + 8 * i, 8);
		t->n_filled += t->entries[i] != 0;
	}
	return true;
}

/* Two bins may be wrong: one torn by the moment of the dump, one smashed. */
static bool contents_hold(struct glibc *g, const struct tcache *t)
{
	uint32_t n_wrong = 0;

	for (uint32_t i = 0; i < t->form->n_bins; i++) {
		bool ok = !t->entries[i] || entry_fits(g, t->entries[i], i);

		if (!t->form->counts_slots)
			ok = ok && !t->counts[i] == !t->entries[i];
		n_wrong += !ok;
	}
	return n_wrong <= 2 && (!t->n_filled || n_wrong < t->n_filled);
}

/*
 * A rest too small to be a chunk stays with the chunk before it: 16 bytes. 2.43 adds another 16 in
 * a shared arena, where it pads the size twice.
 */
static bool form_fits(const struct tcache_form *f, uint64_t chunk_size)
{
	return chunk_size - f->chunk_size <= 2 * CHUNK_ALIGN;
}

/* Whether user points to a chunk that is a thread's cache. */
static bool tcache_at(struct glibc *g, addr_t user, struct tcache *t)
{
	addr_t chunk = user - CHUNK_HEADER;
	const struct glibc_region *r = glibc_arenas_region(g, chunk);
	uint64_t head, next;

	if (!r || user & (CHUNK_ALIGN - 1) || !glibc_word(&g->view, chunk + 8, &head) ||
	    !glibc_head_fits(r, chunk, head))
		return false;
	if (!glibc_word(&g->view, chunk + glibc_chunk_size(head) + 8, &next) ||
	    !(next & CHUNK_PREV_IN_USE))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		t->chunk = chunk;
		t->form = &forms[i];
		if (form_fits(&forms[i], glibc_chunk_size(head)) && read_form(g, t) &&
		    contents_hold(g, t))
			return true;
	}
	return false;
}

static int take_cache(struct glibc *g, const struct tcache *t, struct err *err)
{
	if (vec_push(&g->taken, ((struct glibc_taken){t->chunk, TAKEN_TCACHE})) < 0)
		return err_nomem(err);
	for (uint32_t i = 0; i < t->form->n_bins; i++) {
		struct glibc_list l = {
			.first = t->entries[i],
			.size = bin_size(i),
			.max = t->form->counts_slots ? UINT16_MAX : t->counts[i] + 1ul,
			.kind = TAKEN_CACHED,
		};
		int rc = l.first ? glibc_bins_take_list(g, &l, err) : 0;

		if (rc < 0)
			return rc;
		if (l.first && (!l.whole || (!t->form->counts_slots && l.n_taken != t->counts[i])))
			warnings_add(g->w->warnings,
				     "malloc: bin %u of the thread cache at 0x%lx is damaged: "
				     "%lu chunks of %u follow each other",
				     i, t->chunk + CHUNK_HEADER, l.n_taken, t->counts[i]);
	}
	return 0;
}

struct cache_search {
	struct glibc *g;
	VEC(addr_t) users; /* of the caches' chunks */
	struct err *err;
};

static int add_cache(struct cache_search *s, addr_t user)
{
	return vec_push(&s->users, user) < 0 ? err_nomem(s->err) : 0;
}

/* The caches that words of [at) point to; several may only be there if they hold something. */
static int search_words(struct cache_search *s, struct range at)
{
	struct glibc *g = s->g;
	addr_t a = glibc_view_next(&g->view, at.lo, at.hi), empty = 0;
	bool found = false;
	struct tcache t;

	for (; a < at.hi && at.hi - a >= 8; a = glibc_view_next(&g->view, a + 8, at.hi)) {
		uint64_t word;
		int rc;

		if (!g->tls_budget)
			return 0;
		g->tls_budget--;
		if (!glibc_word(&g->view, a, &word) || !tcache_at(g, word, &t))
			continue;
		if (!t.n_filled) {
			empty = empty ? empty : word;
			continue;
		}
		found = true;
		rc = add_cache(s, word);
		if (rc < 0)
			return rc;
	}
	return found || !empty ? 0 : add_cache(s, empty);
}

/* Where the thread keeps what the libc of a main arena keeps; where that is not known, all its static TLS. */
static struct range libc_block(const struct glibc *g, const struct thread *t, addr_t main_arena)
{
	uint32_t libc = modules_find(g->w->modules, main_arena);

	for (size_t i = 0; i < t->tls.n; i++)
		if (libc != INDEX_NONE && t->tls.v[i].module == libc)
			return t->tls.v[i].at;
	return t->static_tls;
}

/* Each libc of the process (dlmopen brings more) has a cache of its own in each thread. */
static int search_thread(struct cache_search *s, const struct thread *t)
{
	const struct glibc *g = s->g;
	int rc = 0;

	if (!g->arenas.n || !g->arenas.v[0].is_main || !g->arenas.v[0].state)
		return search_words(s, t->static_tls);
	for (size_t i = 0; !rc && i < g->arenas.n && g->arenas.v[i].is_main; i++)
		rc = search_words(s, libc_block(g, t, g->arenas.v[i].state));
	return rc;
}

static int by_address(const void *a, const void *b)
{
	addr_t x = *(const addr_t *)a, y = *(const addr_t *)b;

	return x < y ? -1 : x > y;
}

/* Each cache once, though crafted threads may share one. */
static int take_all(struct cache_search *s)
{
	struct tcache t;
	int rc = 0;

	if (s->users.n)
		qsort(s->users.v, s->users.n, sizeof(*s->users.v), by_address);
	for (size_t i = 0; !rc && i < s->users.n; i++)
		if ((!i || s->users.v[i] != s->users.v[i - 1]) &&
		    tcache_at(s->g, s->users.v[i], &t))
			rc = take_cache(s->g, &t, s->err);
	return rc;
}

/* Without thread-local storage to ask: every chunk that has the size and holds a cache. */
static int search_chunks(struct glibc *g, struct err *err)
{
	for (size_t i = 0; i < g->regions.n; i++) {
		const struct glibc_region *r = &g->regions.v[i];
		uint64_t head;

		for (addr_t p = r->lo; p < r->hi; p += glibc_chunk_size(head)) {
			struct tcache t;
			int rc;

			if (!glibc_word(&g->view, p + 8, &head) || !glibc_head_fits(r, p, head))
				break;
			if (glibc_chunk_size(head) > CHUNK_LARGEST ||
			    glibc_chunk_size(head) < CHUNK_SMALLEST ||
			    !tcache_at(g, p + CHUNK_HEADER, &t) || !t.n_filled)
				continue;
			rc = take_cache(g, &t, err);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

int glibc_tcache_take(struct glibc *g, struct err *err)
{
	const struct threads *threads = g->w->threads;
	struct cache_search s = {.g = g, .err = err};
	int rc = 0;

	for (size_t i = 0; !rc && threads && i < threads->list.n; i++)
		rc = search_thread(&s, &threads->list.v[i]);
	if (!rc)
		rc = s.users.n ? take_all(&s) : search_chunks(g, err);
	vec_deinit(&s.users);
	return rc;
}
