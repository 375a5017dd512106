/*
 * The common parts of the text screens. Everything is computed from facts, so
 * that a screen cannot say what the JSON does not.
 */
#include <inttypes.h>
#include <string.h>

#include "analyze/ui/screen.h"

const char *screen_bold(const struct screen *s)
{
	return s->color ? "\033[1m" : "";
}

const char *screen_dim(const struct screen *s)
{
	return s->color ? "\033[2m" : "";
}

const char *screen_plain(const struct screen *s)
{
	return s->color ? "\033[0m" : "";
}

const char *screen_glyph(const struct screen *s, enum glyph g)
{
	static const char *const utf8[N_GLYPHS] = {"┬", "├─", "╰→", "│", "↓", "×"};
	static const char *const ascii[N_GLYPHS] = {"+", "|-", "`>", "|", "v", "x"};

	return s->utf8 ? utf8[g] : ascii[g];
}

struct text screen_count(uint64_t n)
{
	char digits[24];
	size_t len = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, n), at = 0;
	struct text t;

	for (size_t i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			t.s[at++] = ',';
		t.s[at++] = digits[i];
	}
	t.s[at] = 0;
	return t;
}

struct text screen_bytes(uint64_t n)
{
	static const char *const units[] = {"KB", "MB", "GB", "TB", "PB", "EB"};
	double v = (double)n / 1024;
	size_t unit = 0;
	struct text t = screen_count(n);

	if (n < 10000) {
		strcat(t.s, " B");
		return t;
	}
	for (; v >= 1023.95 && unit + 1 < ARRAY_LEN(units); unit++)
		v /= 1024;
	snprintf(t.s, sizeof(t.s), "%.1f %s", v, units[unit]);
	return t;
}

struct text screen_share(uint64_t n, uint64_t whole)
{
	struct text t;

	if (!n || !whole)
		snprintf(t.s, sizeof(t.s), "0 %%");
	else
		snprintf(t.s, sizeof(t.s), "%.1f %%", 100.0 * (double)n / (double)whole);
	return t;
}

void screen_text(const struct screen *s, const char *text)
{
	for (; *text; text++)
		fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '.' : *text, s->out);
}

static void put_place(const struct screen *s, const struct fact *f)
{
	if (fact_str(f, "file"))
		fprintf(s->out, "  %s:%" PRIu64, fact_str(f, "file"), fact_u64(f, "line"));
}

void screen_object(const struct screen *s, const struct fact *o)
{
	fprintf(s->out, "%s  %s B %s", fact_str(o, "addr"), screen_count(fact_u64(o, "size")).s,
		fact_str(o, "kind"));
	if (fact_has(o, "path"))
		fprintf(s->out, "  %s", fact_str(o, "path"));
	if (fact_has(o, "retained"))
		fprintf(s->out, "   retained %s", screen_bytes(fact_u64(o, "retained")).s);
	if (fact_has(o, "points_to")) {
		fprintf(s->out, "   %s[", screen_dim(s));
		screen_text(s, fact_str(o, "points_to"));
		fprintf(s->out, "]%s", screen_plain(s));
	}
	if (fact_has(o, "text")) {
		fprintf(s->out, "   %s\"", screen_dim(s));
		screen_text(s, fact_str(o, "text"));
		fprintf(s->out, "\"%s", screen_plain(s));
	}
}

/* "global  g_sessions  (.bss of srv, cache/session.c:12)" */
static void put_variable(const struct screen *s, const struct fact *r, const char *kind)
{
	const char *name = fact_str(r, "name");

	fprintf(s->out, "%s  %s%s%s", kind, screen_bold(s), name ? name : fact_str(r, "addr"),
		screen_plain(s));
	if (fact_u64(r, "offset"))
		fprintf(s->out, "+0x%" PRIx64, fact_u64(r, "offset"));
	if (fact_has(r, "module")) {
		fputs("  (", s->out);
		if (fact_has(r, "section"))
			fprintf(s->out, "%s of ", fact_str(r, "section"));
		fputs(fact_str(r, "module"), s->out);
		if (fact_has(r, "file"))
			fprintf(s->out, ", %s:%" PRIu64, fact_str(r, "file"), fact_u64(r, "line"));
		fputc(')', s->out);
	}
}

static void put_thread(const struct screen *s, const struct fact *r)
{
	if (fact_bool(r, "exited"))
		fputs("an exited thread", s->out);
	else
		fprintf(s->out, "thread %" PRIu64, fact_u64(r, "thread"));
}

static void put_stack(const struct screen *s, const struct fact *r)
{
	fputs("stack   ", s->out);
	put_thread(s, r);
	if (fact_has(r, "frame"))
		fprintf(s->out, "  #%" PRIu64 " %s%s%s", fact_u64(r, "frame"), screen_bold(s),
			fact_str(r, "function") ? fact_str(r, "function") : fact_str(r, "pc"),
			screen_plain(s));
	else
		fputs("  above the last frame", s->out);
	put_place(s, r);
	if (fact_has(r, "offset"))
		fprintf(s->out, "  [frame+0x%" PRIx64 "]", fact_u64(r, "offset"));
}

void screen_root(const struct screen *s, const struct fact *r)
{
	const char *class = fact_str(r, "class");

	if (!strcmp(class, "stack")) {
		put_stack(s, r);
	} else if (!strcmp(class, "register")) {
		fputs("register  ", s->out);
		put_thread(s, r);
		if (fact_has(r, "register"))
			fprintf(s->out, "  %s%s%s", screen_bold(s), fact_str(r, "register"),
				screen_plain(s));
	} else if (!strcmp(class, "tls")) {
		put_variable(s, r, "thread-local");
		fputs("  of ", s->out);
		put_thread(s, r);
	} else {
		put_variable(s, r, class);
	}
	if (fact_has(r, "retained"))
		fprintf(s->out, "   retained %s", screen_bytes(fact_u64(r, "retained")).s);
}

void screen_vertex(const struct screen *s, const struct fact *step)
{
	if (fact_has(step, "root"))
		screen_root(s, fact_get(step, "root"));
	else if (fact_has(step, "object"))
		screen_object(s, fact_get(step, "object"));
}
