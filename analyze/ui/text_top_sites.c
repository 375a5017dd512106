/*
 * heapdump top --by site, --by thread, --by type,site.
 */
#include <inttypes.h>
#include <string.h>

#include "analyze/ui/commands.h"

enum { SHOWN_CALLERS = 4, TYPE_COLUMNS = 44 };

/* "buf_grow util/buf.c:41  (conn_read, loop, main)": the label, and who called it. */
static void put_site(const struct screen *s, const struct fact *site)
{
	const struct fact *frames = fact_get(site, "frames");
	size_t label = fact_u64(site, "label"), n = fact_count(frames);

	fprintf(s->out, "#%" PRIu64 "  %s", fact_u64(site, "number"), screen_bold(s));
	screen_caller(s, site);
	fputs(screen_plain(s), s->out);
	for (size_t i = label + 1; i < n && i <= label + SHOWN_CALLERS; i++) {
		const struct fact *c = fact_at(frames, i);
		const char *name = fact_str(c, "function");

		fprintf(s->out, "%s%s", i == label + 1 ? "  from " : ", ",
			name ? name : fact_str(c, "pc"));
	}
	if (n > label + 1 + SHOWN_CALLERS)
		fprintf(s->out, " %s", screen_glyph(s, GLYPH_MORE));
}

static struct type_words type_of(const struct fact *r)
{
	return fact_has(r, "type") ? screen_type_name(r) : (struct type_words){"(not known)"};
}

/* columns: of the type, 0: it is not asked for. */
static void put_row(const struct screen *s, const struct fact *a, const struct fact *r,
		    size_t columns)
{
	uint64_t bytes = fact_u64(r, "bytes"), leaked = fact_u64(r, "leaked_bytes");
	uint64_t error = fact_u64(r, "bytes_error");

	fprintf(s->out, "%11s %8s", screen_bytes(bytes).s,
		screen_share(bytes, fact_u64(a, "in_use_bytes")).s);
	if (!fact_bool(a, "exact"))
		fprintf(s->out, " %11s", error ? screen_bytes(error).s : "-");
	fprintf(s->out, " %12s %8s %11s  ", screen_count(fact_u64(r, "objects")).s,
		screen_count(fact_u64(r, "samples")).s, leaked ? screen_bytes(leaked).s : "-");
	if (columns) {
		screen_fitted(s, type_of(r).s, columns);
		fputs("  ", s->out);
	}
	if (fact_has(r, "thread"))
		fprintf(s->out, "%" PRIu64 "%s%s", fact_u64(r, "thread"),
			fact_str(r, "thread_name") ? " " : "",
			fact_str(r, "thread_name") ? fact_str(r, "thread_name") : "");
	else if (fact_get(r, "site") && fact_has(fact_get(r, "site"), "number"))
		put_site(s, fact_get(r, "site"));
	else
		fputs("(a stack that is not known)", s->out);
	fputc('\n', s->out);
}

static size_t type_columns(const struct fact *a)
{
	const struct fact *rows = fact_get(a, "rows");
	size_t columns = sizeof("(not known)") - 1;

	if (strcmp(fact_str(a, "by"), "type,site"))
		return 0;
	for (size_t i = 0; i < fact_count(rows); i++) {
		size_t n = screen_columns(type_of(fact_at(rows, i)).s);

		columns = n > columns ? n : columns;
	}
	return columns < TYPE_COLUMNS ? columns : TYPE_COLUMNS;
}

void text_top_sites(const struct screen *s, const struct fact *a)
{
	const struct fact *rows = fact_get(a, "rows");
	uint64_t interval = fact_u64(a, "sampling_interval"), missing = fact_u64(a, "missing");
	uint64_t whole = fact_u64(a, "in_use_bytes"), known = fact_u64(a, "estimated.bytes");
	size_t columns = type_columns(a);

	fprintf(s->out, "\nby %sthe %s that allocated them: ",
		strcmp(fact_str(a, "by"), "type,site") ? "" : "type and ",
		strcmp(fact_str(a, "by"), "thread") ? "stack" : "thread");
	if (fact_bool(a, "exact"))
		fputs("every object was recorded\n", s->out);
	else if (interval == 1 && missing)
		fprintf(s->out, "%s of what was recorded\n",
			screen_counted(fact_u64(a, "estimated.samples"), "sample").s);
	else
		fprintf(s->out, "estimated from %s, one per %s; error is one standard error\n",
			screen_counted(fact_u64(a, "estimated.samples"), "sample").s,
			screen_bytes(interval).s);
	if (missing)
		fprintf(s->out, "INCOMPLETE: missing entries of the sampler's tables: %s\n",
			screen_count(missing).s);
	fprintf(s->out, "%11s %8s", "bytes", "");
	if (!fact_bool(a, "exact"))
		fprintf(s->out, " %11s", "error");
	fprintf(s->out, " %12s %8s %11s  ", "objects", "samples", "leaked");
	if (columns)
		screen_padded(s, "type", columns + 2);
	fprintf(s->out, "%s\n", strcmp(fact_str(a, "by"), "thread") ? "site" : "thread");
	for (size_t i = 0; i < fact_count(rows); i++)
		put_row(s, a, fact_at(rows, i), columns);
	if (fact_u64(a, "rows_cut"))
		fprintf(s->out, "(%s, %s; --limit shows them)\n",
			screen_counted(fact_u64(a, "rows_cut"), "more row").s,
			screen_bytes(fact_u64(a, "bytes_cut")).s);
	fprintf(s->out, "%11s %8s in all, of %s in use\n", screen_bytes(known).s,
		screen_share(known, whole).s, screen_bytes(whole).s);
}
