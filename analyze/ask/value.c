/*
 * Scalars as text. Numbers are written exactly: an integer of any size in decimal, a float by the fewest
 * digits that read back as the same. Little endian, as both machines are.
 *
 *	x87 long double   sign 1, exponent 15, mantissa 64 with its leading 1     16 bytes, 6 of them unused
 *	IEEE quad         sign 1, exponent 15, mantissa 112                       aarch64, _Float128
 *
 * What has no reading here (decimal and fixed-point numbers) is shown by its bytes.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/ask/pointee.h"
#include "analyze/ask/typed.h"
#include "analyze/ask/value.h"
#include "analyze/ask/value_enum.h"
#include "analyze/types/layout.h"

/* DWARF 5 §7.8 */
enum {
	ATE_ADDRESS = 0x01,
	ATE_BOOLEAN = 0x02,
	ATE_COMPLEX = 0x03,
	ATE_FLOAT = 0x04,
	ATE_SIGNED = 0x05,
	ATE_SIGNED_CHAR = 0x06,
	ATE_UNSIGNED = 0x07,
	ATE_UNSIGNED_CHAR = 0x08,
};

enum { MAX_SCALAR = 32, SHOWN_BYTES = 32, MAX_DIGITS = 48 };

typedef unsigned __int128 wide;

enum value_form value_form(const struct session *s, type_id type)
{
	const struct type_table *t = &s->types.table;
	const struct type *x = type_table_get(t, type_table_peel(t, type));

	switch (x->kind) {
	case TYPE_STRUCT:
	case TYPE_UNION:
		return x->flags & TYPE_DECLARED ? VALUE_NONE : VALUE_RECORD;
	case TYPE_ARRAY:
		return VALUE_ARRAY;
	case TYPE_KIND_VOID:
	case TYPE_FUNCTION:
		return VALUE_NONE;
	default:
		return VALUE_SCALAR;
	}
}

static wide bits_of(const uint8_t *bytes, size_t n, unsigned first, unsigned count)
{
	wide v = 0;

	for (size_t i = 0; i < n && i < sizeof(v); i++)
		v |= (wide)bytes[i] << (8 * i);
	v >>= first;
	return count < 128 ? v & (((wide)1 << count) - 1) : v;
}

static wide extend(wide v, unsigned count)
{
	bool is_negative = count && count < 128 && v >> (count - 1) & 1;

	return is_negative ? v | ~(wide)0 << count : v;
}

static void spell_integer(wide v, bool is_signed, char out[static MAX_DIGITS])
{
	bool is_negative = is_signed && (v >> 127 & 1);
	char digits[MAX_DIGITS], *at = digits + sizeof(digits) - 1;

	v = is_negative ? -v : v;
	*at = 0;
	do
		*--at = (char)('0' + (int)(v % 10));
	while (v /= 10);
	if (is_negative)
		*--at = '-';
	strcpy(out, at);
}

/* IEEE 754, and the x87's with its explicit leading bit. */
static long double float_of(wide v, unsigned exponent_bits, unsigned mantissa_bits,
			    bool is_explicit)
{
	unsigned top = exponent_bits + mantissa_bits + is_explicit;
	int max = (1 << exponent_bits) - 1, bias = max / 2;
	int e = (int)(v >> (mantissa_bits + is_explicit) & (unsigned)max);
	wide m = v & (((wide)1 << (mantissa_bits + is_explicit)) - 1);
	long double f;

	if (e == max)
		f = m << (128 - mantissa_bits) ? (long double)NAN : (long double)INFINITY;
	else if (!is_explicit && e)
		f = ldexpl((long double)(m | (wide)1 << mantissa_bits),
			   e - bias - (int)mantissa_bits);
	else
		f = ldexpl((long double)m, (e ? e : 1) - bias - (int)mantissa_bits);
	return v >> top & 1 ? -f : f;
}

/* By the fewest digits that say the same number. */
static void spell_float(long double f, unsigned mantissa_bits, char out[static MAX_DIGITS])
{
	int most = (int)(mantissa_bits * 0.30103) + 3;

	for (int digits = mantissa_bits < 20 ? 3 : 6; digits <= most; digits++) {
		snprintf(out, MAX_DIGITS, "%.*Lg", digits, f);
		if (mantissa_bits == 23	  ? strtof(out, NULL) == (float)f
		    : mantissa_bits == 52 ? strtod(out, NULL) == (double)f
					  : strtold(out, NULL) == f)
			return;
	}
}

