/*
 * map: what is at an address, whatever it is, and the bytes that are there.
 */
#include <string.h>

#include "analyze/ask/allocated.h"
#include "analyze/ask/answers.h"
#include "analyze/ask/describe.h"
#include "analyze/ask/member_path.h"
#include "analyze/ask/resolve.h"
#include "analyze/ask/typed.h"
#include "analyze/ask/value.h"
#include "analyze/types/layout.h"

enum { SHOWN_BYTES = 64 };

static void set_bytes(struct session *s, struct fact *out, addr_t from)
{
	uint8_t bytes[SHOWN_BYTES];
	char hex[2 * SHOWN_BYTES + 1] = "";
	size_t n = space_read(&s->space, from, bytes, sizeof(bytes));

	for (size_t i = 0; i < n; i++)
		sprintf(hex + 2 * i, "%02x", bytes[i]);
	fact_set_addr(out, "bytes_at", from);
	fact_set_str(out, "bytes", hex);
}

static void set_mapping(struct session *s, struct fact *f, addr_t at)
{
	const struct mapping *m = space_mapping(&s->space, at);

	if (!m)
		return;
	f = fact_set_object(f, "mapping");
	fact_set_addr(f, "addr", m->at.lo);
	fact_set_addr(f, "end", m->at.hi);
	fact_set_strf(f, "access", "%c%c%c", m->prot & PROT_R ? 'r' : '-',
		      m->prot & PROT_W ? 'w' : '-', m->prot & PROT_X ? 'x' : '-');
	fact_set_str(f, "path", m->path);
	fact_set_bool(f, "dumped", at - m->at.lo < m->n_dumped);
}

static void set_symbol(struct session *s, struct fact *out, addr_t at)
{
	uint32_t module = modules_find(&s->modules, at);
	struct source_line line;
	struct symbol sym;
	struct fact *f;

	if (module == INDEX_NONE)
		return;
	f = fact_set_object(out, "symbol");
	fact_set_str(f, "module", s->modules.list.v[module].name);
	fact_set_str(f, "section", modules_section(&s->modules.list.v[module], at));
	if (!symbols_at(s->symbols, at, &sym))
		return;
	describe_name(s, f, "name", sym.name);
	fact_set_u64(f, "offset", at - sym.addr);
	fact_set_u64(f, "size", sym.size);
	if (sym.kind == SYMBOL_FUNC ? lines_of_code(s->lines, at, &line)
				    : lines_of_variable(s->lines, at, &line)) {
		fact_set_str(f, "file", line.file);
		fact_set_u64(f, "line", line.line);
	}
}

/* The root that holds the word, if it is one: a frame, a thread-local, a variable. */
static bool set_root(struct session *s, struct fact *out, addr_t at)
{
	uint32_t i = resolve_root_at(s, at);

	if (i == INDEX_NONE)
		return false;
	describe_root(s, fact_set_object(out, "root"), i, at - s->roots.list.v[i].addr);
	return true;
}

/* The member or element at the address, with its value. */
static void set_member(struct session *s, struct fact *out, addr_t at)
{
	const struct type_table *t = &s->types.table;
	struct member_place p = member_path_at(s, at);
	char name[TYPE_NAME_MAX];
	struct layout_hit hit;
	struct fact *f;
	size_t n;

	/* one character of a text says nothing */
	if (p.value.type == TYPE_NONE ||
	    (p.is_array && typed_is_character(type_table_get(t, p.value.type))))
		return;
	n = layout_at(t, p.value.type, p.value.extent, at - p.value.addr, &hit, 1);
	if (!n || hit.is_hole)
		return;
	f = fact_set_object(out, "member");
	if (*hit.path)
		fact_set_strf(f, "path", "%s%s", *hit.path == '[' ? "" : ".", hit.path);
	if (hit.is_shared)
		fact_set_bool(f, "path_shared", true);
	fact_set_u64(f, "offset", hit.off);
	type_names_spell(t, hit.type, name);
	fact_set_str(f, "type", name);
	if (hit.bit_size)
		fact_set_u64(f, "bits", hit.bit_size);
	value_set(s, f,
		  &(struct value_place){.addr = at - hit.off,
					.type = hit.type,
					.bit_size = hit.bit_size,
					.bit_off = hit.bit_off});
}

int map_answer(struct session *s, const char *address, struct fact *out, struct err *err)
{
	struct fact *f;
	const char *place;
	addr_t at;
	obj_id o;
	int rc = resolve_address(address, &at, err);

	if (rc == 0)
		rc = session_need_types(s, err);
	if (rc < 0)
		return rc;
	fact_set_addr(out, "addr", at);
	typed_set_missing(s, out);
	set_mapping(s, out, at);
	o = objects_find(&s->heap.objects, at);
	if (o != OBJ_NONE) {
		addr_t base = objects_addr(&s->heap.objects, o);

		fact_set_str(out, "place", "object");
		fact_set_u64(out, "offset", at - base);
		describe_object(s, fact_set_object(out, "object"), o);
		set_member(s, out, at);
		allocated_set(s, out, o);
		set_bytes(s, out, base);
		return 0;
	}
	if (!space_mapping(&s->space, at)) {
		fact_set_str(out, "place", describe_place(s, at));
		return err_at_addr(err, ERR_ABSENT, at, "nothing is mapped there");
	}
	place = describe_place(s, at);
	set_symbol(s, out, at);
	set_member(s, out, at);
	if (set_root(s, out, at) && !fact_has(out, "symbol"))
		place = "root";
	fact_set_str(out, "place", place);
	f = (struct fact *)fact_get(out, "mapping");
	if (f && !fact_bool(f, "dumped"))
		fact_set_str(out, "note", "its bytes are not in the dump");
	set_bytes(s, out, at);
	return 0;
}
