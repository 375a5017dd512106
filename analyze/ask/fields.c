/*
 * A queue of places: a struct's members, an array's elements. What is found in them is queued behind, so
 * what is near is shown before what is far when the number of fields ends it.
 *
 *	field = {name or index, offset, type, value or fields}
 *
 * offset counts from the beginning of the object, variable or pointee that the field is in.
 * What a pointer leads to is shown once; where it was before, only that is said.
 */
#include <string.h>

#include "analyze/ask/fields.h"
#include "analyze/ask/pointee.h"
#include "analyze/ask/strings.h"
#include "analyze/ask/typed.h"

enum {
	MAX_FIELDS = 20000,
	MAX_NESTED = 24,
	MAX_COMPARED = 1 << 20,
	MAX_ELEMENT = 1 << 16,
	SHOWN_RAW = 32
};

/* Members or elements to be shown, in a list that is there already. */
struct fields_todo {
	struct fact *holder, *list;
	struct value_place place;
	uint64_t count; /* elements; 0: members */
	addr_t base;	/* that offsets count from */
	unsigned depth, nested;
};

struct fields {
	struct session *s;
	const struct type_table *table;
	size_t limit, n_left;
	VEC(struct fields_todo) todo;
	VEC(struct value_place) shown; /* what pointers led to */
};

static struct fact *add_field(struct fields *f, struct fact *list, const struct value_place *p,
			      addr_t base)
{
	struct fact *field = fact_add_object(list);

	f->n_left--;
	fact_set_u64(field, "offset", p->addr - base);
	return field;
}

static void set_type(const struct fields *f, struct fact *field, type_id type)
{
	char name[TYPE_NAME_MAX];
	uint64_t size;

	type_names_spell(f->table, type, name);
	fact_set_str(field, "type", name);
	if (type_table_size(f->table, type, &size))
		fact_set_u64(field, "size", size);
}

/* Parts of the field, to be filled later. */
static int queue_parts(struct fields *f, struct fact *holder, struct fields_todo t, struct err *err)
{
	if (t.nested >= MAX_NESTED || !f->n_left) {
		fact_set_bool(holder, "fields_omitted", true);
		return 0;
	}
	t.holder = holder;
	t.list = fact_set_array(holder, "fields");
	return vec_push(&f->todo, t) < 0 ? err_nomem(err) : 0;
}

/* Bytes of characters as text, or as they are. */
static void set_characters(struct fields *f, struct fact *field, addr_t at, uint64_t n)
{
	uint8_t bytes[SHOWN_RAW];
	char hex[2 * SHOWN_RAW + 1] = "";
	size_t there = space_read(&f->s->space, at, bytes, n < SHOWN_RAW ? n : SHOWN_RAW);
	bool is_zero = there && !bytes[0];

	for (size_t i = 0; i < there; i++) {
		sprintf(hex + 2 * i, "%02x", bytes[i]);
		is_zero &= !bytes[i];
	}
	if (n && !there) {
		fact_set_bool(field, "absent", true);
		return;
	}
	if ((is_zero || (there && bytes[0])) && pointee_set_text(f->s, field, at, n, true))
		return;
	fact_set_str(field, "bytes", hex);
	if (n > there)
		fact_set_bool(field, "bytes_cut", true);
}

static bool is_character(const struct fields *f, type_id type)
{
	return typed_is_character(type_table_get(f->table, type_table_peel(f->table, type)));
}

/* An array of so many elements of the type at the place. */
static int set_array(struct fields *f, struct fact *field, struct fields_todo t, type_id element,
		     struct err *err)
{
	fact_set_str(field, "kind", "array");
	fact_set_u64(field, "count", t.count);
	if (!t.count)
		return 0;
	if (is_character(f, element)) {
		set_characters(f, field, t.place.addr, t.count);
		return 0;
	}
	t.place.type = element;
	return queue_parts(f, field, t, err);
}

