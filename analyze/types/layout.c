/*
 * A search from the type inward, over an explicit stack: a struct gives the
 * members that cover the byte, an array its element, a scalar is a reading.
 *
 *	step = (type, bytes before the asked one in it, bytes that are there, path so far)
 *
 * All steps share one path buffer: a step knows how much of it was there when
 * it was made, and its own piece is written when it is taken. Steps are taken last
 * in first out, so what is below a step's mark is still its parents'.
 */
#include <stdio.h>
#include <string.h>

#include "analyze/types/layout.h"

enum { MAX_STACK = 512, MAX_PIECE = 64 };

struct step {
	type_id type;
	uint64_t off, extent;		  /* extent: 0 if the type's size is all there is to know */
	uint64_t index;			  /* of an element */
	const struct type_member *member; /* NULL: an element, or the whole */
	uint16_t path_n;		  /* the path before this step's piece */
	bool is_element, is_shared, is_cut;
	type_id outer;
	uint64_t outer_off;
};

struct search {
	const struct type_table *t;
	struct step stack[MAX_STACK];
	size_t n_stack;
	unsigned members_left, steps_left; /* to look at, and to take */
	char path[LAYOUT_PATH];
	size_t path_n;
	bool is_cut;
	struct layout_hit *out;
	size_t n, max;
	bool only_holes; /* of the hits so far */
};

static void append(struct search *s, const char *text)
{
	size_t n = strlen(text), room = sizeof(s->path) - 1 - s->path_n;

	if (n > room) {
		s->is_cut = true;
		n = room;
	}
	memcpy(s->path + s->path_n, text, n);
	s->path_n += n;
	s->path[s->path_n] = 0;
}

/* The step's own piece of the path. */
static void write_piece(struct search *s, const struct step *p)
{
	char index[32];

	s->path_n = p->path_n;
	s->is_cut = p->is_cut;
	s->path[s->path_n] = 0;
	if (p->is_element) {
		snprintf(index, sizeof(index), "[%llu]", (unsigned long long)p->index);
		append(s, index);
	} else if (p->member && p->member->name && !(p->member->flags & TYPE_MEMBER_BASE)) {
		if (s->path_n)
			append(s, ".");
		append(s, type_table_text(s->t, p->member->name));
	}
}

static void hit(struct search *s, const struct step *p, bool is_hole)
{
	struct layout_hit h = {.type = p->type,
			       .off = p->off,
			       .outer = p->outer,
			       .outer_off = p->outer_off,
			       .is_shared = p->is_shared,
			       .is_hole = is_hole};

	/* a hole (an empty base, padding of one union member) says nothing where another has bytes */
	if (is_hole && s->n && !s->only_holes)
		return;
	if (!is_hole && s->only_holes)
		s->n = 0;
	s->only_holes = is_hole;
	if (p->member) {
		h.bit_size = p->member->bit_size;
		h.bit_off = p->member->bit_off;
	}
	memcpy(h.path, s->path, s->path_n + 1);
	if (s->is_cut)
		memcpy(h.path + sizeof(h.path) - 4, "...", 4);
	if (s->n < s->max)
		s->out[s->n] = h;
	s->n++;
}

/* A step below p; its path begins where p's ends. */
static void push(struct search *s, const struct step *p, struct step child)
{
	if (s->n_stack >= MAX_STACK)
		return;
	child.path_n = (uint16_t)s->path_n;
	child.is_cut = s->is_cut;
	child.is_shared |= p->is_shared;
	/* a nameless member or a base is not yet a step that one would name */
	if (p->outer == TYPE_NONE && (child.is_element || (child.member && child.member->name))) {
		child.outer = child.type;
		child.outer_off = child.off;
	} else {
		child.outer = p->outer;
		child.outer_off = p->outer_off;
	}
	s->stack[s->n_stack++] = child;
}

/* Whether the type ends in an array that takes what follows it. */
static bool ends_open(const struct type_table *t, type_id id)
{
	for (int i = 0; i < 64; i++) {
		const struct type *x = type_table_get(t, id = type_table_peel(t, id));
		uint32_t n;
		const struct type_member *v = type_table_members(t, id, &n);

		if (x->kind == TYPE_ARRAY)
			return x->flags & TYPE_UNBOUNDED || !x->count;
		if (x->kind != TYPE_STRUCT || !n)
			return false;
		id = v[n - 1].type;
	}
	return false;
}

