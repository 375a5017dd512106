/*
 * heapdump top: one table, the largest first.
 */
#include <inttypes.h>
#include <string.h>

#include "analyze/ui/commands.h"

static void put_size(const struct screen *s, const struct fact *r)
{
	uint64_t lo = fact_u64(r, "size_min"), hi = fact_u64(r, "size_max");
	char text[140];

	if (lo == hi)
		snprintf(text, sizeof(text), "%s B", screen_count(hi).s);
	else
		snprintf(text, sizeof(text), "%s – %s", screen_bytes(lo).s, screen_bytes(hi).s);
	/* the dash takes three bytes and one column */
	fprintf(s->out, lo == hi ? "%-22s" : "%-24s", text);
}

static void put_group(const struct screen *s, const struct fact *a, const struct fact *r)
{
	const struct fact *e = fact_get(r, "example");
	uint64_t bytes = fact_u64(r, "bytes");

	fprintf(s->out, "%11s %8s %12s  ", screen_bytes(bytes).s,
		screen_share(bytes, fact_u64(a, "in_use_bytes")).s,
		screen_count(fact_u64(r, "objects")).s);
	if (fact_u64(r, "leaked_bytes"))
		fprintf(s->out, "%11s  ", screen_bytes(fact_u64(r, "leaked_bytes")).s);
	else
		fprintf(s->out, "%11s  ", "-");
	if (fact_has(r, "size_max"))
		put_size(s, r);
	else
		fprintf(s->out, "%-22s",
			fact_has(r, "module") ? fact_str(r, "module") : "(no pointer to one)");
	fprintf(s->out, "  %s", fact_str(e, "addr"));
	if (fact_has(e, "points_to"))
		fprintf(s->out, "  [%s]", fact_str(e, "points_to"));
	fputc('\n', s->out);
}

static void put_root(const struct screen *s, const struct fact *a, const struct fact *row)
{
	const struct fact *r = fact_get(row, "root");
	uint64_t bytes = fact_u64(r, "retained");

	fprintf(s->out, "%11s %8s %12s  ", screen_bytes(bytes).s,
		screen_share(bytes, fact_u64(a, "in_use_bytes")).s,
		screen_count(fact_u64(r, "dominated")).s);
	screen_root(s, r);
	fputc('\n', s->out);
}

void text_top(const struct screen *s, const struct fact *a)
{
	const struct fact *rows = fact_get(a, "rows");
	bool by_root = !strcmp(fact_str(a, "by"), "root");
	uint64_t in_use = fact_u64(a, "in_use_bytes");

	fprintf(s->out, "%s in %s objects in use, by %s\n\n", screen_bytes(in_use).s,
		screen_count(fact_u64(a, "in_use_objects")).s,
		by_root ? "the root that alone retains them"
		: !strcmp(fact_str(a, "by"), "module")
			? "the module their first pointer into one leads to"
			: "usable size");
	if (by_root)
		fprintf(s->out, "%11s %8s %12s  %s\n", "retained", "", "objects", "root");
	else
		fprintf(s->out, "%11s %8s %12s  %11s  %-22s  %s\n", "bytes", "", "objects",
			"leaked", fact_str(a, "by"), "for example");
	for (size_t i = 0; i < fact_count(rows); i++)
		(by_root ? put_root : put_group)(s, a, fact_at(rows, i));
	if (by_root) {
		uint64_t shared = fact_u64(a, "shared_bytes"), leaked = fact_u64(a, "leaked_bytes");

		fprintf(s->out, "%11s %8s %12s  shared: several roots hold them\n",
			screen_bytes(shared).s, screen_share(shared, in_use).s,
			screen_count(fact_u64(a, "shared_objects")).s);
		fprintf(s->out, "%11s %8s %12s  leaked: no root holds them\n",
			screen_bytes(leaked).s, screen_share(leaked, in_use).s,
			screen_count(fact_u64(a, "leaked_objects")).s);
	}
	if (fact_u64(a, "rows_cut"))
		fprintf(s->out, "(%s rows more, %s; --limit shows them)\n",
			screen_count(fact_u64(a, "rows_cut")).s,
			screen_bytes(fact_u64(a, "bytes_cut")).s);
}
