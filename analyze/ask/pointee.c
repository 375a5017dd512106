/*
 * The first that is true of an address names it:
 *
 *	in an object                  the object, and the member there
 *	in a module                   the function or variable, else the section
 *	in a live stack, a TLS block  the root that the word belongs to
 *	in the heap, in no object     free: freed, or never given out
 *	nowhere
 *
 * Text is what a pointer to characters leads to, whatever holds it.
 */
#include <ctype.h>
#include <string.h>

#include "analyze/ask/describe.h"
#include "analyze/ask/pointee.h"
#include "analyze/ask/resolve.h"
#include "analyze/ask/typed.h"

enum { SHOWN_TEXT = 80, LOWEST_ADDRESS = 4096 };

static bool is_text(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x80 && !isprint((unsigned char)s[i]) &&
		    !strchr("\n\t\r", s[i]))
			return false;
	return true;
}

/* Not in the middle of a character, if it is UTF-8. */
static size_t whole_characters(const char *s, size_t n)
{
	size_t back = 0;

	while (back < 4 && back < n && (s[n - 1 - back] & 0xc0) == 0x80)
		back++;
	return back < n && (s[n - 1 - back] & 0xc0) == 0xc0 ? n - 1 - back : n;
}

bool pointee_set_text(struct session *s, struct fact *into, addr_t at, uint64_t max, bool only_text)
{
	char text[SHOWN_TEXT + 1];
	size_t there = space_read(&s->space, at, text, max < SHOWN_TEXT ? max : SHOWN_TEXT);
	size_t n = strnlen(text, there);
	bool ends = n < there || there == max;

	if (!there || (only_text && !is_text(text, n)))
		return false;
	if (!ends)
		n = whole_characters(text, n);
	text[n] = 0;
	fact_set_str(into, "text", text);
	if (!ends)
		fact_set_bool(into, "text_cut", true);
	return true;
}

static void set_object(struct session *s, struct fact *f, obj_id o, addr_t to, type_id declared)
{
	uint64_t off = to - objects_addr(&s->heap.objects, o);

	fact_set_str(f, "place", "object");
	describe_object(s, fact_set_object(f, "object"), o);
	if (!off)
		return;
	fact_set_u64(f, "offset", off);
	typed_set_path_as(s, f, graph_object(&s->graph, o), off, declared);
}

static void set_symbol(struct session *s, struct fact *f, addr_t to)
{
	uint32_t module = modules_find(&s->modules, to);
	struct source_line line;
	struct symbol sym;

	if (module == INDEX_NONE)
		return;
	fact_set_str(f, "module", s->modules.list.v[module].name);
	if (!symbols_at(s->symbols, to, &sym)) {
		fact_set_str(f, "section", modules_section(&s->modules.list.v[module], to));
		return;
	}
	describe_name(s, f, "name", sym.name);
	if (to != sym.addr)
		fact_set_u64(f, "offset", to - sym.addr);
	if (sym.kind != SYMBOL_FUNC)
		return;
	fact_set_str(f, "place", "function");
	if (lines_of_code(s->lines, to, &line)) {
		fact_set_str(f, "file", line.file);
		fact_set_u64(f, "line", line.line);
	}
}

static void set_place(struct session *s, struct fact *f, addr_t to)
{
	const struct claim *c = claims_find(&s->claims, to);
	uint32_t root;

	fact_set_str(f, "place", describe_place(s, to));
	if (modules_find(&s->modules, to) != INDEX_NONE) {
		set_symbol(s, f, to);
		return;
	}
	if (!c || (c->kind != CLAIM_STACK && c->kind != CLAIM_THREAD))
		return;
	root = resolve_root_at(s, to);
	if (root != INDEX_NONE) {
		fact_set_str(f, "place", "root");
		describe_root(s, fact_set_object(f, "root"), root, to - s->roots.list.v[root].addr);
	}
}

/* Whether the type is one character, so that a pointer to it is a text's. */
static bool is_character(const struct session *s, type_id id)
{
	const struct type *x =
		type_table_get(&s->types.table, type_table_peel(&s->types.table, id));

	return x->kind == TYPE_BASE && x->size == 1 && typed_is_character(x);
}

void pointee_set(struct session *s, struct fact *into, addr_t to, type_id declared)
{
	struct fact *f = fact_set_object(into, "to");
	obj_id o = objects_find(&s->heap.objects, to);
	uint64_t max = UINT64_MAX;

	if (o == OBJ_NONE) {
		set_place(s, f, to);
	} else {
		set_object(s, f, o, to, declared);
		max = objects_addr(&s->heap.objects, o) + objects_size(&s->heap.objects, o) - to;
	}
	if (declared != TYPE_NONE && is_character(s, declared))
		pointee_set_text(s, f, to, max, false);
}

/* A word of memory whose type is not known: most are no pointers. */
void pointee_set_word(struct session *s, struct fact *into, addr_t word)
{
	if (word >= LOWEST_ADDRESS && space_mapping(&s->space, word))
		pointee_set(s, into, word, TYPE_NONE);
}
