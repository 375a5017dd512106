/*
 * The first word of a polymorphic object is the address point of its class's vtable (Itanium C++ ABI §2.5):
 *
 *	…  virtual bases' offsets
 *	−16  offset to top: 0, as this is the object's start
 *	−8   typeinfo ──► its own vtable, name ──► "N2ns4ConnE"; or 0 (-fno-rtti)
 *	 0   ◄── first word of the object
 *
 * The class's name is the typeinfo's, whether there are symbols or not; without typeinfo that of the symbol
 * _ZTV…. The class of that name is found by class_names.c.
 *
 * The object is of this class, or has a member of it at its start. Where a type of the table does, and the object
 * is large enough for that, the claim is only likely. An object that is being destroyed has the vtable of a base: then
 * its size is another's, or nobody can tell.
 */
#include <stdio.h>
#include <string.h>

#include "analyze/space/demangle.h"
#include "analyze/types/vtables.h"
#include "base/cleanup.h"

enum {
	MAX_NAME = 4096,
	MAX_HOLDERS = 8, /* structs around structs of the same size */
	ROUNDING = 16,
	SMALLEST = 24,
};

/* A class by its name's key; or a vtable by its address. */
struct slot {
	uint64_t key; /* 0: free */
	type_id type; /* TYPE_NONE: none, or several */
};

struct slots {
	struct slot *v;
	size_t n, mask;
};

struct search {
	const struct vtables_input *in;
	struct slots classes, vtables;
	uint64_t *
		holders; /* per type: the smallest larger type with a member of it at its start; 0: none */
	struct range modules;
	addr_t run_at;
	uint64_t run_size;
	const uint8_t *run;
};

static struct slot *slot_of(const struct slots *s, uint64_t key)
{
	size_t i = (key * 0x9e3779b97f4a7c15ull >> 20) & s->mask;

	while (s->v[i].key && s->v[i].key != key)
		i = (i + 1) & s->mask;
	return &s->v[i];
}

static int slots_init(struct slots *s, size_t n, struct err *err)
{
	for (s->mask = 64; s->mask < n * 2; s->mask *= 2)
		;
	s->v = calloc(s->mask--, sizeof(*s->v));
	return s->v ? 0 : err_nomem(err);
}

static int slots_grow(struct slots *s, struct err *err)
{
	struct slots grown = {.n = s->n};

	if (s->n < s->mask / 2)
		return 0;
	if (slots_init(&grown, s->n * 2, err) < 0)
		return ERR_NOMEM;
	for (size_t i = 0; i <= s->mask; i++)
		if (s->v[i].key)
			*slot_of(&grown, s->v[i].key) = s->v[i];
	free(s->v);
	*s = grown;
	return 0;
}

static bool is_record(const struct type *x)
{
	return (x->kind == TYPE_STRUCT || x->kind == TYPE_UNION) && !(x->flags & TYPE_DECLARED);
}

/* A class that can have a vtable: by its first word's name, or bases. */
static bool may_be_polymorphic(const struct type_table *t, type_id id)
{
	const struct type *x = type_table_get(t, id);
	uint32_t n;
	const struct type_member *v = type_table_members(t, id, &n);

	if (x->kind != TYPE_STRUCT || x->flags & TYPE_DECLARED || !x->name)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (v[i].flags & TYPE_MEMBER_BASE ||
		    !strncmp(type_table_text(t, v[i].name), "_vptr", 5))
			return true;
	return false;
}

static int find_classes(struct search *s, struct err *err)
{
	const struct type_table *t = s->in->table;
	size_t n = 0;

	for (type_id id = 0; id < type_table_count(t); id++)
		n += may_be_polymorphic(t, id);
	if (slots_init(&s->classes, n, err) < 0)
		return ERR_NOMEM;
	s->classes.n = n;
	for (type_id id = 0; id < type_table_count(t) && n; id++) {
		struct slot *slot;

		if (!may_be_polymorphic(t, id))
			continue;
		slot = slot_of(&s->classes,
			       class_names_key(type_table_text(t, type_table_get(t, id)->name)));
		slot->type = slot->key ? TYPE_NONE : id;
		slot->key = class_names_key(type_table_text(t, type_table_get(t, id)->name));
	}
	return 0;
}

