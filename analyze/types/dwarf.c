/*
 * Types and variables of a module, unit by unit.
 *
 *	walk      every DIE of the unit that can hold types or variables, in the order of the file;
 *	          each type DIE gets an entry in the batch, references get empty ones
 *	fill      what was referred to in another unit (type units, dwz's partial units, LTO): that
 *	          unit is walked too, in the same batch, once
 *	merge     the batch into the table (type_merge.c); the map keeps DIE → id
 *
 * In a sound file the addresses of DIEs ascend in pre-order. The walk goes on
 * only while they do, so a damaged one cannot make it turn in a circle or take
 * a DIE twice: it ends after at most as many steps as the unit has bytes.
 *
 * Members of a struct are collected on one stack, `pending`: what lies above
 * the mark of the struct when it is left is its own, since a nested struct has
 * taken its members away by then.
 *
 * Limits: MAX_DEPTH levels of nesting; a type that is referred to and lies
 * where no type is expected is taken without what stands inside it, but for its
 * members.
 */
#include <elfutils/libdwfl.h>
#include <string.h>

#include "analyze/types/dwarf_reader.h"
#include "base/cleanup.h"

enum { MAX_WAY = 64 << 20 /* bytes of units passed to look for names */, MAX_DEPTH = 128 };

/* A new, empty type of the batch. */
int dwarf_reader_new_raw(struct dwarf_reader *r, const Dwarf_Die *die, uint32_t *raw)
{
	struct type unknown = {
		.kind = TYPE_UNSPECIFIED, .target = TYPE_NONE, .module = r->module_index};

	if (r->batch.types.n >= TYPE_MAX)
		return err_set(r->err, ERR_LIMIT, "more types than can be numbered");
	if (vec_push(&r->batch.types, unknown) < 0 || vec_push(&r->dies, *die) < 0 ||
	    vec_push(&r->filled, 0) < 0)
		return err_nomem(r->err);
	*raw = (uint32_t)r->batch.types.n - 1;
	return 0;
}

/* The id of the type DIE, raw or final; an empty one is made where it was never met. */
static int id_of(struct dwarf_reader *r, const Dwarf_Die *die, type_id *id)
{
	struct dwarf_map_entry *e = dwarf_map_find(&r->map, die->addr);
	uint32_t raw;
	int rc;

	if (e) {
		*id = e->kind == MAP_TYPE ? e->value : TYPE_UNKNOWN;
		return 0;
	}
	rc = dwarf_reader_new_raw(r, die, &raw);
	*id = TYPE_RAW | raw;
	return rc < 0 ? rc : dwarf_map_add(&r->map, die->addr, MAP_TYPE, *id, r->err);
}

/*
 * Where types have units of their own, a unit that uses one has a nameless stand-in for it, with
 * its signature (DWARF 5 §3.1.4, §5.7.1). True: *die is now the type itself.
 */
static bool follow_signature(Dwarf_Die *die, int tag)
{
	Dwarf_Attribute attr;
	Dwarf_Die type;

	if (!(dwarf_tags_is_record(tag) || tag == DW_TAG_enumeration_type) ||
	    !dwarf_attr(die, DW_AT_signature, &attr) || !dwarf_formref_die(&attr, &type) ||
	    !dwarf_tags_is_type(dwarf_tag(&type)))
		return false;
	*die = type;
	return true;
}

/* What DW_AT_type, or another reference, leads to. Absent: void. */
int dwarf_reader_type_of(struct dwarf_reader *r, struct dwarf_attributes *a,
			 enum dwarf_attribute_index i, type_id *id)
{
	Dwarf_Die die;

	*id = TYPE_VOID;
	if (!dwarf_attributes_has(a, i))
		return 0;
	*id = TYPE_UNKNOWN;
	if (!dwarf_attributes_die(a, i, &die) || !dwarf_tags_is_type(dwarf_tag(&die)))
		return 0;
	follow_signature(&die, dwarf_tag(&die));
	return id_of(r, &die, id);
}

type_id dwarf_reader_find_type(struct dwarf_reader *r, Dwarf_Die *die)
{
	const struct dwarf_map_entry *e;

	follow_signature(die, dwarf_tag(die));
	e = dwarf_map_find(&r->map, die->addr);
	return e && e->kind == MAP_TYPE && !(e->value & TYPE_RAW) ? e->value : TYPE_UNKNOWN;
}

