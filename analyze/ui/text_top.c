/*
 * heapdump top: one table, the largest first.
 */
#include <inttypes.h>
#include <string.h>

#include "analyze/ui/commands.h"

enum { MAX_NAME = 40, SIZE_COLUMNS = 22 };

/* What the row is, as text: a range of sizes or a module. */
static void row_name(const struct screen *s, const struct fact *r, char *out, size_t max)
{
	uint64_t lo = fact_u64(r, "size_min"), hi = fact_u64(r, "size_max");

	if (!fact_has(r, "size_max"))
		snprintf(out, max, "%s",
			 fact_has(r, "module") ? fact_str(r, "module") : "(no pointer to one)");
	else if (lo == hi)
		snprintf(out, max, "%s B", screen_count(hi).s);
	else
		snprintf(out, max, "%s %s %s", screen_bytes(lo).s, screen_glyph(s, GLYPH_TO),
			 screen_bytes(hi).s);
}

static void put_numbers(const struct screen *s, const struct fact *a, uint64_t bytes,
			uint64_t objects)
{
	fprintf(s->out, "%11s %8s %12s  ", screen_bytes(bytes).s,
		screen_share(bytes, fact_u64(a, "in_use_bytes")).s, screen_count(objects).s);
}

static void put_group(const struct screen *s, const struct fact *a, const struct fact *r,
		      size_t columns)
{
	const struct fact *e = fact_get(r, "example");
	char name[256];

	put_numbers(s, a, fact_u64(r, "bytes"), fact_u64(r, "objects"));
	fprintf(s->out, "%11s  ",
		fact_u64(r, "leaked_bytes") ? screen_bytes(fact_u64(r, "leaked_bytes")).s : "-");
	row_name(s, r, name, sizeof(name));
	screen_padded(s, name, columns);
	fprintf(s->out, "  %s", fact_str(e, "addr"));
	if (fact_has(e, "type")) {
		fputs("  ", s->out);
		screen_type(s, e);
	}
	screen_look(s, e, "  ");
	fputc('\n', s->out);
}

static void put_groups(const struct screen *s, const struct fact *a)
{
	const struct fact *rows = fact_get(a, "rows");
	size_t columns = SIZE_COLUMNS;
	char name[256];

	for (size_t i = 0; i < fact_count(rows); i++) {
		row_name(s, fact_at(rows, i), name, sizeof(name));
		if (screen_columns(name) > columns)
			columns = screen_columns(name);
	}
	columns = columns < MAX_NAME ? columns : MAX_NAME;
	fprintf(s->out, "%11s %8s %12s  %11s  %-*s  %s\n", "bytes", "", "objects", "leaked",
		(int)columns, fact_str(a, "by"), "for example");
	for (size_t i = 0; i < fact_count(rows); i++)
		put_group(s, a, fact_at(rows, i), columns);
}

static void put_cut(const struct screen *s, const struct fact *a)
{
	if (fact_u64(a, "rows_cut"))
		fprintf(s->out, "(%s, %s; --limit shows them)\n",
			screen_counted(fact_u64(a, "rows_cut"), "more row").s,
			screen_bytes(fact_u64(a, "bytes_cut")).s);
}

static void put_roots(const struct screen *s, const struct fact *a)
{
	const struct fact *rows = fact_get(a, "rows"), *shared = fact_get(a, "shared_largest");

	fprintf(s->out, "%11s %8s %12s  %s\n", "retained", "", "objects", "root");
	for (size_t i = 0; i < fact_count(rows); i++) {
		const struct fact *r = fact_get(fact_at(rows, i), "root");

		put_numbers(s, a, fact_u64(r, "retained"), fact_u64(r, "dominated"));
		screen_root(s, r, &(struct layout){.no_retained = true});
		fputc('\n', s->out);
	}
	put_cut(s, a);
	put_numbers(s, a, fact_u64(a, "shared_bytes"), fact_u64(a, "shared_objects"));
	fputs("shared: several roots hold them", s->out);
	if (shared)
		fprintf(s->out, "; most below %s, %s", fact_str(shared, "addr"),
			screen_bytes(fact_u64(shared, "retained")).s);
	fputc('\n', s->out);
	put_numbers(s, a, fact_u64(a, "leaked_bytes"), fact_u64(a, "leaked_objects"));
	fputs("leaked: no root holds them\n", s->out);
}

static void put_verdict(const struct screen *s, const struct fact *a)
{
	const struct layout whole = {.whole = fact_u64(a, "in_use_bytes")};
	uint64_t leaked = fact_u64(a, "leaked_bytes");

	fprintf(s->out, "%s%s%s in %s in use, %s (%s) %s\n", screen_bold(s),
		screen_bytes(whole.whole).s, screen_plain(s),
		screen_counted(fact_u64(a, "in_use_objects"), "object").s, screen_bytes(leaked).s,
		screen_share(leaked, whole.whole).s,
		fact_bool(a, "leaks_doubtful") ? "seem leaked" : "leaked");
	screen_cautions(s, a);
	if (!fact_has(a, "largest"))
		return;
	fputs("the largest holder is  ", s->out);
	screen_vertex(s, fact_get(a, "largest"), &whole);
	fputc('\n', s->out);
}

void text_top(const struct screen *s, const struct fact *a)
{
	const char *by = fact_str(a, "by");

	if (!fact_u64(a, "in_use_objects")) {
		screen_no_objects(s, a);
		fputc('\n', s->out);
		screen_cautions(s, a);
		return;
	}
	put_verdict(s, a);
	if (!strcmp(by, "type")) {
		text_top_types(s, a);
		return;
	}
	if (!strcmp(by, "site") || !strcmp(by, "thread") || !strcmp(by, "type,site")) {
		text_top_sites(s, a);
		return;
	}
	fprintf(s->out, "\nby %s\n",
		!strcmp(by, "root")	? "the root that alone retains them"
		: !strcmp(by, "module") ? "the module their first pointer into one leads to"
					: "usable size");
	if (!strcmp(by, "root")) {
		put_roots(s, a);
		return;
	}
	put_groups(s, a);
	put_cut(s, a);
}
