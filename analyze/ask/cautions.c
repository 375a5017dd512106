/*
 * A warning says what happened where; a caution says what it does to the answer. There are few of
 * them, each at most once, so they may stand on every screen.
 */
#include "analyze/ask/cautions.h"

static void add_allocators(const struct session *s, struct fact *list)
{
	char text[256];

	for (size_t i = 0; i < s->heap.unknown.n; i++) {
		snprintf(text, sizeof(text), "%s is not parsed (%s): its objects are in no sum",
			 s->heap.unknown.v[i].name, s->heap.unknown.v[i].evidence);
		fact_add_str(list, text);
	}
	if (!s->heap.allocator && !s->heap.unknown.n)
		fact_add_str(list, "no allocator was recognised: no object is known");
}

static void add_missing(struct fact *list, uint64_t bytes, const char *sentence)
{
	char text[256];

	if (!bytes)
		return;
	snprintf(text, sizeof(text), "%llu bytes %s", (unsigned long long)bytes, sentence);
	fact_add_str(list, text);
}

void cautions_set(const struct session *s, struct fact *out)
{
	struct fact *list = fact_set_array(out, "cautions");

	add_allocators(s, list);
	add_missing(list, s->parts.lost,
		    "of the dump are cut off: what only they held seems leaked, if it is in a sum "
		    "at all");
	if (s->input.truncated && !s->parts.lost)
		fact_add_str(list, "the dump is cut off: what only its end held seems leaked");
	add_missing(list, s->heap.lost_bytes,
		    "of the heap could not be walked: objects there are in no sum, and what only "
		    "they held seems leaked");
	add_missing(list, s->account.absent_bytes,
		    "of objects are not in the dump: what only they held seems leaked");
}