/* What stands at the start of a type, other than as its base: the element of arrays. */
static type_id start_of(const struct type_table *t, const struct type_member *m)
{
	type_id id = type_table_peel(t, m->type);

	for (int i = 0; i < MAX_HOLDERS && type_table_get(t, id)->kind == TYPE_ARRAY; i++)
		id = type_table_peel(t, type_table_get(t, id)->target);
	return id;
}

static void note_holder(struct search *s, type_id inner, uint64_t size)
{
	uint64_t own;

	if (type_table_size(s->in->table, inner, &own) && size > own &&
	    (!s->holders[inner] || size < s->holders[inner]))
		s->holders[inner] = size;
}

/* Rounds: what holds a holder of the same size holds its member, too. */
static int find_holders(struct search *s, struct err *err)
{
	const struct type_table *t = s->in->table;

	s->holders = calloc(type_table_count(t), sizeof(*s->holders));
	if (!s->holders)
		return err_nomem(err);
	for (int round = 0; round < MAX_HOLDERS; round++) {
		bool changed = false;

		for (type_id id = 0; id < type_table_count(t); id++) {
			uint32_t n;
			const struct type_member *v = type_table_members(t, id, &n);

			for (uint32_t i = 0; i < n && is_record(type_table_get(t, id)); i++) {
				type_id inner = v[i].off ? TYPE_UNKNOWN : start_of(t, &v[i]);
				uint64_t before = s->holders[inner];

				if (v[i].off || v[i].flags & TYPE_MEMBER_BASE)
					continue;
				note_holder(s, inner, type_table_get(t, id)->size);
				if (s->holders[id])
					note_holder(s, inner, s->holders[id]);
				changed |= s->holders[inner] != before;
			}
		}
		if (!changed)
			break;
	}
	return 0;
}

static bool is_in_module(const struct search *s, addr_t at)
{
	return range_has(s->modules, at) && modules_find(s->in->modules, at) != INDEX_NONE;
}

/* The class by a mangled name, which the prefix turns into one of a thing of it: "typeinfo for Conn". */
static type_id class_of(const struct search *s, const char *mangled)
{
	_cleanup_free_ char *text = demangle(mangled);
	const char *name = text ? strstr(text, " for ") : NULL;
	const struct slot *slot;

	if (!name)
		return TYPE_NONE;
	slot = slot_of(&s->classes, class_names_key(name + strlen(" for ")));
	return slot->key ? slot->type : TYPE_NONE;
}

static type_id class_by_typeinfo(const struct search *s, addr_t typeinfo)
{
	char mangled[MAX_NAME] = "_ZTI";
	char *name = mangled + 4;
	uint64_t own_vtable, text;

	if (!is_in_module(s, typeinfo) || !space_u64(s->in->space, typeinfo, &own_vtable) ||
	    !is_in_module(s, own_vtable) || !space_u64(s->in->space, typeinfo + 8, &text) ||
	    !is_in_module(s, text) || !space_str(s->in->space, text, name, sizeof(mangled) - 4) ||
	    strlen(name) >= sizeof(mangled) - 5)
		return TYPE_NONE;
	/* a name that is to be compared by its address only begins with a star */
	if (*name == '*')
		memmove(name, name + 1, strlen(name));
	return class_of(s, mangled);
}

static type_id class_by_symbol(const struct search *s, addr_t vtable)
{
	struct symbol symbol;

	if (!s->in->symbols || !symbols_at(s->in->symbols, vtable, &symbol) ||
	    strncmp(symbol.name, "_ZTV", 4) || vtable <= symbol.addr)
		return TYPE_NONE;
	return class_of(s, symbol.name);
}

static type_id class_of_vtable(const struct search *s, addr_t vtable)
{
	uint64_t to_top, typeinfo;

	if (!is_in_module(s, vtable) || !is_in_module(s, vtable - 16) ||
	    !space_u64(s->in->space, vtable - 16, &to_top) || to_top ||
	    !space_u64(s->in->space, vtable - 8, &typeinfo))
		return TYPE_NONE;
	return typeinfo ? class_by_typeinfo(s, typeinfo) : class_by_symbol(s, vtable);
}

/* The first word of objects in the order of their addresses. */
static bool first_word(struct search *s, addr_t at, uint64_t *word)
{
	if (at - s->run_at >= s->run_size || s->run_size - (at - s->run_at) < sizeof(*word)) {
		s->run = space_at(s->in->space, at, &s->run_size);
		s->run_at = at;
		if (!s->run || s->run_size < sizeof(*word)) {
			s->run_size = 0;
			return space_u64(s->in->space, at, word);
		}
	}
	memcpy(word, s->run + (at - s->run_at), sizeof(*word));
	return true;
}

