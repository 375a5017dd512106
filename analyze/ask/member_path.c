/*
 * A path is a base, which resolve() knows, and steps. As names of symbols have dots, too ("s_calls.0",
 * "conn.c:pool"), the base is the longest beginning that is a name.
 *
 *	base  .member  ->member  [index]
 *
 * A step on a pointer goes through it first. Where its type does not say to what, the object there does.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/ask/member_path.h"
#include "analyze/ask/typed.h"
#include "analyze/types/layout.h"
#include "base/cleanup.h"

enum { MAX_NAME = 200, MAX_POINTERS = 8 };

static bool is_record(const struct session *s, type_id id)
{
	return value_form(s, id) == VALUE_RECORD;
}

struct member_place member_path_at(const struct session *s, addr_t at)
{
	obj_id o = objects_find(&s->heap.objects, at);
	uint32_t module = modules_find(&s->modules, at);
	struct member_place p = {.value = {.addr = at, .type = TYPE_NONE},
				 .target = {.kind = TARGET_ADDRESS, .addr = at, .object = o}};
	struct variable v;
	struct typed t;

	if (o != OBJ_NONE) {
		p.value.addr = objects_addr(&s->heap.objects, o);
		p.value.extent = objects_size(&s->heap.objects, o);
		if (typed_object(s, o, &t)) {
			p.value.type = t.type;
			p.value.extent = t.size;
			p.is_array = t.is_array;
			p.count = t.count;
		}
	} else if (module != INDEX_NONE &&
		   variables_at(&s->types.variables, &s->types.table, module, at, &v)) {
		p.value.addr = v.at;
		p.value.type = v.type;
	}
	return p;
}

/* The first copy of a thread-local, or where the variable is. */
static void place_variable(const struct session *s, struct member_place *p)
{
	const struct target *t = &p->target;
	struct typed typed;

	p->value = (struct value_place){.addr = t->addr, .type = TYPE_NONE, .extent = t->size};
	if (t->symbol.kind != SYMBOL_TLS) {
		p->value.type = member_path_at(s, t->addr).value.type;
		return;
	}
	for (uint32_t i = 0; i < s->roots.list.n; i++) {
		if (!resolve_is_root(s, t, i))
			continue;
		p->value.addr = s->roots.list.v[i].addr;
		if (typed_root(s, i, &typed, &p->value.addr))
			p->value.type = typed.type;
		return;
	}
}

static int find_base(struct session *s, const char *text, struct member_place *out, struct err *err)
{
	struct target t;
	int rc = resolve_base(s, text, &t, err);

	if (rc < 0)
		return rc;
	if (t.kind == TARGET_VARIABLE) {
		*out = (struct member_place){.target = t};
		place_variable(s, out);
		return 0;
	}
	*out = member_path_at(s, t.addr);
	out->target = t;
	return 0;
}

/* What at most so many pointers on the way lead to: as declared, or as the object there says. */
static int go_through(const struct session *s, struct member_place *p, int n, struct err *err)
{
	type_id target;
	addr_t to;
	struct member_place there;

	for (int i = 0; i < n; i++) {
		if (!value_pointer(s, &p->value, &to, &target))
			return 0;
		if (!to)
			return err_set(err, ERR_ABSENT, "a pointer on the way is null");
		there = member_path_at(s, to);
		if (there.value.addr == to && there.value.type != TYPE_NONE &&
		    value_form(s, target) == VALUE_NONE) {
			p->value = there.value;
			p->is_array = there.is_array;
			p->count = there.count;
			continue;
		}
		p->value = (struct value_place){.addr = to, .type = target};
		p->is_array = false;
		if (there.target.object != OBJ_NONE)
			p->value.extent = objects_addr(&s->heap.objects, there.target.object) +
					  objects_size(&s->heap.objects, there.target.object) - to;
	}
	return 0;
}

static int step_member(const struct session *s, struct member_place *p, const char *name,
		       struct err *err)
{
	char type[TYPE_NAME_MAX];
	struct layout_hit hit;
	int rc = go_through(s, p, MAX_POINTERS, err);

