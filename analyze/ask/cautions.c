/*
 * A warning says what happened where; a caution says what it does to the answer. There are few of
 * them, each at most once, so they may stand on every screen.
 */
#include "analyze/ask/cautions.h"

/* Where small integers lie, too. */
#define LOW_ADDRESSES (1ull << 32)

static void add_allocators(const struct session *s, struct fact *list)
{
	char text[256];

	for (size_t i = 0; i < s->heap.unknown.n; i++) {
		snprintf(text, sizeof(text), "%s is not parsed (%s): its objects are in no sum",
			 s->heap.unknown.v[i].name, s->heap.unknown.v[i].evidence);
		fact_add_str(list, text);
	}
	if (s->heap.is_absent)
		fact_add_str(list, "the memory that the process wrote was kept out of the dump "
				   "(coredump_filter): no object is known");
	else if (!s->heap.allocator && !s->heap.unknown.n)
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

/* Why something may seem leaked that is not, or be in no sum. */
static void add_doubts(const struct session *s, struct fact *list)
{
	add_allocators(s, list);
	add_missing(list, s->parts.lost,
		    "of the dump are cut off: what only they held seems leaked, if it is in a sum "
		    "at all");
	if (s->input.truncated && !s->parts.lost)
		fact_add_str(list, "the dump is cut off: what only its end held seems leaked");
	add_missing(list, s->heap.lost_bytes,
		    "of the heap could not be walked: objects there are in no sum, and what only "
		    "they held seems leaked");
	if (!s->heap.is_absent)
		add_missing(list, s->account.absent_bytes,
			    "of objects are not in the dump: what only they held seems leaked");
}

/* Bytes of objects whose addresses a counter or a key may equal. Objects are sorted by address. */
static uint64_t low_bytes(const struct objects *o)
{
	uint64_t bytes = 0;

	for (obj_id i = 0; i < objects_count(o) && objects_addr(o, i) < LOW_ADDRESSES; i++)
		if (objects_kind(o, i) != OBJECT_MAPPING)
			bytes += objects_size(o, i);
	return bytes;
}

void cautions_set_unreached(const struct session *s, struct fact *out)
{
	add_doubts(s, fact_set_array(out, "cautions"));
}

void cautions_set(const struct session *s, struct fact *out)
{
	struct fact *list = fact_set_array(out, "cautions");

	add_doubts(s, list);
	fact_set_bool(out, "leaks_doubtful", fact_count(list) > 0);
	fact_set_bool(out, "heap_absent", s->heap.is_absent);
	add_missing(list, low_bytes(&s->heap.objects),
		    "in use lie below 4 GiB, where integers pass for pointers: leaks may be "
		    "hidden there");
}
