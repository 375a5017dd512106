/*
 * A sorted list. Comdat variables (C++ inline, templates' statics) are in the
 * debug information of every unit that has them: equal entries are kept once.
 */
#include <string.h>

#include "analyze/types/variables.h"

void variables_deinit(struct variables *v)
{
	vec_deinit(&v->list);
}

#define ORDER(a, b)                                                                                \
	do {                                                                                       \
		if ((a) != (b))                                                                    \
			return (a) < (b) ? -1 : 1;                                                 \
	} while (0)

static int compare(const void *a, const void *b)
{
	const struct variable *x = a, *y = b;

	ORDER(x->is_tls, y->is_tls);
	ORDER(x->module, y->module);
	ORDER(x->at, y->at);
	ORDER(x->name, y->name);
	ORDER(x->type, y->type);
	ORDER(x->function, y->function);
	return 0;
}

void variables_sort(struct variables *v)
{
	size_t kept = 0;

	if (!v->list.n)
		return;
	qsort(v->list.v, v->list.n, sizeof(*v->list.v), compare);
	for (size_t i = 1; i < v->list.n; i++)
		if (compare(&v->list.v[kept], &v->list.v[i]))
			v->list.v[++kept] = v->list.v[i];
	v->list.n = kept + 1;
}

static bool find(const struct variables *v, const struct type_table *t, const struct variable *key,
		 struct variable *out)
{
	size_t i = vec_bisect(&v->list, e,
			      e->is_tls < key->is_tls ||
				      (e->is_tls == key->is_tls &&
				       (e->module < key->module ||
					(e->module == key->module && e->at <= key->at))));
	uint64_t size;

	if (!i--)
		return false;
	while (i && v->list.v[i - 1].at == v->list.v[i].at &&
	       v->list.v[i - 1].module == key->module && v->list.v[i - 1].is_tls == key->is_tls)
		i--;
	*out = v->list.v[i];
	if (out->is_tls != key->is_tls || out->module != key->module)
		return false;
	if (!type_table_size(t, out->type, &size))
		size = 1;
	return key->at - out->at < (size ? size : 1);
}

bool variables_at(const struct variables *v, const struct type_table *t, uint32_t module,
		  addr_t addr, struct variable *out)
{
	struct variable key = {.at = addr, .module = module}, found;

	if (!find(v, t, &key, &found))
		return false;
	*out = found;
	return true;
}

bool variables_tls(const struct variables *v, const struct type_table *t, uint32_t module,
		   uint64_t off, struct variable *out)
{
	struct variable key = {.at = off, .module = module, .is_tls = true}, found;

	if (!find(v, t, &key, &found))
		return false;
	*out = found;
	return true;
}

size_t variables_by_name(const struct variables *v, const struct type_table *t, const char *name,
			 struct variable *out, size_t max)
{
	uint32_t wanted;
	size_t n = 0;

	if (!type_table_name(t, name, strlen(name), &wanted) || !wanted)
		return 0;
	for (size_t i = 0; i < v->list.n; i++) {
		if (v->list.v[i].name != wanted)
			continue;
		if (n < max)
			out[n] = v->list.v[i];
		n++;
	}
	return n;
}