	if (rc < 0)
		return rc;
	if (p->value.type == TYPE_NONE)
		return err_set(err, ERR_ABSENT, "what has the member \"%.60s\" is of no known type",
			       name);
	if (!is_record(s, p->value.type) ||
	    !layout_member(&s->types.table, p->value.type, name, &hit)) {
		type_names_spell(&s->types.table, p->value.type, type);
		return err_set(err, ERR_ABSENT, "%.80s has no member \"%.60s\"", type, name);
	}
	p->value.addr += hit.off;
	p->value.extent = p->value.extent > hit.off ? p->value.extent - hit.off : 0;
	p->value.type = hit.type;
	p->value.bit_size = hit.bit_size;
	p->value.bit_off = hit.bit_off;
	p->is_array = false;
	return 0;
}

static int step_index(const struct session *s, struct member_place *p, uint64_t index,
		      struct err *err)
{
	const struct type_table *t = &s->types.table;
	const struct type *x = type_table_get(t, type_table_peel(t, p->value.type));
	type_id element = p->value.type;
	uint64_t size, off;
	int rc;

	if (!p->is_array && x->kind == TYPE_ARRAY) {
		element = x->target;
	} else if (!p->is_array) {
		struct value_place before = p->value;

		rc = go_through(s, p, 1, err);
		if (rc < 0)
			return rc;
		if (before.addr == p->value.addr && before.type == p->value.type)
			return err_set(err, ERR_ABSENT, "what [%llu] is of is no array",
				       (unsigned long long)index);
		element = p->value.type;
	}
	if (!type_table_size(t, element, &size) || __builtin_mul_overflow(index, size, &off))
		return err_set(err, ERR_ABSENT, "[%llu]: how large an element is is not known",
			       (unsigned long long)index);
	p->value =
		(struct value_place){.addr = p->value.addr + off,
				     .type = element,
				     .extent = p->value.extent > off ? p->value.extent - off : 0};
	p->is_array = false;
	return 0;
}

/* One step of the path, which is moved behind it. */
static int take_step(const struct session *s, struct member_place *p, const char **path,
		     struct err *err)
{
	char name[MAX_NAME + 1];
	size_t n;

	if (**path == '[') {
		char *end;
		uint64_t index = strtoull(*path + 1, &end, 0);

		if (!isdigit((unsigned char)(*path)[1]) || *end != ']')
			return err_set(err, ERR_USAGE, "\"%.60s\" is no index", *path);
		*path = end + 1;
		return step_index(s, p, index, err);
	}
	*path += **path == '.' ? 1 : !strncmp(*path, "->", 2) ? 2 : 0;
	n = strcspn(*path, ".[");
	for (size_t i = 0; i + 1 < n; i++)
		if ((*path)[i] == '-' && (*path)[i + 1] == '>')
			n = i;
	if (!n || n > MAX_NAME)
		return err_set(err, ERR_USAGE, "\"%.60s\" is no member", *path);
	memcpy(name, *path, n);
	name[n] = 0;
	*path += n;
	return step_member(s, p, name, err);
}

/* Where the text may be cut into base and steps, before end; 0: nowhere. */
static size_t cut_before(const char *text, size_t end)
{
	while (end > 1)
		if (end--, text[end] == '.' || text[end] == '[' || !strncmp(text + end, "->", 2))
			return end;
	return 0;
}

int member_path_find(struct session *s, const char *text, struct member_place *out, struct err *err)
{
	_cleanup_free_ char *base = strdup(text);
	size_t cut = strlen(text);
	struct member_place p;
	struct err first = {0}, other;
	int rc = base ? session_need_types(s, err) : err_nomem(err);

	if (rc < 0)
		return rc;
	rc = find_base(s, base, &p, &first);
	while (rc < 0 && (cut = cut_before(text, cut))) {
		base[cut] = 0;
		rc = find_base(s, base, &p, &other);
	}
	if (rc < 0) {
		*err = first;
		return rc;
	}
	for (const char *path = text + cut; rc == 0 && *path;) {
		rc = take_step(s, &p, &path, err);
		p.has_path = true;
	}
	if (rc == 0)
		*out = p;
	return rc;
}

addr_t member_path_target(const struct session *s, const struct member_place *p)
{
	type_id target;
	addr_t to;

	return value_pointer(s, &p->value, &to, &target) && to ? to : p->value.addr;
}
