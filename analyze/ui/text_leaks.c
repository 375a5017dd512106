/*
 * heapdump leaks: the sum, then leaked groups; groups of one shape share a line.
 */
#include <inttypes.h>

#include "analyze/ui/commands.h"

static void put_row(const struct screen *s, const struct fact *a, const struct fact *r)
{
	uint64_t bytes = fact_u64(r, "bytes"), groups = fact_u64(r, "groups");
	uint64_t each = fact_u64(r, "objects_each");

	fprintf(s->out, "%11s %8s %10s  ", screen_bytes(bytes).s,
		screen_share(bytes, fact_u64(a, "leaked_bytes")).s,
		screen_count(fact_u64(r, "objects")).s);
	if (groups > 1)
		fprintf(s->out, "%s %s ", screen_count(groups).s, screen_glyph(s, GLYPH_TIMES));
	if (each > 1)
		fprintf(s->out, "a group of %s objects, %s, headed by ", screen_count(each).s,
			screen_bytes(fact_u64(r, "bytes_each")).s);
	screen_object(s, fact_get(r, "head"));
	fputc('\n', s->out);
}

void text_leaks(const struct screen *s, const struct fact *a)
{
	const struct fact *rows = fact_get(a, "rows");
	uint64_t bytes = fact_u64(a, "leaked_bytes"), objects = fact_u64(a, "leaked_objects");

	if (!objects)
		fprintf(s->out, "No leaks: something holds each of the %s objects in use",
			screen_count(fact_u64(a, "in_use_objects")).s);
	else
		fprintf(s->out, "%s%s in %s objects leaked%s (%s of what is in use), in %s group%s",
			screen_bold(s), screen_bytes(bytes).s, screen_count(objects).s,
			screen_plain(s), screen_share(bytes, fact_u64(a, "in_use_bytes")).s,
			screen_count(fact_u64(a, "groups")).s,
			fact_u64(a, "groups") == 1 ? "" : "s");
	fputc('\n', s->out);
	if (objects)
		fprintf(s->out, "\n%11s %8s %10s  %s\n", "bytes", "", "objects",
			"group (nothing outside points into it)");
	for (size_t i = 0; i < fact_count(rows); i++)
		put_row(s, a, fact_at(rows, i));
	if (fact_u64(a, "rows_cut"))
		fprintf(s->out, "(%s rows more, %s in %s objects; --limit shows them)\n",
			screen_count(fact_u64(a, "rows_cut")).s,
			screen_bytes(fact_u64(a, "bytes_cut")).s,
			screen_count(fact_u64(a, "objects_cut")).s);
	if (fact_u64(a, "mapping_held_objects"))
		fprintf(s->out,
			"\nNot counted: %s in %s objects that only unknown mappings hold, which "
			"nothing "
			"reaches (%" PRIu64 " such mappings)\n",
			screen_bytes(fact_u64(a, "mapping_held_bytes")).s,
			screen_count(fact_u64(a, "mapping_held_objects")).s,
			fact_u64(a, "unreached_mappings"));
}