/* How many elements the array has; one that ends open takes what is there. */
static uint64_t elements_of(const struct fields *f, const struct value_place *p,
			    const struct type *x)
{
	uint64_t size;

	if (!type_table_size(f->table, x->target, &size) || !size)
		return 0;
	if (x->flags & TYPE_UNBOUNDED || !x->count)
		return p->extent / size;
	return x->count;
}

static bool was_shown(const struct fields *f, const struct value_place *p)
{
	for (size_t i = 0; i < f->shown.n; i++)
		if (f->shown.v[i].addr == p->addr && f->shown.v[i].type == p->type)
			return true;
	return false;
}

/* The fields of what a pointer leads to, below "to". */
static int follow(struct fields *f, struct fact *field, const struct fields_todo *from,
		  struct err *err)
{
	struct fact *to = (struct fact *)fact_get(field, "to");
	struct fields_todo t = {.depth = from->depth - 1};
	type_id target;
	uint64_t size;
	struct member_place there;
	addr_t at;

	if (!to || !value_pointer(f->s, &from->place, &at, &target) || is_character(f, target))
		return 0;
	there = member_path_at(f->s, at);
	t.place = (struct value_place){.addr = at, .type = type_table_peel(f->table, target)};
	if (there.value.addr == at && there.value.type != TYPE_NONE &&
	    (there.is_array || value_form(f->s, target) == VALUE_NONE)) {
		t.place = there.value;
		t.count = there.is_array ? there.count : 0;
	} else if (there.target.object != OBJ_NONE) {
		t.place.extent = there.value.addr + there.value.extent - at;
	}
	if (!type_table_size(f->table, t.place.type, &size) ||
	    (!t.count && value_form(f->s, t.place.type) != VALUE_RECORD) ||
	    (t.count && is_character(f, t.place.type)))
		return 0;
	if (was_shown(f, &t.place)) {
		fact_set_bool(to, "shown_before", true);
		return 0;
	}
	t.base = at;
	if (vec_push(&f->shown, t.place) < 0)
		return err_nomem(err);
	return queue_parts(f, to, t, err);
}

/* The value of a field, or what it is made of. t: its place; count and holder are set here. */
static int fill(struct fields *f, struct fact *field, struct fields_todo t, struct err *err)
{
	type_id id = type_table_peel(f->table, t.place.type);
	const struct type *x = type_table_get(f->table, id);

	t.nested++;
	t.count = 0;
	if (t.place.bit_size)
		fact_set_u64(field, "bits", t.place.bit_size);
	switch (value_form(f->s, id)) {
	case VALUE_RECORD:
		fact_set_str(field, "kind", x->kind == TYPE_UNION ? "union" : "struct");
		strings_set_text(f->s, field, &t.place);
		return queue_parts(f, field, t, err);
	case VALUE_ARRAY:
		t.count = elements_of(f, &t.place, x);
		return set_array(f, field, t, x->target, err);
	case VALUE_NONE:
		fact_set_str(field, "kind", "unknown");
		return 0;
	default:
		value_set(f->s, field, &t.place);
		return t.depth > 1 ? follow(f, field, &t, err) : 0;
	}
}

/* Bytes of the member; of the last, all that is there. */
static uint64_t extent_of(const struct fields *f, const struct fields_todo *t,
			  const struct type_member *m, bool is_last)
{
	uint64_t size;

	if (is_last && t->place.extent > m->off)
		return t->place.extent - m->off;
	return type_table_size(f->table, m->type, &size) ? size : 0;
}

static void set_member_name(const struct fields *f, struct fact *field, const struct type_member *m)
{
	fact_set_str(field, "name", m->name ? type_table_text(f->table, m->name) : NULL);
	set_type(f, field, m->type);
	if (m->flags & TYPE_MEMBER_BASE)
		fact_set_bool(field, "base", true);
	if (m->flags & TYPE_MEMBER_VARIANT)
		fact_set_bool(field, "variant", true);
}

