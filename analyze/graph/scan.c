/*
 * The scan, for each source (root or object) in vertex order:
 *
 *	words ─ in the heap's span? ─► batch of INDEX_BATCH ─ index ─► edges of the source
 *	        no: dismissed                    no object: missed    again, or itself: duplicate
 *
 * The span test discards most words for the price of one comparison. What is left is looked up in
 * batches, so that the index's cache misses overlap; a batch spans many small sources, and each
 * candidate carries its source.
 *
 * Duplicates: a source of few edges is compared with itself; one of many gets a slot per target
 * (slots[o] = its place among this source's edges + 1), cleared edge by edge when it is done.
 *
 * A root may lie inside an object (a library's thread-locals in the block that the loader allocated, a
 * stack on the heap): its words are the root's, and the object is not said to hold what they hold.
 *
 * Limits: 2^32 − 2 vertices.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/graph/scan_words.h"
#include "base/big_array.h"

enum { FEW_EDGES = 24 };

struct scanner {
	struct graph *g;
	struct scan_account *account;
	const struct space *space;
	const struct objects *objects;
	const struct index *index;
	const struct scan_options *options;
	struct range span;
	uint64_t edges_cap;
	addr_t at[INDEX_BATCH];
	vertex_id from[INDEX_BATCH];
	size_t n_batch;
	vertex_id source;     /* whose edges are being collected */
	uint64_t first;	      /* its first edge */
	bool source_has_slot; /* its edges are in slots */
	bool is_register;
	uint32_t *slots;	  /* per object; made when first needed */
	VEC(struct range) rooted; /* words of objects that are roots, by address */
	bool nomem;
};

/* Whether the offset (> 0) is in what the allocator gave beyond what was asked for. */
static bool in_slack(const struct scanner *s, obj_id o, uint64_t off)
{
	const struct birth *b = s->options->sites ? sites_birth(s->options->sites, o) : NULL;

	return b && objects_size(s->objects, o) - off <= b->slack;
}

static enum edge_class class_of(const struct scanner *s, vertex_id from, obj_id o, addr_t at)
{
	uint64_t off = at - objects_addr(s->objects, o);

	if (off == objects_size(s->objects, o))
		return EDGE_SLACK;
	if (from <= s->g->n_roots && s->is_register)
		return EDGE_REGISTER;
	if (!off)
		return EDGE_ALIGNED;
	return in_slack(s, o, off) ? EDGE_SLACK : EDGE_INTERIOR;
}

static bool make_room(struct scanner *s)
{
	uint64_t cap = s->edges_cap ? s->edges_cap * 2 : 1 << 16;
	vertex_id *out;
	uint8_t *class;

	if (s->g->n_edges < s->edges_cap)
		return true;
	out = realloc(s->g->out, cap * sizeof(*out));
	if (out)
		s->g->out = out;
	class = out ? realloc(s->g->out_class, cap) : NULL;
	if (class)
		s->g->out_class = class;
	s->nomem |= !class;
	if (!class)
		return false;
	s->edges_cap = cap;
	big_array_advise(out, cap * sizeof(*out));
	big_array_advise(class, cap);
	return true;
}

/* Gives the source's edges so far a slot each. */
static bool use_slots(struct scanner *s)
{
	if (!s->slots)
		s->slots = big_array(objects_count(s->objects), sizeof(*s->slots), 1);
	if (!s->slots) {
		s->nomem = true;
		return false;
	}
	for (uint64_t e = s->first; e < s->g->n_edges; e++)
		s->slots[graph_obj(s->g, s->g->out[e])] = (uint32_t)(e - s->first) + 1;
	s->source_has_slot = true;
	return true;
}

/* The source's edge to that object, or UINT64_MAX. */
static uint64_t edge_to(const struct scanner *s, obj_id o)
{
	vertex_id to = graph_object(s->g, o);

	if (s->source_has_slot)
		return s->slots[o] ? s->first + s->slots[o] - 1 : UINT64_MAX;
	for (uint64_t e = s->g->n_edges; e-- > s->first;)
		if (s->g->out[e] == to)
			return e;
	return UINT64_MAX;
}

static void add_edge(struct scanner *s, obj_id o, enum edge_class class)
{
	uint64_t known = edge_to(s, o);

	if (known != UINT64_MAX) {
		s->account->duplicate++;
		if (class < s->g->out_class[known])
			s->g->out_class[known] = (uint8_t) class;
		return;
	}
	if (!make_room(s))
		return;
	s->g->out[s->g->n_edges] = graph_object(s->g, o);
	s->g->out_class[s->g->n_edges++] = (uint8_t) class;
	s->account->followed++;
	if (s->source_has_slot)
		s->slots[o] = (uint32_t)(s->g->n_edges - s->first);
	else if (s->g->n_edges - s->first > FEW_EDGES)
		use_slots(s);
}

/* Ends the current source and every one before next, which then is current. */
static void begin_source(struct scanner *s, vertex_id next)
{
	if (s->source_has_slot)
		for (uint64_t e = s->first; e < s->g->n_edges; e++)
			s->slots[graph_obj(s->g, s->g->out[e])] = 0;
	s->source_has_slot = false;
	while (s->source < next)
		s->g->out_off[++s->source] = s->g->n_edges;
	s->first = s->g->n_edges;
}

