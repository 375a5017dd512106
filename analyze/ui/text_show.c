/*
 * heapdump show: a field a line, what is in it indented below.
 *
 *	+0x10  conn     struct conn *     0x… → 40 B struct conn
 *	+0x18  flags    unsigned int : 3  5
 *	+0x20  words    int[16]           {1, 2, 0 × 14}
 *
 * Walked with an explicit stack; names and types are aligned among neighbours.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/ui/commands.h"

enum { MAX_LEVELS = 2048, NAME_COLUMNS = 24, TYPE_COLUMNS = 32, TEXT = 512 };

/* Neighbours, of which some are shown already. */
struct show_level {
	const struct fact *holder, *list;
	size_t next;
	size_t name, type; /* columns */
};

static bool is_kind(const struct fact *f, const char *kind)
{
	const char *is = fact_str(f, "kind");

	return is && !strcmp(is, kind);
}

/* "conn", "[3]", "[3–17]", "flags : 3", "(base)" */
static void field_name(const struct screen *s, const struct fact *f, char *out, size_t max)
{
	uint64_t i = fact_u64(f, "index"), times = fact_u64(f, "times");
	const char *name = fact_str(f, "name");

	if (fact_has(f, "index") && times)
		snprintf(out, max, "[%" PRIu64 "%s%" PRIu64 "]", i, screen_glyph(s, GLYPH_TO),
			 i + times - 1);
	else if (fact_has(f, "index"))
		snprintf(out, max, "[%" PRIu64 "]", i);
	else if (fact_bool(f, "base"))
		snprintf(out, max, "(base)");
	else if (fact_has(f, "bits"))
		snprintf(out, max, "%s : %" PRIu64, name ? name : "", fact_u64(f, "bits"));
	else
		snprintf(out, max, "%s", name ? name : "");
}

/* "47 45 54": at most so many bytes. */
static void put_hex(const struct screen *s, const char *hex, size_t columns)
{
	size_t n = hex ? strlen(hex) / 2 : 0;

	for (size_t i = 0; i < columns; i++)
		if (i < n)
			fprintf(s->out, "%s%.2s", i ? " " : "", hex + 2 * i);
		else
			fputs("   " + !i, s->out);
}

static void put_text(const struct screen *s, const struct fact *f)
{
	fprintf(s->out, "\"%s\"%s", fact_str(f, "text"),
		fact_bool(f, "text_cut") ? screen_glyph(s, GLYPH_MORE) : "");
}

static void put_in_object(const struct screen *s, const struct fact *to)
{
	const struct fact *o = fact_get(to, "object");

	if (fact_has(to, "path"))
		fprintf(s->out, "%s in ", fact_str(to, "path"));
	else if (fact_has(to, "offset"))
		fprintf(s->out, "+0x%" PRIx64 " in ", fact_u64(to, "offset"));
	fprintf(s->out, "%s B ", screen_count(fact_u64(o, "size")).s);
	screen_type(s, o);
	if (fact_has(to, "offset"))
		fprintf(s->out, " at %s", fact_str(o, "addr"));
	if (!fact_has(to, "text"))
		screen_look(s, o, "  ");
}

static void put_in_module(const struct screen *s, const struct fact *to)
{
	if (!fact_has(to, "name")) {
		fprintf(s->out, "%s of %s", fact_has(to, "section") ? fact_str(to, "section") : "?",
			fact_str(to, "module"));
		return;
	}
	screen_short(s, fact_str(to, "name"), 60);
	if (fact_has(to, "offset"))
		fprintf(s->out, "+0x%" PRIx64, fact_u64(to, "offset"));
	if (fact_has(to, "file"))
		fprintf(s->out, "  %s:%" PRIu64, fact_str(to, "file"), fact_u64(to, "line"));
	else
		fprintf(s->out, " (%s)", fact_str(to, "module"));
}

/* What a pointer leads to. */
static void put_to(const struct screen *s, const struct fact *to)
{
	const char *place = fact_str(to, "place");

	if (fact_has(to, "text")) {
		fputs("  ", s->out);
		put_text(s, to);
	}
	fprintf(s->out, "  %s ", s->utf8 ? "→" : "->");
	if (fact_has(to, "object"))
		put_in_object(s, to);
	else if (fact_has(to, "root"))
		screen_root(s, fact_get(to, "root"), NULL);
	else if (fact_has(to, "module"))
		put_in_module(s, to);
	else if (!strncmp(place, "heap, but no object", 19))
		fputs("free memory", s->out);
	else
		fputs(strcmp(place, "not mapped") ? place : "nowhere", s->out);
	if (fact_bool(to, "shown_before"))
		fputs("  (shown above)", s->out);
}

static bool is_plain(const struct fact *f)
{
	return fact_has(f, "value") && !fact_has(f, "to") && !is_kind(f, "pointer");
}

