/*
 * The words of a type that hold pointers: what an edge's class and name are
 * decided by, and what a scan that knows types needs.
 */
#ifndef HEAPDUMP_TYPES_LAYOUT_POINTERS_H
#define HEAPDUMP_TYPES_LAYOUT_POINTERS_H

#include "analyze/types/type_table.h"
#include "base/bitset.h"

enum pointer_how {
	POINTER_PLAIN,	   /* leads to a thing of its target type */
	POINTER_LINK,	   /* may: but what it leads to is for something else to say */
	POINTER_CONTAINER, /* the first of the words by which a container is read */
	POINTER_ERASED, /* leads to a thing that a function knows, whose address lies beside it */
};

/* count pointers, the first at off, each stride bytes behind the one before. */
struct layout_pointer {
	uint64_t off, stride, count;
	type_id target;	 /* what is pointed to, as declared; TYPE_VOID: untyped */
	bool is_shared;	 /* in a union or variant: perhaps something else is there */
	bool is_code;	 /* a function's address */
	bool is_decided; /* shared, but its guard says whether it is there */
	bool is_open; /* in an array without a count: count is 0, it goes on to the object's end */
	uint8_t how;  /* enum pointer_how; PLAIN but where rules say otherwise */
	uint32_t
		container; /* by a rule: 1 + index of a container's class, that begins rule_off before */
	uint32_t rule_off;
	int32_t manager; /* of an erased one: how far on that address is, or back */
	uint32_t guard;	 /* 1 + index: it is there only if that holds; 0: always, or nothing says */
};

/*
 * A tag beside a union: of the copy number i of a pointer, size bytes at off + i * stride. What it guards is there if
 * they are the value, and the outer guard (1 + index, less than its own; 0: none) holds.
 */
struct layout_guard {
	uint64_t off, stride, value;
	uint32_t outer;
	uint8_t size;
};

struct layout_pointers {
	VEC(struct layout_pointer) list; /* by off, stride, guard */
	VEC(struct layout_guard) guards;
	bool is_cut; /* more than LAYOUT_POINTERS_MAX, or members of unknown place or type */
};

enum { LAYOUT_POINTERS_MAX = 1 << 16 };

/* In every thing of that type, the pointer at off is to that type instead. */
struct pointer_rule {
	type_id type;
	uint32_t off;
	type_id target; /* TYPE_NONE: as declared */
	uint32_t container;
	int32_t manager;
	uint8_t how;
};

/* A struct whose member number `member` is a union, and whose tag says which of that is there. */
struct pointer_choice {
	type_id type;
	uint32_t member, tag_off;
	uint8_t tag_size;
	uint8_t first; /* tag of the union's first value: 1 of an optional, 0 of a variant */
};

struct pointer_rules {
	VEC(struct pointer_rule) list;	    /* by type, then off */
	VEC(struct pointer_choice) choices; /* by type */
	struct bitset opaque; /* types of no object: pointers to them are links, where no rule is */
};

void pointer_rules_deinit(struct pointer_rules *r);

/*
 * Fills p (zeroed, or used before). Pointers to members are none; uintptr_t is none. ERR_NOMEM.
 * O(members), arrays counted once.
 */
WARN_UNUSED int layout_pointers_of(const struct type_table *t, type_id id,
				   struct layout_pointers *p, struct err *err);

/* The same with rules for types at any depth; NULL: none. */
WARN_UNUSED int layout_pointers_by_rules(const struct type_table *t,
					 const struct pointer_rules *rules, type_id id,
					 struct layout_pointers *p, struct err *err);
void layout_pointers_sort(struct layout_pointers *p);
void layout_pointers_deinit(struct layout_pointers *p);

#endif
