/*
 * An enumerator's name is that of its value. Where enumerators are bits of which none
 * has two names, a value is their sum.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analyze/ask/value_enum.h"

enum { MAX_NAMES = 200, MAX_ENUMERATORS = 1 << 16 };

static uint64_t mask_of(unsigned bits)
{
	return bits < 64 ? (1ull << bits) - 1 : UINT64_MAX;
}

/* Whether the enumerators are flags: all of different bits. */
static bool is_flags(const struct type_member *v, uint32_t n, uint64_t mask)
{
	uint64_t seen = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (seen & v[i].off & mask || v[i].off >> 63)
			return false;
		seen |= v[i].off & mask;
	}
	return n > 1;
}

static void set_flags(const struct type_table *t, struct fact *into, const struct type_member *v,
		      uint32_t n, uint64_t value)
{
	char text[MAX_NAMES + 32] = "";
	uint64_t left = value;
	size_t used = 0;

	for (uint32_t i = 0; i < n && used < MAX_NAMES; i++) {
		if (!v[i].off || (left & v[i].off) != v[i].off)
			continue;
		left &= ~v[i].off;
		used += (size_t)snprintf(text + used, MAX_NAMES - used, "%s%s", used ? " | " : "",
					 type_table_text(t, v[i].name));
	}
	if (used >= MAX_NAMES || !used)
		return;
	if (left)
		sprintf(text + used, " | 0x%" PRIx64, left);
	fact_set_str(into, "name_of_value", text);
}

static bool is_signed(const struct type_table *t, const struct type *x, const struct type_member *v,
		      uint32_t n)
{
	const struct type *base = type_table_get(t, type_table_peel(t, x->target));

	if (x->target != TYPE_NONE && base->kind == TYPE_BASE)
		return base->encoding == 0x05 || base->encoding == 0x06; /* DW_ATE_signed(_char) */
	for (uint32_t i = 0; i < n; i++)
		if (v[i].off >> 63)
			return true;
	return false;
}

void value_enum_set(const struct type_table *t, struct fact *into, type_id id, uint64_t value,
		    unsigned bits)
{
	const struct type *x = type_table_get(t, id);
	uint64_t mask = mask_of(bits);
	uint32_t n;
	const struct type_member *v = type_table_members(t, id, &n);

	n = n < MAX_ENUMERATORS ? n : MAX_ENUMERATORS;
	value &= mask;
	fact_set_str(into, "kind", "enum");
	if (bits && bits < 64 && is_signed(t, x, v, n) && value >> (bits - 1) & 1)
		fact_set_strf(into, "value", "%" PRId64, (int64_t)(value | ~mask));
	else
		fact_set_strf(into, "value", "%" PRIu64, value);
	for (uint32_t i = 0; i < n; i++)
		if ((v[i].off & mask) == value) {
			fact_set_str(into, "name_of_value", type_table_text(t, v[i].name));
			return;
		}
	if (value && is_flags(v, n, mask))
		set_flags(t, into, v, n, value);
}
