/*
 * Address → object by start bits and ranks, three levels deep so that the
 * holes of the address space cost nothing:
 *
 *	top[a >> 30]            1 GiB    { directory, rank }
 *	directory[a >> 20]      1 MiB    { block, rank }
 *	block[a >> 10]          1 KiB    cell { 64 start bits, one per 16 bytes; rank }
 *
 * rank = objects that start below. So the last object that starts at or below a is
 *
 *	id = cell.rank + popcount(bits up to a's granule) − 1
 *
 * and where a level has no entry (no object starts there) id = its rank − 1: a large object that
 * began earlier is found all the same. One comparison with that object's size settles the rest.
 *
 * Limits: addresses below 2^48, and no two objects that start in one granule; a heap that breaks
 * either is searched by bisection instead (plain = true): right, only slower. So is one whose few
 * objects lie so far apart that the tables would outgrow them (a crafted dump of many mappings).
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/graph/index.h"
#include "base/big_array.h"

enum { GRANULE = 4, CELL = 10, BLOCK = 20, TOP = 30, MAX_ADDR_BITS = 48 };

/* The tables may take that much, and that much more for each object. */
#define TABLES_MIN	  (64ull << 20)
#define TABLES_PER_OBJECT 64

enum { CELLS_PER_BLOCK = 1 << (BLOCK - CELL), BLOCKS_PER_DIR = 1 << (TOP - BLOCK) };

struct cell {
	uint64_t bits;
	uint64_t rank;
};

/* A slot of the upper levels: below == INDEX_NONE: nothing starts in its range. */
struct slot {
	uint32_t below;
	uint32_t rank;
};

struct index {
	const struct objects *objects;
	struct range span; /* first object's start to the last one's end */
	addr_t base;	   /* of top[0] */
	struct slot *top;
	struct slot *dirs;  /* BLOCKS_PER_DIR each */
	struct cell *cells; /* CELLS_PER_BLOCK each */
	uint64_t n_top;
	uint32_t n_dirs, n_blocks;
	bool plain;
};

/* Counts directories and blocks, and finds out whether the heap fits the scheme. */
static void survey(struct index *x)
{
	addr_t last = objects_addr(x->objects, 0);

	x->n_dirs = x->n_blocks = 1;
	x->plain = last >> MAX_ADDR_BITS;
	for (obj_id i = 1; i < objects_count(x->objects); i++) {
		addr_t a = objects_addr(x->objects, i);

		x->plain |= a >> GRANULE == last >> GRANULE;
		if (a >> BLOCK != last >> BLOCK) {
			x->n_blocks++;
			x->n_dirs += a >> TOP != last >> TOP;
			x->plain |= a >> MAX_ADDR_BITS != 0;
		}
		last = a;
	}
	x->plain |= (uint64_t)x->n_blocks * CELLS_PER_BLOCK * sizeof(struct cell) +
			    (uint64_t)x->n_dirs * BLOCKS_PER_DIR * sizeof(struct slot) >
		    TABLES_MIN + (uint64_t)objects_count(x->objects) * TABLES_PER_OBJECT;
}

static void fill_slots(struct slot *v, uint64_t from, uint64_t to, uint32_t rank)
{
	for (uint64_t i = from; i < to; i++)
		v[i] = (struct slot){INDEX_NONE, rank};
}

static void fill_cells(struct cell *v, uint64_t from, uint64_t to, uint32_t rank)
{
	for (uint64_t i = from; i < to; i++)
		v[i] = (struct cell){0, rank};
}

/* Where the filling is: of each level the entry that is being filled, and how many of it are. */
struct filling {
	uint64_t top, dirs, cells;
	uint32_t dir, block; /* INDEX_NONE: none yet */
	addr_t at;	     /* the last object's address */
};

static struct cell *cells_of(const struct index *x, uint32_t block)
{
	return x->cells + (uint64_t)block * CELLS_PER_BLOCK;
}

static struct slot *slots_of(const struct index *x, uint32_t dir)
{
	return x->dirs + (uint64_t)dir * BLOCKS_PER_DIR;
}

/* Begins the directory of object i at a; *f: what the last one left. */
static void begin_dir(struct index *x, struct filling *f, obj_id i, addr_t a)
{
	uint64_t k = (a >> TOP) - (x->base >> TOP);

	if (f->dir != INDEX_NONE)
		fill_slots(slots_of(x, f->dir), f->dirs, BLOCKS_PER_DIR, i);
	fill_slots(x->top, f->top, k, i);
	x->top[k] = (struct slot){++f->dir, i};
	f->top = k + 1;
	f->dirs = 0;
}

/* The same for its block. */
static void begin_block(struct index *x, struct filling *f, obj_id i, addr_t a)
{
	uint64_t k = a >> BLOCK & (BLOCKS_PER_DIR - 1);

	if (f->block != INDEX_NONE)
		fill_cells(cells_of(x, f->block), f->cells, CELLS_PER_BLOCK, i);
	if (f->dir == INDEX_NONE || a >> TOP != f->at >> TOP)
		begin_dir(x, f, i, a);
	fill_slots(slots_of(x, f->dir), f->dirs, k, i);
	slots_of(x, f->dir)[k] = (struct slot){++f->block, i};
	f->dirs = k + 1;
	f->cells = 0;
}

