/*
 * Members, bases, enumerators, parameters and dimensions, collected on the
 * reader's stack `pending` while the children of a type are visited, and moved
 * to the batch when the type is left.
 */
#include <string.h>

#include "analyze/types/dwarf_reader.h"

enum { MAX_DIMENSIONS = 32 };

static int push(struct dwarf_reader *r, const struct type_member *m)
{
	return vec_push(&r->pending, *m) < 0 ? err_nomem(r->err) : 0;
}

int dwarf_members_add(struct dwarf_reader *r, Dwarf_Die *die, int tag, const struct dwarf_level *in)
{
	struct type_member m = {0};
	struct dwarf_attributes a;
	struct dwarf_place place = {0};
	uint64_t virtuality;
	const char *name;
	Dwarf_Die type;
	int storage = -1, rc;

	dwarf_attributes_read(&a, die);
	/* a static member is a variable, and lies elsewhere */
	if (tag == DW_TAG_member &&
	    (dwarf_attributes_flag(&a, A_EXTERNAL) || dwarf_attributes_flag(&a, A_DECLARATION))) {
		rc = dwarf_names_of(r, &a, in->scope, &m.name);
		return rc < 0 || dwarf_map_find(&r->map, die->addr)
			       ? rc
			       : dwarf_map_add(&r->map, die->addr, MAP_NAME, m.name, r->err);
	}
	if (in->is_stand_in)
		return 0;
	if (dwarf_attributes_has(&a, A_BIT_OFFSET) && dwarf_attributes_die(&a, A_TYPE, &type))
		storage = dwarf_bytesize(&type);
	if (!dwarf_attributes_place(&a, storage > 0 ? (uint64_t)storage : 0, &place))
		m.flags |= TYPE_MEMBER_VIRTUAL;
	if (dwarf_attributes_number(&a, A_VIRTUALITY, &virtuality) && virtuality &&
	    tag == DW_TAG_inheritance)
		m.flags |= TYPE_MEMBER_VIRTUAL;
	m.flags |=
		(uint8_t)((tag == DW_TAG_inheritance ? TYPE_MEMBER_BASE : 0) |
			  (in->in_variant || in->tag == DW_TAG_variant_part ? TYPE_MEMBER_VARIANT
									    : 0) |
			  (dwarf_attributes_flag(&a, A_ARTIFICIAL) ? TYPE_MEMBER_ARTIFICIAL : 0));
	m.off = m.flags & TYPE_MEMBER_VIRTUAL ? dwarf_attributes_virtual(&a) : place.off;
	m.bit_size = place.bit_size;
	m.bit_off = place.bit_off;
	rc = dwarf_reader_type_of(r, &a, A_TYPE, &m.type);
	name = dwarf_attributes_name(&a);
	if (rc == 0 && name && *name)
		rc = type_table_intern(r->table, name, strlen(name), &m.name, r->err);
	return rc < 0 ? rc : push(r, &m);
}

int dwarf_members_add_enumerator(struct dwarf_reader *r, Dwarf_Die *die)
{
	struct type_member m = {.type = TYPE_NONE};
	struct dwarf_attributes a;
	const char *name;
	int rc = 0;

	dwarf_attributes_read(&a, die);
	name = dwarf_attributes_name(&a);
	dwarf_attributes_number(&a, A_CONST_VALUE, &m.off);
	if (name)
		rc = type_table_intern(r->table, name, strlen(name), &m.name, r->err);
	return rc < 0 ? rc : push(r, &m);
}

int dwarf_members_add_parameter(struct dwarf_reader *r, Dwarf_Die *die)
{
	struct type_member m = {0};
	struct dwarf_attributes a;
	int rc;

	dwarf_attributes_read(&a, die);
	rc = dwarf_reader_type_of(r, &a, A_TYPE, &m.type);
	if (dwarf_attributes_flag(&a, A_ARTIFICIAL))
		m.flags = TYPE_MEMBER_ARTIFICIAL;
	return rc < 0 ? rc : push(r, &m);
}

