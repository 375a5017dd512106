/*
 * heapdump tree: the dominator tree, indented. Walked with an explicit stack.
 */
#include <string.h>

#include "analyze/ui/commands.h"

enum { MAX_DEPTH = 80 };

/* One level of the walk: the children of a vertex and which comes next. */
struct level {
	const struct fact *vertex, *children;
	size_t next;
};

static uint64_t retained_of(const struct fact *v)
{
	return fact_has(v, "root") ? fact_u64(v, "root.retained") : fact_u64(v, "object.retained");
}

static void indent(const struct screen *s, size_t depth)
{
	for (size_t i = 0; i < depth; i++)
		fprintf(s->out, "%s  ", screen_glyph(s, GLYPH_BAR));
}

static void put_cut(const struct screen *s, const struct fact *v, size_t depth)
{
	if (!fact_u64(v, "children_cut"))
		return;
	fprintf(s->out, "%20s  ", "");
	indent(s, depth);
	fprintf(s->out, "%s %s more, %s\n", screen_glyph(s, GLYPH_MORE),
		screen_count(fact_u64(v, "children_cut")).s,
		screen_bytes(fact_u64(v, "bytes_cut")).s);
}

/* What is retained stands in the first column. */
static void put_vertex(const struct screen *s, const struct fact *v, size_t depth, uint64_t whole)
{
	fprintf(s->out, "%11s %8s  ", screen_bytes(retained_of(v)).s,
		screen_share(retained_of(v), whole).s);
	indent(s, depth);
	screen_vertex(s, v, &(struct layout){.no_retained = true});
	fputc('\n', s->out);
}

/* Shows everything below top, whose children are in the fact. */
static void put_below(const struct screen *s, const struct fact *top, size_t depth, uint64_t whole)
{
	struct level stack[MAX_DEPTH];
	size_t n = 0;

	stack[n++] = (struct level){top, fact_get(top, "children"), 0};
	while (n) {
		struct level *l = &stack[n - 1];
		const struct fact *v;

		if (l->next == fact_count(l->children)) {
			put_cut(s, l->vertex, depth + n - 1);
			n--;
			continue;
		}
		v = fact_at(l->children, l->next++);
		put_vertex(s, v, depth + n - 1, whole);
		if (fact_has(v, "children") && n < MAX_DEPTH)
			stack[n++] = (struct level){v, fact_get(v, "children"), 0};
	}
}

void text_tree(const struct screen *s, const struct fact *a)
{
	const struct fact *tops = fact_get(a, "tops");
	uint64_t whole = fact_u64(a, "heap_bytes");

	if (!tops && !whole) {
		screen_no_objects(s, a);
		fputc('\n', s->out);
		return;
	}
	if (!tops) {
		fprintf(s->out, "%s reachable of %s in use; who would have to let go:\n\n",
			screen_bytes(fact_u64(a, "retained")).s, screen_bytes(whole).s);
		put_below(s, a, 0, whole);
		return;
	}
	for (size_t i = 0; i < fact_count(tops); i++) {
		put_vertex(s, fact_at(tops, i), 0, whole);
		put_below(s, fact_at(tops, i), 1, whole);
	}
	if (!fact_count(tops))
		fputs("that variable is no root: not writable, not in the dump, or left out\n",
		      s->out);
}