static void flush(struct scanner *s)
{
	obj_id hit[INDEX_BATCH];

	index_find_batch(s->index, s->at, s->n_batch, hit);
	for (size_t i = 0; i < s->n_batch && !s->nomem; i++) {
		if (hit[i] == OBJ_NONE && s->at[i] & s->options->pointer_mask) {
			s->at[i] &= ~s->options->pointer_mask;
			hit[i] = index_find(s->index, s->at[i]);
		}
		if (hit[i] == OBJ_NONE) {
			s->account->missed++;
			continue;
		}
		if (graph_object(s->g, hit[i]) == s->from[i]) {
			s->account->duplicate++;
			continue;
		}
		if (s->from[i] != s->source)
			begin_source(s, s->from[i]);
		add_edge(s, hit[i], class_of(s, s->from[i], hit[i], s->at[i]));
	}
	s->n_batch = 0;
}

static void scan_piece(struct scanner *s, vertex_id from, const struct words *w)
{
	uint64_t lo = s->span.lo, size = s->span.hi - s->span.lo, mask = s->options->pointer_mask;

	s->account->words += w->n;
	for (uint64_t i = 0; i < w->n; i++) {
		addr_t a;

		memcpy(&a, w->bytes + 8 * i, sizeof(a));
		if (a - lo > size && mask)
			a &= ~mask;
		if (a - lo > size) {
			s->account->dismissed++;
			continue;
		}
		s->at[s->n_batch] = a;
		s->from[s->n_batch++] = from;
		if (s->n_batch == INDEX_BATCH)
			flush(s);
	}
}

static void scan_roots(struct scanner *s, const struct roots *roots)
{
	for (uint32_t r = 0; r < roots->list.n && !s->nomem; r++) {
		const struct root *root = &roots->list.v[r];

		if (s->is_register != (root->class == ROOT_REGISTER))
			flush(s);
		s->is_register = root->class == ROOT_REGISTER;
		scan_piece(s, graph_root(r), &(struct words){root->bytes, root->size / 8, 0});
	}
	flush(s);
}

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static void find_rooted(struct scanner *s, const struct roots *roots)
{
	for (uint32_t r = 0; r < roots->list.n && !s->nomem; r++) {
		const struct root *root = &roots->list.v[r];
		struct range at = {root->addr, root->addr + root->size};

		if (root->class != ROOT_REGISTER && root->size &&
		    index_find(s->index, root->addr) != OBJ_NONE)
			s->nomem |= vec_push(&s->rooted, at) < 0;
	}
	if (s->rooted.n)
		qsort(s->rooted.v, s->rooted.n, sizeof(*s->rooted.v), by_start);
}

/* Scans a range of the object; *run: where the last one's words were. */
static void scan_range(struct scanner *s, obj_id o, struct range at, size_t *run)
{
	struct words_at words = words_begin(s->space, *run, at.lo, range_size(at));
	struct words w;

	while (words_next(&words, &w))
		scan_piece(s, graph_object(s->g, o), &w);
	*run = words.run;
	s->account->absent_bytes += words.absent;
}

/* The object's words, without those that are roots; *next: the first such range not behind it. */
static void scan_object(struct scanner *s, obj_id o, size_t *next, size_t *run)
{
	addr_t at = objects_addr(s->objects, o), end = at + objects_size(s->objects, o);

	while (*next < s->rooted.n && s->rooted.v[*next].hi <= at)
		++*next;
	for (size_t i = *next; i < s->rooted.n && s->rooted.v[i].lo < end; i++) {
		if (s->rooted.v[i].lo > at)
			scan_range(s, o, (struct range){at, s->rooted.v[i].lo}, run);
		if (s->rooted.v[i].hi > at)
			at = s->rooted.v[i].hi;
	}
	if (at < end)
		scan_range(s, o, (struct range){at, end}, run);
}

static void scan_objects(struct scanner *s)
{
	size_t run = 0, next = 0;

	for (obj_id o = 0; o < objects_count(s->objects) && !s->nomem; o++)
		if (!s->options->without_mappings || objects_kind(s->objects, o) != OBJECT_MAPPING)
			scan_object(s, o, &next, &run);
	flush(s);
}

static void count_classes(const struct graph *g, struct scan_account *account)
{
	for (uint64_t e = 0; e < g->n_edges; e++)
		account->by_class[g->out_class[e]]++;
}

/* An empty heap has no span: nothing then passes the test. */
static struct range span_of(const struct index *index, const struct objects *objects)
{
	return objects_count(objects) ? index_span(index) : (struct range){UINT64_MAX, UINT64_MAX};
}

int scan_graph(struct graph *g, struct scan_account *account, const struct space *space,
	       const struct objects *objects, const struct index *index, const struct roots *roots,
	       const struct scan_options *options, struct err *err)
{
	struct scanner s = {.g = g,
			    .account = account,
			    .space = space,
			    .objects = objects,
			    .index = index,
			    .options = options,
			    .span = span_of(index, objects)};
	uint64_t n = 1 + (uint64_t)roots->list.n + objects_count(objects);

	*g = (struct graph){0};
	*account = (struct scan_account){0};
	if (n >= VERTEX_NONE)
		return err_set(err, ERR_LIMIT, "more than 2^32 − 2 roots and objects");
	g->n_roots = (uint32_t)roots->list.n;
	g->n_objects = objects_count(objects);
	g->out_off = big_array(n + 1, sizeof(*g->out_off), 0);
	s.nomem = !g->out_off || !make_room(&s);
	if (!s.nomem) {
		g->out_off[0] = 0;
		scan_roots(&s, roots);
		find_rooted(&s, roots);
		scan_objects(&s);
		begin_source(&s, (vertex_id)n);
	}
	free(s.slots);
	vec_deinit(&s.rooted);
	if (s.nomem) {
		graph_deinit(g);
		return err_nomem(err);
	}
	count_classes(g, account);
	return 0;
}