/* One of the types that a template's instance was made of. */
int dwarf_members_add_argument(struct dwarf_reader *r, Dwarf_Die *die, const struct dwarf_level *in)
{
	struct type_argument a = {.owner = in->owner};
	struct dwarf_attributes attributes;
	int rc;

	if (in->owner == NO_RAW || in->is_stand_in)
		return 0;
	dwarf_attributes_read(&attributes, die);
	rc = dwarf_reader_type_of(r, &attributes, A_TYPE, &a.type);
	if (rc == 0 && vec_push(&r->batch.arguments, a) < 0)
		rc = err_nomem(r->err);
	return rc;
}

/* A dimension waits as a member: off is its count; bit_size 1: there is none. */
int dwarf_members_add_dimension(struct dwarf_reader *r, Dwarf_Die *die)
{
	struct type_member m = {.type = TYPE_NONE, .bit_size = 1};
	struct dwarf_attributes a;
	uint64_t upper, lower = 0;

	dwarf_attributes_read(&a, die);
	if (dwarf_attributes_number(&a, A_COUNT, &m.off)) {
		m.bit_size = 0;
	} else if (dwarf_attributes_number(&a, A_UPPER_BOUND, &upper)) {
		dwarf_attributes_number(&a, A_LOWER_BOUND, &lower);
		m.off = upper - lower + 1;
		m.bit_size = 0;
	}
	/* clang says a count of -1 where it does not know */
	if (m.off == UINT64_MAX)
		m = (struct type_member){.type = TYPE_NONE, .bit_size = 1};
	return push(r, &m);
}

static void set_dimension(struct type *x, const struct type_member *dimension)
{
	x->kind = TYPE_ARRAY;
	x->count = dimension ? dimension->off : 0;
	if (!dimension || dimension->bit_size)
		x->flags |= TYPE_UNBOUNDED;
}

/* int a[2][3] becomes an array of 2 of an array of 3. */
static int close_array(struct dwarf_reader *r, uint32_t raw, size_t mark)
{
	size_t n = r->pending.n - mark;
	type_id element = r->batch.types.v[raw].target;
	const struct type_member *dimension = n ? r->pending.v + mark : NULL;

	if (n > MAX_DIMENSIONS) {
		r->batch.types.v[raw].flags |= TYPE_DAMAGED;
		n = MAX_DIMENSIONS;
	}
	set_dimension(&r->batch.types.v[raw], dimension);
	for (size_t i = 1; i < n; i++) {
		uint32_t inner;
		int rc = dwarf_reader_new_raw(r, &(Dwarf_Die){0}, &inner);

		if (rc < 0)
			return rc;
		r->filled.v[inner] = 1;
		r->batch.types.v[inner].flags = r->batch.types.v[raw].flags & TYPE_SCOPED;
		set_dimension(&r->batch.types.v[inner], dimension + i);
		r->batch.types.v[raw].target = TYPE_RAW | inner;
		raw = inner;
	}
	r->batch.types.v[raw].target = element;
	r->pending.n = mark;
	return 0;
}

static uint16_t shape_of(const struct type_member *v, size_t n)
{
	uint16_t flags = TYPE_ASCENDING;

	for (size_t i = 0; i < n; i++) {
		if (v[i].flags & TYPE_MEMBER_VIRTUAL)
			flags = (flags | TYPE_HAS_VIRTUAL) & ~TYPE_ASCENDING;
		if (i && v[i].off <= v[i - 1].off)
			flags &= ~TYPE_ASCENDING;
	}
	return flags;
}

/* The DIE's children are through: what is pending above its mark is the type's. */
int dwarf_members_close(struct dwarf_reader *r, const struct dwarf_level *l)
{
	size_t n = r->pending.n - l->mark, at = r->batch.members.n;
	struct type *x;

	if (l->raw == NO_RAW)
		return 0;
	x = &r->batch.types.v[l->raw];
	if (l->tag == DW_TAG_array_type)
		return close_array(r, l->raw, l->mark);
	if (at + n > UINT32_MAX)
		return err_set(r->err, ERR_LIMIT, "more members of types than can be numbered");
	if (vec_reserve(&r->batch.members, at + n) < 0)
		return err_nomem(r->err);
	if (n)
		memcpy(r->batch.members.v + at, r->pending.v + l->mark, n * sizeof(*r->pending.v));
	r->batch.members.n += n;
	r->pending.n = l->mark;
	x->first = (uint32_t)at;
	x->n = (uint32_t)n;
	if (dwarf_tags_is_record(l->tag))
		x->flags |= shape_of(r->batch.members.v + at, n);
	return 0;
}
