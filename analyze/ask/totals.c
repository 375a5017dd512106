/*
 * One pass over the objects. A mapping is memory we cannot see into, not an
 * allocation: it is in none of the heap's sums.
 */
#include "analyze/ask/totals.h"

static void count(struct tally *t, uint64_t size)
{
	t->objects++;
	t->bytes += size;
}

struct totals totals_of(const struct session *s)
{
	const struct objects *o = &s->heap.objects;
	struct totals t = {0};

	for (obj_id i = 0; i < objects_count(o); i++) {
		uint64_t size = objects_size(o, i);

		if (objects_kind(o, i) == OBJECT_MAPPING) {
			count(&t.mappings, size);
			if (s->reach.verdict[i] == MAPPING_UNREACHED)
				count(&t.unreached_mappings, size);
			continue;
		}
		count(&t.in_use, size);
		count(&t.by_verdict[s->reach.verdict[i]], size);
	}
	return t;
}