static int claim(struct search *s, obj_id o, type_id type, struct inference_claims *out,
		 struct err *err)
{
	uint64_t usable = objects_size(s->in->objects, o), size;
	struct inference_claim c = {.object = o,
				    .type = type,
				    .reason = INFERRED_VTABLE,
				    .confidence = CONFIDENCE_CERTAIN};

	if (!type_table_size(s->in->table, type, &size) || size > usable)
		return 0;
	if ((usable - size >= ROUNDING && usable > SMALLEST) ||
	    (s->holders[type] && s->holders[type] <= usable))
		c.confidence = CONFIDENCE_LIKELY;
	return vec_push(&out->list, c) < 0 ? err_nomem(err) : 0;
}

/* Whether the class, or one of its bases, has a base whose place only the object knows. */
static bool has_virtual(const struct type_table *t, type_id id, int depth)
{
	uint32_t n;
	const struct type_member *v = type_table_members(t, id, &n);

	if (type_table_get(t, id)->flags & TYPE_HAS_VIRTUAL)
		return true;
	for (uint32_t i = 0; i < n && depth < MAX_HOLDERS && v[i].flags & TYPE_MEMBER_BASE; i++)
		if (has_virtual(t, type_table_peel(t, v[i].type), depth + 1))
			return true;
	return false;
}

/* The first object of each such class. */
static int note_whole(struct search *s, obj_id o, const struct slot *vtable,
		      struct inference_claims *out, struct err *err)
{
	struct inference_whole whole = {vtable->type, objects_addr(s->in->objects, o), vtable->key};

	if (!has_virtual(s->in->table, vtable->type, 0))
		return 0;
	return vec_push(&out->wholes, whole) < 0 ? err_nomem(err) : 0;
}

static int by_type(const void *a, const void *b)
{
	const struct inference_whole *x = a, *y = b;

	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	return x->object < y->object ? -1 : x->object > y->object;
}

static void sort_wholes(struct inference_claims *out)
{
	size_t n = 0;

	if (out->wholes.n)
		qsort(out->wholes.v, out->wholes.n, sizeof(*out->wholes.v), by_type);
	for (size_t i = 0; i < out->wholes.n; i++)
		if (!n || out->wholes.v[n - 1].type != out->wholes.v[i].type)
			out->wholes.v[n++] = out->wholes.v[i];
	out->wholes.n = n;
}

static int look_at(struct search *s, obj_id o, struct inference_claims *out, struct err *err)
{
	uint64_t word;
	struct slot *slot;

	if (objects_kind(s->in->objects, o) == OBJECT_MAPPING ||
	    objects_size(s->in->objects, o) < sizeof(word) ||
	    !first_word(s, objects_addr(s->in->objects, o), &word) || !word ||
	    !range_has(s->modules, word))
		return 0;
	if (slots_grow(&s->vtables, err) < 0)
		return ERR_NOMEM;
	slot = slot_of(&s->vtables, word);
	if (!slot->key) {
		slot->key = word;
		slot->type = class_of_vtable(s, word);
		s->vtables.n++;
		if (slot->type != TYPE_NONE && note_whole(s, o, slot, out, err) < 0)
			return ERR_NOMEM;
	}
	return slot->type == TYPE_NONE ? 0 : claim(s, o, slot->type, out, err);
}

int vtables_claim(const struct vtables_input *in, struct inference_claims *out, struct err *err)
{
	struct search s = {.in = in, .modules = {UINT64_MAX, 0}};
	int rc = find_classes(&s, err);

	if (rc == 0)
		rc = find_holders(&s, err);
	if (rc == 0)
		rc = slots_init(&s.vtables, 0, err);
	for (size_t i = 0; i < in->modules->list.n; i++) {
		const struct range *at = &in->modules->list.v[i].at;

		s.modules.lo = at->lo < s.modules.lo ? at->lo : s.modules.lo;
		s.modules.hi = at->hi > s.modules.hi ? at->hi : s.modules.hi;
	}
	/* a program of C costs nothing */
	for (obj_id o = 0; rc == 0 && s.classes.n && o < objects_count(in->objects); o++)
		rc = look_at(&s, o, out, err);
	sort_wholes(out);
	free(s.classes.v);
	free(s.vtables.v);
	free(s.holders);
	return rc;
}
