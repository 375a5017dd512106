/*
 * .eh_frame_hdr and .eh_frame: from an address to the entry (FDE) that covers it, and to what it shares with others
 * (CIE). The programs in them are run by unwind_program.c.
 *
 *	.eh_frame_hdr   version 1, three encodings, where .eh_frame is, n, then n × { start, entry } sorted by start
 *	.eh_frame       records { length, id, … }: a CIE has id 0; an FDE's id is the distance back to its CIE
 *
 * The layouts are those of the Linux Standard Base (Exception Frames) and of the DWARF standard, 6.4.
 *
 * All reads are by a cursor over the one segment that holds both sections, so damaged tables are harmless.
 *
 * Limits: only the table of 4-byte pairs relative to itself, which is what linkers write; no 64-bit records; an
 * entry that lies in another segment than the header is not seen.
 */
#include "dump/unwind_cfi.h"

enum {
	PE_ABSPTR = 0x00,
	PE_ULEB = 0x01,
	PE_UDATA2 = 0x02,
	PE_UDATA4 = 0x03,
	PE_UDATA8 = 0x04,
	PE_SLEB = 0x09,
	PE_SDATA2 = 0x0a,
	PE_SDATA4 = 0x0b,
	PE_SDATA8 = 0x0c,
	PE_FORMAT = 0x0f,
	PE_PCREL = 0x10,
	PE_DATAREL = 0x30,
	PE_BASE = 0x70,
	PE_OMIT = 0xff,

	TABLE_ENCODING = PE_DATAREL | PE_SDATA4,
	TABLE_ENTRY_BYTES = 8,
	RETURN_ADDRESS = 16, /* its number in x86-64's psABI */
	MAX_LENGTH = 0xfffffff0,
};