/* The text of a float of that size; false: there is none of that size. */
static bool set_float(const struct session *s, const uint8_t *bytes, uint64_t size, bool is_quad,
		      char out[static MAX_DIGITS])
{
	wide v = bits_of(bytes, size, 0, 128);

	if (size == 2)
		spell_float(float_of(v, 5, 10, false), 10, out);
	else if (size == 4)
		spell_float(float_of(v, 8, 23, false), 23, out);
	else if (size == 8)
		spell_float(float_of(v, 11, 52, false), 52, out);
	else if (size == 16 && (is_quad || s->parts.machine != MACHINE_X86_64))
		spell_float(float_of(v, 15, 112, false), 112, out);
	else if (size == 16 || size == 12 || size == 10)
		spell_float(float_of(bits_of(bytes, 10, 0, 80), 15, 63, true), 63, out);
	else
		return false;
	return true;
}

static bool set_complex(const struct session *s, const uint8_t *bytes, uint64_t size,
			struct fact *into)
{
	char re[MAX_DIGITS], im[MAX_DIGITS];

	if (!set_float(s, bytes, size / 2, false, re) ||
	    !set_float(s, bytes + size / 2, size / 2, false, im))
		return false;
	fact_set_strf(into, "value", "%s %c %si", re, *im == '-' ? '-' : '+', im + (*im == '-'));
	return true;
}

static void set_bytes(struct fact *into, const uint8_t *bytes, uint64_t n)
{
	char hex[2 * SHOWN_BYTES + 1] = "";

	for (uint64_t i = 0; i < n && i < SHOWN_BYTES; i++)
		sprintf(hex + 2 * i, "%02x", bytes[i]);
	fact_set_str(into, "bytes", hex);
}

/* A character beside its number, if it can be seen. */
static void set_character(struct fact *into, wide v)
{
	if (v > 0x20 && v < 0x7f)
		fact_set_strf(into, "text", "%c", (int)v);
}

static bool is_quad_name(const struct session *s, const struct type *x)
{
	return strstr(type_table_text(&s->types.table, x->name), "128") != NULL;
}

static void set_base(const struct session *s, struct fact *into, const struct type *x,
		     const uint8_t *bytes, uint64_t size, const struct value_place *p)
{
	bool is_signed = x->encoding == ATE_SIGNED || x->encoding == ATE_SIGNED_CHAR;
	unsigned count = p->bit_size ? p->bit_size : (unsigned)(8 * size);
	wide v = bits_of(bytes, size, p->bit_size ? p->bit_off : 0, count);
	char text[MAX_DIGITS] = "";

	if (x->encoding == ATE_FLOAT && !p->bit_size) {
		fact_set_str(into, "kind", "float");
		if (!set_float(s, bytes, size, is_quad_name(s, x), text))
			set_bytes(into, bytes, size);
	} else if (x->encoding == ATE_COMPLEX) {
		fact_set_str(into, "kind", "complex");
		if (!set_complex(s, bytes, size, into))
			set_bytes(into, bytes, size);
	} else if (x->encoding == ATE_BOOLEAN) {
		fact_set_str(into, "kind", "bool");
		spell_integer(v, false, text);
		strcpy(text, v == 1 ? "true" : v ? text : "false");
	} else if (count <= 128 &&
		   (is_signed || x->encoding == ATE_UNSIGNED || typed_is_character(x))) {
		fact_set_str(into, "kind", typed_is_character(x) ? "char" : "integer");
		spell_integer(is_signed ? extend(v, count) : v, is_signed, text);
		if (typed_is_character(x))
			set_character(into, v);
	} else {
		fact_set_str(into, "kind", "unknown");
		set_bytes(into, bytes, size);
	}
	if (*text)
		fact_set_str(into, "value", text);
}

static addr_t untagged(const struct session *s, uint64_t word)
{
	return word & ~s->options.scan.pointer_mask;
}

