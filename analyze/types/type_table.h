/*
 * The type table: every type of the program once, in 32 bytes, with its
 * members (24 bytes each) and names in two shared arrays. Pure data: who fills
 * it (dwarf.c, through type_merge.c) is not known here.
 *
 *	kind        target              members                 count
 *	struct      its definition *    members, bases          -
 *	union       its definition *    members                 -
 *	enum        underlying integer  enumerators             -
 *	array       element             -                       elements
 *	function    what it returns     parameters              -
 *	pointer to member   the member's type   one: the class  -
 *	typedef, const, pointer, ...    what stands behind      -
 *
 *	* only where the type is declared and not defined (TYPE_DECLARED), and there is exactly one
 *	  definition of its kind and name; else TYPE_NONE.
 *
 * Ids are indexes, they stay when more modules are read. Sizes and offsets are bytes, and come from
 * files: nobody has promised that members lie inside their struct, that sizes are small, or that
 * a chain of typedefs ends. Every function here ends and stays in bounds whatever they are.
 */
#ifndef HEAPDUMP_TYPES_TYPE_TABLE_H
#define HEAPDUMP_TYPES_TYPE_TABLE_H

#include <assert.h>

#include "base/err.h"
#include "base/ids.h"
#include "base/vec.h"

typedef uint32_t type_id;
#define TYPE_NONE    UINT32_MAX
#define TYPE_VOID    0u /* in every table */
#define TYPE_UNKNOWN 1u /* in every table: a reference that leads nowhere */
#define TYPE_MAX     ((1u << 31) - 1)

enum type_kind {
	TYPE_KIND_VOID,
	TYPE_BASE, /* int, double, bool */
	TYPE_POINTER,
	TYPE_REFERENCE,	       /* C++ & */
	TYPE_RVALUE_REFERENCE, /* C++ && */
	TYPE_MEMBER_POINTER,   /* C++ T C::* */
	TYPE_STRUCT,	       /* and class */
	TYPE_UNION,
	TYPE_ENUM,
	TYPE_ARRAY, /* one dimension; more are arrays of arrays */
	TYPE_TYPEDEF,
	TYPE_CONST,
	TYPE_VOLATILE,
	TYPE_RESTRICT,
	TYPE_ATOMIC,
	TYPE_FUNCTION,
	TYPE_UNSPECIFIED, /* decltype(nullptr), and what no other kind fits */
	N_TYPE_KINDS
};

enum type_flags {
	TYPE_DECLARED = 1 << 0,	  /* only a declaration: size and members unknown */
	TYPE_CLASS = 1 << 1,	  /* a struct that the source calls class */
	TYPE_SCOPED = 1 << 2,	  /* from a language whose names need no "struct" before them */
	TYPE_UNBOUNDED = 1 << 3,  /* an array without a count: flexible, or of a variable length */
	TYPE_NAMESAKES = 1 << 4,  /* another definition has its kind and name, and is different */
	TYPE_DAMAGED = 1 << 5,	  /* something in it did not fit, or was cut */
	TYPE_ASCENDING = 1 << 6,  /* members by offset, none over another: can be bisected */
	TYPE_VARIADIC = 1 << 7,	  /* function (...) */
	TYPE_HAS_VIRTUAL = 1 << 8 /* a base whose place only the object itself knows */
};

/* What is not compared when two types are merged. */
#define TYPE_FLAGS_OWN (TYPE_CLASS | TYPE_SCOPED | TYPE_NAMESAKES)

struct type {
	uint8_t kind;	  /* enum type_kind */
	uint8_t encoding; /* base: DW_ATE_..., DWARF 5 §7.8 */
	uint16_t flags;
	uint32_t name; /* in names; 0: none. Qualified: "ns::Class" */
	uint64_t size; /* as the debug information has it, 0: not said. Ask type_table_size() */
	union {
		struct {
			uint32_t first, n; /* in members */
		};
		uint64_t count; /* array */
	};
	type_id target;
	uint32_t module; /* where it was first seen */
};
static_assert(sizeof(struct type) == 32, "32 bytes a type");

enum type_member_flags {
	TYPE_MEMBER_BASE = 1 << 0,    /* a C++ base class */
	TYPE_MEMBER_VIRTUAL = 1 << 1, /* a virtual base: off is how far before the vtable's address
					    point its place stands; 0: not known */
	TYPE_MEMBER_VARIANT = 1 << 2, /* of one variant only (Rust's enums): shares its bytes */
	TYPE_MEMBER_ARTIFICIAL = 1 << 3, /* made by the compiler: _vptr */
};

