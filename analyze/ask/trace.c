/*
 * Paths and dominator chains as data. A linked list is one line, not a million:
 *
 *	g_list ─+0x0→ A ─+0x8→ B ─+0x8→ C … ─+0x8→ Z        steps: g_list, A, Z (+0x8 × n)
 */
#include <string.h>

#include "analyze/ask/expression.h"
#include "analyze/ask/trace.h"
#include "analyze/ask/typed.h"

enum { SHOWN_ENDS = 8, MIN_RUN = 3 };

/* How one vertex leads to the next. */
struct hop {
	uint64_t
		off; /* of the first word that does, in the source; NO_WORD: none was found again */
	enum edge_class class;
	uint64_t more; /* further words of the same source that do */
};

static struct hop hop_between(struct session *s, vertex_id from, vertex_id to)
{
	struct hop h = {.off = NO_WORD, .class = paths_edge(&s->graph, from, to)};
	size_t n = scan_words_to(&s->space, &s->heap.objects, &s->roots, &s->graph, from, to,
				 &s->options.scan, &h.off, 1);

	h.more = n ? n - 1 : 0;
	return h;
}

static bool same_hop(const struct hop *a, const struct hop *b)
{
	return a->off == b->off && a->class == b->class;
}

/* Whether two vertices are objects of one size and, as far as is known, of one type. */
static bool same_shape(const struct session *s, vertex_id v, vertex_id w)
{
	obj_id a = graph_obj(&s->graph, v), b = graph_obj(&s->graph, w);
	struct typed x, y;
	bool known;

	if (a == OBJ_NONE || b == OBJ_NONE ||
	    objects_size(&s->heap.objects, a) != objects_size(&s->heap.objects, b))
		return false;
	known = typed_object(s, a, &x);
	return known == typed_object(s, b, &y) && (!known || x.type == y.type);
}

/* One step of the trace, with the hop that led into it from before (repeated times), if any. */
static void add_step(struct session *s, struct fact *steps, const struct hop *in, uint64_t times,
		     vertex_id before, vertex_id v, const struct hop *out)
{
	struct fact *step = fact_add_object(steps);

	if (in) {
		struct fact *via = fact_set_object(step, "via");

		if (in->off != NO_WORD) {
			fact_set_u64(via, "offset", in->off);
			typed_set_path(s, via, before, in->off);
		}
		fact_set_str(via, "class", describe_edge(in->class));
		fact_set_bool(via, "certain", graph_is_certain(in->class));
		fact_set_u64(via, "times", times);
		fact_set_u64(via, "more_words", in->more);
	}
	describe_vertex(s, step, v, out ? out->off : NO_WORD);
}

/* Where a run of hops equal to the first, through objects of one shape, ends; i + 1 if it is short. */
static size_t run_end(struct session *s, const struct path *p, size_t i, const struct hop *first)
{
	size_t j = i + 1;

	while (j + 1 < p->at.n && same_shape(s, p->at.v[j + 1], p->at.v[i]) &&
	       same_shape(s, p->at.v[j], p->at.v[i])) {
		struct hop next = hop_between(s, p->at.v[j], p->at.v[j + 1]);

		if (!same_hop(first, &next))
			break;
		j++;
	}
	return j - i >= MIN_RUN ? j : i + 1;
}

void trace_path(struct session *s, struct fact *into, const struct path *p)
{
	struct fact *steps = fact_set_array(into, "steps");
	size_t n = p->at.n, i = 0;
	uint64_t guesses = 0;
	struct hop hop = {0};

	if (n > 1)
		hop = hop_between(s, p->at.v[0], p->at.v[1]);
	if (n)
		add_step(s, steps, NULL, 0, VERTEX_NONE, p->at.v[0], n > 1 ? &hop : NULL);
	while (i + 1 < n) {
		size_t end;

		hop = hop_between(s, p->at.v[i], p->at.v[i + 1]);
		end = i ? run_end(s, p, i, &hop) : 1;
		if (end - i > 1)
			hop.more = 0;
		guesses += graph_is_certain(hop.class) ? 0 : end - i;
		add_step(s, steps, &hop, end - i, p->at.v[i], p->at.v[end], NULL);
		i = end;
	}
	fact_set_u64(into, "hops", n ? n - 1 : 0);
	fact_set_u64(into, "guesses", guesses);
	expression_set(s, into, p);
}

void trace_dominators(struct session *s, struct fact *into, vertex_id v)
{
	struct fact *chain = fact_set_array(into, "chain");
	vertex_id head[SHOWN_ENDS], tail[SHOWN_ENDS];
	size_t n = 0, shown;

	for (vertex_id d = s->dominators.idom[v]; d && d != VERTEX_NONE;
	     d = s->dominators.idom[d]) {
		if (n < SHOWN_ENDS)
			tail[n] = d;
		head[n % SHOWN_ENDS] = d;
		n++;
	}
	shown = n < SHOWN_ENDS ? n : SHOWN_ENDS;
	/* the outermost are the last seen */
	for (size_t i = 0; i < shown; i++)
		describe_vertex(s, fact_add_object(chain), head[(n - 1 - i) % SHOWN_ENDS], NO_WORD);
	fact_set_u64(into, "count", n);
	fact_set_u64(into, "omitted", n > 2 * SHOWN_ENDS ? n - 2 * SHOWN_ENDS : 0);
	if (n <= SHOWN_ENDS)
		return;
	shown = n - SHOWN_ENDS < SHOWN_ENDS ? n - SHOWN_ENDS : SHOWN_ENDS;
	for (size_t i = shown; i-- > 0;)
		describe_vertex(s, fact_add_object(chain), tail[i], NO_WORD);
}
