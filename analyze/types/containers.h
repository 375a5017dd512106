/*
 * Containers of the standard libraries (libstdc++, libc++, some of Rust's): which classes are one, where
 * their words are, what their nodes hold. Made from the type table alone, by names and members.
 *
 *	std::map<K, V>          g_map              declared            it is
 *	  std::_Rb_tree<…>        root word     →  _Rb_tree_node_base  _Rb_tree_node<pair<const K, V>>
 *	  a node                  left, right   →  _Rb_tree_node_base  _Rb_tree_node<pair<const K, V>>
 *	                          parent        →  a node, or the word behind g_map: says nothing
 *	                          storage          unsigned char[n]    pair<const K, V>
 *
 * What a container's pointers lead to is a list of rules for layout_pointers.c; that a node's storage
 * is its element, the table itself is told.
 */
#ifndef HEAPDUMP_TYPES_CONTAINERS_H
#define HEAPDUMP_TYPES_CONTAINERS_H

#include "analyze/types/layout_pointers.h"

enum container_kind {
	CONTAINER_NONE,
	CONTAINER_VECTOR, /* one buffer */
	CONTAINER_STRING, /* one buffer, or none: it has room for a few characters itself */
	CONTAINER_LIST,	  /* a ring of nodes, closed by a header in the container */
	CONTAINER_CHAIN,  /* nodes up to NULL */
	CONTAINER_TREE,
	CONTAINER_HASH,	 /* a chain of nodes, and an array of pointers into it */
	CONTAINER_DEQUE, /* an array of pointers to chunks */
	N_CONTAINER_KINDS
};

/* The words of a container, as offsets in its class. */
enum container_word {
	WORD_FIRST, /* buffer, first or root node, array of chunks */
	WORD_LAST,  /* vector, Rust's too if it has no LENGTH: behind the last element */
	WORD_END, /* vector: behind the buffer; deque of libc++: behind the used chunks' pointers */
	WORD_LENGTH,	/* elements */
	WORD_CAPACITY,	/* elements there is room for; deque: pointers */
	WORD_LOCAL,	/* string: its own room */
	WORD_PREV,	/* list: the last node; tree: the first */
	WORD_LAST_NODE, /* tree: the last */
	WORD_BUCKETS,
	WORD_BUCKET_COUNT,
	WORD_START,	/* deque of libc++: index of the first element */
	WORD_START_CUR, /* deque of libstdc++: two iterators of four words */
	WORD_FINISH_CUR,
	N_CONTAINER_WORDS
};
#define NO_CONTAINER_WORD UINT32_MAX

enum { CONTAINER_REP_SIZE = 24 }; /* of an old string's header */

struct container_class {
	type_id type; /* the class that has the words itself: _Rb_tree<…> */
	type_id element, node, key;
	uint64_t element_size;
	uint32_t value;	 /* offset of the element in the node */
	uint32_t key_at; /* of the key in the element */
	uint32_t at[N_CONTAINER_WORDS];
	uint32_t next, left, right, parent; /* in the node; only those that the kind has */
	type_id rep; /* old string: of the header before its characters; TYPE_VOID: another */
	uint8_t kind;
	bool is_map;   /* elements are pairs, found by .first */
	bool is_std_1; /* of libc++ */
};

/* A type of nodes. */
struct container_node {
	type_id type, element; /* element: peeled */
	uint32_t value, next, left, right, parent;
	uint8_t kind, name; /* name: which of the known ones */
};

struct containers {
	VEC(struct container_class) classes; /* by type */
	VEC(struct container_node) nodes;    /* by type */
	struct pointer_rules rules;
};

/* What a class looks like from outside: how its elements are written in the source. */
enum container_facade {
	FACADE_NONE,
	FACADE_ELEMENTS, /* c[i], c["key"] */
	FACADE_POINTER,	 /* p->member: unique_ptr, shared_ptr */
	FACADE_OPTIONAL, /* o->member */
	FACADE_VARIANT,	 /* std::get<1>(v).member */
	FACADE_OPAQUE,	 /* its members are nobody's business: function, any */
};

/*
 * Finds the containers among the table's types, and gives nodes' and control blocks' raw storage its type
 * in the table. Any number of times; each replaces what the last one found. O(types). ERR_NOMEM.
 */
WARN_UNUSED int containers_init(struct containers *c, struct type_table *t, struct err *err);
void containers_deinit(struct containers *c);

/* The container that the type itself is, without its bases and members; NULL: none. */
const struct container_class *containers_class(const struct containers *c, type_id type);
const struct container_node *containers_node(const struct containers *c, type_id type);

/* By its name alone. */
enum container_facade containers_facade(const struct type_table *t, type_id type);

/*
 * The last component of a qualified name without its template arguments: "map" of
 * "std::map<int, long>::…" is not it, of "std::map<int, long>" it is. *n: its length.
 */
const char *containers_base_name(const char *name, size_t *n);

#endif
