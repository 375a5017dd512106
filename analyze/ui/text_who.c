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

enum { SHOWN_STEPS = 40 }; /* of a path: so many lines, half of them at each end */

static void put_via(const struct screen *s, const struct fact *via)
{
	const char *class = fact_str(via, "class");

	fprintf(s->out, "%s    %s", screen_glyph(s, GLYPH_BAR), screen_glyph(s, GLYPH_DOWN));
	/* a register's root is all registers of its thread: the name says more than the offset */
	if (fact_has(via, "path"))
		fprintf(s->out, " %s%s", fact_str(via, "path"),
			fact_bool(via, "path_shared") ? " (one reading of a union)" : "");
	else if (fact_has(via, "offset") && strcmp(class, "register"))
		fprintf(s->out, " +0x%" PRIx64, fact_u64(via, "offset"));
	if (fact_u64(via, "times") > 1)
		fprintf(s->out, " %s %s", screen_glyph(s, GLYPH_TIMES),
			screen_count(fact_u64(via, "times")).s);
	if (!fact_bool(via, "certain"))
		fprintf(s->out, "   %sa guess: %s%s", screen_dim(s), class, screen_plain(s));
	if (fact_u64(via, "more_words"))
		fprintf(s->out, "   %sand %s%s", screen_dim(s),
			screen_counted(fact_u64(via, "more_words"), "more word").s,
			screen_plain(s));
	fputc('\n', s->out);
}

/* A variable's name alone says no more than the root's line. */
static void put_expression(const struct screen *s, const struct fact *path)
{
	const char *text = fact_str(path, "expression");

	if (text && strpbrk(text, ".-["))
		fprintf(s->out, "  %s%s\n", text,
			fact_bool(path, "expression_guess") ? "   a guess: of a guessed type" : "");
}

/* A root's own word is shown in its line, so its hop needs no line but for the guess. */
static void put_path(const struct screen *s, const struct fact *path)
{
	const struct fact *steps = fact_get(path, "steps");
	size_t n = fact_count(steps), cut = n > SHOWN_STEPS ? n - SHOWN_STEPS : 0;
	struct layout l = screen_layout(steps);

	for (size_t i = 0; i < n; i++) {
		const struct fact *step = fact_at(steps, i);
		const struct fact *via = fact_get(step, "via");

		if (cut && i == SHOWN_STEPS / 2) {
			fprintf(s->out, "%s    %s %s (--json has them)\n",
				screen_glyph(s, GLYPH_BAR), screen_glyph(s, GLYPH_MORE),
				screen_counted(cut, "more line").s);
			i += cut - 1;
			continue;
		}
		if (via && (i > 1 || !fact_bool(via, "certain")))
			put_via(s, via);
		fprintf(s->out, "%s ",
			screen_glyph(s, !i	     ? GLYPH_TOP
					: i + 1 == n ? GLYPH_LAST
						     : GLYPH_STEP));
		screen_vertex(s, step, &l);
		fputc('\n', s->out);
	}
	put_expression(s, path);
}

static void put_path_title(const struct screen *s, const struct fact *path, const char *title)
{
	uint64_t hops = fact_u64(path, "hops"), guesses = fact_u64(path, "guesses");

	fprintf(s->out, "\n%s%s%s  %s, ", screen_bold(s), title, screen_plain(s),
		screen_counted(hops, "step").s);
	if (guesses)
		fprintf(s->out, "%s of them guessed\n", screen_count(guesses).s);
	else
		fputs("none guessed\n", s->out);
}

static void put_dominators(const struct screen *s, const struct fact *d)
{
	const struct fact *chain = fact_get(d, "chain");
	size_t n = fact_count(chain);
	struct layout l = screen_layout(chain);

	fprintf(s->out, "\n%sdominators%s  ", screen_bold(s), screen_plain(s));
	if (!n) {
		fputs("none: several roots hold it, and each of them would have to let go\n",
		      s->out);
		return;
	}
	fputs("every way in goes through each of these; freeing one frees this object\n", s->out);
	for (size_t i = 0; i < n; i++) {
		if (fact_u64(d, "omitted") && i == n / 2)
			fprintf(s->out, "  %s %s more\n", screen_glyph(s, GLYPH_MORE),
				screen_count(fact_u64(d, "omitted")).s);
		fputs("  ", s->out);
		screen_vertex(s, fact_at(chain, i), &l);
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
		title, screen_plain(s), screen_counted(all, "object").s);
	screen_list(s, list, all);
}

static void put_roots(const struct screen *s, const struct fact *a)
{
	const struct layout whole = {.whole = fact_u64(a, "heap_bytes"), .with_type = true};
	const struct fact *roots = fact_get(a, "roots");

	if (!fact_count(roots))
		fprintf(s->out,
			"%s is a variable, but no root: it is not writable, its bytes are not "
			"in the dump, or its class was left out\n",
			fact_str(a, "variable.name"));
	for (size_t i = 0; i < fact_count(roots); i++) {
		const struct fact *r = fact_at(roots, i);

		screen_root(s, fact_get(r, "root"), &whole);
		fputc('\n', s->out);
		if (!fact_u64(r, "holds_count"))
			fputs("It alone retains nothing.\n", s->out);
		put_holds(s, r, "holds");
	}
}

