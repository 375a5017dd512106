/*
 * Containers out of the type table: nodes first, then the classes, whose nodes are found by the element that
 * both were made of, then what pointers of both lead to.
 *
 *	_Rb_tree<K, pair<const K, V>, …>   2nd argument ──┐ the same type
 *	_Rb_tree_node<pair<const K, V>>    1st argument ──┘
 *
 * Names decide what is looked at, members whether it is one. All is bounded by the number of types.
 *
 * Limits: an allocator with pointers that are no pointers (boost's offset_ptr); nodes in which the hash is
 * kept and nodes without it, for one and the same element, are told apart by the name of the traits.
 */
#include <string.h>

#include "analyze/types/containers_known.h"
#include "analyze/types/layout.h"

enum { MAX_PATH_TEXT = 128 };

const char *containers_base_name(const char *name, size_t *n)
{
	const char *start = name, *end = NULL;
	int depth = 0;

	for (const char *p = name; *p; p++) {
		if (*p == '<' || *p == '(') {
			if (!depth++)
				end = p;
		} else if (*p == '>' || *p == ')') {
			depth -= depth > 0;
		} else if (!depth && p[0] == ':' && p[1] == ':') {
			start = p + 2;
			end = NULL;
			p++;
		}
	}
	*n = end && end > start ? (size_t)(end - start) : strlen(start);
	return start;
}

static bool is_word(const char *text, size_t n, const char *word)
{
	return strlen(word) == n && !memcmp(text, word, n);
}

static bool is_defined_struct(const struct type *x)
{
	return x->kind == TYPE_STRUCT && x->name && !(x->flags & TYPE_DECLARED);
}

static bool starts_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

/* The member by the first of the paths that is there; its offset, and its type. */
static bool member_of(const struct type_table *t, type_id id, const char *paths, uint32_t *off,
		      type_id *type)
{
	char path[MAX_PATH_TEXT];
	struct layout_hit hit;

	for (; paths; paths = strchr(paths, '|') ? strchr(paths, '|') + 1 : NULL) {
		size_t n = strcspn(paths, "|");

		if (n >= sizeof(path))
			return false;
		memcpy(path, paths, n);
		path[n] = 0;
		if (!layout_member(t, id, path, &hit) || hit.off >= NO_CONTAINER_WORD)
			continue;
		*off = (uint32_t)hit.off;
		*type = hit.type;
		return true;
	}
	return false;
}

/* The member that the path's last step names, to be changed; NULL: it is not there. */
static struct type_member *find_member(struct type_table *t, type_id id, const char *path)
{
	struct type_member *found = NULL;

	for (int depth = 0; *path && depth < 4; depth++) {
		size_t n_name = strcspn(path, ".");
		const struct type *x = type_table_get(t, type_table_peel(t, id));

		found = NULL;
		for (uint32_t i = 0; x->kind == TYPE_STRUCT && i < x->n && !found; i++) {
			struct type_member *m = &t->members.v[x->first + i];

			if (is_word(path, n_name, type_table_text(t, m->name)))
				found = m;
		}
		if (!found)
			return NULL;
		id = found->type;
		path += n_name + (path[n_name] == '.');
	}
	return found;
}

/* Raw bytes for one T, which the template's first argument is: a T. */
static void give_storage_its_type(struct type_table *t, type_id id, const char *member)
{
	type_id element = type_table_argument(t, id, 0);
	struct type_member *m = find_member(t, id, member);
	uint64_t size, room;

	if (m && element != TYPE_NONE && !m->bit_size && type_table_size(t, element, &size) &&
	    type_table_size(t, m->type, &room) && size && size <= room)
		m->type = element;
}

static int find_nodes(struct containers *c, struct type_table *t, type_id id, const char *base,
		      size_t n, struct err *err)
{
	for (size_t i = 0; i < containers_n_known_nodes; i++) {
		const struct known_node *k = &containers_known_nodes[i];
		struct container_node node = {.type = id, .kind = k->kind, .name = (uint8_t)i};
		type_id element = type_table_argument(t, id, 0), type;

		if (!is_word(base, n, k->name) || element == TYPE_NONE ||
		    !member_of(t, id, k->value, &node.value, &type))
			continue;
		node.element = type_table_peel(t, element);
		node.next = node.left = node.right = node.parent = NO_CONTAINER_WORD;
		if ((k->next && !member_of(t, id, k->next, &node.next, &type)) ||
		    (k->left && !member_of(t, id, k->left, &node.left, &type)) ||
		    (k->right && !member_of(t, id, k->right, &node.right, &type)) ||
		    (k->parent && !member_of(t, id, k->parent, &node.parent, &type)))
			continue;
		return vec_push(&c->nodes, node) < 0 ? err_nomem(err) : 0;
	}
	return 0;
}

static int by_name_and_element(const void *a, const void *b)
{
	const struct container_node *x = a, *y = b;

	if (x->name != y->name)
		return x->name < y->name ? -1 : 1;
	if (x->element != y->element)
		return x->element < y->element ? -1 : 1;
	return x->type < y->type ? -1 : x->type > y->type;
}

