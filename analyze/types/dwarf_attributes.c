/*
 * Attributes by libdw. What differs between producers is settled here:
 *
 *	bit-fields    DWARF 4 and 5: DW_AT_data_bit_offset (§5.7.6)
 *	              before: DW_AT_bit_offset counts from the high end of a storage unit of
 *	              DW_AT_byte_size bytes at DW_AT_data_member_location (DWARF 3 §5.6.6)
 *	members       DW_AT_data_member_location is a constant, or DW_OP_plus_uconst of older
 *	              compilers; any other expression needs the object
 *	variables     DW_OP_addr, an index into .debug_addr (split DWARF), with an added constant
 *	              where a linker merged them; thread-locals by their offset (§2.5, §7.7.1)
 */
#include "analyze/types/dwarf_attributes.h"

static int index_of(unsigned code)
{
	switch (code) {
	case DW_AT_type:
		return A_TYPE;
	case DW_AT_name:
		return A_NAME;
	case DW_AT_byte_size:
		return A_BYTE_SIZE;
	case DW_AT_bit_size:
		return A_BIT_SIZE;
	case DW_AT_bit_offset:
		return A_BIT_OFFSET;
	case DW_AT_data_bit_offset:
		return A_DATA_BIT_OFFSET;
	case DW_AT_data_member_location:
		return A_MEMBER_LOCATION;
	case DW_AT_encoding:
		return A_ENCODING;
	case DW_AT_const_value:
		return A_CONST_VALUE;
	case DW_AT_upper_bound:
		return A_UPPER_BOUND;
	case DW_AT_lower_bound:
		return A_LOWER_BOUND;
	case DW_AT_count:
		return A_COUNT;
	case DW_AT_containing_type:
		return A_CONTAINING_TYPE;
	case DW_AT_specification:
		return A_SPECIFICATION;
	case DW_AT_abstract_origin:
		return A_ABSTRACT_ORIGIN;
	case DW_AT_location:
		return A_LOCATION;
	case DW_AT_declaration:
		return A_DECLARATION;
	case DW_AT_external:
		return A_EXTERNAL;
	case DW_AT_virtuality:
		return A_VIRTUALITY;
	case DW_AT_artificial:
		return A_ARTIFICIAL;
	case DW_AT_import:
		return A_IMPORT;
	default:
		return -1;
	}
}

static int on_attribute(Dwarf_Attribute *attr, void *arg)
{
	struct dwarf_attributes *a = arg;
	int i = index_of(dwarf_whatattr(attr));

	if (i >= 0 && !(a->has >> i & 1)) {
		a->v[i] = *attr;
		a->has |= 1u << i;
	}
	return DWARF_CB_OK;
}

void dwarf_attributes_read(struct dwarf_attributes *a, Dwarf_Die *die)
{
	a->has = 0;
	dwarf_getattrs(die, on_attribute, a, 0);
}

bool dwarf_attributes_number(struct dwarf_attributes *a, enum dwarf_attribute_index i,
			     uint64_t *out)
{
	Dwarf_Sword negative;
	Dwarf_Word word;

	if (!dwarf_attributes_has(a, i))
		return false;
	switch (dwarf_whatform(&a->v[i])) {
	case DW_FORM_sdata:
	case DW_FORM_implicit_const:
		if (dwarf_formsdata(&a->v[i], &negative))
			return false;
		*out = (uint64_t)negative;
		return true;
	case DW_FORM_data1:
	case DW_FORM_data2:
	case DW_FORM_data4:
	case DW_FORM_data8:
	case DW_FORM_udata:
		if (dwarf_formudata(&a->v[i], &word))
			return false;
		*out = word;
		return true;
	default:
		return false;
	}
}

bool dwarf_attributes_flag(struct dwarf_attributes *a, enum dwarf_attribute_index i)
{
	bool on;

	return dwarf_attributes_has(a, i) && dwarf_formflag(&a->v[i], &on) == 0 && on;
}

const char *dwarf_attributes_name(struct dwarf_attributes *a)
{
	return dwarf_attributes_has(a, A_NAME) ? dwarf_formstring(&a->v[A_NAME]) : NULL;
}

bool dwarf_attributes_die(struct dwarf_attributes *a, enum dwarf_attribute_index i, Dwarf_Die *out)
{
	return dwarf_attributes_has(a, i) && dwarf_formref_die(&a->v[i], out);
}

