/*
 * Named structs in a module's DWARF: compile units are read one after the
 * other until one defines the struct, top-level DIEs only. A type that is only
 * declared is passed over.
 */
#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <string.h>

#include "analyze/space/layouts.h"

static bool defines(Dwarf_Die *die, const char *type)
{
	int tag = dwarf_tag(die);
	const char *name = dwarf_diename(die);
	Dwarf_Attribute attr;

	return (tag == DW_TAG_structure_type || tag == DW_TAG_typedef ||
		tag == DW_TAG_union_type) &&
	       name && !strcmp(name, type) && !dwarf_attr(die, DW_AT_declaration, &attr);
}

/* Follows typedefs to the struct itself; bounded, since damaged DWARF may chain in a circle. */
static bool peel(Dwarf_Die *die)
{
	for (int i = 0; i < 32 && dwarf_tag(die) == DW_TAG_typedef; i++) {
		Dwarf_Attribute attr;
		Dwarf_Die next;

		if (!dwarf_attr_integrate(die, DW_AT_type, &attr) ||
		    !dwarf_formref_die(&attr, &next))
			return false;
		*die = next;
	}
	return dwarf_tag(die) == DW_TAG_structure_type || dwarf_tag(die) == DW_TAG_union_type;
}

static bool find_struct(struct debuginfo *d, uint32_t module, const char *type, Dwarf_Die *out)
{
	Dwfl_Module *mod = debuginfo_module(d, module);
	Dwarf_Die *cu = NULL;
	Dwarf_Addr bias;

	while (mod && (cu = dwfl_module_nextcu(mod, cu, &bias))) {
		Dwarf_Die die;

		if (dwarf_child(cu, &die))
			continue;
		do {
			if (defines(&die, type)) {
				*out = die;
				if (peel(out))
					return true;
			}
		} while (dwarf_siblingof(&die, &die) == 0);
	}
	return false;
}

bool layouts_offset(struct debuginfo *d, uint32_t module, const char *type, const char *member,
		    uint64_t *off)
{
	Dwarf_Die die, m;

	if (!find_struct(d, module, type, &die) || dwarf_child(&die, &m))
		return false;
	do {
		const char *name = dwarf_diename(&m);
		Dwarf_Attribute attr;
		Dwarf_Word at = 0;

		if (dwarf_tag(&m) != DW_TAG_member || !name || strcmp(name, member))
			continue;
		if (dwarf_attr(&m, DW_AT_data_member_location, &attr) &&
		    dwarf_formudata(&attr, &at))
			return false;
		*off = at;
		return true;
	} while (dwarf_siblingof(&m, &m) == 0);
	return false;
}

bool layouts_size(struct debuginfo *d, uint32_t module, const char *type, uint64_t *size)
{
	Dwarf_Die die;
	int n;

	if (!find_struct(d, module, type, &die) || (n = dwarf_bytesize(&die)) < 0)
		return false;
	*size = (uint64_t)n;
	return true;
}
