/*
 * The scan of a part, for each source (root or object) in vertex order:
 *
 *	words ─ in the heap's span? ─► batch ─ index, INDEX_BATCH at a time ─► edges of the source
 *	        no: dismissed                        no object: missed    again, or itself: duplicate
 *
 * The span test discards most words for the price of one comparison, and without a branch: each word is
 * put at the end of the batch, which grows only if the word passes. (One in eight does, at no rhythm that
 * a processor could learn.) What is left is looked up in batches, so that the index's cache misses overlap; a
 * batch spans many small sources, and each candidate carries its source.
 *
 * Duplicates: a source of few edges is compared with itself; one of many gets a slot per target
 * (slots[o] = its place among this source's edges + 1), cleared edge by edge when it is done.
 *
 * A root may lie inside an object (a library's thread-locals in the block that the loader allocated, a
 * stack on the heap): its words are the root's, and the object is not said to hold what they hold.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/graph/scan_part.h"
#include "analyze/graph/scan_words.h"
#include "base/big_array.h"

enum { FEW_EDGES = 24 };

struct scanner {
	const struct scan_input *in;
	struct scan_part *part;
	struct offsets *off;
	struct graph ids; /* for its vertex numbers only */
	uint64_t edges_cap;
	addr_t at[2 * INDEX_BATCH + 1];
	vertex_id from[2 * INDEX_BATCH + 1];
	size_t n_batch;	      /* < INDEX_BATCH between pieces */
	vertex_id source;     /* whose edges are being collected */
	uint64_t first;	      /* its first edge */
	bool source_has_slot; /* its edges are in slots */
	bool is_register;
	VEC(uint8_t) class; /* of the source's edges */
	uint32_t *slots;    /* per object; made when first needed */
	size_t run;	    /* of the space, where the last words were */
	bool nomem;
};

/* Whether the offset (> 0) is in what the allocator gave beyond what was asked for. */
static bool in_slack(const struct scanner *s, obj_id o, uint64_t off)
{
	const struct sites *sites = s->in->options->sites;
	const struct birth *b = sites ? sites_birth(sites, o) : NULL;

	return b && objects_size(s->in->objects, o) - off <= b->slack;
}

static enum edge_class class_of(const struct scanner *s, vertex_id from, obj_id o, addr_t at)
{
	uint64_t off = at - objects_addr(s->in->objects, o);

	if (off == objects_size(s->in->objects, o))
		return EDGE_SLACK;
	if (from <= s->ids.n_roots && s->is_register)
		return EDGE_REGISTER;
	if (!off)
		return EDGE_ALIGNED;
	return in_slack(s, o, off) ? EDGE_SLACK : EDGE_INTERIOR;
}

static bool make_room(struct scanner *s)
{
	struct scan_part *p = s->part;
	uint64_t cap = s->edges_cap ? s->edges_cap * 2 : 1 << 16;
	vertex_id *out;
	uint8_t *class;

	out = realloc(p->out, cap * sizeof(*out));
	if (out)
		p->out = out;
	class = out ? realloc(p->out_class, graph_class_bytes(cap)) : NULL;
	if (class)
		p->out_class = class;
	s->nomem |= !class;
	if (!class)
		return false;
	s->edges_cap = cap;
	big_array_advise(out, cap * sizeof(*out));
	big_array_advise(class, graph_class_bytes(cap));
	return true;
}

/* Gives the source's edges so far a slot each. */
static bool use_slots(struct scanner *s)
{
	if (!s->slots)
		s->slots = big_array(objects_count(s->in->objects), sizeof(*s->slots), 1);
	if (!s->slots) {
		s->nomem = true;
		return false;
	}
	for (uint64_t e = s->first; e < s->part->n_edges; e++)
		s->slots[graph_obj(&s->ids, s->part->out[e])] = (uint32_t)(e - s->first) + 1;
	s->source_has_slot = true;
	return true;
}

/* The source's edge to that object, or UINT64_MAX. */
static uint64_t edge_to(const struct scanner *s, obj_id o)
{
	vertex_id to = graph_object(&s->ids, o);

	if (s->source_has_slot)
		return s->slots[o] ? s->first + s->slots[o] - 1 : UINT64_MAX;
	for (uint64_t e = s->part->n_edges; e-- > s->first;)
		if (s->part->out[e] == to)
			return e;
	return UINT64_MAX;
}

