/*
 * What the pointers of containers and of their nodes lead to, where the declared type says too little.
 *
 *	plain      followed, to the better type: a tree's root, a node's children, the next of a chain
 *	container  the first word of a buffer, a ring, an array of chunks: followed with the others
 *	link       says nothing by itself: behind the end, back to the header, the last node, the parent
 *
 * What a node's links are declared to point to (a base of the nodes, and of the header in the container)
 * is no type of any object: no pointer to it is followed, iterators' neither.
 */
#include <string.h>

#include "analyze/types/containers_known.h"
#include "analyze/types/layout.h"

static int add(struct containers *c, type_id type, uint32_t off, type_id target, uint8_t how,
	       size_t container, struct err *err)
{
	struct pointer_rule r = {.type = type,
				 .off = off,
				 .target = target,
				 .how = how,
				 .container = (uint32_t)container};

	if (off == NO_CONTAINER_WORD)
		return 0;
	return vec_push(&c->rules.list, r) < 0 ? err_nomem(err) : 0;
}

/* The words of an iterator of libstdc++'s deque: cur, first, last and a place in the array of chunks. */
static int add_iterator(struct containers *c, const struct container_class *k, uint32_t off,
			size_t container, struct err *err)
{
	int rc = 0;

	for (uint32_t i = 0; i < 4 && rc == 0; i++)
		rc = add(c, k->type, off + i * 8, k->element, POINTER_LINK, container, err);
	return rc;
}

static int add_class(struct containers *c, size_t i, struct err *err)
{
	const struct container_class *k = &c->classes.v[i];
	type_id target = k->node != TYPE_NONE ? k->node : k->rep != TYPE_VOID ? k->rep : k->element;
	bool is_plain = k->kind == CONTAINER_CHAIN || k->kind == CONTAINER_TREE ||
			k->kind == CONTAINER_HASH;
	static const uint8_t links[] = {WORD_LAST, WORD_END, WORD_PREV, WORD_LAST_NODE};
	int rc = add(c, k->type, k->at[WORD_FIRST], k->kind == CONTAINER_DEQUE ? TYPE_NONE : target,
		     is_plain ? POINTER_PLAIN : POINTER_CONTAINER, i + 1, err);

	for (size_t w = 0; w < ARRAY_LEN(links) && rc == 0; w++)
		rc = add(c, k->type, k->at[links[w]], target, POINTER_LINK, i + 1, err);
	if (rc == 0)
		rc = add(c, k->type, k->at[WORD_BUCKETS], TYPE_NONE, POINTER_CONTAINER, i + 1, err);
	if (rc == 0 && k->at[WORD_START_CUR] != NO_CONTAINER_WORD)
		rc = add_iterator(c, k, k->at[WORD_START_CUR], i + 1, err);
	if (rc == 0 && k->at[WORD_FINISH_CUR] != NO_CONTAINER_WORD)
		rc = add_iterator(c, k, k->at[WORD_FINISH_CUR], i + 1, err);
	return rc;
}

static int add_node(struct containers *c, const struct container_node *n, struct err *err)
{
	uint8_t next = n->kind == CONTAINER_LIST ? POINTER_LINK : POINTER_PLAIN;
	int rc = add(c, n->type, n->next, n->type, next, 0, err);

	if (rc == 0)
		rc = add(c, n->type, n->left, n->type, POINTER_PLAIN, 0, err);
	if (rc == 0)
		rc = add(c, n->type, n->right, n->type, POINTER_PLAIN, 0, err);
	if (rc == 0)
		rc = add(c, n->type, n->parent, n->type, POINTER_LINK, 0, err);
	return rc;
}

/* What a node's links are declared to point to. */
static void add_opaque(struct containers *c, const struct type_table *t,
		       const struct layout_pointers *p, const struct container_node *n)
{
	const uint32_t links[] = {n->next, n->left, n->right, n->parent};

	for (size_t i = 0; i < p->list.n; i++)
		for (size_t k = 0; k < ARRAY_LEN(links); k++) {
			type_id target = type_table_peel(t, p->list.v[i].target);

			if (p->list.v[i].off == links[k] && target != n->type &&
			    target > TYPE_UNKNOWN)
				bitset_add(&c->rules.opaque, target);
		}
}

static int by_type(const void *a, const void *b)
{
	const struct pointer_rule *x = a, *y = b;

	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	return x->off < y->off ? -1 : x->off > y->off;
}

/* Where function and any keep a thing, or its address, and the function that manages it. */
static int add_erased(struct containers *c, const struct type_table *t, struct err *err)
{
	static const char *const known[][2] = {{"_Function_base", "_M_functor"},
					       {"any", "_M_storage"}};

	for (type_id id = 0; id < type_table_count(t); id++) {
		const struct type *x = type_table_get(t, id);
		const char *name = type_table_text(t, x->name);
		struct layout_hit storage, manager;
		size_t n;

		if (x->kind != TYPE_STRUCT || strncmp(name, "std::", 5) != 0)
			continue;
		name = containers_base_name(name, &n);
		for (size_t i = 0; i < ARRAY_LEN(known); i++) {
			struct pointer_rule r = {
				.type = id, .target = TYPE_NONE, .how = POINTER_ERASED};

			if (strlen(known[i][0]) != n || memcmp(name, known[i][0], n) != 0 ||
			    !layout_member(t, id, known[i][1], &storage) ||
			    !layout_member(t, id, "_M_manager", &manager) ||
			    storage.off >= INT32_MAX || manager.off >= INT32_MAX)
				continue;
			r.off = (uint32_t)storage.off;
			r.manager = (int32_t)(manager.off - storage.off);
			if (vec_push(&c->rules.list, r) < 0)
				return err_nomem(err);
		}
	}
	return 0;
}

int containers_make_rules(struct containers *c, const struct type_table *t, struct err *err)
{
	struct layout_pointers p = {0};
	int rc = bitset_init(&c->rules.opaque, type_table_count(t)) < 0 ? err_nomem(err) : 0;

	for (size_t i = 0; i < c->nodes.n && rc == 0; i++) {
		rc = layout_pointers_of(t, c->nodes.v[i].type, &p, err);
		if (rc < 0)
			break;
		add_opaque(c, t, &p, &c->nodes.v[i]);
		rc = add_node(c, &c->nodes.v[i], err);
	}
	layout_pointers_deinit(&p);
	for (size_t i = 0; i < c->classes.n && rc == 0; i++)
		rc = add_class(c, i, err);
	if (rc == 0)
		rc = add_erased(c, t, err);
	if (c->rules.list.n)
		qsort(c->rules.list.v, c->rules.list.n, sizeof(*c->rules.list.v), by_type);
	return rc;
}
