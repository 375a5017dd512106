/*
 * The manager's class is found by its name, demangled without what comes behind the class (class_names.c: names of
 * symbols and of debug information agree), and the type is that class's template argument.
 *
 *	std::_Function_handler<void(), Job>::_M_manager		argument 1	GCC 11 and later
 *	std::_Function_base::_Base_manager<Job>::_M_manager	argument 0	before
 *	std::any::_Manager_external<Job>::_S_manage		argument 0
 *
 * A function object of at most two words may be kept in the std::function itself, and its first word may be a
 * pointer to anything: of such nothing is said. any has another manager for what it keeps itself.
 *
 * Limits: lambdas, whose names differ; managers that the linker has folded into one (so it is never certain).
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/space/demangle.h"
#include "analyze/types/containers.h"
#include "analyze/types/erased.h"
#include "analyze/types/vtables.h"
#include "base/cleanup.h"

enum { LOCAL_ROOM = 16, MAX_FUNCTIONS = 1 << 14 };

/* A manager's class by its name's key, or a function by its address. */
struct entry {
	uint64_t key;
	type_id type; /* TYPE_NONE: none, or several */
};

struct erased {
	const struct type_table *table;
	struct symbols *symbols;
	VEC(struct entry) classes, functions; /* by key */
	bool has_classes;
};

static const struct {
	const char *class, *function;
	uint8_t argument;
	bool may_be_local;
} known[] = {
	{"_Function_handler", "::_M_manager(", 1, true},
	{"_Base_manager", "::_M_manager(", 0, true},
	{"_Manager_external", "::_S_manage(", 0, false},
};

int erased_new(struct erased **out, const struct type_table *t, struct symbols *symbols,
	       struct err *err)
{
	struct erased *e = calloc(1, sizeof(*e));

	if (!e)
		return err_nomem(err);
	e->table = t;
	e->symbols = symbols;
	*out = e;
	return 0;
}

void erased_free(struct erased *e)
{
	if (!e)
		return;
	vec_deinit(&e->classes);
	vec_deinit(&e->functions);
	free(e);
}

/* Which of the known ones the class is; ARRAY_LEN(known): none. */
static size_t find_known(const char *name)
{
	size_t n, i = 0;
	const char *base = containers_base_name(name, &n);

	while (i < ARRAY_LEN(known) &&
	       (strlen(known[i].class) != n || memcmp(base, known[i].class, n) != 0))
		i++;
	return i;
}

static int by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->type < y->type ? -1 : x->type > y->type;
}

static int find_classes(struct erased *e, struct err *err)
{
	const struct type_table *t = e->table;

	e->has_classes = true;
	for (type_id id = 0; id < type_table_count(t); id++) {
		const struct type *x = type_table_get(t, id);
		const char *name = type_table_text(t, x->name);
		struct entry entry;
		uint64_t size;
		size_t k;

		if (x->kind != TYPE_STRUCT || strncmp(name, "std::", 5) != 0)
			continue;
		k = find_known(name);
		if (k == ARRAY_LEN(known))
			continue;
		entry.type = type_table_peel(t, type_table_argument(t, id, known[k].argument));
		if (!type_table_size(t, entry.type, &size) ||
		    (known[k].may_be_local && size <= LOCAL_ROOM))
			continue;
		entry.key = class_names_key(name);
		if (vec_push(&e->classes, entry) < 0)
			return err_nomem(err);
	}
	if (e->classes.n)
		qsort(e->classes.v, e->classes.n, sizeof(*e->classes.v), by_key);
	return 0;
}

/* What the class of that name manages. */
static type_id type_by_name(const struct erased *e, const char *name)
{
	uint64_t key = class_names_key(name);
	size_t i = vec_bisect(&e->classes, x, x->key < key);
	type_id type;

	if (i == e->classes.n || e->classes.v[i].key != key)
		return TYPE_NONE;
	type = e->classes.v[i].type;
	while (i < e->classes.n && e->classes.v[i].key == key)
		if (e->classes.v[i++].type != type)
			return TYPE_NONE;
	return type;
}

static type_id type_by_symbol(const struct erased *e, addr_t manager)
{
	struct symbol symbol;
	_cleanup_free_ char *text = NULL;
	size_t k;

	if (!symbols_at(e->symbols, manager, &symbol) || symbol.addr != manager ||
	    symbol.kind != SYMBOL_FUNC)
		return TYPE_NONE;
	text = demangle(symbol.name);
	for (k = 0; text && k < ARRAY_LEN(known); k++) {
		char *end = strstr(text, known[k].function), *last = end;

		/* the class may be made of types that are in functions of that name, too */
		while (end) {
			last = end;
			end = strstr(end + 1, known[k].function);
		}
		if (!last)
			continue;
		*last = 0;
		if (find_known(text) == k)
			return type_by_name(e, text);
		*last = ':';
	}
	return TYPE_NONE;
}

int erased_type(struct erased *e, addr_t manager, type_id *out, struct err *err)
{
	struct entry entry = {.key = manager};
	size_t i;

	*out = TYPE_NONE;
	if (!e->symbols || (!e->has_classes && find_classes(e, err) < 0))
		return e->symbols ? ERR_NOMEM : 0;
	if (!e->classes.n)
		return 0;
	i = vec_bisect(&e->functions, x, x->key < manager);
	if (i < e->functions.n && e->functions.v[i].key == manager) {
		*out = e->functions.v[i].type;
		return 0;
	}
	if (e->functions.n >= MAX_FUNCTIONS)
		return 0;
	entry.type = *out = type_by_symbol(e, manager);
	if (vec_push(&e->functions, entry) < 0)
		return err_nomem(err);
	memmove(&e->functions.v[i + 1], &e->functions.v[i],
		(e->functions.n - 1 - i) * sizeof(entry));
	e->functions.v[i] = entry;
	return 0;
}