/* One pass in address order. Each level's entries up to the current one are filled with the rank. */
static void fill(struct index *x)
{
	struct filling f = {.dir = INDEX_NONE, .block = INDEX_NONE};
	uint32_t n = objects_count(x->objects);
	struct cell *cells = x->cells;

	for (obj_id i = 0; i < n; i++) {
		addr_t a = objects_addr(x->objects, i);
		uint64_t k = a >> CELL & (CELLS_PER_BLOCK - 1);

		if (f.block == INDEX_NONE || a >> BLOCK != f.at >> BLOCK) {
			begin_block(x, &f, i, a);
			cells = cells_of(x, f.block);
		}
		if (k >= f.cells) {
			fill_cells(cells, f.cells, k + 1, i);
			f.cells = k + 1;
		}
		cells[k].bits |= 1ull << (a >> GRANULE & 63);
		f.at = a;
	}
	fill_cells(cells, f.cells, CELLS_PER_BLOCK, n);
	fill_slots(slots_of(x, f.dir), f.dirs, BLOCKS_PER_DIR, n);
	fill_slots(x->top, f.top, x->n_top, n);
}

int index_new(struct index **out, const struct objects *objects, struct err *err)
{
	struct index *x = calloc(1, sizeof(*x));
	uint32_t n = objects_count(objects);

	if (!x)
		return err_nomem(err);
	x->objects = objects;
	*out = x;
	if (!n)
		return 0;
	x->span.lo = objects_addr(objects, 0);
	x->span.hi = objects_addr(objects, n - 1) + objects_size(objects, n - 1);
	x->base = x->span.lo >> TOP << TOP;
	survey(x);
	if (x->plain)
		return 0;
	/* the last object may reach past 2^48: what is above the last start has no slot of its own */
	x->n_top = (objects_addr(objects, n - 1) >> TOP) - (x->base >> TOP) + 1;
	x->top = big_array(x->n_top, sizeof(*x->top), 0);
	x->dirs = big_array((uint64_t)x->n_dirs * BLOCKS_PER_DIR, sizeof(*x->dirs), 0);
	x->cells = big_array((uint64_t)x->n_blocks * CELLS_PER_BLOCK, sizeof(*x->cells), 0);
	if (!x->top || !x->dirs || !x->cells) {
		index_free(x);
		*out = NULL;
		return err_nomem(err);
	}
	fill(x);
	return 0;
}

void index_free(struct index *x)
{
	if (!x)
		return;
	free(x->top);
	free(x->dirs);
	free(x->cells);
	free(x);
}

struct range index_span(const struct index *x)
{
	return x->span;
}

/* The cell that decides about a, or NULL with *rank, where no object starts in its block. */
static const struct cell *cell_of(const struct index *x, addr_t a, uint32_t *rank)
{
	uint64_t t = (a >> TOP) - (x->base >> TOP);
	const struct slot *s;

	if (t >= x->n_top) {
		*rank = objects_count(x->objects);
		return NULL;
	}
	s = &x->top[t];
	*rank = s->rank;
	if (s->below == INDEX_NONE)
		return NULL;
	s = &x->dirs[(uint64_t)s->below * BLOCKS_PER_DIR + (a >> BLOCK & (BLOCKS_PER_DIR - 1))];
	*rank = s->rank;
	if (s->below == INDEX_NONE)
		return NULL;
	return &x->cells[(uint64_t)s->below * CELLS_PER_BLOCK +
			 (a >> CELL & (CELLS_PER_BLOCK - 1))];
}

/* The number of objects that start at or below a's granule. */
static uint32_t rank_in(const struct cell *c, addr_t a)
{
	uint64_t upto = ~0ull >> (63 - (a >> GRANULE & 63));

	return (uint32_t)c->rank + (uint32_t)__builtin_popcountll(c->bits & upto);
}

/* The object among the first rank that holds a. */
static obj_id settle(const struct index *x, addr_t a, uint32_t rank)
{
	const struct objects *o = x->objects;

	/* one may start in a's own granule, yet behind a */
	if (rank && objects_addr(o, rank - 1) > a)
		rank--;
	if (!rank || a - objects_addr(o, rank - 1) > objects_size(o, rank - 1))
		return OBJ_NONE;
	return rank - 1;
}

obj_id index_find(const struct index *x, addr_t a)
{
	uint32_t rank = 0;
	const struct cell *c;

	if (a < x->span.lo || a > x->span.hi)
		return OBJ_NONE;
	if (x->plain)
		return objects_find(x->objects, a);
	c = cell_of(x, a, &rank);
	return settle(x, a, c ? rank_in(c, a) : rank);
}

void index_find_batch(const struct index *x, const addr_t *a, size_t n, obj_id *out)
{
	const struct cell *cell[INDEX_BATCH];
	uint32_t rank[INDEX_BATCH];

	if (x->plain) {
		for (size_t i = 0; i < n; i++)
			out[i] = index_find(x, a[i]);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		cell[i] = cell_of(x, a[i], &rank[i]);
		__builtin_prefetch(cell[i]);
	}
	for (size_t i = 0; i < n; i++) {
		if (cell[i])
			rank[i] = rank_in(cell[i], a[i]);
		if (rank[i])
			objects_prefetch(x->objects, rank[i] - 1);
	}
	for (size_t i = 0; i < n; i++)
		out[i] = settle(x, a[i], rank[i]);
}