static void add_virtual_base(struct fields *f, struct fact *list, const struct type_member *m)
{
	struct fact *field = fact_add_object(list);

	f->n_left--;
	set_member_name(f, field, m);
	fact_set_str(field, "kind", "virtual base");
}

/*
 * Where the vtable that the holder has says that its virtual base lies (Itanium C++ ABI §2.5): in the same object,
 * behind where offsets count from.
 */
static bool place_virtual_base(const struct fields *f, const struct fields_todo *t,
			       const struct type_member *m, addr_t *at)
{
	const struct space *space = &f->s->space;
	const struct objects *objects = &f->s->heap.objects;
	uint64_t vtable, from_here;
	obj_id o;

	if (!m->off || !space_u64(space, t->place.addr, &vtable) ||
	    modules_find(&f->s->modules, vtable) == INDEX_NONE ||
	    modules_find(&f->s->modules, vtable - m->off) == INDEX_NONE ||
	    !space_u64(space, vtable - m->off, &from_here))
		return false;
	*at = t->place.addr + from_here;
	o = objects_find(objects, t->place.addr);
	if (*at < t->base || *at - t->base > MAX_ELEMENT)
		return false;
	return o == OBJ_NONE || *at - objects_addr(objects, o) < objects_size(objects, o);
}

static int add_members(struct fields *f, const struct fields_todo *t, struct err *err)
{
	type_id id = type_table_peel(f->table, t->place.type);
	bool is_union = type_table_get(f->table, id)->kind == TYPE_UNION;
	uint32_t n, i;
	const struct type_member *v = type_table_members(f->table, id, &n);
	int rc = 0;

	for (i = 0; i < n && rc == 0 && f->n_left; i++) {
		struct fields_todo part = *t;
		struct fact *field;

		part.place = (struct value_place){
			.addr = t->place.addr + v[i].off,
			.type = v[i].type,
			.extent = extent_of(f, t, &v[i], is_union || i + 1 == n),
			.bit_size = v[i].bit_size,
			.bit_off = v[i].bit_off};
		if (v[i].flags & TYPE_MEMBER_VIRTUAL) {
			part.place.extent = 0;
			type_table_size(f->table, v[i].type, &part.place.extent);
		}
		if (v[i].flags & TYPE_MEMBER_VIRTUAL &&
		    !place_virtual_base(f, t, &v[i], &part.place.addr)) {
			add_virtual_base(f, t->list, &v[i]);
			continue;
		}
		field = add_field(f, t->list, &part.place, t->base);
		set_member_name(f, field, &v[i]);
		rc = fill(f, field, part, err);
	}
	if (i < n)
		fact_set_u64(t->holder, "fields_cut", n - i);
	return rc;
}

/* Whether the dump says the same of both: also that it has nothing of either. */
static bool is_same(const struct session *s, addr_t a, addr_t b, uint64_t n)
{
	uint8_t x[128], y[128];

	for (uint64_t off = 0, piece; off < n && n <= MAX_ELEMENT; off += piece) {
		size_t got;

		piece = n - off < sizeof(x) ? n - off : sizeof(x);
		got = space_read(&s->space, a + off, x, piece);
		if (space_read(&s->space, b + off, y, piece) != got || memcmp(x, y, got))
			return false;
		if (got < piece)
			return !off && !got;
	}
	return n <= MAX_ELEMENT;
}

