/*
 * heapdump leaks: the sum, then leaked groups; groups of one shape share a line.
 */
#include "analyze/ui/commands.h"

/* What the head looks like; or, of a head that looks like nothing, something in its group. */
static void put_heads(const struct screen *s, const struct fact *r)
{
	screen_object(s, fact_get(r, "head"), NULL);
	if (!fact_has(r, "member"))
		return;
	fprintf(s->out, "\n%35s  in it ", "");
	screen_object(s, fact_get(r, "member"), NULL);
}

static void put_row(const struct screen *s, const struct fact *a, const struct fact *r)
{
	uint64_t bytes = fact_u64(r, "bytes"), groups = fact_u64(r, "groups");
	uint64_t each = fact_u64(r, "objects_each");

	fprintf(s->out, "%11s %8s %12s  ", screen_bytes(bytes).s,
		screen_share(bytes, fact_u64(a, "leaked_bytes")).s,
		screen_count(fact_u64(r, "objects")).s);
	if (groups > 1)
		fprintf(s->out, "%s %s ", screen_count(groups).s, screen_glyph(s, GLYPH_TIMES));
	if (each > 1)
		fprintf(s->out, "a group of %s objects, %s, headed by ", screen_count(each).s,
			screen_bytes(fact_u64(r, "bytes_each")).s);
	put_heads(s, r);
	fputc('\n', s->out);
}

static void put_verdict(const struct screen *s, const struct fact *a)
{
	uint64_t bytes = fact_u64(a, "leaked_bytes"), objects = fact_u64(a, "leaked_objects");
	bool doubtful = fact_bool(a, "leaks_doubtful");

	if (!fact_u64(a, "in_use_objects")) {
		screen_no_objects(s, a);
		fputs(": nothing can be said of leaks\n", s->out);
	} else if (!objects) {
		fprintf(s->out, "No leaks: something holds each of the %s in use\n",
			screen_counted(fact_u64(a, "in_use_objects"), "object").s);
	} else {
		fprintf(s->out, "%s%s in %s %s%s (%s of what is in use), in %s\n", screen_bold(s),
			screen_bytes(bytes).s, screen_counted(objects, "object").s,
			doubtful ? "seem leaked" : "leaked", screen_plain(s),
			screen_share(bytes, fact_u64(a, "in_use_bytes")).s,
			screen_counted(fact_u64(a, "groups"), "group").s);
	}
	screen_cautions(s, a);
}

void text_leaks(const struct screen *s, const struct fact *a)
{
	const struct fact *rows = fact_get(a, "rows");

	put_verdict(s, a);
	if (fact_count(rows))
		fprintf(s->out, "\n%11s %8s %12s  %s\n", "bytes", "", "objects",
			"group (nothing outside points into it)");
	for (size_t i = 0; i < fact_count(rows); i++)
		put_row(s, a, fact_at(rows, i));
	if (fact_u64(a, "rows_cut"))
		fprintf(s->out, "(%s, %s in %s; --limit shows them)\n",
			screen_counted(fact_u64(a, "rows_cut"), "more row").s,
			screen_bytes(fact_u64(a, "bytes_cut")).s,
			screen_counted(fact_u64(a, "objects_cut"), "object").s);
	if (fact_u64(a, "mapping_held_objects"))
		fprintf(s->out,
			"\nNot counted: %s in %s that only unknown mappings hold, which nothing "
			"reaches (%s)\n",
			screen_bytes(fact_u64(a, "mapping_held_bytes")).s,
			screen_counted(fact_u64(a, "mapping_held_objects"), "object").s,
			screen_counted(fact_u64(a, "unreached_mappings"), "such mapping").s);
}
