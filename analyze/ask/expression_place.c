/*
 * From a thing's start down to one of its words: the members on the way, as the source would name them.
 *
 *	struct { std::map<…> table; } of an object   .table, and the word is one of a container
 *
 * A class of the library ends the naming: its own members are passed until the words of a known container,
 * or a pointer, or the value that it wraps.
 */
#include <stdio.h>
#include <string.h>

#include "analyze/ask/expression_run.h"

enum { MAX_DEPTH = 64, MAX_MEMBERS = 4096 };

/* Members that no source names. */
static bool is_hidden(const char *name)
{
	static const char *const hidden[] = {"__cc_", "__cc", "_M_elems", "__elems_", "_M_storage"};

	for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
		if (!strcmp(name, hidden[i]))
			return true;
	return !*name;
}

/* Of a union: what may hold a pointer rather than what may not. */
static bool may_lead_on(const struct type_table *t, type_id id)
{
	uint8_t kind = type_table_get(t, type_table_peel(t, id))->kind;

	return kind == TYPE_STRUCT || kind == TYPE_UNION || kind == TYPE_POINTER;
}

static uint64_t cover_of(const struct type_table *t, const struct type_member *m)
{
	uint64_t size;

	if (type_table_size(t, m->type, &size))
		return size;
	/* an array that takes what follows */
	return type_table_get(t, type_table_peel(t, m->type))->kind == TYPE_ARRAY ? UINT64_MAX : 0;
}

/*
 * The member that has the byte; NULL: none. Bases overlap what comes behind them: an empty one has a byte of its
 * own, and one with virtual bases counts them in, wherever they are. Then the last to begin has it.
 */
static const struct type_member *member_at(const struct type_table *t, type_id id, uint64_t off)
{
	const struct type_member *found = NULL;
	bool is_union = type_table_get(t, id)->kind == TYPE_UNION;
	uint64_t found_size = 0;
	uint32_t n;
	const struct type_member *v = type_table_members(t, id, &n);

	for (uint32_t i = 0; i < n && i < MAX_MEMBERS; i++) {
		uint64_t size = cover_of(t, &v[i]);
		bool better;

		if (v[i].flags & TYPE_MEMBER_VIRTUAL || v[i].bit_size || off < v[i].off ||
		    off - v[i].off >= size)
			continue;
		if (is_union && found)
			better = !may_lead_on(t, found->type) && may_lead_on(t, v[i].type);
		else
			better = !found || v[i].off > found->off ||
				 (v[i].off == found->off && size > found_size);
		if (better) {
			found = &v[i];
			found_size = size;
		}
	}
	return found;
}

static bool step_into(const struct type_table *t, struct expression_place *p,
		      const struct type_member *m)
{
	p->type = type_table_peel(t, m->type);
	p->at += m->off;
	p->off -= m->off;
	return true;
}

/* From a class of the library down to the one that has the container's words. */
static bool enter_container(struct expression *e, struct expression_place p)
{
	const struct type_table *t = &e->s->types.table;

	for (int depth = 0; depth < MAX_DEPTH; depth++) {
		const struct container_class *k = containers_class(&e->s->types.containers, p.type);
		const struct type_member *m;

		if (k && container_view(&e->view, k, &e->s->space, p.at)) {
			e->form = INSIDE;
			return true;
		}
		m = k ? NULL : member_at(t, p.type, p.off);
		if (!m)
			return false;
		step_into(t, &p, m);
	}
	return false;
}

/* Whether the word at the place is in a member of that name, at any depth. */
static bool is_below(const struct type_table *t, struct expression_place p, const char *name)
{
	for (int depth = 0; depth < MAX_DEPTH; depth++) {
		const struct type_member *m = member_at(t, p.type, p.off);

		if (!m)
			return false;
		if (!strcmp(type_table_text(t, m->name), name))
			return true;
		step_into(t, &p, m);
	}
	return false;
}

/* What the pointer at the place leads to. */
static bool take_target(struct expression *e, const struct expression_place *p)
{
	const struct type_table *t = &e->s->types.table;

	e->form = POINTER;
	e->target = type_table_peel(t, type_table_get(t, p->type)->target);
	return !p->off && space_u64(&e->s->space, p->at, &e->word);
}

/* The same, through whatever is around it. */
static bool find_target(struct expression *e, struct expression_place *p)
{
	const struct type_table *t = &e->s->types.table;

	for (int depth = 0; depth < MAX_DEPTH; depth++) {
		uint8_t kind = type_table_get(t, p->type)->kind;
		const struct type_member *m;

		if (kind == TYPE_POINTER)
			return take_target(e, p);
		m = kind == TYPE_STRUCT || kind == TYPE_UNION ? member_at(t, p->type, p->off)
							      : NULL;
		if (!m)
			return false;
		step_into(t, p, m);
	}
	return false;
}