static uint64_t leb(struct cursor *c, bool is_signed)
{
	uint64_t v = 0;
	unsigned shift = 0;
	uint8_t byte;

	do {
		byte = cursor_u8(c);
		if (shift < 64)
			v |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if (is_signed && shift < 64 && (byte & 0x40))
		v |= -(UINT64_C(1) << shift);
	return v;
}

uint64_t hd_cfi_uleb(struct cursor *c)
{
	return leb(c, false);
}

int64_t hd_cfi_sleb(struct cursor *c)
{
	return (int64_t)leb(c, true);
}

static uint64_t number(struct cursor *c, uint8_t format)
{
	switch (format) {
	case PE_ABSPTR:
	case PE_UDATA8:
	case PE_SDATA8:
		return cursor_u64(c);
	case PE_ULEB:
		return hd_cfi_uleb(c);
	case PE_SLEB:
		return (uint64_t)hd_cfi_sleb(c);
	case PE_UDATA2:
		return cursor_u16(c);
	case PE_SDATA2:
		return (uint64_t)(int64_t)(int16_t)cursor_u16(c);
	case PE_UDATA4:
		return cursor_u32(c);
	case PE_SDATA4:
		return (uint64_t)(int64_t)(int32_t)cursor_u32(c);
	}
	c->bad = true;
	return 0;
}

uint64_t hd_cfi_pointer(const struct hd_cfi *cfi, struct cursor *c, uint8_t encoding)
{
	uint64_t here = (uint64_t)(uintptr_t)c->bytes + c->off;
	uint64_t v;

	if (encoding == PE_OMIT)
		return 0;
	v = number(c, encoding & PE_FORMAT);
	switch (encoding & PE_BASE) {
	case PE_ABSPTR:
		return v;
	case PE_PCREL:
		return v + here;
	case PE_DATAREL:
		return v + (uint64_t)(uintptr_t)cfi->bytes + cfi->hdr;
	}
	c->bad = true;
	return 0;
}

/* The record at an offset: the cursor ends with it. */
static struct cursor record_at(const struct hd_cfi *cfi, uint64_t off)
{
	struct cursor c = cursor_at(cfi->bytes, cfi->size, off);
	uint32_t length = cursor_u32(&c);

	if (!length || length >= MAX_LENGTH || length > cursor_left(&c))
		c.bad = true;
	else
		c.size = c.off + length;
	return c;
}

/* What the letters of the augmentation announce. False for a letter that is not known. */
static bool read_augmentation(const struct hd_cfi *cfi, struct cursor *c, const char *letters,
			      struct hd_cie *cie)
{
	uint64_t size, end;

	if (*letters == '\0')
		return true;
	if (*letters != 'z')
		return false;
	cie->sized = true;
	size = hd_cfi_uleb(c);
	if (c->bad || size > cursor_left(c))
		return false;
	end = c->off + size;
	while (*++letters) {
		if (*letters == 'R')
			cie->pointers = cursor_u8(c);
		else if (*letters == 'P')
			hd_cfi_pointer(cfi, c, cursor_u8(c));
		else if (*letters == 'L')
			cursor_u8(c);
		else if (*letters == 'S')
			cie->signal = true;
		else
			return false;
	}
	c->off = end;
	return !c->bad;
}

static bool read_cie(const struct hd_cfi *cfi, uint64_t off, struct hd_cie *cie)
{
	struct cursor c = record_at(cfi, off);
	uint64_t return_address;
	const char *letters;
	uint8_t version;

	*cie = (struct hd_cie){.pointers = PE_ABSPTR};
	if (cursor_u32(&c) != 0)
		return false;
	version = cursor_u8(&c);
	letters = cursor_str(&c);
	if (c.bad || (version != 1 && version != 3))
		return false;
	cie->code_align = hd_cfi_uleb(&c);
	cie->data_align = hd_cfi_sleb(&c);
	return_address = version == 1 ? cursor_u8(&c) : hd_cfi_uleb(&c);
	if (c.bad || return_address != RETURN_ADDRESS || !read_augmentation(cfi, &c, letters, cie))
		return false;
	cie->program = c.off;
	cie->end = c.size;
	return true;
}

/* The last entry of the sorted table that starts at or before a place: the offset of its FDE. */
static bool find_fde(const struct hd_cfi *cfi, uint64_t at, uint64_t *off)
{
	struct cursor c = cursor_at(cfi->bytes, cfi->size, cfi->hdr);
	int64_t wanted = (int64_t)(at - (uint64_t)(uintptr_t)cfi->bytes - cfi->hdr);
	uint8_t version = cursor_u8(&c), frame = cursor_u8(&c), count = cursor_u8(&c);
	uint64_t lo = 0, hi;
	int32_t entry[2];

	if (cursor_u8(&c) != TABLE_ENCODING || version != 1)
		return false;
	hd_cfi_pointer(cfi, &c, frame);
	hi = hd_cfi_pointer(cfi, &c, count);
	if (c.bad || hi > cursor_left(&c) / TABLE_ENTRY_BYTES)
		return false;
	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		memcpy(entry, c.bytes + c.off + mid * sizeof(entry), sizeof(entry));
		if (entry[0] <= wanted)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return false;
	memcpy(entry, c.bytes + c.off + (lo - 1) * sizeof(entry), sizeof(entry));
	*off = cfi->hdr + (uint64_t)(int64_t)entry[1];
	return true;
}

/* Reads the entry: HD_RULE_NONE if it covers the place, else what that amounts to. */
static enum hd_rule_kind read_fde(const struct hd_cfi *cfi, uint64_t off, uint64_t at,
				  struct hd_fde *fde)
{
	struct cursor c = record_at(cfi, off);
	uint64_t id_off = c.off, id = cursor_u32(&c), size;

	if (c.bad || !id || id > id_off || !read_cie(cfi, id_off - id, &fde->cie))
		return HD_RULE_COMPLEX;
	fde->start = hd_cfi_pointer(cfi, &c, fde->cie.pointers);
	size = number(&c, fde->cie.pointers & PE_FORMAT);
	if (fde->cie.sized)
		cursor_take(&c, hd_cfi_uleb(&c));
	if (c.bad)
		return HD_RULE_COMPLEX;
	fde->program = c.off;
	fde->end = c.size;
	return at - fde->start < size ? HD_RULE_NONE : HD_RULE_UNCOVERED;
}

void hd_cfi_rule(const struct hd_cfi *cfi, uint64_t at, struct hd_rule *rule)
{
	struct hd_fde fde;
	uint64_t off;

	*rule = (struct hd_rule){.kind = HD_RULE_UNCOVERED};
	if (!find_fde(cfi, at, &off))
		return;
	rule->kind = read_fde(cfi, off, at, &fde);
	if (rule->kind == HD_RULE_NONE)
		hd_cfi_run(cfi, &fde, at, rule);
}