static int by_node_type(const void *a, const void *b)
{
	const struct container_node *x = a, *y = b;

	return x->type < y->type ? -1 : x->type > y->type;
}

/* libstdc++'s hash tables keep the hash in the node or not, and say so in their names. */
static bool keeps_hash(const char *name, bool *keeps)
{
	const char *traits = strstr(name, "_Hashtable_traits<"), *last = NULL;

	/* the class's own come last */
	for (; traits; traits = strstr(traits + 1, "_Hashtable_traits<"))
		last = traits;
	if (!last)
		return false;
	*keeps = starts_with(last + strlen("_Hashtable_traits<"), "true");
	return true;
}

static bool node_keeps_hash(const char *name)
{
	size_t n = strlen(name);

	return n >= 5 && !strcmp(name + n - 5, "true>");
}

/* The node of that name for the element; nodes are by name and element. NULL: none, or several. */
static const struct container_node *node_for(const struct containers *c, const struct type_table *t,
					     const char *name, type_id element, const char *class)
{
	const struct container_node *found = NULL;
	size_t i = 0;
	bool keeps = false, chooses = keeps_hash(class, &keeps);

	element = type_table_peel(t, element);
	for (size_t k = 0; k < containers_n_known_nodes; k++)
		if (!strcmp(containers_known_nodes[k].name, name))
			i = vec_bisect(&c->nodes, e,
				       e->name < k || (e->name == k && e->element < element));
	for (; i < c->nodes.n && c->nodes.v[i].element == element &&
	       !strcmp(containers_known_nodes[c->nodes.v[i].name].name, name);
	     i++) {
		const struct container_node *node = &c->nodes.v[i];
		const char *text = type_table_text(t, type_table_get(t, node->type)->name);

		if (chooses && !strcmp(name, "_Hash_node") && node_keeps_hash(text) != keeps)
			continue;
		if (found)
			return NULL;
		found = node;
	}
	return found;
}

/* What elements are found by. */
static void find_key(const struct type_table *t, struct container_class *k,
		     const struct known_class *known)
{
	type_id first;

	k->key = k->element;
	k->key_at = 0;
	if (k->kind != CONTAINER_TREE && k->kind != CONTAINER_HASH) {
		k->key = TYPE_NONE;
		return;
	}
	if (known->key_argument >= 0) {
		type_id key = type_table_argument(t, k->type, (uint32_t)known->key_argument);

		k->is_map = type_table_peel(t, key) != type_table_peel(t, k->element);
	} else {
		size_t n;
		const char *name =
			type_table_text(t, type_table_get(t, type_table_peel(t, k->element))->name);

		name = containers_base_name(name, &n);
		k->is_map =
			is_word(name, n, "__value_type") || is_word(name, n, "__hash_value_type");
	}
	if (k->is_map &&
	    member_of(t, k->element, "first|__cc_.first|__cc.first", &k->key_at, &first))
		k->key = first;
	else if (k->is_map)
		k->key = TYPE_NONE;
}

static bool find_words(const struct type_table *t, struct container_class *k,
		       const struct known_class *known)
{
	memset(k->at, 0xff, sizeof(k->at));
	for (size_t i = 0; i < ARRAY_LEN(known->words) && known->words[i].path; i++) {
		const struct known_word *w = &known->words[i];
		type_id type, target;

		if (!member_of(t, k->type, w->path, &k->at[w->word], &type))
			return false;
		if (w->word != WORD_FIRST || known->node || starts_with(known->scope, "alloc"))
			continue;
		/* a buffer's elements are what it is declared to point to */
		target = type_table_get(t, type_table_peel(t, type))->target;
		if (known->kind == CONTAINER_DEQUE)
			target = type_table_get(t, type_table_peel(t, target))->target;
		k->element = target;
	}
	return true;
}

static int find_class(struct containers *c, const struct type_table *t, type_id id,
		      const struct known_class *known, struct err *err)
{
	const char *name = type_table_text(t, type_table_get(t, id)->name);
	struct container_class k = {.type = id, .kind = known->kind, .node = TYPE_NONE};

	k.element = type_table_argument(t, id, known->argument);
	if (!find_words(t, &k, known) || k.element == TYPE_NONE ||
	    !type_table_size(t, k.element, &k.element_size) || !k.element_size)
		return 0;
	k.is_std_1 = starts_with(known->words[0].path, "__");
	/* libc++'s other layout of strings */
	if (k.kind == CONTAINER_STRING && k.is_std_1 && k.at[WORD_FIRST] < k.at[WORD_CAPACITY])
		return 0;
	if (k.kind == CONTAINER_STRING && k.at[WORD_LENGTH] == NO_CONTAINER_WORD) {
		k.rep = containers_rep(t, id);
		if (k.rep == TYPE_NONE)
			return 0;
	}
	if (known->node) {
		const struct container_node *node = node_for(c, t, known->node, k.element, name);

		if (!node)
			return 0;
		k.node = node->type;
		k.value = node->value;
		k.next = node->next;
		k.left = node->left;
		k.right = node->right;
		k.parent = node->parent;
	}
	find_key(t, &k, known);
	return vec_push(&c->classes, k) < 0 ? err_nomem(err) : 0;
}