static uint64_t size_of(const struct dwarf_reader *r, struct dwarf_attributes *a,
			enum type_kind kind)
{
	uint64_t size;

	if (dwarf_attributes_number(a, A_BYTE_SIZE, &size))
		return kind == TYPE_ARRAY ? 0 : size;
	return kind >= TYPE_POINTER && kind <= TYPE_MEMBER_POINTER ? r->pointer_size : 0;
}

/* A pointer to a member knows its class. Functions' are two words (Itanium C++ ABI §2.3). */
static int fill_member_pointer(struct dwarf_reader *r, struct dwarf_attributes *a, struct type *x)
{
	struct type_member m = {0};
	Dwarf_Die die;
	int rc = dwarf_reader_type_of(r, a, A_CONTAINING_TYPE, &m.type);

	if (dwarf_attributes_die(a, A_TYPE, &die) && dwarf_tag(&die) == DW_TAG_subroutine_type &&
	    !dwarf_attributes_has(a, A_BYTE_SIZE))
		x->size = 2 * (uint64_t)r->pointer_size;
	if (rc == 0 && vec_push(&r->batch.members, m) < 0)
		rc = err_nomem(r->err);
	x->first = (uint32_t)r->batch.members.n - 1;
	x->n = 1;
	return rc;
}

/* The type's own line; its members come with its children. */
static int fill(struct dwarf_reader *r, uint32_t raw, Dwarf_Die *die, int tag, uint32_t scope)
{
	struct type x = r->batch.types.v[raw];
	struct dwarf_attributes a;
	uint64_t encoding = 0;
	int rc;

	dwarf_attributes_read(&a, die);
	x.kind = (uint8_t)dwarf_tags_kind(tag);
	x.size = size_of(r, &a, x.kind);
	x.flags = (uint16_t)((tag == DW_TAG_class_type ? TYPE_CLASS : 0) |
			     (r->is_c ? 0 : TYPE_SCOPED));
	if (x.kind == TYPE_BASE && dwarf_attributes_number(&a, A_ENCODING, &encoding))
		x.encoding = (uint8_t)encoding;
	rc = dwarf_names_of(r, &a, scope, &x.name);
	if (rc == 0 && x.kind == TYPE_MEMBER_POINTER)
		rc = fill_member_pointer(r, &a, &x);
	if (rc == 0 && !dwarf_tags_is_record(tag) && x.kind != TYPE_BASE &&
	    x.kind != TYPE_UNSPECIFIED)
		rc = dwarf_reader_type_of(r, &a, A_TYPE, &x.target);
	if (x.kind == TYPE_ENUM && !dwarf_attributes_has(&a, A_TYPE))
		x.target = TYPE_NONE;
	if (x.name && x.kind >= TYPE_STRUCT && x.kind <= TYPE_ENUM &&
	    dwarf_attributes_flag(&a, A_DECLARATION)) {
		x.flags |= TYPE_DECLARED;
		x.size = 0;
		x.target = TYPE_NONE;
	}
	r->batch.types.v[raw] = x;
	r->filled.v[raw] = 1;
	return rc;
}

/* What dwz took out of several units stands in one that they import (DWARF 5 §3.2.5). */
static int add_import(struct dwarf_reader *r, Dwarf_Die *die)
{
	struct dwarf_attributes a;
	Dwarf_Die unit;

	dwarf_attributes_read(&a, die);
	if (!dwarf_attributes_die(&a, A_IMPORT, &unit) || dwarf_map_find(&r->map, unit.addr))
		return 0;
	return vec_push(&r->imports, unit) < 0 ? err_nomem(r->err) : 0;
}

/* A function is entered for its statics and its types; a declaration has neither. */
static bool enters_function(Dwarf_Die *die, const char **name)
{
	struct dwarf_attributes a;
	Dwarf_Attribute attr;

	if (dwarf_haschildren(die) <= 0)
		return false;
	dwarf_attributes_read(&a, die);
	if (dwarf_attributes_flag(&a, A_DECLARATION))
		return false;
	*name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attr));
	if (!*name)
		*name = "";
	return true;
}

