/*
 * Who holds whom: pure arrays. Vertex 0 is the super-root, 1 … R the roots (in
 * roots' order), then the objects in address order.
 *
 *	vertex = 1 + root index            vertex = 1 + R + object id
 *	out edges of v: out[graph_out_begin(v) … graph_out_end(v))     in edges likewise
 *	edges of the super-root (0 → every root) are implied, not stored
 *
 * Edges are deduplicated per source (its best class kept); self edges are dropped.
 */
#ifndef HEAPDUMP_GRAPH_GRAPH_H
#define HEAPDUMP_GRAPH_GRAPH_H

#include "analyze/graph/offsets.h"
#include "base/bitset.h"
#include "base/err.h"
#include "base/ids.h"

/* Best first: a smaller class is preferred where two words of one source hit the same object. */
enum edge_class {
	EDGE_EXACT,    /* a typed pointer field */
	EDGE_ALIGNED,  /* a word that is an object's address */
	EDGE_INTERIOR, /* a word that points inside (low-bit tags come out so) */
	EDGE_REGISTER, /* a register word */
	EDGE_SLACK,    /* one past the end, or between requested and usable size */
	EDGE_STALE,    /* a stack word below a frame's live part */
	N_EDGE_CLASSES
};

struct graph {
	uint32_t n_roots, n_objects;
	uint64_t n_edges;
	struct offsets out_off; /* n_vertices + 1 */
	vertex_id *out;
	uint8_t *out_class;    /* of two edges a byte: graph_class() */
	struct offsets in_off; /* made by graph_make_reverse; none before */
	vertex_id *in;
};

static inline uint32_t graph_vertices(const struct graph *g)
{
	return 1 + g->n_roots + g->n_objects;
}

static inline bool graph_is_root(const struct graph *g, vertex_id v)
{
	return v >= 1 && v <= g->n_roots;
}

static inline vertex_id graph_root(uint32_t root)
{
	return 1 + root;
}

static inline vertex_id graph_object(const struct graph *g, obj_id o)
{
	return 1 + g->n_roots + o;
}

/* The object of a vertex, OBJ_NONE for a root or the super-root. */
static inline obj_id graph_obj(const struct graph *g, vertex_id v)
{
	return v > g->n_roots ? v - 1 - g->n_roots : OBJ_NONE;
}

static inline uint64_t graph_out_begin(const struct graph *g, vertex_id v)
{
	return offsets_at(&g->out_off, v);
}

static inline uint64_t graph_out_end(const struct graph *g, vertex_id v)
{
	return offsets_at(&g->out_off, (uint64_t)v + 1);
}

/* After graph_make_reverse. */
static inline uint64_t graph_in_begin(const struct graph *g, vertex_id v)
{
	return offsets_at(&g->in_off, v);
}

static inline uint64_t graph_in_end(const struct graph *g, vertex_id v)
{
	return offsets_at(&g->in_off, (uint64_t)v + 1);
}

/* The class of out[e]: the first of two edges is in the low half of their byte. */
static inline enum edge_class graph_class(const struct graph *g, uint64_t e)
{
	return (enum edge_class)(g->out_class[e >> 1] >> (e & 1) * 4 & 15);
}

/* The bytes that n edges' classes take; they must be zero before the first is put. */
static inline uint64_t graph_class_bytes(uint64_t n)
{
	return (n + 1) / 2;
}

static inline void graph_put_class(uint8_t *classes, uint64_t e, enum edge_class c)
{
	classes[e >> 1] |= (uint8_t)((unsigned)c << (e & 1) * 4);
}

/* The word "certain" of the design: only a typed field is; aligned is a good guess. */
static inline bool graph_is_certain(enum edge_class c)
{
	return c <= EDGE_ALIGNED;
}

/*
 * A graph from a plain edge list (n_edges pairs of source, target, class), for tests and for dumps
 * that bring exact edges. Duplicates and self edges are dropped.
 */
struct graph_edge {
	vertex_id from, to;
	enum edge_class class;
};
WARN_UNUSED int graph_from_edges(struct graph *g, uint32_t n_roots, uint32_t n_objects,
				 const struct graph_edge *edges, uint64_t n_edges, struct err *err);

/* Builds in_off and in by so many threads (0: one). Sources ascend within a target. O(V + threads × E). */
WARN_UNUSED int graph_make_reverse(struct graph *g, unsigned threads, struct err *err);
void graph_deinit(struct graph *g);

/* Asserts the invariants; for tests. O(V + E). */
void graph_check(const struct graph *g);

#endif
