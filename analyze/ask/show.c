/*
 * show: the bytes of an object, a variable or any other memory, as the fields of its type; as words, where
 * that is not known.
 *
 *	X --as TYPE        the memory at X, read as that
 *	X a member path    what the path leads to
 *	X in an object     the whole object
 *	X in a variable    the whole variable
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/ask/answers.h"
#include "analyze/ask/describe.h"
#include "analyze/ask/fields.h"
#include "analyze/ask/typed.h"

enum { MAX_TYPES = 8, MAX_POINTERS = 4 };

/* The pointer to a type, where the program has it; TYPE_NONE: it has not. */
static type_id pointer_to(const struct type_table *t, type_id target)
{
	for (type_id id = 0; id < type_table_count(t); id++)
		if (type_table_get(t, id)->kind == TYPE_POINTER &&
		    type_table_get(t, id)->target == target)
			return id;
	return TYPE_NONE;
}

/* "struct conn", "int[4]", "char *": what stands behind the name is taken from its end. */
static int find_type(const struct session *s, const char *text, struct member_place *p,
		     struct err *err)
{
	const struct type_table *t = &s->types.table;
	char name[TYPE_NAME_MAX];
	size_t n = strlen(text);
	type_id found[MAX_TYPES];
	int pointers = 0;

	if (n >= sizeof(name))
		return err_set(err, ERR_USAGE, "--as: that name is too long");
	memcpy(name, text, n + 1);
	p->is_array = false;
	if (n && name[n - 1] == ']') {
		char *open = strrchr(name, '['), *end;

		p->count = open ? strtoull(open + 1, &end, 0) : 0;
		if (!p->count || *end != ']')
			return err_set(err, ERR_USAGE, "--as: \"%.60s\" is no array's name", text);
		p->is_array = true;
		n = (size_t)(open - name);
	}
	for (; n && (isspace((unsigned char)name[n - 1]) || name[n - 1] == '*'); n--)
		pointers += name[n - 1] == '*';
	name[n] = 0;
	if (!type_names_find(t, name, found, MAX_TYPES))
		return err_set(err, ERR_ABSENT,
			       "no type is named \"%.80s\" in the debug information that was found",
			       name);
	p->value.type = found[0];
	for (; pointers && p->value.type != TYPE_NONE; pointers--)
		p->value.type = pointer_to(t, p->value.type);
	if (p->value.type == TYPE_NONE)
		return err_set(err, ERR_ABSENT, "the program has no type \"%.80s\"", text);
	return 0;
}

/* Memory at the address as another type than its own. */
static int take_as(const struct session *s, const char *as, struct member_place *p, struct err *err)
{
	struct member_place whole;
	uint64_t end;
	int rc;

	if (!p->has_path && p->target.kind != TARGET_VARIABLE)
		p->value.addr = p->target.addr;
	rc = find_type(s, as, p, err);
	if (rc < 0)
		return rc;
	whole = member_path_at(s, p->value.addr);
	end = whole.value.addr + whole.value.extent;
	p->value.extent =
		whole.target.object != OBJ_NONE && end > p->value.addr ? end - p->value.addr : 0;
	p->value.bit_size = 0;
	return 0;
}

static void set_object(struct session *s, struct fact *out, const struct member_place *p)
{
	obj_id o = objects_find(&s->heap.objects, p->value.addr);
	uint64_t off;

	if (o == OBJ_NONE)
		return;
	/* of an address in it, that address is meant; of a path, what it leads to */
	off = (p->has_path ? p->value.addr : p->target.addr) - objects_addr(&s->heap.objects, o);
	describe_object(s, fact_set_object(out, "object"), o);
	if (!off)
		return;
	fact_set_addr(out, "asked", objects_addr(&s->heap.objects, o) + off);
	fact_set_u64(out, "offset", off);
	typed_set_path_as(s, out, graph_object(&s->graph, o), off,
			  p->has_path ? p->value.type : TYPE_NONE);
}

static void set_variable(struct session *s, struct fact *out, const struct member_place *p)
{
	const struct target *t = &p->target;
	struct fact *f;

	if (t->kind != TARGET_VARIABLE || p->has_path)
		return;
	f = fact_set_object(out, "variable");
	describe_name(s, f, "name", t->symbol.name);
	fact_set_str(f, "module", s->modules.list.v[t->symbol.module].name);
	fact_set_u64(f, "size", t->size);
}

/* What is at an address that no type is known of. */
static void set_symbol(struct session *s, struct fact *out, const struct member_place *p)
{
	struct symbol sym;

	if (!symbols_at(s->symbols, p->value.addr, &sym))
		return;
	describe_name(s, out, "name", sym.name);
	fact_set_u64(out, "name_offset", p->value.addr - sym.addr);
}

static void set_type(const struct session *s, struct fact *out, const struct member_place *p)
{
	struct typed t = {p->value.type, p->count, p->value.extent, p->is_array};
	char name[TYPED_NAME_MAX];
	uint64_t size;

	typed_spell(s, &t, name);
	fact_set_str(out, "type", name);
	if (type_table_size(&s->types.table, t.type, &size))
		fact_set_u64(out, "type_size", p->is_array ? size * p->count : size);
}

/* Where the memory that words are shown of ends. */
static uint64_t words_there(const struct session *s, const struct member_place *p)
{
	const struct mapping *m = space_mapping(&s->space, p->value.addr);

	if (p->value.extent)
		return p->value.extent;
	return m ? m->at.hi - p->value.addr : 0;
}

int show_answer(struct session *s, const char *x, const char *as, unsigned depth, size_t limit,
		struct fact *out, struct err *err)
{
	struct member_place p;
	int rc = session_need_heap(s, err);

	if (rc == 0)
		rc = member_path_find(s, x, &p, err);
	if (rc == 0 && as)
		rc = take_as(s, as, &p, err);
	if (rc < 0)
		return rc;
	fact_set_str(out, "query", x);
	fact_set_addr(out, "addr", p.value.addr);
	typed_set_missing(s, out);
	fact_set_str(out, "as", as);
	set_object(s, out, &p);
	set_variable(s, out, &p);
	if (!fact_has(out, "object"))
		fact_set_str(out, "place", describe_place(s, p.value.addr));
	if (!space_mapping(&s->space, p.value.addr))
		return err_at_addr(err, ERR_ABSENT, p.value.addr, "nothing is mapped there");
	if (!fact_has(out, "object") && !fact_has(out, "variable"))
		set_symbol(s, out, &p);
	if (p.value.type == TYPE_NONE) {
		fields_set_words(s, out, p.value.addr, words_there(s, &p), limit);
		return 0;
	}
	set_type(s, out, &p);
	return fields_set(s, out, &p, depth, limit, err);
}
