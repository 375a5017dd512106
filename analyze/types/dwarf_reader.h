/*
 * What the files dwarf*.c share while they read one module. No other file includes this.
 */
#ifndef HEAPDUMP_TYPES_DWARF_READER_H
#define HEAPDUMP_TYPES_DWARF_READER_H

#include "analyze/types/dwarf.h"
#include "analyze/types/dwarf_attributes.h"
#include "analyze/types/dwarf_map.h"
#include "analyze/types/locals_search.h"
#include "analyze/types/type_merge.h"

/* dwarf_level.raw: the children's members belong to no type. */
#define NO_RAW UINT32_MAX

/* A DIE whose children are being visited. */
struct dwarf_level {
	int tag;
	uint32_t raw;	/* the type that the children's members belong to; NO_RAW: none */
	uint32_t owner; /* the type that template arguments belong to; NO_RAW: none */
	uint32_t scope; /* name before its children's names; 0: none */
	size_t mark;	/* of pending */
	const char *function;
	bool in_variant;  /* members below are of one variant only */
	bool is_stand_in; /* of a type that is elsewhere: members below are none of ours */
};

/* A static member that was defined before its declaration was met. */
struct dwarf_late_name {
	size_t variable;
	const void *declaration;
};

struct dwarf_reader {
	struct type_table *table;
	struct variables *variables;
	const struct module *module;
	uint32_t module_index;
	uint64_t bias;
	struct dwarf_account *account;
	struct locals_search *search; /* NULL: none */
	struct dwarf_map map;
	/* of the batch */
	struct type_batch batch;
	VEC(Dwarf_Die) dies;	/* per type of the batch; addr NULL: made here */
	VEC(uint8_t) filled;	/* likewise */
	Dwarf_Die skeleton;	/* of the split unit that is being read; addr NULL: it is none */
	VEC(Dwarf_Die) imports; /* units that the batch's units include */
	size_t first_variable;
	VEC(struct dwarf_late_name) late; /* variables defined before their declaration is met */
	/* of the walk */
	VEC(struct type_member) pending;
	VEC(char) text;
	uint8_t pointer_size;
	bool is_live;	   /* frames stand in the unit's code */
	bool is_c;	   /* names are not qualified, and have their struct before them */
	uint64_t way_left; /* of MAX_WAY */
	struct err *err;
};

/* dwarf.c: a new, empty type of the batch; its index. */
WARN_UNUSED int dwarf_reader_new_raw(struct dwarf_reader *r, const Dwarf_Die *die, uint32_t *raw);

/* What DW_AT_type, or another reference, leads to, raw or final. Absent: void. */
WARN_UNUSED int dwarf_reader_type_of(struct dwarf_reader *r, struct dwarf_attributes *a,
				     enum dwarf_attribute_index i, type_id *id);

/* The same of a type DIE, when all units are read and nothing is added: final, or TYPE_UNKNOWN. */
type_id dwarf_reader_find_type(struct dwarf_reader *r, Dwarf_Die *die);

/* dwarf_tags.c: what a tag is, DWARF 5 §7.5.3; whether a language is of C's kind, §7.12. */
bool dwarf_tags_is_type(int tag);
bool dwarf_tags_is_record(int tag);
enum type_kind dwarf_tags_kind(int tag);
bool dwarf_tags_is_c(int language);

/* dwarf_names.c: "scope::name", interned. */
WARN_UNUSED int dwarf_names_qualify(struct dwarf_reader *r, uint32_t scope, const char *name,
				    uint32_t *out);

/* The DIE's qualified name: that of the declaration it completes, or its own in its scope. */
WARN_UNUSED int dwarf_names_of(struct dwarf_reader *r, struct dwarf_attributes *a, uint32_t scope,
			       uint32_t *out);

/*
 * The qualified name of a type elsewhere, found by going down to it from its unit: only for
 * stand-ins with children, whose names need it at once. 0: not found, or too far.
 */
WARN_UNUSED int dwarf_names_in_unit(struct dwarf_reader *r, Dwarf_Die *type, uint32_t *out);

/* dwarf_members.c: what stands below a type, each onto `pending`. */
WARN_UNUSED int dwarf_members_add(struct dwarf_reader *r, Dwarf_Die *die, int tag,
				  const struct dwarf_level *in);
WARN_UNUSED int dwarf_members_add_enumerator(struct dwarf_reader *r, Dwarf_Die *die);
WARN_UNUSED int dwarf_members_add_parameter(struct dwarf_reader *r, Dwarf_Die *die);
WARN_UNUSED int dwarf_members_add_argument(struct dwarf_reader *r, Dwarf_Die *die,
					   const struct dwarf_level *in);
WARN_UNUSED int dwarf_members_add_dimension(struct dwarf_reader *r, Dwarf_Die *die);

/* The DIE's children are through: what is pending above its mark is the type's. */
WARN_UNUSED int dwarf_members_close(struct dwarf_reader *r, const struct dwarf_level *l);

/* dwarf_variables.c: a variable, or the declaration of one, in a level. */
WARN_UNUSED int dwarf_variables_add(struct dwarf_reader *r, Dwarf_Die *die,
				    const struct dwarf_level *in);

/* At the batch's end: names that waited for their declarations. */
void dwarf_variables_settle(struct dwarf_reader *r);

#endif
