/*
 * Where chunks go on behind damage, behind memory that somebody else took with
 * sbrk, and where a piece of the main arena begins that has no header.
 *
 * A chunk header alone is easily faked by data (0x21 is a number like any
 * other); a chain of them is not: each size must lead to another header that
 * fits, a free chunk's size must stand again at its end.
 *
 *	      damage ↓            from here 16 in a row lead on, or the region ends: believed
 *	[ ok ][ ok ][? ············[ ok ][ ok ][ ok ] …
 *
 * Old headers inside a live object lead to where it ends, which is the damaged
 * place itself: so only links beyond that place count.
 *
 * Every word tried costs budget, which is linear in the heap: crafted memory in
 * which every word starts a long chain ends the search, not the patience.
 */
#include "analyze/heap/glibc.h"

#define CHAIN_BELIEVED 16

static bool spend(struct glibc *g)
{
	if (g->resync_budget) {
		g->resync_budget--;
		return true;
	}
	if (!g->resync_ended)
		warnings_add(g->w->warnings,
			     "malloc: the search for chunks behind damage was given up: "
			     "too many places look like one");
	g->resync_ended = true;
	return false;
}

/* The chunk at p and the header behind it agree; *next is where that one starts. */
static bool link_holds(struct glibc *g, const struct glibc_region *r, addr_t p, addr_t *next)
{
	uint64_t head, next_head, foot;

	if (!glibc_word(&g->view, p + 8, &head) || !glibc_head_fits(r, p, head))
		return false;
	*next = p + glibc_chunk_size(head);
	if (*next == r->hi)
		return true;
	if (!glibc_word(&g->view, *next + 8, &next_head))
		return false;
	if (r->in_heap && *next + CHUNK_HEADER == r->hi && !glibc_chunk_size(next_head))
		return true;
	if (!glibc_head_fits(r, *next, next_head))
		return false;
	if (next_head & CHUNK_PREV_IN_USE)
		return true;
	return glibc_word(&g->view, *next, &foot) && foot == glibc_chunk_size(head);
}

static bool chain_holds(struct glibc *g, const struct glibc_region *r, addr_t p, addr_t beyond)
{
	uint32_t n = 0;

	while (n < CHAIN_BELIEVED && spend(g)) {
		addr_t next;

		if (!link_holds(g, r, p, &next))
			return false;
		if (next == r->hi || (r->in_heap && next + CHUNK_HEADER == r->hi))
			return true;
		if (next > beyond)
			n++;
		p = next;
	}
	return n == CHAIN_BELIEVED;
}

addr_t glibc_resync_find(struct glibc *g, const struct glibc_region *r, addr_t from, addr_t beyond)
{
	addr_t p = (from + CHUNK_ALIGN - 1) & ~(addr_t)(CHUNK_ALIGN - 1);

	while (p + CHUNK_MIN <= r->hi && spend(g)) {
		uint64_t head;

		if (!glibc_word(&g->view, p + 8, &head)) {
			addr_t next = glibc_view_next(&g->view, p + CHUNK_ALIGN, r->hi);

			p = (next + CHUNK_ALIGN - 1) & ~(addr_t)(CHUNK_ALIGN - 1);
			continue;
		}
		if (glibc_chunk_size(head) >= CHUNK_MIN && glibc_head_fits(r, p, head) &&
		    chain_holds(g, r, p, beyond))
			return p;
		p += CHUNK_ALIGN;
	}
	return 0;
}

bool glibc_resync_starts(struct glibc *g, const struct glibc_region *r)
{
	uint64_t prev, head;

	return glibc_word(&g->view, r->lo, &prev) && !prev &&
	       glibc_word(&g->view, r->lo + 8, &head) && head & CHUNK_PREV_IN_USE &&
	       glibc_chunk_size(head) >= CHUNK_MIN && chain_holds(g, r, r->lo, r->lo);
}

addr_t glibc_resync_piece(struct glibc *g, const struct glibc_arena *a, struct range within)
{
	struct glibc_region r = {.lo = within.lo, .hi = within.hi};
	uint64_t head, prev = 0;
	addr_t p = within.lo;

	if (!glibc_word(&g->view, p, &prev) || prev || !glibc_word(&g->view, p + 8, &head) ||
	    !(head & CHUNK_PREV_IN_USE))
		return 0;
	while (spend(g)) {
		uint64_t size;
		addr_t next;

		if (!glibc_word(&g->view, p + 8, &head) || !glibc_head_fits(&r, p, head))
			return 0;
		size = glibc_chunk_size(head);
		next = p + size;
		if (p == a->top)
			return next;
		if (size == FENCE_SIZE && !(next & (PAGE - 1)) && next > within.lo + 2 * FENCE_SIZE)
			return next;
		if (next >= r.hi || !link_holds(g, &r, p, &next))
			return 0;
		p = next;
	}
	return 0;
}