static void set_pointer(struct session *s, struct fact *into, const struct type *x,
			const uint8_t *bytes)
{
	uint64_t word = (uint64_t)bits_of(bytes, 8, 0, 64);

	fact_set_str(into, "kind", x->kind == TYPE_POINTER ? "pointer" : "reference");
	fact_set_addr(into, "value", word);
	if (word)
		pointee_set(s, into, untagged(s, word), x->target);
}

/* Itanium C++ ABI §2.3: a function and what is added to this; or an offset, -1: none. */
static void set_member_pointer(struct session *s, struct fact *into, const struct type *x,
			       const uint8_t *bytes, uint64_t size)
{
	const struct type_table *t = &s->types.table;
	int64_t word = (int64_t)bits_of(bytes, 8, 0, 64);
	bool is_function = type_table_get(t, type_table_peel(t, x->target))->kind == TYPE_FUNCTION;
	struct layout_hit hit;

	fact_set_str(into, "kind", "member pointer");
	if (is_function || size == 16) {
		fact_set_addr(into, "value", (addr_t)word);
		if (word && !(word & 1))
			pointee_set(s, into, (addr_t)word, TYPE_NONE);
	} else {
		fact_set_strf(into, "value", "%" PRId64, word);
		fact_set_str(into, "name_of_value", word == -1 ? "none" : NULL);
		if (word != -1 && x->n &&
		    layout_at(t, t->members.v[x->first].type, 0, (uint64_t)word, &hit, 1))
			fact_set_strf(into, "name_of_value", ".%s", hit.path);
	}
}

static uint64_t size_of(const struct session *s, const struct type *x, const struct value_place *p)
{
	uint64_t size = 0;

	if (p->bit_size)
		return ((uint64_t)p->bit_off + p->bit_size + 7) / 8;
	if (x->kind == TYPE_POINTER || x->kind == TYPE_REFERENCE ||
	    x->kind == TYPE_RVALUE_REFERENCE)
		return 8;
	if (!type_table_size(&s->types.table, p->type, &size) && x->kind == TYPE_MEMBER_POINTER)
		return 8;
	return size;
}

void value_set(struct session *s, struct fact *into, const struct value_place *p)
{
	const struct type_table *t = &s->types.table;
	type_id id = type_table_peel(t, p->type);
	const struct type *x = type_table_get(t, id);
	uint8_t bytes[MAX_SCALAR];
	uint64_t size = size_of(s, x, p);

	if (!size || size > sizeof(bytes)) {
		fact_set_str(into, "kind", "unknown");
		if (strstr(type_table_text(t, x->name), "nullptr"))
			fact_set_str(into, "value", "nullptr");
		return;
	}
	if (space_read(&s->space, p->addr, bytes, size) < size) {
		fact_set_str(into, "kind", "unknown");
		fact_set_bool(into, "absent", true);
		return;
	}
	switch (x->kind) {
	case TYPE_BASE:
		set_base(s, into, x, bytes, size, p);
		break;
	case TYPE_ENUM:
		value_enum_set(t, into, id,
			       (uint64_t)bits_of(bytes, size, p->bit_size ? p->bit_off : 0,
						 p->bit_size ? p->bit_size : 64),
			       p->bit_size ? p->bit_size : (unsigned)(8 * size));
		break;
	case TYPE_POINTER:
	case TYPE_REFERENCE:
	case TYPE_RVALUE_REFERENCE:
		set_pointer(s, into, x, bytes);
		break;
	case TYPE_MEMBER_POINTER:
		set_member_pointer(s, into, x, bytes, size);
		break;
	default:
		fact_set_str(into, "kind", "unknown");
		set_bytes(into, bytes, size);
	}
}

bool value_pointer(const struct session *s, const struct value_place *p, addr_t *to,
		   type_id *target)
{
	const struct type_table *t = &s->types.table;
	const struct type *x = type_table_get(t, type_table_peel(t, p->type));
	uint64_t word;

	if (p->bit_size ||
	    (x->kind != TYPE_POINTER && x->kind != TYPE_REFERENCE &&
	     x->kind != TYPE_RVALUE_REFERENCE) ||
	    !space_u64(&s->space, p->addr, &word))
		return false;
	*to = untagged(s, word);
	*target = x->target;
	return true;
}