static int add_elements(struct fields *f, const struct fields_todo *t, struct err *err)
{
	uint64_t size = 0, i = 0, compared = 0, runs = 0;
	int rc = 0;

	if (!type_table_size(f->table, t->place.type, &size) || !size)
		return 0;
	while (i < t->count && rc == 0 && runs++ < f->limit && f->n_left) {
		struct fields_todo part = *t;
		uint64_t end = i + 1;
		struct fact *field;

		part.place.addr = t->place.addr + i * size;
		part.place.extent = size;
		while (end < t->count && compared < MAX_COMPARED &&
		       is_same(f->s, part.place.addr, t->place.addr + end * size, size)) {
			end++;
			compared += 1 + size / 64;
		}
		field = add_field(f, t->list, &part.place, t->base);
		fact_set_u64(field, "index", i);
		if (end - i > 1)
			fact_set_u64(field, "times", end - i);
		rc = fill(f, field, part, err);
		i = end;
	}
	if (i < t->count)
		fact_set_u64(t->holder, "fields_cut", t->count - i);
	return rc;
}

/* The place itself: its members, its elements, or it alone. */
static int begin(struct fields *f, struct fact *out, const struct member_place *p, unsigned depth,
		 struct err *err)
{
	type_id id = type_table_peel(f->table, p->value.type);
	const struct type *x = type_table_get(f->table, id);
	struct fields_todo t = {
		.place = p->value, .base = p->value.addr, .depth = depth, .count = p->count};
	struct fact *field;
	uint64_t size;

	if (!type_table_size(f->table, id, &size))
		size = 0;
	if (t.place.extent < size)
		t.place.extent = size;
	if (vec_push(&f->shown, t.place) < 0)
		return err_nomem(err);
	f->shown.v[0].type = id;
	if (!p->is_array)
		t.count = x->kind == TYPE_ARRAY ? elements_of(f, &t.place, x) : 0;
	if (p->is_array || x->kind == TYPE_ARRAY)
		return set_array(f, out, t, p->is_array ? id : x->target, err);
	if (value_form(f->s, id) == VALUE_RECORD) {
		fact_set_str(out, "kind", x->kind == TYPE_UNION ? "union" : "struct");
		return queue_parts(f, out, t, err);
	}
	/* a pointer alone says little: what it leads to is shown, too */
	t.depth++;
	t.list = fact_set_array(out, "fields");
	field = add_field(f, t.list, &t.place, t.base);
	set_type(f, field, p->value.type);
	return fill(f, field, t, err);
}

int fields_set(struct session *s, struct fact *out, const struct member_place *place,
	       unsigned depth, size_t limit, struct err *err)
{
	struct fields f = {.s = s, .table = &s->types.table, .limit = limit, .n_left = MAX_FIELDS};
	int rc = begin(&f, out, place, depth, err);

	for (size_t i = 0; i < f.todo.n && rc == 0; i++) {
		struct fields_todo t = f.todo.v[i];

		rc = t.count ? add_elements(&f, &t, err) : add_members(&f, &t, err);
	}
	vec_deinit(&f.todo);
	vec_deinit(&f.shown);
	return rc;
}

void fields_set_words(struct session *s, struct fact *out, addr_t at, uint64_t n, size_t limit)
{
	struct fact *list = fact_set_array(out, "words");
	uint64_t off = 0;

	for (size_t rows = 0; off < n && rows < limit; rows++) {
		struct fact *row;
		uint64_t word = 0, size = n - off < 8 ? n - off : 8, end = off + size;
		uint8_t bytes[8];
		char hex[17] = "";
		size_t there = space_read(&s->space, at + off, bytes, size);

		if (!there)
			break;
		while (there == 8 && end + 8 <= n && end - off < MAX_COMPARED * 8ull &&
		       is_same(s, at + off, at + end, 8))
			end += 8;
		row = fact_add_object(list);
		fact_set_u64(row, "offset", off);
		for (size_t i = 0; i < there; i++)
			sprintf(hex + 2 * i, "%02x", bytes[i]);
		fact_set_str(row, "bytes", hex);
		if (end - off > 8)
			fact_set_u64(row, "times", (end - off) / 8);
		if (there == 8) {
			memcpy(&word, bytes, 8);
			pointee_set_word(s, row, word);
		}
		off = there < size ? off + there : end;
		if (there < size)
			break;
	}
	fact_set_u64(out, "bytes_cut", n - off);
}