static bool enter_pointer(struct expression *e, const struct expression_place *p)
{
	const struct type_table *t = &e->s->types.table;
	size_t n;
	const char *name =
		containers_base_name(type_table_text(t, type_table_get(t, p->type)->name), &n);
	struct expression_place inner = *p;

	e->form = is_below(t, *p, "_M_refcount") || is_below(t, *p, "__cntrl_") ? CONTROL : POINTER;
	e->is_smart = true;
	if (!strncmp(name, "weak_ptr<", 9) && !expression_add(e, ".lock()"))
		return false;
	return e->form == CONTROL || find_target(e, &inner);
}

/* To the value of an optional or a variant, through members that only the library knows. */
static bool enter_value(const struct type_table *t, struct expression_place *p,
			const char *const *names)
{
	for (int depth = 0; depth < MAX_DEPTH; depth++) {
		const struct type_member *m = member_at(t, p->type, p->off);
		const char *name;

		if (!m)
			return false;
		name = type_table_text(t, m->name);
		step_into(t, p, m);
		for (size_t i = 0; names[i]; i++)
			if (!strcmp(name, names[i]))
				return true;
	}
	return false;
}

/* std::get<1>( … ): one more for each rest of the union that is passed. */
static bool enter_variant(struct expression *e, struct expression_place *p)
{
	const struct type_table *t = &e->s->types.table;
	char get[32];
	unsigned index = 0;

	for (int depth = 0; depth < MAX_DEPTH; depth++) {
		const struct type_member *m = member_at(t, p->type, p->off);
		const char *name = m ? type_table_text(t, m->name) : NULL;

		if (!m)
			return false;
		step_into(t, p, m);
		index += !strcmp(name, "_M_rest") || !strcmp(name, "__tail");
		if (strcmp(name, "_M_storage") && strcmp(name, "__value"))
			continue;
		snprintf(get, sizeof(get), "std::get<%u>(", index);
		p->access = ".";
		if (!expression_take_piece(e))
			return false;
		return expression_wrap(e, get, ")");
	}
	return false;
}

static bool name_member(struct expression *e, struct expression_place *p)
{
	const struct type_table *t = &e->s->types.table;
	const struct type_member *m = member_at(t, p->type, p->off);
	const char *name;

	if (!m)
		return false;
	name = type_table_text(t, m->name);
	step_into(t, p, m);
	if (m->flags & TYPE_MEMBER_BASE || is_hidden(name))
		return true;
	if (!expression_add(e, p->access) || !expression_add(e, name))
		return false;
	p->access = ".";
	return true;
}

static bool name_element(struct expression *e, struct expression_place *p)
{
	const struct type_table *t = &e->s->types.table;
	type_id element = type_table_peel(t, type_table_get(t, p->type)->target);
	uint64_t size;

	if (!type_table_size(t, element, &size) || !size || !expression_add_index(e, p->off / size))
		return false;
	p->at += p->off / size * size;
	p->off %= size;
	p->type = element;
	p->access = ".";
	return true;
}

/* Down to the pointer at the place; what the text stands for behind it. */
bool expression_descend(struct expression *e, struct expression_place p)
{
	static const char *const optional[] = {"_M_value", "__val_", NULL};
	const struct type_table *t = &e->s->types.table;

	e->is_smart = false;
	for (int depth = 0; depth < MAX_DEPTH; depth++) {
		uint8_t kind;

		p.type = type_table_peel(t, p.type);
		kind = type_table_get(t, p.type)->kind;
		switch (containers_facade(t, p.type)) {
		case FACADE_ELEMENTS:
			return enter_container(e, p);
		case FACADE_POINTER:
			return enter_pointer(e, &p);
		case FACADE_OPTIONAL:
			if (!enter_value(t, &p, optional))
				return false;
			p.access = "->";
			continue;
		case FACADE_VARIANT:
			if (!enter_variant(e, &p))
				return false;
			continue;
		case FACADE_OPAQUE:
			return false;
		default:
			break;
		}
		if (kind == TYPE_ARRAY
			    ? !name_element(e, &p)
			    : (kind == TYPE_STRUCT || kind == TYPE_UNION) && !name_member(e, &p))
			return false;
		if (kind == TYPE_POINTER || kind == TYPE_REFERENCE)
			return take_target(e, &p);
		if (kind != TYPE_ARRAY && kind != TYPE_STRUCT && kind != TYPE_UNION)
			return false;
	}
	return false;
}