static int enter_namespace(struct dwarf_reader *r, Dwarf_Die *die, struct dwarf_level *inner,
			   bool *enter)
{
	const char *name = dwarf_diename(die);

	*enter = true;
	return dwarf_names_qualify(r, inner->scope, name ? name : "(anonymous namespace)",
				   &inner->scope);
}

/* In place of a type that has a unit of its own; others may be declared inside. */
static int visit_stand_in(struct dwarf_reader *r, Dwarf_Die *die, Dwarf_Die *type,
			  struct dwarf_level *inner, bool *enter)
{
	uint32_t name = 0;
	type_id id;
	int rc = id_of(r, type, &id);

	*enter = dwarf_tags_is_record(inner->tag) && dwarf_haschildren(die) > 0;
	inner->is_stand_in = true;
	inner->tag = DW_TAG_namespace;
	if (rc == 0 && *enter)
		rc = dwarf_names_in_unit(r, type, &name);
	if (name)
		inner->scope = name;
	return rc;
}

static int visit_type(struct dwarf_reader *r, Dwarf_Die *die, int tag, struct dwarf_level *inner,
		      bool *enter)
{
	Dwarf_Die type = *die;
	type_id id;
	int rc;

	if (follow_signature(&type, tag))
		return visit_stand_in(r, die, &type, inner, enter);
	rc = id_of(r, die, &id);
	if (rc < 0 || !(id & TYPE_RAW) || r->filled.v[id & ~TYPE_RAW])
		return rc;
	r->account->n_read++;
	rc = fill(r, id & ~TYPE_RAW, die, tag, inner->scope);
	*enter = dwarf_tags_is_record(tag) || tag == DW_TAG_enumeration_type ||
		 tag == DW_TAG_array_type || tag == DW_TAG_subroutine_type;
	if (*enter) {
		inner->raw = id & ~TYPE_RAW;
		inner->owner = dwarf_tags_is_record(tag) ? inner->raw : NO_RAW;
		inner->in_variant = false;
		if (dwarf_tags_is_record(tag) && r->batch.types.v[inner->raw].name)
			inner->scope = r->batch.types.v[inner->raw].name;
	}
	return rc;
}

/* One DIE below the level `in`. *enter: its children are to be visited, as *inner says. */
static int visit(struct dwarf_reader *r, Dwarf_Die *die, const struct dwarf_level *in,
		 struct dwarf_level *inner, bool *enter)
{
	int tag = dwarf_tag(die);
	bool in_record = dwarf_tags_is_record(in->tag) || in->tag == DW_TAG_variant ||
			 in->tag == DW_TAG_variant_part;

	*enter = false;
	*inner = *in;
	inner->tag = tag;
	inner->raw = NO_RAW;
	inner->owner = NO_RAW;
	inner->is_stand_in = false;
	inner->mark = r->pending.n;
	if (dwarf_tags_is_type(tag))
		return visit_type(r, die, tag, inner, enter);
	switch (tag) {
	case DW_TAG_member:
	case DW_TAG_inheritance:
		return in_record || in->is_stand_in ? dwarf_members_add(r, die, tag, in) : 0;
	case DW_TAG_variant:
		inner->in_variant = true;
		/* fall through */
	case DW_TAG_variant_part:
		*enter = in_record;
		return 0;
	case DW_TAG_enumerator:
		return in->tag == DW_TAG_enumeration_type ? dwarf_members_add_enumerator(r, die)
							  : 0;
	case DW_TAG_subrange_type:
		return in->tag == DW_TAG_array_type ? dwarf_members_add_dimension(r, die) : 0;
	case DW_TAG_formal_parameter:
		return in->tag == DW_TAG_subroutine_type ? dwarf_members_add_parameter(r, die) : 0;
	case DW_TAG_template_type_parameter:
		return dwarf_members_add_argument(r, die, in);
	case DW_TAG_GNU_template_parameter_pack:
		*enter = in->owner != NO_RAW;
		inner->owner = in->owner;
		return 0;
	case DW_TAG_unspecified_parameters:
		if (in->tag == DW_TAG_subroutine_type)
			r->batch.types.v[in->raw].flags |= TYPE_VARIADIC;
		return 0;
	case DW_TAG_variable:
		return dwarf_variables_add(r, die, in);
	case DW_TAG_namespace:
	case DW_TAG_module:
		return enter_namespace(r, die, inner, enter);
	case DW_TAG_subprogram:
		*enter = enters_function(die, &inner->function);
		return r->is_live ? locals_scopes_note(r, die) : 0;
	case DW_TAG_lexical_block:
		*enter = true;
		return 0;
	case DW_TAG_imported_unit:
		return add_import(r, die);
	default:
		return 0;
	}
}

