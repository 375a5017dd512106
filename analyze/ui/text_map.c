/*
 * heapdump map: what is at an address, and its bytes.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/ui/commands.h"

static unsigned hex_digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

static void put_bytes(const struct screen *s, const struct fact *a)
{
	const char *hex = fact_str(a, "bytes");
	uint64_t at = strtoull(fact_str(a, "bytes_at") ? fact_str(a, "bytes_at") : "0", NULL, 16);
	size_t n = hex ? strlen(hex) / 2 : 0;

	if (n)
		fputc('\n', s->out);
	for (size_t i = 0; i < n; i += 16) {
		size_t end = i + 16 < n ? i + 16 : n;

		fprintf(s->out, "  0x%" PRIx64 " ", at + i);
		for (size_t k = i; k < i + 16; k++)
			if (k < end)
				fprintf(s->out, "%s%.2s", k % 8 ? " " : "  ", hex + 2 * k);
			else
				fputs(k % 8 ? "   " : "    ", s->out);
		fputs("  ", s->out);
		for (size_t k = i; k < end; k++) {
			int c = (int)(hex_digit(hex[2 * k]) << 4 | hex_digit(hex[2 * k + 1]));

			fputc(c < 128 && isprint(c) ? c : '.', s->out);
		}
		fputc('\n', s->out);
	}
}

static void put_symbol(const struct screen *s, const struct fact *f)
{
	if (fact_has(f, "name"))
		fprintf(s->out, "\nsymbol      %s+0x%" PRIx64, fact_str(f, "name"),
			fact_u64(f, "offset"));
	if (fact_has(f, "file"))
		fprintf(s->out, "  %s:%" PRIu64, fact_str(f, "file"), fact_u64(f, "line"));
	fprintf(s->out, "\nmodule      %s%s%s", fact_str(f, "module"),
		fact_has(f, "section") ? ", section " : "",
		fact_has(f, "section") ? fact_str(f, "section") : "");
}

/* "value       char *  0x…  "BYE"  → 4,104 B char[4104]" */
static void put_member(const struct screen *s, const struct fact *a)
{
	const struct fact *m = fact_get(a, "member");

	if (!m)
		return;
	fputs(fact_has(a, "object") ? "member      " : "\nmember      ", s->out);
	if (fact_has(m, "path"))
		fprintf(s->out, "%s  ", fact_str(m, "path"));
	fprintf(s->out, "%s  ", screen_type_name(m).s);
	if (fact_u64(m, "offset"))
		fprintf(s->out, "(byte %" PRIu64 " of it)  ", fact_u64(m, "offset"));
	text_value(s, m);
	if (fact_bool(m, "path_shared"))
		fputs("  (one reading of a union)", s->out);
	if (fact_has(a, "object"))
		fputc('\n', s->out);
}

void text_map(const struct screen *s, const struct fact *a)
{
	const struct fact *m = fact_get(a, "mapping");

	if (fact_has(a, "object")) {
		if (fact_u64(a, "offset"))
			fprintf(s->out, "%s is +0x%" PRIx64 " in ", fact_str(a, "addr"),
				fact_u64(a, "offset"));
		screen_object(s, fact_get(a, "object"), NULL);
		fprintf(s->out, "   %s", fact_str(a, "object.state"));
		fputc('\n', s->out);
		put_member(s, a);
		text_allocation(s, a);
	} else {
		fprintf(s->out, "%s  %s", fact_str(a, "addr"), fact_str(a, "place"));
		if (fact_has(a, "symbol"))
			put_symbol(s, fact_get(a, "symbol"));
		if (fact_has(a, "root")) {
			fputs("\nroot        ", s->out);
			screen_root(s, fact_get(a, "root"), NULL);
		}
		put_member(s, a);
	}
	if (m)
		fprintf(s->out, "%smapping     %s %s %s %s%s%s", fact_has(a, "object") ? "" : "\n",
			fact_str(m, "addr"), screen_glyph(s, GLYPH_TO), fact_str(m, "end"),
			fact_str(m, "access"), fact_has(m, "path") ? " " : "",
			fact_has(m, "path") ? fact_str(m, "path") : "");
	if (fact_has(a, "note"))
		fprintf(s->out, "\nnote        %s", fact_str(a, "note"));
	if (m || !fact_has(a, "object"))
		fputc('\n', s->out);
	put_bytes(s, a);
}