static bool is_in_scope(const char *name, const char *scope)
{
	return starts_with(name, scope) ||
	       (!strcmp(scope, "std::") && starts_with(name, "__gnu_cxx::"));
}

static int find_classes(struct containers *c, const struct type_table *t, type_id id,
			const char *name, const char *base, size_t n, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < containers_n_known_classes && rc == 0; i++) {
		const struct known_class *known = &containers_known_classes[i];
		size_t before = c->classes.n;

		if (!is_word(base, n, known->name) || !is_in_scope(name, known->scope))
			continue;
		rc = find_class(c, t, id, known, err);
		if (c->classes.n > before)
			break;
	}
	return rc;
}

/* One pass over all types of the libraries' namespaces. */
static int for_each(struct containers *c, struct type_table *t, int pass, struct err *err)
{
	int rc = 0;

	for (type_id id = 0; id < type_table_count(t) && rc == 0; id++) {
		const struct type *x = type_table_get(t, id);
		const char *name = type_table_text(t, x->name), *base;
		size_t n;

		if (!is_defined_struct(x) ||
		    !(starts_with(name, "std::") || starts_with(name, "__gnu_cxx::") ||
		      starts_with(name, "alloc::")))
			continue;
		base = containers_base_name(name, &n);
		if (pass == 0)
			for (size_t i = 0; i < containers_n_known_storage; i++) {
				if (is_word(base, n, containers_known_storage[i].name))
					give_storage_its_type(t, id,
							      containers_known_storage[i].member);
			}
		if (pass == 0 && is_word(base, n, "basic_string"))
			rc = containers_open_rep(t, id, err);
		else if (pass == 1)
			rc = find_nodes(c, t, id, base, n, err);
		else if (pass == 2)
			rc = find_classes(c, t, id, name, base, n, err);
	}
	return rc;
}

int containers_init(struct containers *c, struct type_table *t, struct err *err)
{
	int rc = 0;

	containers_deinit(c);
	for (int pass = 0; pass < 3 && rc == 0; pass++) {
		rc = for_each(c, t, pass, err);
		if (pass == 1 && c->nodes.n)
			qsort(c->nodes.v, c->nodes.n, sizeof(*c->nodes.v), by_name_and_element);
	}
	if (c->nodes.n)
		qsort(c->nodes.v, c->nodes.n, sizeof(*c->nodes.v), by_node_type);
	if (rc == 0)
		rc = containers_make_rules(c, t, err);
	if (rc == 0)
		rc = containers_find_choices(c, t, err);
	if (rc < 0)
		containers_deinit(c);
	return rc;
}

void containers_deinit(struct containers *c)
{
	vec_deinit(&c->classes);
	vec_deinit(&c->nodes);
	pointer_rules_deinit(&c->rules);
}

const struct container_class *containers_class(const struct containers *c, type_id type)
{
	size_t i = vec_bisect(&c->classes, e, e->type < type);

	return i < c->classes.n && c->classes.v[i].type == type ? &c->classes.v[i] : NULL;
}

const struct container_node *containers_node(const struct containers *c, type_id type)
{
	size_t i = vec_bisect(&c->nodes, e, e->type < type);

	return i < c->nodes.n && c->nodes.v[i].type == type ? &c->nodes.v[i] : NULL;
}

enum container_facade containers_facade(const struct type_table *t, type_id type)
{
	static const struct {
		const char *name;
		enum container_facade facade;
	} known[] = {
		{"vector", FACADE_ELEMENTS},	    {"basic_string", FACADE_ELEMENTS},
		{"list", FACADE_ELEMENTS},	    {"forward_list", FACADE_ELEMENTS},
		{"map", FACADE_ELEMENTS},	    {"multimap", FACADE_ELEMENTS},
		{"set", FACADE_ELEMENTS},	    {"multiset", FACADE_ELEMENTS},
		{"unordered_map", FACADE_ELEMENTS}, {"unordered_multimap", FACADE_ELEMENTS},
		{"unordered_set", FACADE_ELEMENTS}, {"unordered_multiset", FACADE_ELEMENTS},
		{"deque", FACADE_ELEMENTS},	    {"Vec", FACADE_ELEMENTS},
		{"unique_ptr", FACADE_POINTER},	    {"shared_ptr", FACADE_POINTER},
		{"weak_ptr", FACADE_POINTER},	    {"optional", FACADE_OPTIONAL},
		{"function", FACADE_OPAQUE},	    {"any", FACADE_OPAQUE},
		{"variant", FACADE_VARIANT},	    {"move_only_function", FACADE_OPAQUE},
	};
	const struct type *x = type_table_get(t, type);
	const char *name = type_table_text(t, x->name);
	size_t n;

	if (x->kind != TYPE_STRUCT || !(starts_with(name, "std::") || starts_with(name, "alloc::")))
		return FACADE_NONE;
	name = containers_base_name(name, &n);
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (is_word(name, n, known[i].name))
			return known[i].facade;
	return FACADE_NONE;
}