static bool member_byte(struct dwarf_attributes *a, uint64_t *off)
{
	Dwarf_Op *op;
	size_t n;

	*off = 0;
	if (!dwarf_attributes_has(a, A_MEMBER_LOCATION))
		return true;
	if (dwarf_attributes_number(a, A_MEMBER_LOCATION, off))
		return true;
	if (dwarf_getlocation(&a->v[A_MEMBER_LOCATION], &op, &n) || n != 1 ||
	    op[0].atom != DW_OP_plus_uconst)
		return false;
	*off = op[0].number;
	return true;
}

bool dwarf_attributes_place(struct dwarf_attributes *a, uint64_t storage, struct dwarf_place *out)
{
	uint64_t off, size, bit, explicit;

	if (!member_byte(a, &off))
		return false;
	*out = (struct dwarf_place){.off = off};
	if (!dwarf_attributes_number(a, A_BIT_SIZE, &size) || !size || size > UINT16_MAX)
		return true;
	if (dwarf_attributes_number(a, A_BYTE_SIZE, &explicit))
		storage = explicit;
	if (dwarf_attributes_number(a, A_DATA_BIT_OFFSET, &bit))
		off += bit / 8, bit %= 8;
	else if (dwarf_attributes_number(a, A_BIT_OFFSET, &bit) && storage &&
		 storage <= UINT16_MAX && bit + size <= storage * 8) {
		bit = storage * 8 - bit - size;
		off += bit / 8, bit %= 8;
	} else {
		bit = 0;
	}
	*out = (struct dwarf_place){off, (uint16_t)size, (uint8_t)bit};
	return true;
}

static bool is_number(const Dwarf_Op *op)
{
	switch (op->atom) {
	case DW_OP_const4u:
	case DW_OP_const8u:
	case DW_OP_constx:
	case DW_OP_GNU_const_index:
		return true;
	default:
		return false;
	}
}

/* An operand, or what it is the index of. */
static bool operand(Dwarf_Attribute *attr, Dwarf_Op *op, uint64_t *out)
{
	Dwarf_Attribute value;
	Dwarf_Addr addr;
	Dwarf_Word word;

	switch (op->atom) {
	case DW_OP_constx:
	case DW_OP_GNU_const_index:
		if (dwarf_getlocation_attr(attr, op, &value) || dwarf_formudata(&value, &word))
			return false;
		*out = word;
		return true;
	case DW_OP_addrx:
	case DW_OP_GNU_addr_index:
		if (dwarf_getlocation_attr(attr, op, &value) || dwarf_formaddr(&value, &addr))
			return false;
		*out = addr;
		return true;
	default:
		*out = op->number;
		return true;
	}
}

bool dwarf_attributes_address(struct dwarf_attributes *a, uint64_t *at, bool *is_tls)
{
	Dwarf_Attribute *attr = &a->v[A_LOCATION];
	Dwarf_Op *op;
	size_t n;

	if (!dwarf_attributes_has(a, A_LOCATION) || dwarf_getlocation(attr, &op, &n) || !n ||
	    n > 2 || !operand(attr, &op[0], at))
		return false;
	*is_tls = n == 2 && (op[1].atom == DW_OP_GNU_push_tls_address ||
			     op[1].atom == DW_OP_form_tls_address);
	if (*is_tls)
		return is_number(&op[0]);
	if (op[0].atom != DW_OP_addr && op[0].atom != DW_OP_addrx &&
	    op[0].atom != DW_OP_GNU_addr_index)
		return false;
	if (n == 2 && op[1].atom != DW_OP_plus_uconst)
		return false;
	*at += n == 2 ? op[1].number : 0;
	return true;
}

static bool constant_of(const Dwarf_Op *op, uint64_t *out)
{
	if (op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31)
		*out = (uint64_t)(op->atom - DW_OP_lit0);
	else if (op->atom == DW_OP_const1u || op->atom == DW_OP_const2u ||
		 op->atom == DW_OP_const4u || op->atom == DW_OP_constu)
		*out = op->number;
	else
		return false;
	return true;
}

uint64_t dwarf_attributes_virtual(struct dwarf_attributes *a)
{
	static const uint8_t wanted[] = {DW_OP_dup,   DW_OP_deref, 0,
					 DW_OP_minus, DW_OP_deref, DW_OP_plus};
	Dwarf_Op *op;
	size_t n;
	uint64_t distance = 0;

	if (!dwarf_attributes_has(a, A_MEMBER_LOCATION) ||
	    dwarf_getlocation(&a->v[A_MEMBER_LOCATION], &op, &n) || n != ARRAY_LEN(wanted) ||
	    !constant_of(&op[2], &distance))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (wanted[i] && op[i].atom != wanted[i])
			return 0;
	return distance <= UINT32_MAX ? distance : 0;
}