/* Bytes that the member has. rest: to the end of what is there, for one that ends open. */
static uint64_t cover_of(const struct type_table *t, const struct type_member *m, uint64_t rest)
{
	uint64_t size = 0;

	if (m->bit_size)
		return ((uint64_t)m->bit_off + m->bit_size + 7) / 8;
	if (rest && ends_open(t, m->type))
		return rest;
	return type_table_size(t, m->type, &size) ? size : 0;
}

/* is_last: nothing of the struct lies behind it. */
static bool take_member(struct search *s, const struct step *p, const struct type_member *m,
			bool is_last, bool is_shared)
{
	struct step child = {.type = m->type, .member = m, .is_shared = is_shared};
	uint64_t cover;

	if (m->flags & TYPE_MEMBER_VIRTUAL || p->off < m->off)
		return false;
	child.off = p->off - m->off;
	child.extent = is_last && p->extent > m->off ? p->extent - m->off : 0;
	cover = cover_of(s->t, m, child.extent);
	if (child.off >= cover)
		return false;
	push(s, p, child);
	return true;
}

/* The members that cover the byte; those declared last are pushed first. */
static bool take_members(struct search *s, const struct step *p, type_id id)
{
	const struct type *x = type_table_get(s->t, id);
	bool is_union = x->kind == TYPE_UNION, any = false;
	uint32_t n;
	const struct type_member *v = type_table_members(s->t, id, &n);
	struct {
		const struct type_member *v;
		size_t n;
	} list = {v, n};

	if (x->flags & TYPE_ASCENDING && !is_union) {
		size_t i = vec_bisect(&list, e, e->off <= p->off);

		/* a bit-field may reach over the start of the next */
		while (i--) {
			any |= take_member(s, p, &v[i], i + 1 == n, false);
			if (!i || !v[i - 1].bit_size || v[i - 1].off + 16 < p->off)
				break;
		}
		return any;
	}
	for (uint32_t i = n; i-- && s->members_left; s->members_left--)
		any |= take_member(s, p, &v[i], is_union || i + 1 == n,
				   is_union || v[i].flags & TYPE_MEMBER_VARIANT);
	return any;
}

static void take_element(struct search *s, const struct step *p, type_id element, uint64_t size)
{
	struct step child = {
		.type = element, .off = p->off % size, .index = p->off / size, .is_element = true};

	push(s, p, child);
}

static void take(struct search *s, const struct step *p)
{
	type_id id = type_table_peel(s->t, p->type);
	const struct type *x = type_table_get(s->t, id);
	uint64_t size;

	write_piece(s, p);
	if (p->member && p->member->bit_size) {
		hit(s, p, false);
		return;
	}
	switch (x->kind) {
	case TYPE_STRUCT:
	case TYPE_UNION:
		if (!take_members(s, p, id))
			hit(s, p, true);
		break;
	case TYPE_ARRAY:
		if (type_table_size(s->t, x->target, &size) && size)
			take_element(s, p, x->target, size);
		else
			hit(s, p, true);
		break;
	default:
		hit(s, p, false);
	}
}

/* The first step: the type itself, or an element of the array that the memory is. */
static bool begin(struct search *s, type_id id, uint64_t extent, uint64_t off)
{
	struct step whole = {.type = id, .off = off, .extent = extent, .outer = TYPE_NONE};
	uint64_t size = 0;
	bool known = type_table_size(s->t, id, &size), open = ends_open(s->t, id);

	if (open) {
		if (extent < size)
			whole.extent = extent = size;
	} else if (!known || !size) {
		return false;
	} else if (extent >= size && extent - size >= size) {
		take_element(s, &whole, id, size);
		return off < extent;
	} else {
		extent = size;
	}
	if (off >= extent)
		return false;
	s->stack[s->n_stack++] = whole;
	return true;
}

size_t layout_at(const struct type_table *t, type_id id, uint64_t extent, uint64_t off,
		 struct layout_hit *out, size_t max)
{
	struct search s = {.t = t,
			   .members_left = LAYOUT_STEPS,
			   .steps_left = LAYOUT_STEPS,
			   .out = out,
			   .max = max,
			   .n_stack = 0};

	if (!begin(&s, id, extent, off))
		return 0;
	while (s.n_stack && s.steps_left) {
		struct step p = s.stack[--s.n_stack];

		s.steps_left--;
		take(&s, &p);
	}
	return s.n;
}
