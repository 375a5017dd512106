/*
 * The attributes of one DIE that say something of types and variables, read in
 * one go. For dwarf.c alone; with it the only user of libdw in this room.
 */
#ifndef HEAPDUMP_TYPES_DWARF_ATTRIBUTES_H
#define HEAPDUMP_TYPES_DWARF_ATTRIBUTES_H

#include <dwarf.h>
#include <elfutils/libdw.h>

#include "base/ids.h"

/* Bits of dwarf_attributes.has and .flags, and indexes of .v. DWARF 5 §7.5.4. */
enum dwarf_attribute_index {
	A_TYPE,
	A_NAME,
	A_BYTE_SIZE,
	A_BIT_SIZE,
	A_BIT_OFFSET,	   /* DWARF 2 and 3: from the most significant bit of the storage unit */
	A_DATA_BIT_OFFSET, /* from the start of the struct */
	A_MEMBER_LOCATION,
	A_ENCODING,
	A_CONST_VALUE,
	A_UPPER_BOUND,
	A_LOWER_BOUND,
	A_COUNT,
	A_CONTAINING_TYPE,
	A_SPECIFICATION,
	A_ABSTRACT_ORIGIN,
	A_LOCATION,
	A_DECLARATION,
	A_EXTERNAL,
	A_VIRTUALITY,
	A_ARTIFICIAL,
	A_IMPORT,
	N_ATTRIBUTES
};

struct dwarf_attributes {
	uint32_t has; /* 1 << index */
	Dwarf_Attribute v[N_ATTRIBUTES];
};

void dwarf_attributes_read(struct dwarf_attributes *a, Dwarf_Die *die);

static inline bool dwarf_attributes_has(const struct dwarf_attributes *a,
					enum dwarf_attribute_index i)
{
	return a->has >> i & 1;
}

/* A constant, of any of its forms; false: not there, or computed at run time. */
bool dwarf_attributes_number(struct dwarf_attributes *a, enum dwarf_attribute_index i,
			     uint64_t *out);

/* A flag that is there and true. */
bool dwarf_attributes_flag(struct dwarf_attributes *a, enum dwarf_attribute_index i);

/* The name, or NULL. Lives as long as the Dwarf. */
const char *dwarf_attributes_name(struct dwarf_attributes *a);

/* The DIE that a reference leads to, in whatever unit or file. */
bool dwarf_attributes_die(struct dwarf_attributes *a, enum dwarf_attribute_index i, Dwarf_Die *out);

/* Where a member lies: bytes from the start of its struct, and the bits of a bit-field in there. */
struct dwarf_place {
	uint64_t off;
	uint16_t bit_size;
	uint8_t bit_off;
};

/* False: only the object itself knows (virtual bases). storage: bytes of the member's type, 0: unknown. */
bool dwarf_attributes_place(struct dwarf_attributes *a, uint64_t storage, struct dwarf_place *out);

/*
 * A virtual base's place: how far before the address point of the vtable its offset stands; 0: not said. Itanium C++ ABI
 * §2.5.2, as gcc and clang write it: dup, deref, a constant, minus, deref, plus.
 */
uint64_t dwarf_attributes_virtual(struct dwarf_attributes *a);

/*
 * The fixed place of a variable: an address as the file has it, or an offset in the module's
 * thread-local block.
 */
bool dwarf_attributes_address(struct dwarf_attributes *a, uint64_t *at, bool *is_tls);

#endif
