/*
 * The common parts of the text screens. Everything is computed from facts, so
 * that a screen cannot say what the JSON does not.
 */
#include <inttypes.h>
#include <string.h>

#include "analyze/ui/screen.h"
#include "analyze/ui/type_text.h"

/* A template's symbol can have thousands of characters. */
enum { SYMBOL_COLUMNS = 60 };

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
	static const char *const utf8[N_GLYPHS] = {"┬", "├─", "╰→", "│", "↓", "×", "…", "–"};
	static const char *const ascii[N_GLYPHS] = {"+", "|-", "`>", "|", "v", "x", "...", "-"};

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

struct text screen_counted(uint64_t n, const char *what)
{
	struct text count = screen_count(n), t;

	snprintf(t.s, sizeof(t.s), "%.30s %.28s%s", count.s, what, n == 1 ? "" : "s");
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
	else if ((double)n < 0.0005 * (double)whole)
		snprintf(t.s, sizeof(t.s), "<0.1 %%");
	else
		snprintf(t.s, sizeof(t.s), "%.1f %%", 100.0 * (double)n / (double)whole);
	return t;
}

size_t screen_columns(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

void screen_padded(const struct screen *s, const char *text, size_t columns)
{
	size_t n = screen_columns(text);

	fprintf(s->out, "%s%*s", text, n < columns ? (int)(columns - n) : 0, "");
}

void screen_short(const struct screen *s, const char *text, size_t columns)
{
	size_t n = 0, shown = 0;

	if (screen_columns(text) <= columns) {
		fputs(text, s->out);
		return;
	}
	for (; text[n]; n++)
		if ((text[n] & 0xc0) != 0x80 && shown++ == columns - 1)
			break;
	fprintf(s->out, "%.*s%s", (int)n, text, screen_glyph(s, GLYPH_MORE));
}

void screen_fitted(const struct screen *s, const char *text, size_t columns)
{
	if (screen_columns(text) > columns)
		screen_short(s, text, columns);
	else
		screen_padded(s, text, columns);
}

void screen_function(const struct screen *s, const struct fact *frame)
{
	const char *name = fact_str(frame, "function");

	screen_short(s, name ? name : fact_str(frame, "pc"), SYMBOL_COLUMNS);
}

static struct type_words short_name(const char *full)
{
	struct type_words w = {""};

	if (full)
		type_text_shorten(full, w.s, sizeof(w.s));
	return w;
}

void screen_look(const struct screen *s, const struct fact *o, const char *gap)
{
	if (fact_has(o, "points_to")) {
		fprintf(s->out, "%s%s[", gap, screen_dim(s));
		screen_short(s, short_name(fact_str(o, "points_to")).s, SYMBOL_COLUMNS);
		fprintf(s->out, "]%s", screen_plain(s));
	}
	if (fact_has(o, "text"))
		fprintf(s->out, "%s%s\"%s\"%s", gap, screen_dim(s), fact_str(o, "text"),
			screen_plain(s));
}

struct layout screen_layout(const struct fact *list)
{
	struct layout l = {0};

	for (size_t i = 0; i < fact_count(list); i++) {
		const struct fact *o = fact_get(fact_at(list, i), "object");
		int addr = o ? (int)strlen(fact_str(o, "addr")) : 0;
		int size = o ? (int)strlen(screen_count(fact_u64(o, "size")).s) : 0;

		l.addr = addr > l.addr ? addr : l.addr;
		l.size = size > l.size ? size : l.size;
	}
	return l;
}

static void put_place(const struct screen *s, const struct fact *f)
{
	if (fact_str(f, "file"))
		fprintf(s->out, "  %s:%" PRIu64, fact_str(f, "file"), fact_u64(f, "line"));
}

/* "   retained 5,412 B (0.1 % of the heap)"; of what no root reaches, its state instead. */
static void put_retained(const struct screen *s, const struct fact *f, const struct layout *l)
{
	const char *state = fact_str(f, "state");
	uint64_t retained = fact_u64(f, "retained");

	if (!fact_has(f, "retained") || l->no_retained)
		return;
	if (state && strcmp(state, "reachable")) {
		fprintf(s->out, "   %s", state);
		return;
	}
	fprintf(s->out, "   retained %s", screen_bytes(retained).s);
	if (l->whole)
		fprintf(s->out, " (%s of the heap)", screen_share(retained, l->whole).s);
}

struct type_words screen_type_name(const struct fact *f)
{
	return short_name(fact_str(f, "type"));
}

void screen_type(const struct screen *s, const struct fact *o)
{
	const char *confidence = fact_str(o, "type_confidence");

	if (fact_has(o, "type"))
		screen_short(s, screen_type_name(o).s, SYMBOL_COLUMNS);
	else
		fputs(fact_str(o, "kind"), s->out);
	if (!fact_has(o, "type") || !confidence || !strcmp(confidence, "certain"))
		return;
	fputc('?', s->out);
	*s->has_guess = true;
}

void screen_object(const struct screen *s, const struct fact *o, const struct layout *l)
{
	static const struct layout alone;

	l = l ? l : &alone;
	fprintf(s->out, "%-*s  %*s B ", l->addr, fact_str(o, "addr"), l->size,
		screen_count(fact_u64(o, "size")).s);
	screen_type(s, o);
	if (fact_has(o, "path"))
		fprintf(s->out, "  %s", fact_str(o, "path"));
	put_retained(s, o, l);
	screen_look(s, o, "   ");
	if (fact_has(o, "announced"))
		fprintf(s->out, "   announced as %s", fact_str(o, "announced"));
	if (fact_has(o, "site")) {
		fputs("   from ", s->out);
		screen_caller(s, fact_get(o, "site"));
	}
}

void screen_caller(const struct screen *s, const struct fact *c)
{
	const char *function = fact_str(c, "function"), *module = fact_str(c, "module");

	if (module && fact_bool(c, "unmapped")) {
		fprintf(s->out, "%s+0x%" PRIx64 " (unmapped since)", module, fact_u64(c, "offset"));
		return;
	}
	fputs(function ? function : fact_str(c, "pc") ? fact_str(c, "pc") : "?", s->out);
	if (fact_has(c, "file"))
		fprintf(s->out, " %s:%" PRIu64, fact_str(c, "file"), fact_u64(c, "line"));
	else if (module)
		fprintf(s->out, " (%s)", module);
}

/* "global  g_sessions  (.bss of srv, cache/session.c:12)" */
static void put_variable(const struct screen *s, const struct fact *r, const char *kind,
			 const struct layout *l)
{
	const char *name = fact_str(r, "name");

	fprintf(s->out, "%s  %s%s%s", kind, screen_bold(s), name ? name : fact_str(r, "addr"),
		screen_plain(s));
	if (fact_u64(r, "offset"))
		fprintf(s->out, "+0x%" PRIx64, fact_u64(r, "offset"));
	if (l->with_type && fact_has(r, "type"))
		fprintf(s->out, "  %s", screen_type_name(r).s);
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

/* "  req.conn", "  n of #4 down" */
static void put_local(const struct screen *s, const struct fact *r)
{
	if (!fact_has(r, "variable"))
		return;
	fprintf(s->out, "  %s%s%s%s", screen_bold(s), fact_str(r, "variable"),
		fact_has(r, "path") ? fact_str(r, "path") : "", screen_plain(s));
	if (fact_has(r, "variable_function"))
		fputs(" of ", s->out);
	if (fact_has(r, "variable_frame"))
		fprintf(s->out, "#%" PRIu64 " ", fact_u64(r, "variable_frame"));
	if (fact_has(r, "variable_function"))
		fputs(fact_str(r, "variable_function"), s->out);
}

static void put_stack(const struct screen *s, const struct fact *r)
{
	fputs("stack   ", s->out);
	put_thread(s, r);
	if (fact_has(r, "frame")) {
		fprintf(s->out, "  #%" PRIu64 " %s", fact_u64(r, "frame"), screen_bold(s));
		screen_function(s, r);
		fputs(screen_plain(s), s->out);
	} else {
		fputs("  above the last frame", s->out);
	}
	put_place(s, r);
	put_local(s, r);
	if (fact_has(r, "offset"))
		fprintf(s->out, "  [frame+0x%" PRIx64 "]", fact_u64(r, "offset"));
}

void screen_root(const struct screen *s, const struct fact *r, const struct layout *l)
{
	static const struct layout alone;
	const char *class = fact_str(r, "class");

	l = l ? l : &alone;
	if (!strcmp(class, "stack")) {
		put_stack(s, r);
	} else if (!strcmp(class, "register")) {
		fputs("register  ", s->out);
		put_thread(s, r);
		if (fact_has(r, "register"))
			fprintf(s->out, "  %s%s%s%s", screen_bold(s), fact_str(r, "register"),
				screen_plain(s),
				fact_bool(r, "register_guessed") ? " (a guess)" : "");
		put_local(s, r);
	} else if (!strcmp(class, "tls")) {
		put_variable(s, r, "thread-local", l);
		fputs("  of ", s->out);
		put_thread(s, r);
	} else {
		put_variable(s, r, class, l);
	}
	put_retained(s, r, l);
}

void screen_vertex(const struct screen *s, const struct fact *step, const struct layout *l)
{
	if (fact_has(step, "root"))
		screen_root(s, fact_get(step, "root"), l);
	else if (fact_has(step, "object"))
		screen_object(s, fact_get(step, "object"), l);
}

void screen_list(const struct screen *s, const struct fact *list, uint64_t all)
{
	struct layout l = screen_layout(list);

	for (size_t i = 0; i < fact_count(list); i++) {
		fputs("  ", s->out);
		screen_vertex(s, fact_at(list, i), &l);
		fputc('\n', s->out);
	}
	if (all > fact_count(list))
		fprintf(s->out, "  %s %s more\n", screen_glyph(s, GLYPH_MORE),
			screen_count(all - fact_count(list)).s);
}

void screen_no_objects(const struct screen *s, const struct fact *answer)
{
	fprintf(s->out, "%s%s%s", screen_bold(s),
		fact_bool(answer, "heap_absent") ? "The heap is not in this dump"
						 : "No object in use was found",
		screen_plain(s));
}

void screen_cautions(const struct screen *s, const struct fact *answer)
{
	const struct fact *list = fact_get(answer, "cautions");

	for (size_t i = 0; i < fact_count(list); i++)
		fprintf(s->out, "%sCaution: %s.%s\n", screen_bold(s), fact_str_at(list, i),
			screen_plain(s));
}