/* Moves to a DIE behind all that were visited; false: there is none, or it lies before them. */
static bool advance(struct dwarf_reader *r, const Dwarf_Die *to, Dwarf_Die *at, const void **last)
{
	if (to->addr <= *last) {
		r->account->n_cut++;
		return false;
	}
	*at = *to;
	*last = to->addr;
	return true;
}

static bool advance_child(struct dwarf_reader *r, Dwarf_Die *die, Dwarf_Die *at, const void **last)
{
	Dwarf_Die next;

	return dwarf_child(die, &next) == 0 && advance(r, &next, at, last);
}

static bool advance_sibling(struct dwarf_reader *r, Dwarf_Die *at, const void **last)
{
	Dwarf_Die next;

	return dwarf_siblingof(at, &next) == 0 && advance(r, &next, at, last);
}

/* Everything below the root, which is itself visited already. max_depth: levels below it. */
static int walk(struct dwarf_reader *r, Dwarf_Die *root, const struct dwarf_level *top,
		int max_depth)
{
	struct dwarf_level levels[MAX_DEPTH];
	Dwarf_Die at[MAX_DEPTH];
	const void *last = root->addr;
	int depth = 0, rc = 0;

	levels[0] = *top;
	if (!advance_child(r, root, &at[0], &last))
		return dwarf_members_close(r, top);
	while (depth >= 0 && rc == 0) {
		struct dwarf_level inner;
		bool enter;

		rc = visit(r, &at[depth], &levels[depth], &inner, &enter);
		if (rc == 0 && enter) {
			if (depth + 1 >= max_depth)
				r->account->n_cut++;
			else if (advance_child(r, &at[depth], &at[depth + 1], &last)) {
				levels[++depth] = inner;
				continue;
			}
			rc = dwarf_members_close(r, &inner);
		}
		while (rc == 0 && depth >= 0 && !advance_sibling(r, &at[depth], &last))
			rc = dwarf_members_close(r, &levels[depth--]);
	}
	return rc;
}

static int walk_unit(struct dwarf_reader *r, Dwarf_Die *unit)
{
	struct dwarf_level top = {.tag = dwarf_tag(unit), .raw = NO_RAW, .owner = NO_RAW};
	Dwarf_Die cu;
	uint8_t address_size = 8, offset_size;
	int rc;

	if (dwarf_map_find(&r->map, unit->addr))
		return 0;
	rc = dwarf_map_add(&r->map, unit->addr, MAP_UNIT, 0, r->err);
	if (rc < 0)
		return rc;
	dwarf_diecu(unit, &cu, &address_size, &offset_size);
	r->account->n_units++;
	r->pointer_size = address_size;
	/* a partial unit does not say, and is of the language of the one that led here */
	if (dwarf_srclang(unit) >= 0)
		r->is_c = dwarf_tags_is_c(dwarf_srclang(unit));
	r->is_live = locals_scopes_is_live(r, unit) ||
		     (r->skeleton.addr && locals_scopes_is_live(r, &r->skeleton));
	r->pending.n = 0;
	return walk(r, unit, &top, MAX_DEPTH);
}

/* A type that its unit's walk did not come by: alone, with its members. */
static int fill_alone(struct dwarf_reader *r, uint32_t raw)
{
	Dwarf_Die die = r->dies.v[raw];
	struct dwarf_level in = {.tag = DW_TAG_compile_unit, .raw = NO_RAW, .owner = NO_RAW}, inner;
	bool enter;
	int rc;

	r->pending.n = 0;
	rc = visit(r, &die, &in, &inner, &enter);
	return rc < 0 || !enter ? rc : walk(r, &die, &inner, 1);
}

static int walk_imports(struct dwarf_reader *r)
{
	int rc = 0;

	for (size_t i = 0; i < r->imports.n && rc == 0; i++) {
		Dwarf_Die unit = r->imports.v[i];

		if (dwarf_tag(&unit) == DW_TAG_partial_unit)
			rc = walk_unit(r, &unit);
	}
	return rc;
}

