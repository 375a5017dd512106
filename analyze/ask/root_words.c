/*
 * From a word to the variable:
 *
 *	stack     a variable in memory      the frame's own, or a parameter of the frame that it called
 *	          a saved register          the caller's: is a variable of its in it? If not, and it did not save
 *	                                    the register itself, its caller's, …
 *	register  the innermost frame's, and so on up in the same way
 *
 * Limit: MAX_UP frames are gone up for a register.
 */
#include "analyze/ask/root_words.h"
#include "analyze/types/layout.h"

enum { MAX_UP = 64, HITS = 2 };

/* The first frame, from this one up, that has a variable in the register which none below has saved. */
static bool in_register(struct session *s, uint32_t frame, uint32_t number, struct local_hit *out)
{
	for (int i = 0; i < MAX_UP; i++, frame++) {
		if (locals_in_register(&s->types.locals, frame, number, out))
			return true;
		if (!frames_leaves(&s->frames, s->debuginfo, frame, number))
			return false;
	}
	return false;
}

bool root_words_local(struct session *s, uint32_t root, uint64_t off, struct local_hit *out)
{
	const struct root *r = &s->roots.list.v[root];
	uint32_t number;

	if (!s->types.locals.list.n || r->thread == INDEX_NONE)
		return false;
	if (r->class == ROOT_REGISTER && !r->is_vector && off / 8 < 32 &&
	    s->frames.first.v[r->thread] < s->frames.first.v[r->thread + 1])
		return in_register(s, s->frames.first.v[r->thread], (uint32_t)off / 8, out);
	if (r->class != ROOT_STACK || r->frame == INDEX_NONE)
		return false;
	if (locals_at(&s->types.locals, &s->frames, r->frame, r->addr + off, out))
		return true;
	return frames_saved(&s->frames, s->debuginfo, &s->parts, r->frame, r->addr + off,
			    &number) &&
	       in_register(s, r->frame + 1, number, out);
}

static void set_path(const struct session *s, struct fact *into, const struct local_name *name,
		     uint64_t off)
{
	struct layout_hit hits[HITS];
	size_t n = layout_at(&s->types.table, name->type, 0, off, hits, HITS);

	if (!n || !*hits[0].path)
		return;
	fact_set_strf(into, "path", "%s%s", *hits[0].path == '[' ? "" : ".", hits[0].path);
	if (n > 1)
		fact_set_bool(into, "path_shared", true);
}

void root_words_set(struct session *s, struct fact *into, uint32_t root, uint64_t off)
{
	const struct root *r = &s->roots.list.v[root];
	const struct local_name *name;
	const struct local *x;
	struct local_hit hit;
	uint32_t frame;

	if (!root_words_local(s, root, off, &hit))
		return;
	x = &s->types.locals.list.v[hit.local];
	name = &s->types.locals.names.v[x->name];
	frame = r->frame == INDEX_NONE ? s->frames.first.v[r->thread] : r->frame;
	fact_set_str(into, "variable", type_table_text(&s->types.table, name->name));
	set_path(s, into, name, hit.off);
	if (x->frame != frame || name->flags & LOCAL_INLINED || r->class == ROOT_REGISTER)
		fact_set_str(into, "variable_function",
			     type_table_text(&s->types.table, name->function));
	if (x->frame != frame || r->class == ROOT_REGISTER)
		fact_set_u64(into, "variable_frame", s->frames.list.v[x->frame].depth);
}
