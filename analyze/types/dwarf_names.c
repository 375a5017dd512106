/*
 * Qualified names. DWARF has the parts only: a DIE's own name, and the scopes
 * around it; a definition outside of its scope refers to the declaration in it
 * (DW_AT_specification, DWARF 5 §2.13.2), whose name the map keeps.
 *
 * C's names are never qualified.
 */
#include <string.h>

#include "analyze/types/dwarf_reader.h"

static const char ANONYMOUS[] = "(anonymous namespace)";

enum { MAX_LEVELS = 128 };

static int append(struct dwarf_reader *r, const char *text)
{
	size_t n = strlen(text);

	if (vec_reserve(&r->text, r->text.n + n + 1) < 0)
		return err_nomem(r->err);
	memcpy(r->text.v + r->text.n, text, n);
	r->text.n += n;
	return 0;
}

/* "scope::name", interned. */
int dwarf_names_qualify(struct dwarf_reader *r, uint32_t scope, const char *name, uint32_t *out)
{
	int rc = 0;

	if (!scope || r->is_c)
		return type_table_intern(r->table, name, strlen(name), out, r->err);
	r->text.n = 0;
	rc = append(r, type_table_text(r->table, scope));
	if (rc == 0)
		rc = append(r, "::");
	if (rc == 0)
		rc = append(r, name);
	return rc < 0 ? rc : type_table_intern(r->table, r->text.v, r->text.n, out, r->err);
}

/* The qualified name of the declaration that a definition outside of its scope completes; 0: none. */
static uint32_t declared_name(const struct dwarf_reader *r, struct dwarf_attributes *a)
{
	const struct dwarf_map_entry *e;
	Dwarf_Die die;

	if (!dwarf_attributes_die(a, A_SPECIFICATION, &die))
		return 0;
	e = dwarf_map_find(&r->map, die.addr);
	if (!e)
		return 0;
	if (e->kind == MAP_NAME)
		return e->value;
	if (e->kind != MAP_TYPE)
		return 0;
	return e->value & TYPE_RAW ? r->batch.types.v[e->value & ~TYPE_RAW].name
				   : type_table_get(r->table, e->value)->name;
}

int dwarf_names_of(struct dwarf_reader *r, struct dwarf_attributes *a, uint32_t scope,
		   uint32_t *out)
{
	const char *name = dwarf_attributes_name(a);

	*out = declared_name(r, a);
	return *out || !name || !*name ? 0 : dwarf_names_qualify(r, scope, name, out);
}

/* The child that the DIE at addr is, or lies in. */
static bool step_down(Dwarf_Die *in, const void *addr)
{
	Dwarf_Die at, next;

	if (dwarf_child(in, &at) || at.addr > addr)
		return false;
	while (dwarf_siblingof(&at, &next) == 0 && next.addr > at.addr && next.addr <= addr)
		at = next;
	*in = at;
	return true;
}

/*
 * The qualified name of a type elsewhere, found by going down to it from its unit: only for stand-ins
 * with children, whose names need it at once. 0: not found, or too far.
 */
int dwarf_names_in_unit(struct dwarf_reader *r, Dwarf_Die *type, uint32_t *out)
{
	struct dwarf_attributes a;
	Dwarf_Die die = *type, at;
	Dwarf_Off way = dwarf_cuoffset(&die);
	int rc = 0;

	*out = 0;
	dwarf_attributes_read(&a, &die);
	dwarf_attributes_die(&a, A_SPECIFICATION, &die);
	if (way > r->way_left || !dwarf_diecu(&die, &at, NULL, NULL))
		return 0;
	r->way_left -= way;
	for (int i = 0; i < MAX_LEVELS && rc == 0 && at.addr != die.addr; i++) {
		const char *name;
		int tag;

		if (!step_down(&at, die.addr))
			break;
		tag = dwarf_tag(&at);
		name = dwarf_diename(&at);
		if (tag == DW_TAG_namespace && !name)
			name = ANONYMOUS;
		if (name && (dwarf_tags_is_record(tag) || tag == DW_TAG_namespace))
			rc = dwarf_names_qualify(r, *out, name, out);
	}
	return rc;
}