static void add_edge(struct scanner *s, obj_id o, enum edge_class class)
{
	uint64_t known = edge_to(s, o);
	struct scan_part *p = s->part;

	if (known != UINT64_MAX) {
		p->account.duplicate++;
		if (class < s->class.v[known - s->first])
			s->class.v[known - s->first] = (uint8_t) class;
		return;
	}
	if (p->n_edges == s->edges_cap && !make_room(s))
		return;
	s->nomem |= vec_push(&s->class, (uint8_t) class) < 0;
	p->out[p->n_edges++] = graph_object(&s->ids, o);
	if (s->source_has_slot)
		s->slots[o] = (uint32_t)(p->n_edges - s->first);
	else if (p->n_edges - s->first > FEW_EDGES)
		use_slots(s);
}

/* The classes of the source's edges are known now: packs them. */
static void put_classes(struct scanner *s)
{
	struct scan_part *p = s->part;

	for (size_t i = 0; i < s->class.n; i++) {
		uint64_t e = s->first + i;

		if (!(e & 1))
			p->out_class[e >> 1] = 0;
		graph_put_class(p->out_class, e, s->class.v[i]);
		p->account.by_class[s->class.v[i]]++;
	}
	s->class.n = 0;
}

/* Ends the current source and every one before next, which then is current. */
static void begin_source(struct scanner *s, vertex_id next)
{
	if (s->nomem)
		return;
	if (s->source_has_slot)
		for (uint64_t e = s->first; e < s->part->n_edges; e++)
			s->slots[graph_obj(&s->ids, s->part->out[e])] = 0;
	s->source_has_slot = false;
	put_classes(s);
	while (s->source < next)
		offsets_set(s->off, ++s->source, s->part->n_edges);
	s->first = s->part->n_edges;
}

static void look_up(struct scanner *s, size_t from, size_t n)
{
	uint64_t mask = s->in->options->pointer_mask;
	obj_id hit[INDEX_BATCH];

	index_find_batch(s->in->index, s->at + from, n, hit);
	for (size_t i = 0; i < n && !s->nomem; i++) {
		addr_t at = s->at[from + i];
		vertex_id source = s->from[from + i];

		if (hit[i] == OBJ_NONE && at & mask) {
			at &= ~mask;
			hit[i] = index_find(s->in->index, at);
		}
		if (hit[i] == OBJ_NONE) {
			s->part->account.missed++;
			continue;
		}
		if (graph_object(&s->ids, hit[i]) == source) {
			s->part->account.duplicate++;
			continue;
		}
		if (source != s->source)
			begin_source(s, source);
		add_edge(s, hit[i], class_of(s, source, hit[i], at));
	}
}

static void flush(struct scanner *s)
{
	for (size_t i = 0; i < s->n_batch; i += INDEX_BATCH)
		look_up(s, i, s->n_batch - i < INDEX_BATCH ? s->n_batch - i : INDEX_BATCH);
	s->n_batch = 0;
}

/* What pointer_mask costs, only those pay who use it. */
static size_t sift_masked(struct scanner *s, vertex_id from, const uint8_t *bytes, size_t n)
{
	uint64_t lo = s->in->span.lo, size = range_size(s->in->span);
	size_t kept = s->n_batch;

	for (size_t i = 0; i < n; i++) {
		addr_t a;

		memcpy(&a, bytes + 8 * i, sizeof(a));
		if (a - lo > size)
			a &= ~s->in->options->pointer_mask;
		s->at[kept] = a;
		s->from[kept] = from;
		kept += a - lo <= size;
	}
	return kept;
}

/* At most INDEX_BATCH words to the batch; what it has then. */
static size_t sift(struct scanner *s, vertex_id from, const uint8_t *bytes, size_t n)
{
	uint64_t lo = s->in->span.lo, size = range_size(s->in->span);
	addr_t *at = s->at + s->n_batch;
	vertex_id *of = s->from + s->n_batch;

	for (const uint8_t *end = bytes + 8 * n; bytes < end; bytes += 8) {
		addr_t a;
		size_t pass;

		memcpy(&a, bytes, sizeof(a));
		*at = a;
		*of = from;
		pass = a - lo <= size;
		at += pass;
		of += pass;
	}
	return (size_t)(at - s->at);
}

