/*
 * Greatest unknown reach in words: a member is named as --type takes it, "struct entry.value".
 */
#include <string.h>

#include "analyze/ask/describe.h"
#include "analyze/ask/unknown.h"
#include "analyze/types/inference_reach.h"
#include "analyze/types/layout.h"
#include "analyze/types/type_names.h"

enum { MAX_READINGS = 8 };

/* Nothing where no pointer member is there: an element of an array, memory behind a struct, a number. */
static void set_member(const struct session *s, struct fact *f, const struct inference_unknown *u)
{
	const struct type_table *t = &s->types.table;
	uint8_t kind = type_table_get(t, type_table_peel(t, u->type))->kind;
	struct layout_hit hits[MAX_READINGS];
	char name[TYPE_NAME_MAX];
	size_t n = layout_at(t, u->type, 0, u->off, hits, MAX_READINGS);

	type_names_spell(t, u->type, name);
	fact_set_str(f, "type", name);
	for (size_t i = 0; i < n && i < MAX_READINGS; i++) {
		const struct layout_hit *hit = &hits[i];

		if ((kind != TYPE_STRUCT && kind != TYPE_UNION) || hit->is_hole || hit->off ||
		    !*hit->path ||
		    type_table_get(t, type_table_peel(t, hit->type))->kind != TYPE_POINTER)
			continue;
		fact_set_strf(f, "member", "%s.%s", name, hit->path);
		return;
	}
}

static void set_place(struct session *s, struct fact *f, const struct inference_unknown *u)
{
	fact_set_u64(f, "bytes", u->bytes);
	fact_set_u64(f, "objects", u->n);
	fact_set_u64(f, "direct", u->n_direct);
	if (u->type == TYPE_NONE)
		describe_vertex(s, f, u->root, 0);
	else
		set_member(s, f, u);
	describe_object(s, fact_set_object(f, "example"), u->example);
}

int unknown_set(struct session *s, struct fact *into, size_t max, struct err *err)
{
	const struct inference_reach_input in = {.table = &s->types.table,
						 .space = &s->space,
						 .objects = &s->heap.objects,
						 .index = s->index,
						 .graph = &s->graph};
	struct inference_reach reach;
	struct fact *list;
	int rc;

	if (!s->inference.n)
		return 0;
	rc = inference_reach_init(&reach, &s->inference, &in, err);
	if (rc < 0)
		return rc;
	list = fact_set_array(into, "unknown_behind");
	for (size_t i = 0; i < reach.list.n && i < max; i++)
		set_place(s, fact_add_object(list), &reach.list.v[i]);
	inference_reach_deinit(&reach);
	return 0;
}