/* Walks the units that references of the batch lead to, until all its types are filled. */
static int fill_all(struct dwarf_reader *r)
{
	int rc = walk_imports(r);

	for (size_t i = 0; i < r->batch.types.n && rc == 0; i++) {
		Dwarf_Die die = r->dies.v[i], unit;

		if (r->filled.v[i])
			continue;
		if (dwarf_diecu(&die, &unit, NULL, NULL))
			rc = walk_unit(r, &unit);
		if (rc == 0 && !r->filled.v[i])
			rc = fill_alone(r, (uint32_t)i);
		if (rc == 0)
			r->filled.v[i] = 1;
	}
	return rc;
}

static int merge_batch(struct dwarf_reader *r)
{
	_cleanup_free_ type_id *to = malloc((r->batch.types.n + 1) * sizeof(*to));
	int rc = to ? type_merge(r->table, &r->batch, to, r->err) : err_nomem(r->err);

	for (size_t i = 0; i < r->batch.types.n && rc == 0; i++)
		if (r->dies.v[i].addr)
			dwarf_map_find(&r->map, r->dies.v[i].addr)->value = to[i];
	dwarf_variables_settle(r);
	for (size_t i = r->first_variable; i < r->variables->list.n && rc == 0; i++)
		if (r->variables->list.v[i].type & TYPE_RAW)
			r->variables->list.v[i].type = to[r->variables->list.v[i].type & ~TYPE_RAW];
	return rc;
}

static int read_unit(struct dwarf_reader *r, Dwarf_Die *unit)
{
	int rc;

	r->batch.types.n = r->batch.members.n = r->batch.arguments.n = 0;
	r->dies.n = r->filled.n = 0;
	r->imports.n = r->late.n = 0;
	r->first_variable = r->variables->list.n;
	rc = walk_unit(r, unit);
	if (rc == 0)
		rc = fill_all(r);
	return rc < 0 ? rc : merge_batch(r);
}

static int read_units(struct dwarf_reader *r, Dwarf *dwarf)
{
	Dwarf_CU *cu = NULL;
	Dwarf_Die unit, split;
	uint8_t type;
	int rc = 0;

	while (rc == 0 && dwarf_get_units(dwarf, cu, &cu, NULL, &type, &unit, &split) == 0) {
		if (type == DW_UT_partial)
			continue;
		/* a unit without a first DIE comes out empty */
		if (!unit.cu) {
			r->account->n_cut++;
			continue;
		}
		r->skeleton = (Dwarf_Die){0};
		if (type == DW_UT_skeleton)
			r->skeleton = unit;
		if (type != DW_UT_skeleton)
			rc = read_unit(r, &unit);
		else if (split.cu)
			rc = read_unit(r, &split);
		else
			r->account->n_without_split++;
	}
	return rc;
}

int dwarf_types_read(struct type_table *t, struct variables *v, struct locals_search *search,
		     struct debuginfo *d, const struct modules *modules, uint32_t module,
		     struct dwarf_account *account, struct err *err)
{
	Dwfl_Module *mod = debuginfo_module(d, module);
	Dwarf_Addr bias = 0;
	Dwarf *dwarf = mod ? dwfl_module_getdwarf(mod, &bias) : NULL;
	struct dwarf_reader r = {.table = t,
				 .variables = v,
				 .module_index = module,
				 .account = account,
				 .search = search,
				 .way_left = MAX_WAY,
				 .err = err};
	int rc;

	*account = (struct dwarf_account){.has_dwarf = dwarf != NULL};
	if (!dwarf)
		return 0;
	r.module = &modules->list.v[module];
	r.bias = bias;
	rc = read_units(&r, dwarf);
	if (rc == 0 && search)
		rc = locals_scopes_read(&r);
	dwarf_map_deinit(&r.map);
	type_batch_deinit(&r.batch);
	vec_deinit(&r.dies);
	vec_deinit(&r.filled);
	vec_deinit(&r.imports);
	vec_deinit(&r.late);
	vec_deinit(&r.pending);
	vec_deinit(&r.text);
	if (rc == 0)
		rc = type_table_index(t, err);
	if (rc == 0)
		variables_sort(v);
	return rc;
}