/* A member of a struct or union, an enumerator, a parameter. */
struct type_member {
	uint32_t name;	   /* 0: none */
	type_id type;	   /* enumerator: TYPE_NONE */
	uint64_t off;	   /* bytes; enumerator: its value, as 64 bits */
	uint16_t bit_size; /* 0: no bit-field */
	uint8_t bit_off; /* bit-field: its lowest bit in the byte at off, 0 to 7 (little endian) */
	uint8_t flags;
	uint32_t reserved; /* 0 */
};
static_assert(sizeof(struct type_member) == 24, "24 bytes a member");

/* A type that stands between the <> of a class template's instance: "int" of vector<int>. */
struct type_argument {
	type_id owner, type;
};

/* An entry of an open hash table. */
struct type_slot {
	uint32_t hash, id;
};

/* A struct, union or enum without a name, and the first typedef of it. */
struct type_alias {
	type_id type, alias;
};

struct type_table {
	VEC(struct type) types;
	VEC(struct type_member) members;
	VEC(struct type_argument) arguments; /* by owner, in the order of the source */
	VEC(char) names;		     /* strings, each with its 0; offset 0 is "" */
	struct type_slot *by_name;	     /* names by their hash, 2^k slots; hash 0: free */
	struct type_slot *by_hash;	     /* types by the hash of their structure */
	uint32_t n_name_slots, n_hash_slots, n_names;
	VEC(type_id) index; /* named types by name offset, then id; by type_table_index() */
	VEC(struct type_alias) aliases; /* by type; by type_table_index() */
};

/* Holds TYPE_VOID and TYPE_UNKNOWN. ERR_NOMEM. */
WARN_UNUSED int type_table_init(struct type_table *t, struct err *err);
void type_table_deinit(struct type_table *t);

/* Back to what it was after init; cannot fail. */
void type_table_clear(struct type_table *t);

/*
 * The offset of that text in names, which equal texts share; it is added if it is not there. Text
 * of more than 64 KiB is cut. ERR_NOMEM, ERR_LIMIT.
 */
WARN_UNUSED int type_table_intern(struct type_table *t, const char *text, size_t n, uint32_t *name,
				  struct err *err);

/* The same, without adding: false where nothing has that name. */
bool type_table_name(const struct type_table *t, const char *text, size_t n, uint32_t *name);

/* Adds the type under its hash, its members already in members. ERR_NOMEM, ERR_LIMIT. */
WARN_UNUSED int type_table_add(struct type_table *t, const struct type *type, uint32_t hash,
			       type_id *id, struct err *err);

/*
 * After types were added: makes the index by name, points declarations to their definitions and
 * marks namesakes. O(n log n) in the number of types.
 */
WARN_UNUSED int type_table_index(struct type_table *t, struct err *err);

static inline uint32_t type_table_count(const struct type_table *t)
{
	return (uint32_t)t->types.n;
}

/* Ids that are no type's, TYPE_NONE too, are TYPE_UNKNOWN. */
static inline const struct type *type_table_get(const struct type_table *t, type_id id)
{
	return &t->types.v[id < t->types.n ? id : TYPE_UNKNOWN];
}

static inline const char *type_table_text(const struct type_table *t, uint32_t name)
{
	return t->names.v + (name < t->names.n ? name : 0);
}

/*
 * What the type is called: its name, or that of the typedef that alone names it
 * ("typedef struct {...} user;"). 0: it has neither. O(log aliases).
 */
uint32_t type_table_called(const struct type_table *t, type_id id);

/* The members, *n of them; for a kind without members none. */
const struct type_member *type_table_members(const struct type_table *t, type_id id, uint32_t *n);

/*
 * The i-th of the types that a template's instance was made of (numbers are not counted, packs are taken
 * apart); TYPE_NONE: there is none, or the debug information does not say. O(log arguments).
 */
type_id type_table_argument(const struct type_table *t, type_id id, uint32_t i);

/* Through typedefs, const and its like, and from a declaration to its definition. */
type_id type_table_peel(const struct type_table *t, type_id id);

/* sizeof; false where it is not known: void, functions, declarations, arrays without a count. */
bool type_table_size(const struct type_table *t, type_id id, uint64_t *size);

/* Asserts that every reference is in bounds; for tests. */
void type_table_check(const struct type_table *t);

#endif
