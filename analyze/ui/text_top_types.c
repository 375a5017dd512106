/*
 * heapdump top --by type: a line a type, what is not known last, and how much is known how surely.
 */
#include <string.h>

#include "analyze/ui/commands.h"

enum { TYPE_COLUMNS = 44 };

static struct type_words type_of(const struct fact *r)
{
	return fact_has(r, "type") ? screen_type_name(r) : (struct type_words){"(not known)"};
}

static void put_row(const struct screen *s, const struct fact *a, const struct fact *r,
		    size_t columns)
{
	uint64_t bytes = fact_u64(r, "bytes"), leaked = fact_u64(r, "leaked_bytes");
	uint64_t known = fact_u64(r, "certain_bytes");
	const struct fact *e = fact_get(r, "example");

	fprintf(s->out, "%11s %8s %12s  ", screen_bytes(bytes).s,
		screen_share(bytes, fact_u64(a, "in_use_bytes")).s,
		screen_count(fact_u64(r, "objects")).s);
	fprintf(s->out, "%11s %11s ", screen_bytes(fact_u64(r, "retained")).s,
		leaked ? screen_bytes(leaked).s : "-");
	fprintf(s->out, "%9s  ", fact_has(r, "type") ? screen_share(known, bytes).s : "-");
	screen_fitted(s, type_of(r).s, columns);
	if (e)
		fprintf(s->out, "  %s", fact_str(e, "addr"));
	if (e && !fact_has(r, "type"))
		screen_look(s, e, "  ");
	fputc('\n', s->out);
}

static void put_known(const struct screen *s, const struct fact *a)
{
	uint64_t whole = fact_u64(a, "in_use_bytes");
	uint64_t certain = fact_u64(a, "known.certain_bytes");
	uint64_t likely = fact_u64(a, "known.likely_bytes");
	uint64_t guess = fact_u64(a, "known.guess_bytes");

	fprintf(s->out, "%s of the bytes in use are of a known type:",
		screen_share(certain + likely + guess, whole).s);
	fprintf(s->out, " %s certain,", screen_share(certain, whole).s);
	fprintf(s->out, " %s likely,", screen_share(likely, whole).s);
	fprintf(s->out, " %s guessed\n", screen_share(guess, whole).s);
}

/* The largest modules that types may be missing for. */
static void put_missing(const struct screen *s, const struct fact *a)
{
	const struct fact *list = fact_get(a, "types_missing");
	uint64_t more = fact_u64(a, "types_missing_count") - fact_count(list);

	if (!fact_count(list))
		return;
	fputs("without debug information: ", s->out);
	for (size_t i = 0; i < fact_count(list); i++) {
		const struct fact *m = fact_at(list, i);

		fprintf(s->out, "%s%s", i ? ", " : "", fact_str(m, "module"));
		if (fact_has(m, "build_id"))
			fprintf(s->out, " (%.12s%s)", fact_str(m, "build_id"),
				screen_glyph(s, GLYPH_MORE));
	}
	if (more)
		fprintf(s->out, ", %s more", screen_count(more).s);
	fputs("\n", s->out);
}

/* Members that lead to what is not known, where it is a hundredth of the heap at least. */
static void put_unknown(const struct screen *s, const struct fact *a)
{
	const struct fact *list = fact_get(a, "unknown_behind");
	uint64_t whole = fact_u64(a, "in_use_bytes");
	bool is_first = true;

	for (size_t i = 0; i < fact_count(list); i++) {
		const struct fact *u = fact_at(list, i);

		if (!fact_has(u, "member") || fact_u64(u, "bytes") < whole / 100)
			continue;
		if (is_first)
			fputs("what these lead to is not known; --type MEMBER=TYPE tells\n",
			      s->out);
		is_first = false;
		fprintf(s->out, "%11s %8s %12s  %s\n", screen_bytes(fact_u64(u, "bytes")).s,
			screen_share(fact_u64(u, "bytes"), whole).s,
			screen_count(fact_u64(u, "objects")).s, fact_str(u, "member"));
	}
}

void text_top_types(const struct screen *s, const struct fact *a)
{
	const struct fact *rows = fact_get(a, "rows"), *unknown = fact_get(a, "unknown");
	size_t columns = screen_columns("(not known)");

	for (size_t i = 0; i < fact_count(rows); i++) {
		size_t n = screen_columns(type_of(fact_at(rows, i)).s);

		columns = n > columns ? n : columns;
	}
	columns = columns < TYPE_COLUMNS ? columns : TYPE_COLUMNS;
	fprintf(s->out, "\nby type; retained: what all of a row would bring back\n");
	fprintf(s->out, "%11s %8s %12s  %11s %11s %9s  ", "bytes", "", "objects", "retained",
		"leaked", "certain");
	screen_padded(s, "type", columns);
	fputs("  for example\n", s->out);
	for (size_t i = 0; i < fact_count(rows); i++)
		put_row(s, a, fact_at(rows, i), columns);
	if (fact_u64(a, "rows_cut"))
		fprintf(s->out, "(%s, %s; --limit shows them)\n",
			screen_counted(fact_u64(a, "rows_cut"), "more row").s,
			screen_bytes(fact_u64(a, "bytes_cut")).s);
	if (fact_u64(unknown, "objects"))
		put_row(s, a, unknown, columns);
	put_known(s, a);
	put_unknown(s, a);
	put_missing(s, a);
}