/* Whether the array's elements are numbers, which fit in one line. */
static bool is_flat(const struct fact *f)
{
	const struct fact *list = fact_get(f, "fields");

	for (size_t i = 0; i < fact_count(list); i++)
		if (!is_plain(fact_at(list, i)))
			return false;
	return is_kind(f, "array") && fact_count(list);
}

static void put_scalar(const struct screen *s, const struct fact *f)
{
	const char *value = fact_str(f, "value");

	if (is_kind(f, "pointer") && !strcmp(value, "0x0"))
		value = "NULL";
	if (fact_has(f, "name_of_value"))
		fprintf(s->out, "%s (%s)", fact_str(f, "name_of_value"), value);
	else
		fputs(value, s->out);
	if (is_kind(f, "char") && fact_has(f, "text"))
		fprintf(s->out, " '%s'", fact_str(f, "text"));
	if (fact_has(f, "to"))
		put_to(s, fact_get(f, "to"));
}

static void put_flat(const struct screen *s, const struct fact *f)
{
	const struct fact *list = fact_get(f, "fields");

	fputc('{', s->out);
	for (size_t i = 0; i < fact_count(list); i++) {
		const struct fact *e = fact_at(list, i);

		fputs(i ? ", " : "", s->out);
		put_scalar(s, e);
		if (fact_u64(e, "times"))
			fprintf(s->out, " %s %s", screen_glyph(s, GLYPH_TIMES),
				screen_count(fact_u64(e, "times")).s);
	}
	if (fact_u64(f, "fields_cut"))
		fprintf(s->out, ", %s %s more", screen_glyph(s, GLYPH_MORE),
			screen_count(fact_u64(f, "fields_cut")).s);
	fputc('}', s->out);
}

void text_value(const struct screen *s, const struct fact *f)
{
	if (fact_bool(f, "absent"))
		fputs("(not in the dump)", s->out);
	else if (is_flat(f))
		put_flat(s, f);
	else if ((is_kind(f, "array") || is_kind(f, "struct")) && fact_has(f, "text"))
		put_text(s, f);
	else if (is_kind(f, "union"))
		fputs("(union: each reads the same bytes)", s->out);
	else if (is_kind(f, "virtual base"))
		fputs("(a virtual base: only the object knows where)", s->out);
	else if (is_kind(f, "array") && !fact_u64(f, "count"))
		fputs("{}", s->out);
	else if (fact_has(f, "value"))
		put_scalar(s, f);
	else if (fact_has(f, "bytes"))
		put_hex(s, fact_str(f, "bytes"), strlen(fact_str(f, "bytes")) / 2);
	else if (is_kind(f, "unknown"))
		fputs("(of no known layout)", s->out);
	if (fact_bool(f, "bytes_cut"))
		fprintf(s->out, " %s", screen_glyph(s, GLYPH_MORE));
	if (fact_bool(f, "variant"))
		fputs("  (one variant's)", s->out);
	if (fact_bool(f, "fields_omitted"))
		fprintf(s->out, " %s (too much to show; ask for it alone)",
			screen_glyph(s, GLYPH_MORE));
}

/* Whether something stands behind its type: parts stand in lines of their own. */
static bool has_value(const struct fact *f)
{
	return (!is_kind(f, "struct") && (!is_kind(f, "array") || !fact_has(f, "fields"))) ||
	       is_flat(f) || fact_has(f, "text") || fact_bool(f, "variant") ||
	       fact_bool(f, "fields_omitted");
}

static struct show_level level_of(const struct screen *s, const struct fact *holder)
{
	struct show_level l = {.holder = holder, .list = fact_get(holder, "fields")};
	char name[TEXT];

	for (size_t i = 0; i < fact_count(l.list); i++) {
		const struct fact *f = fact_at(l.list, i);
		size_t n;

		field_name(s, f, name, sizeof(name));
		n = screen_columns(name);
		l.name = n > l.name ? n : l.name;
		n = screen_columns(screen_type_name(f).s);
		l.type = n > l.type ? n : l.type;
	}
	l.name = l.name < NAME_COLUMNS ? l.name : NAME_COLUMNS;
	l.type = l.type < TYPE_COLUMNS ? l.type : TYPE_COLUMNS;
	return l;
}

static void put_field(const struct screen *s, const struct show_level *l, const struct fact *f,
		      size_t depth)
{
	char off[32], name[TEXT];

	snprintf(off, sizeof(off), fact_has(f, "offset") ? "+0x%" PRIx64 : "",
		 fact_u64(f, "offset"));
	field_name(s, f, name, sizeof(name));
	fprintf(s->out, "  %s%-7s%s%*s", screen_dim(s), off, screen_plain(s), (int)(2 * depth), "");
	if (l->name) {
		fputs(screen_bold(s), s->out);
		screen_padded(s, name, l->type || has_value(f) ? l->name : 0);
		fprintf(s->out, "%s%s", screen_plain(s), l->type || has_value(f) ? "  " : "");
	}
	if (l->type) {
		screen_padded(s, screen_type_name(f).s, has_value(f) ? l->type : 0);
		fputs(has_value(f) ? "  " : "", s->out);
	}
	text_value(s, f);
	fputc('\n', s->out);
}

