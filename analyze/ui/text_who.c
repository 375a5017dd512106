/*
 * heapdump who: the path drawn from the root down, then the dominators, then
 * the other ways in.
 *
 *	┬ global  g_sessions  (.bss of srv, cache/session.c:12)
 *	│    ↓ +0x18
 *	├─ 0x… 64 B object
 *	│    ↓ +0x8 × 749,999
 *	╰→ 0x… 4,096 B object
 */
#include <inttypes.h>
#include <string.h>

#include "analyze/ui/commands.h"

static void put_via(const struct screen *s, const struct fact *via)
{
	fprintf(s->out, "%s    %s ", screen_glyph(s, GLYPH_BAR), screen_glyph(s, GLYPH_DOWN));
	if (fact_has(via, "offset"))
		fprintf(s->out, "+0x%" PRIx64, fact_u64(via, "offset"));
	if (fact_u64(via, "times") > 1)
		fprintf(s->out, " %s %s", screen_glyph(s, GLYPH_TIMES),
			screen_count(fact_u64(via, "times")).s);
	if (!fact_bool(via, "certain"))
		fprintf(s->out, "   %sa guess: %s%s", screen_dim(s), fact_str(via, "class"),
			screen_plain(s));
	if (fact_u64(via, "more_words"))
		fprintf(s->out, "   %sand %s more words%s", screen_dim(s),
			screen_count(fact_u64(via, "more_words")).s, screen_plain(s));
	fputc('\n', s->out);
}

/* A root's own word is shown in its line, so its hop needs no line but for the guess. */
static void put_path(const struct screen *s, const struct fact *path)
{
	const struct fact *steps = fact_get(path, "steps");
	size_t n = fact_count(steps);

	for (size_t i = 0; i < n; i++) {
		const struct fact *step = fact_at(steps, i);
		const struct fact *via = fact_get(step, "via");

		if (via && (i > 1 || !fact_bool(via, "certain")))
			put_via(s, via);
		fprintf(s->out, "%s ",
			screen_glyph(s, !i	     ? GLYPH_TOP
					: i + 1 == n ? GLYPH_LAST
						     : GLYPH_STEP));
		screen_vertex(s, step);
		fputc('\n', s->out);
	}
}

static void put_path_title(const struct screen *s, const struct fact *path, const char *title)
{
	uint64_t hops = fact_u64(path, "hops"), guesses = fact_u64(path, "guesses");

	fprintf(s->out, "\n%s%s%s  %s step%s, ", screen_bold(s), title, screen_plain(s),
		screen_count(hops).s, hops == 1 ? "" : "s");
	if (guesses)
		fprintf(s->out, "%s of them guessed\n", screen_count(guesses).s);
	else
		fputs("none guessed\n", s->out);
}

static void put_dominators(const struct screen *s, const struct fact *d)
{
	const struct fact *chain = fact_get(d, "chain");
	size_t n = fact_count(chain);

	fprintf(s->out, "\n%sdominators%s  ", screen_bold(s), screen_plain(s));
	if (!n) {
		fputs("none: several roots hold it, and each of them would have to let go\n",
		      s->out);
		return;
	}
	fputs("every way in goes through each of these; freeing one frees this object\n", s->out);
	for (size_t i = 0; i < n; i++) {
		if (fact_u64(d, "omitted") && i == n / 2)
			fprintf(s->out, "  … %s more\n", screen_count(fact_u64(d, "omitted")).s);
		fputs("  ", s->out);
		screen_vertex(s, fact_at(chain, i));
		fputc('\n', s->out);
	}
}

static void put_others(const struct screen *s, const struct fact *a)
{
	const struct fact *others = fact_get(a, "others");
	size_t n = fact_count(others);

	for (size_t i = 0; i < n; i++) {
		put_path_title(s, fact_at(others, i), "another way in");
		put_path(s, fact_at(others, i));
	}
	if (fact_bool(a, "others_cut"))
		fprintf(s->out, "\nThe search for other ways in was stopped; there may be more.\n");
	else if (!n)
		fprintf(s->out, "\nNo other way in that shares no object with this one.\n");
}

static void put_holds(const struct screen *s, const struct fact *a, const char *title)
{
	const struct fact *list = fact_get(a, "holds");
	uint64_t all = fact_u64(a, "holds_count");

	if (!all)
		return;
	fprintf(s->out, "\n%s%s%s  %s freed with it directly, the largest first\n", screen_bold(s),
		title, screen_plain(s), screen_count(all).s);
	for (size_t i = 0; i < fact_count(list); i++) {
		fputs("  ", s->out);
		screen_vertex(s, fact_at(list, i));
		fputc('\n', s->out);
	}
	if (all > fact_count(list))
		fprintf(s->out, "  … %s more\n", screen_count(all - fact_count(list)).s);
}

static void put_variable(const struct screen *s, const struct fact *a)
{
	const struct fact *roots = fact_get(a, "roots");

	if (!fact_count(roots))
		fprintf(s->out,
			"%s is a variable, but no root: it is not writable, its bytes are not "
			"in the dump, or its class was left out\n",
			fact_str(a, "variable.name"));
	for (size_t i = 0; i < fact_count(roots); i++) {
		const struct fact *r = fact_at(roots, i);

		screen_root(s, fact_get(r, "root"));
		fprintf(s->out, " (%s of the heap)\n",
			screen_share(fact_u64(r, "root.retained"), fact_u64(a, "heap_bytes")).s);
		put_holds(s, r, "holds");
	}
}

static void put_leaked(const struct screen *s, const struct fact *a)
{
	const struct fact *list = fact_get(a, "referrers");

	fprintf(s->out, "\nNo root reaches it: %s.\n", fact_str(a, "object.state"));
	if (!fact_count(list)) {
		fputs("Nothing points to it.\n", s->out);
		return;
	}
	fprintf(s->out, "%s objects point to it, none of them reachable:\n",
		screen_count(fact_u64(a, "referrers_count")).s);
	for (size_t i = 0; i < fact_count(list); i++) {
		fputs("  ", s->out);
		screen_vertex(s, fact_at(list, i));
		fputc('\n', s->out);
	}
}

void text_who(const struct screen *s, const struct fact *a)
{
	const struct fact *o = fact_get(a, "object");

	if (fact_has(a, "variable")) {
		put_variable(s, a);
		return;
	}
	if (fact_has(a, "map")) {
		text_map(s, fact_get(a, "map"));
		return;
	}
	screen_object(s, o);
	fprintf(s->out, " (%s of the heap)\n",
		screen_share(fact_u64(o, "retained"), fact_u64(a, "heap_bytes")).s);
	if (fact_u64(a, "offset"))
		fprintf(s->out, "%s is +0x%" PRIx64 " in it\n", fact_str(a, "addr"),
			fact_u64(a, "offset"));
	if (!fact_bool(a, "reachable")) {
		put_leaked(s, a);
		return;
	}
	put_path_title(s, fact_get(a, "path"), "shortest path");
	put_path(s, fact_get(a, "path"));
	put_dominators(s, fact_get(a, "dominators"));
	put_others(s, a);
	put_holds(s, a, "holds");
}
