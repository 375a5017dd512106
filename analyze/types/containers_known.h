/*
 * The classes that containers.c knows, as tables. No other file includes this.
 */
#ifndef HEAPDUMP_TYPES_CONTAINERS_KNOWN_H
#define HEAPDUMP_TYPES_CONTAINERS_KNOWN_H

#include "analyze/types/containers.h"

/* Paths as layout_member() takes them; of "a|b" the first that is there. */
struct known_word {
	uint8_t word; /* enum container_word */
	const char *path;
};

struct known_class {
	const char *scope, *name; /* "std::", "_Rb_tree": without its arguments */
	uint8_t kind;
	uint8_t argument;    /* which template argument the element is */
	int8_t key_argument; /* equal to the element's: a set. -1: by the element's name */
	const char *node;    /* of the nodes; NULL: none */
	struct known_word words[8];
};

struct known_node {
	const char *name;
	uint8_t kind;
	const char *value, *next, *left, *right, *parent;
};

/* Raw storage, and which of its members is really the first template argument. */
struct known_storage {
	const char *name, *member;
};

/* containers_rules.c */
WARN_UNUSED int containers_make_rules(struct containers *c, const struct type_table *t,
				      struct err *err);

/*
 * containers_cow.c: the header that an old string's characters stand behind, TYPE_NONE: it is none; and lets it
 * end in them.
 */
type_id containers_rep(const struct type_table *t, type_id string);
WARN_UNUSED int containers_open_rep(struct type_table *t, type_id string, struct err *err);

/* containers_choices.c */
WARN_UNUSED int containers_find_choices(struct containers *c, const struct type_table *t,
					struct err *err);

extern const struct known_class containers_known_classes[];
extern const struct known_node containers_known_nodes[];
extern const struct known_storage containers_known_storage[];
extern const size_t containers_n_known_classes, containers_n_known_nodes,
	containers_n_known_storage;

#endif