static void scan_piece(struct scanner *s, vertex_id from, const struct words *w)
{
	s->part->account.words += w->n;
	for (uint64_t i = 0; i < w->n; i += INDEX_BATCH) {
		size_t n = w->n - i < INDEX_BATCH ? w->n - i : INDEX_BATCH;
		size_t kept = s->in->options->pointer_mask
				      ? sift_masked(s, from, w->bytes + 8 * i, n)
				      : sift(s, from, w->bytes + 8 * i, n);

		s->part->account.dismissed += n - (kept - s->n_batch);
		s->n_batch = kept;
		if (s->n_batch >= INDEX_BATCH)
			flush(s);
	}
}

static void scan_roots(struct scanner *s)
{
	const struct roots *roots = s->in->roots;

	for (uint32_t r = 0; r < roots->list.n && !s->nomem; r++) {
		const struct root *root = &roots->list.v[r];

		if (s->is_register != (root->class == ROOT_REGISTER))
			flush(s);
		s->is_register = root->class == ROOT_REGISTER;
		scan_piece(s, graph_root(r), &(struct words){root->bytes, root->size / 8, 0});
	}
	flush(s);
}

/* Scans a range of the object. Nearly always the dump has all of it, where it had the last one. */
static void scan_range(struct scanner *s, obj_id o, struct range at)
{
	const struct space *space = s->in->space;
	const struct space_run *r = s->run < space->runs.n ? &space->runs.v[s->run] : NULL;
	addr_t lo = words_align(at.lo);
	struct words_at words;
	struct words w;

	if (r && r->addr <= lo && lo < at.hi && at.hi - r->addr <= r->size) {
		w = (struct words){r->data + (lo - r->addr), (at.hi - lo) / 8, 0};
		scan_piece(s, graph_object(&s->ids, o), &w);
		return;
	}
	words = words_begin(space, s->run, at.lo, range_size(at));
	while (words_next(&words, &w))
		scan_piece(s, graph_object(&s->ids, o), &w);
	s->run = words.run;
	s->part->account.absent_bytes += words.absent;
}

/* The object's words, without those that are roots; *next: the first such range not behind it. */
static void scan_object(struct scanner *s, obj_id o, size_t *next)
{
	const struct scan_input *in = s->in;
	addr_t at = objects_addr(in->objects, o), end = at + objects_size(in->objects, o);

	while (*next < in->rooted.n && in->rooted.v[*next].hi <= at)
		++*next;
	for (size_t i = *next; i < in->rooted.n && in->rooted.v[i].lo < end; i++) {
		if (in->rooted.v[i].lo > at)
			scan_range(s, o, (struct range){at, in->rooted.v[i].lo});
		if (in->rooted.v[i].hi > at)
			at = in->rooted.v[i].hi;
	}
	if (at < end)
		scan_range(s, o, (struct range){at, end});
}

static void scan_objects(struct scanner *s)
{
	const struct objects *objects = s->in->objects;
	size_t next = 0;

	for (obj_id o = s->part->first; o < s->part->end && !s->nomem; o++)
		if (!s->in->options->without_mappings || objects_kind(objects, o) != OBJECT_MAPPING)
			scan_object(s, o, &next);
	flush(s);
}

int scan_part_run(struct scan_part *part, const struct scan_input *in, struct offsets *off,
		  struct err *err)
{
	struct scanner s = {.in = in,
			    .part = part,
			    .off = off,
			    .ids = {.n_roots = (uint32_t)in->roots->list.n,
				    .n_objects = objects_count(in->objects)}};

	s.source = part->with_roots ? 0 : graph_object(&s.ids, part->first);
	offsets_set(off, s.source, 0);
	if (make_room(&s) && part->with_roots)
		scan_roots(&s);
	if (!s.nomem)
		scan_objects(&s);
	/* the next part puts where its own first source begins */
	begin_source(&s, graph_object(&s.ids, part->end) - 1);
	part->account.followed = part->n_edges;
	free(s.slots);
	vec_deinit(&s.class);
	if (!s.nomem)
		return 0;
	scan_part_deinit(part);
	return err_nomem(err);
}

void scan_part_deinit(struct scan_part *part)
{
	free(part->out);
	free(part->out_class);
	part->out = NULL;
	part->out_class = NULL;
	part->n_edges = 0;
}