/* What is below a field: its parts, or those of what it points to. NULL: nothing. */
static const struct fact *holder_below(const struct fact *f)
{
	if (fact_has(f, "fields"))
		return is_flat(f) ? NULL : f;
	return fact_has(f, "to.fields") ? fact_get(f, "to") : NULL;
}

static void put_cut(const struct screen *s, const struct show_level *l, size_t depth)
{
	uint64_t n = fact_u64(l->holder, "fields_cut");

	if (n)
		fprintf(s->out, "%9s%*s%s %s\n", "", (int)(2 * depth), "",
			screen_glyph(s, GLYPH_MORE),
			screen_counted(n, fact_has(fact_at(l->list, 0), "index") ? "more element"
										 : "more field")
				.s);
}

static void put_fields(const struct screen *s, const struct fact *a)
{
	struct show_level *stack = calloc(MAX_LEVELS, sizeof(*stack));
	size_t n = 0;

	if (stack)
		stack[n++] = level_of(s, a);
	while (n) {
		struct show_level *l = &stack[n - 1];
		const struct fact *f, *below;

		if (l->next == fact_count(l->list)) {
			put_cut(s, l, n - 1);
			n--;
			continue;
		}
		f = fact_at(l->list, l->next++);
		put_field(s, l, f, n - 1);
		below = holder_below(f);
		if (below && n < MAX_LEVELS)
			stack[n++] = level_of(s, below);
	}
	free(stack);
}

static void put_words(const struct screen *s, const struct fact *a)
{
	const struct fact *list = fact_get(a, "words");

	for (size_t i = 0; i < fact_count(list); i++) {
		const struct fact *w = fact_at(list, i);
		const char *hex = fact_str(w, "bytes");
		char off[32];

		snprintf(off, sizeof(off), "+0x%" PRIx64, fact_u64(w, "offset"));
		fprintf(s->out, "  %s%-7s%s", screen_dim(s), off, screen_plain(s));
		put_hex(s, hex, 8);
		fputs("  ", s->out);
		for (; *hex; hex += 2) {
			char digits[3] = {hex[0], hex[1]};
			int c = (int)strtol(digits, NULL, 16);

			fputc(c < 128 && isprint(c) ? c : '.', s->out);
		}
		if (fact_u64(w, "times"))
			fprintf(s->out, "  %s %s", screen_glyph(s, GLYPH_TIMES),
				screen_count(fact_u64(w, "times")).s);
		if (fact_has(w, "to"))
			put_to(s, fact_get(w, "to"));
		fputc('\n', s->out);
	}
	if (fact_u64(a, "bytes_cut"))
		fprintf(s->out, "%9s%s %s B more\n", "", screen_glyph(s, GLYPH_MORE),
			screen_count(fact_u64(a, "bytes_cut")).s);
}

static void put_head(const struct screen *s, const struct fact *a)
{
	const struct fact *v = fact_get(a, "variable"), *o = fact_get(a, "object");

	if (v) {
		fprintf(s->out, "%s  %s%s%s  (%s, %s B)", fact_str(a, "addr"), screen_bold(s),
			fact_str(v, "name"), screen_plain(s), fact_str(v, "module"),
			screen_count(fact_u64(v, "size")).s);
	} else if (o) {
		if (fact_has(a, "offset"))
			fprintf(s->out, "%s is ", fact_str(a, "asked"));
		if (fact_has(a, "path"))
			fprintf(s->out, "%s in ", fact_str(a, "path"));
		else if (fact_has(a, "offset"))
			fprintf(s->out, "+0x%" PRIx64 " in ", fact_u64(a, "offset"));
		screen_object(s, o, NULL);
	} else {
		fprintf(s->out, "%s  %s", fact_str(a, "addr"), fact_str(a, "place"));
	}
	if (fact_has(a, "name"))
		fprintf(s->out, "  %s+0x%" PRIx64, fact_str(a, "name"), fact_u64(a, "name_offset"));
	if (is_kind(a, "union"))
		fputs("  (union: each reads the same bytes)", s->out);
	fputc('\n', s->out);
	if (fact_has(a, "as") && fact_has(a, "type"))
		fprintf(s->out, "%s read as %s, as was asked for\n", fact_str(a, "addr"),
			fact_str(a, "type"));
}

void text_show(const struct screen *s, const struct fact *a)
{
	put_head(s, a);
	if (fact_has(a, "words") || fact_has(a, "type"))
		fputc('\n', s->out);
	if (fact_has(a, "words"))
		put_words(s, a);
	else if (is_kind(a, "array") && (is_flat(a) || !fact_has(a, "fields"))) {
		fputs("  ", s->out);
		text_value(s, a);
		fputc('\n', s->out);
	} else {
		put_fields(s, a);
	}
}