/* Whether it heads its leaked group, or which object does: that would have had to be freed. */
static void put_group(const struct screen *s, const struct fact *a)
{
	const struct fact *g = fact_get(a, "group");
	const char *head = fact_str(g, "head.addr");
	bool itself = !strcmp(head, fact_str(a, "object.addr"));
	uint64_t n = fact_u64(g, "objects");

	if (itself && n == 1) {
		fputs("No root reaches it, and it holds no other leaked object.\n", s->out);
		return;
	}
	fprintf(s->out, "No root reaches it. It %s a leaked group of %s, %s",
		itself ? "heads" : "is in", screen_counted(n, "object").s,
		screen_bytes(fact_u64(g, "bytes")).s);
	if (itself) {
		fputs(".\n", s->out);
		return;
	}
	fputs(", whose head was lost:\n  ", s->out);
	screen_object(s, fact_get(g, "head"), NULL);
	fputc('\n', s->out);
}

static void put_unreached(const struct screen *s, const struct fact *a)
{
	const struct fact *list = fact_get(a, "referrers");
	uint64_t n = fact_u64(a, "referrers_count");

	fputc('\n', s->out);
	if (fact_has(a, "group"))
		put_group(s, a);
	else
		fprintf(s->out, "No root reaches it: %s.\n", fact_str(a, "object.state"));
	screen_cautions(s, a);
	if (!n) {
		fputs("Nothing points to it.\n", s->out);
		return;
	}
	fprintf(s->out, "\n%sreferrers%s  %s, none of them reachable\n", screen_bold(s),
		screen_plain(s), screen_counted(n, "object").s);
	screen_list(s, list, n);
}

static void put_how_sure(const struct screen *s, const struct fact *a)
{
	uint64_t n = fact_u64(a, "objects"), certain = fact_u64(a, "certain_objects");

	if (certain == n)
		fputs(", all certain", s->out);
	else
		fprintf(s->out, ": %s certain, %s likely, %s guessed", screen_count(certain).s,
			screen_count(fact_u64(a, "likely_objects")).s,
			screen_count(fact_u64(a, "guess_objects")).s);
	if (fact_u64(a, "leaked_objects"))
		fprintf(s->out, "; %s leaked (%s)", screen_count(fact_u64(a, "leaked_objects")).s,
			screen_bytes(fact_u64(a, "leaked_bytes")).s);
	fputc('\n', s->out);
}

/* All objects of a type. */
static void put_type(const struct screen *s, const struct fact *a)
{
	uint64_t n = fact_u64(a, "objects"), bytes = fact_u64(a, "bytes");
	const struct fact *held = fact_get(a, "held_together");

	fprintf(s->out, "%s%s%s  %s, %s (%s of the heap)", screen_bold(s), screen_type_name(a).s,
		screen_plain(s), screen_counted(n, "object").s, screen_bytes(bytes).s,
		screen_share(bytes, fact_u64(a, "heap_bytes")).s);
	put_how_sure(s, a);
	if (held) {
		uint64_t below = fact_u64(held, "objects");

		fprintf(s->out, "\n%sheld together%s  %s of them by\n  ", screen_bold(s),
			screen_plain(s), below == n ? "all" : screen_count(below).s);
		screen_vertex(s, held, NULL);
		fputc('\n', s->out);
	} else if (n) {
		fputs("\nNo single root or object holds any of them.\n", s->out);
	}
	if (n)
		fprintf(s->out, "\n%slargest%s  by what they retain\n", screen_bold(s),
			screen_plain(s));
	screen_list(s, fact_get(a, "largest"), n);
}

void text_who(const struct screen *s, const struct fact *a)
{
	const struct layout whole = {.whole = fact_u64(a, "heap_bytes")};

	if (fact_has(a, "roots")) {
		put_roots(s, a);
		return;
	}
	if (fact_has(a, "largest")) {
		put_type(s, a);
		return;
	}
	if (fact_has(a, "map")) {
		text_map(s, fact_get(a, "map"));
		return;
	}
	screen_object(s, fact_get(a, "object"), &whole);
	fputc('\n', s->out);
	if (fact_u64(a, "offset"))
		fprintf(s->out, "%s is +0x%" PRIx64 " in it\n", fact_str(a, "addr"),
			fact_u64(a, "offset"));
	text_allocation(s, a);
	if (!fact_bool(a, "reachable")) {
		put_unreached(s, a);
		return;
	}
	put_path_title(s, fact_get(a, "path"), "shortest path");
	put_path(s, fact_get(a, "path"));
	put_dominators(s, fact_get(a, "dominators"));
	put_others(s, a);
	put_holds(s, a, "holds");
}
