/*
 * Variables with a fixed place. One DIE has the place, others its name and its type:
 *
 *	static member     definition ──DW_AT_specification──► declaration in the class
 *	inlined static    concrete   ──DW_AT_abstract_origin─► the function's abstract instance
 */
#include <string.h>

#include "analyze/types/dwarf_reader.h"

enum { MAX_ORIGINS = 4 };

/* Where the declaration of a static member has not been met yet, its name waits for the batch's end. */
static int note_late_name(struct dwarf_reader *r, struct dwarf_attributes *a)
{
	struct dwarf_late_name late = {.variable = r->variables->list.n};
	Dwarf_Die die;

	if (!dwarf_attributes_die(a, A_SPECIFICATION, &die) || dwarf_map_find(&r->map, die.addr))
		return 0;
	late.declaration = die.addr;
	return vec_push(&r->late, late) < 0 ? err_nomem(r->err) : 0;
}

void dwarf_variables_settle(struct dwarf_reader *r)
{
	for (size_t i = 0; i < r->late.n; i++) {
		const struct dwarf_map_entry *e = dwarf_map_find(&r->map, r->late.v[i].declaration);

		if (e && e->kind == MAP_NAME && r->late.v[i].variable < r->variables->list.n)
			r->variables->list.v[r->late.v[i].variable].name = e->value;
	}
}

/* The qualified name, by way of what the definition completes. */
static int variable_name(struct dwarf_reader *r, struct dwarf_attributes *a, uint32_t scope,
			 uint32_t *name, type_id *type)
{
	int rc = dwarf_names_of(r, a, scope, name);

	if (rc == 0)
		rc = dwarf_reader_type_of(r, a, A_TYPE, type);
	for (int i = 0; i < MAX_ORIGINS && rc == 0; i++) {
		Dwarf_Die die;

		if ((*name && dwarf_attributes_has(a, A_TYPE)) ||
		    (!dwarf_attributes_die(a, A_SPECIFICATION, &die) &&
		     !dwarf_attributes_die(a, A_ABSTRACT_ORIGIN, &die)))
			break;
		dwarf_attributes_read(a, &die);
		if (!*name)
			rc = dwarf_names_of(r, a, 0, name);
		if (rc == 0)
			rc = dwarf_reader_type_of(r, a, A_TYPE, type);
	}
	return rc;
}

static bool is_in_module(const struct dwarf_reader *r, uint64_t at)
{
	for (size_t i = 0; i < r->module->loads.n; i++)
		if (range_has(r->module->loads.v[i], at))
			return true;
	return !r->module->loads.n;
}

/*
 * A thread-local's offset. gcc with split units leaves the address in the initial image instead
 * (measured: gcc 12, -gsplit-dwarf).
 */
static uint64_t tls_offset(const struct dwarf_reader *r, uint64_t at)
{
	uint64_t image = r->module->tls_image.lo - r->module->bias;
	bool is_address =
		at >= r->module->tls_memsz && at >= image && at - image < r->module->tls_memsz;

	return is_address ? at - image : at;
}

int dwarf_variables_add(struct dwarf_reader *r, Dwarf_Die *die, const struct dwarf_level *in)
{
	struct variable v = {.module = r->module_index};
	struct dwarf_attributes a;
	int rc = 0;

	dwarf_attributes_read(&a, die);
	if (!dwarf_attributes_address(&a, &v.at, &v.is_tls)) {
		/* a declaration: its definition elsewhere has no name of its own */
		if (!in->scope || r->is_c || !dwarf_attributes_flag(&a, A_DECLARATION) ||
		    dwarf_map_find(&r->map, die->addr))
			return 0;
		rc = dwarf_names_of(r, &a, in->scope, &v.name);
		return rc < 0 ? rc : dwarf_map_add(&r->map, die->addr, MAP_NAME, v.name, r->err);
	}
	/* 0: the linker has thrown it away */
	if (!v.is_tls && (!v.at || !is_in_module(r, v.at + r->bias)))
		return 0;
	v.at = v.is_tls ? tls_offset(r, v.at) : v.at + r->bias;
	rc = note_late_name(r, &a);
	if (rc == 0)
		rc = variable_name(r, &a, in->function ? 0 : in->scope, &v.name, &v.type);
	if (rc == 0 && in->function)
		rc = type_table_intern(r->table, in->function, strlen(in->function), &v.function,
				       r->err);
	if (rc < 0)
		return rc;
	return vec_push(&r->variables->list, v) < 0 ? err_nomem(r->err) : 0;
}
