/*
 * Keys of maps as text: integers, enumerators, characters, pointers, and strings of both C++ libraries,
 * escaped and cut at KEY_CHARS characters.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analyze/ask/expression.h"
#include "analyze/types/container_view.h"

enum {
	KEY_CHARS = 32,
	MAX_ENUMERATORS = 1024,
	MAX_NESTED = 8,
	/* DWARF 5 §7.8 */
	ATE_BOOLEAN = 0x02,
	ATE_FLOAT = 0x04,
	ATE_SIGNED = 0x05,
	ATE_SIGNED_CHAR = 0x06,
	ATE_UNSIGNED_CHAR = 0x08,
	ATE_UTF = 0x10
};

static bool read_number(const struct session *s, addr_t at, uint64_t size, uint64_t *out)
{
	*out = 0;
	return size <= sizeof(*out) && space_read(&s->space, at, out, size) == size;
}

static int64_t extended(uint64_t v, uint64_t size)
{
	unsigned shift = (unsigned)(64 - 8 * size);

	return size < 8 ? (int64_t)(v << shift) >> shift : (int64_t)v;
}

/* One character inside quotes; how many bytes were written. */
static size_t put_char(char *out, size_t room, uint8_t c)
{
	static const char plain[] = "abtnvfr";
	char text[8];
	size_t n;

	if (c == '"' || c == '\\')
		n = (size_t)snprintf(text, sizeof(text), "\\%c", c);
	else if (c >= 7 && c <= 13)
		n = (size_t)snprintf(text, sizeof(text), "\\%c", plain[c - 7]);
	else if (c < 0x20 || c == 0x7f)
		n = (size_t)snprintf(text, sizeof(text), "\\%03o", c);
	else
		n = (size_t)snprintf(text, sizeof(text), "%c", c);
	if (n >= room)
		return 0;
	memcpy(out, text, n + 1);
	return n;
}

/* Bytes of UTF-8 that are none are escaped, so that what is printed is text. */
static bool is_utf8(const uint8_t *v, size_t n, size_t *length)
{
	size_t want = v[0] >= 0xf0 && v[0] < 0xf5   ? 4
		      : v[0] >= 0xe0 && v[0] < 0xf0 ? 3
		      : v[0] >= 0xc2 && v[0] < 0xe0 ? 2
						    : 0;

	if (!want || want > n)
		return false;
	for (size_t i = 1; i < want; i++)
		if ((v[i] & 0xc0) != 0x80)
			return false;
	*length = want;
	return true;
}

static void put_string(const uint8_t *v, size_t n, bool is_cut, char *out)
{
	size_t at = 0, length;

	out[at++] = '"';
	for (size_t i = 0; i < n; i++) {
		if (v[i] >= 0x80 && is_utf8(v + i, n - i, &length)) {
			memcpy(out + at, v + i, length);
			at += length;
			i += length - 1;
		} else if (v[i] >= 0x80) {
			at += (size_t)snprintf(out + at, EXPRESSION_KEY_MAX - at, "\\%03o", v[i]);
		} else {
			at += put_char(out + at, EXPRESSION_KEY_MAX - at, v[i]);
		}
	}
	snprintf(out + at, EXPRESSION_KEY_MAX - at, is_cut ? "\"..." : "\"");
}

static bool string_key(const struct session *s, type_id id, addr_t at, char *out)
{
	const struct container_class *k = containers_class(&s->types.containers, id);
	struct container_view v;
	uint8_t bytes[KEY_CHARS];
	size_t n;

	if (!k || k->kind != CONTAINER_STRING || k->element_size != 1 ||
	    !container_view(&v, k, &s->space, at))
		return false;
	n = v.n < KEY_CHARS ? (size_t)v.n : KEY_CHARS;
	if (space_read(&s->space, v.first, bytes, n) != n)
		return false;
	put_string(bytes, n, v.n > n, out);
	return true;
}

static bool enum_key(const struct session *s, type_id id, uint64_t value, char *out)
{
	const struct type_table *t = &s->types.table;
	uint32_t n;
	const struct type_member *v = type_table_members(t, id, &n);

	for (uint32_t i = 0; i < n && i < MAX_ENUMERATORS; i++)
		if (v[i].off == value) {
			snprintf(out, EXPRESSION_KEY_MAX, "%.*s", KEY_CHARS,
				 type_table_text(t, v[i].name));
			return true;
		}
	return false;
}

static void base_key(const struct type *x, uint64_t v, char *out)
{
	bool is_char = x->encoding == ATE_SIGNED_CHAR || x->encoding == ATE_UNSIGNED_CHAR;

	if (x->encoding == ATE_BOOLEAN)
		snprintf(out, EXPRESSION_KEY_MAX, v ? "true" : "false");
	else if (is_char && x->size == 1 && v >= 0x20 && v < 0x7f && v != '\'' && v != '\\')
		snprintf(out, EXPRESSION_KEY_MAX, "'%c'", (int)v);
	else if (x->encoding == ATE_FLOAT && x->size == 8)
		snprintf(out, EXPRESSION_KEY_MAX, "%.17g",
			 ((union {
				 uint64_t bits;
				 double number;
			 }){v})
				 .number);
	else if (x->encoding == ATE_FLOAT)
		snprintf(out, EXPRESSION_KEY_MAX, "{...}");
	else if (x->encoding == ATE_SIGNED || x->encoding == ATE_SIGNED_CHAR)
		snprintf(out, EXPRESSION_KEY_MAX, "%" PRId64, extended(v, x->size));
	else
		snprintf(out, EXPRESSION_KEY_MAX, "%" PRIu64, v);
}

void expression_key(const struct session *s, type_id type, addr_t at,
		    char out[static EXPRESSION_KEY_MAX])
{
	const struct type_table *t = &s->types.table;
	type_id id = type_table_peel(t, type);
	const struct type *x = type_table_get(t, id);
	uint64_t v;

	snprintf(out, EXPRESSION_KEY_MAX, "{...}");
	if (x->kind == TYPE_STRUCT) {
		string_key(s, id, at, out);
		return;
	}
	if (!read_number(s, at, x->size, &v))
		return;
	if (x->kind == TYPE_BASE)
		base_key(x, v, out);
	else if (x->kind == TYPE_ENUM && !enum_key(s, id, (uint64_t)extended(v, x->size), out) &&
		 !enum_key(s, id, v, out))
		snprintf(out, EXPRESSION_KEY_MAX, "%" PRIu64, v);
	else if (x->kind == TYPE_POINTER)
		snprintf(out, EXPRESSION_KEY_MAX, "0x%" PRIx64, v);
}
