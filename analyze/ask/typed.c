/*
 * Objects and the words of roots, with their types. Which type an object has, the inference has concluded;
 * here it is put into words.
 */
#include <stdio.h>
#include <string.h>

#include "analyze/ask/describe.h"
#include "analyze/ask/typed.h"
#include "analyze/types/layout.h"

enum { HITS = 2, SHOWN_MISSING = 4 };

static const struct inference_line *line_of(const struct session *s, obj_id o)
{
	return o < s->inference.n && s->inference.v[o].confidence ? &s->inference.v[o] : NULL;
}

/* What was asked for, where the sampler knows that: an allocator rounds up. */
static uint64_t bytes_of(const struct session *s, obj_id o)
{
	uint64_t usable = objects_size(&s->heap.objects, o);
	const struct birth *b = sites_birth(&s->sites, o);

	return b && b->slack < usable ? usable - b->slack : usable;
}

bool typed_object(const struct session *s, obj_id o, struct typed *out)
{
	const struct inference_line *l = line_of(s, o);
	uint64_t size;

	if (!l)
		return false;
	size = bytes_of(s, o);
	*out = (struct typed){.type = l->type,
			      .count = inference_count(l, &s->types.table, size),
			      .size = size,
			      .is_array = l->fit == FIT_ARRAY || l->fit == FIT_BYTES};
	return true;
}

void typed_spell(const struct session *s, const struct typed *t, char out[static TYPED_NAME_MAX])
{
	char name[TYPE_NAME_MAX];
	size_t open;

	type_names_spell(&s->types.table, t->type, name);
	open = strcspn(name, "[(");
	/* the count of an array of arrays, or of pointers to functions, stands inside; there is room behind */
	if (!t->is_array)
		snprintf(out, TYPED_NAME_MAX, "%s", name);
	else if (!t->count)
		snprintf(out, TYPED_NAME_MAX, "%.*s[]%s",
			 (int)(name[open] == '[' ? open : strlen(name)), name,
			 name[open] == '[' ? name + open : "");
	else if (name[open] == '[')
		snprintf(out, TYPED_NAME_MAX, "%.*s[%llu]%s", (int)open, name,
			 (unsigned long long)t->count, name + open);
	else
		snprintf(out, TYPED_NAME_MAX, "%s[%llu]", name, (unsigned long long)t->count);
}

bool typed_is_character(const struct type *x)
{
	/* DWARF 5 §7.8: DW_ATE_signed_char, unsigned_char, UTF, ASCII */
	static const uint8_t encodings[] = {0x06, 0x08, 0x10, 0x12};

	return x->kind == TYPE_BASE && memchr(encodings, x->encoding, sizeof(encodings));
}

const char *typed_confidence(uint8_t confidence)
{
	static const char *const names[] = {NULL, "guess", "likely", "certain"};

	return confidence < N_CONFIDENCES ? names[confidence] : NULL;
}

void typed_set(const struct session *s, struct fact *into, obj_id o)
{
	static const char *const fits[] = {NULL, "bytes", "prefix", "array", "open", "exact"};
	static const char *const reasons[] = {NULL,   "member", "learned",  "ring",   "field",
					      "site", "local",	"variable", "vtable", "told"};
	const struct inference_line *l = line_of(s, o);
	char name[TYPED_NAME_MAX];
	struct typed t;

	static_assert(ARRAY_LEN(fits) == N_FITS && ARRAY_LEN(reasons) == N_REASONS,
		      "one name each");
	if (!typed_object(s, o, &t))
		return;
	typed_spell(s, &t, name);
	fact_set_str(into, "type", name);
	fact_set_str(into, "type_fit", fits[l->fit]);
	fact_set_str(into, "type_reason", reasons[l->reason]);
	fact_set_str(into, "type_confidence", typed_confidence(l->confidence));
}

/* The thread-local of a root's thread at that address. */
static bool thread_local_at(const struct session *s, const struct root *r, addr_t at,
			    struct variable *v)
{
	const struct thread *t = &s->threads.list.v[r->thread];

	for (size_t i = 0; i < t->tls.n; i++)
		if (t->tls.v[i].module == r->module && range_has(t->tls.v[i].at, at) &&
		    variables_tls(&s->types.variables, &s->types.table, r->module,
				  at - t->tls.v[i].at.lo, v)) {
			v->at += t->tls.v[i].at.lo;
			return true;
		}
	return false;
}

bool typed_variable(const struct session *s, uint32_t root, uint64_t *off, struct variable *out)
{
	const struct root *r = &s->roots.list.v[root];
	bool found = false;

	if (r->class == ROOT_GLOBAL)
		found = variables_at(&s->types.variables, &s->types.table, r->module,
				     r->addr + *off, out);
	else if (r->class == ROOT_TLS && r->thread != INDEX_NONE && r->module != INDEX_NONE)
		found = thread_local_at(s, r, r->addr + *off, out);
	if (found)
		*off = r->addr + *off - out->at;
	return found;
}

/* The variable that has the root's word at off, which becomes the offset in it. */
static bool variable_of(const struct session *s, uint32_t root, uint64_t *off, struct typed *out)
{
	struct variable v;

	if (!typed_variable(s, root, off, &v) ||
	    !type_table_size(&s->types.table, v.type, &out->size))
		return false;
	out->type = v.type;
	out->count = 1;
	out->is_array = false;
	return true;
}

bool typed_root(const struct session *s, uint32_t root, struct typed *out, addr_t *at)
{
	uint64_t off = 0;

	if (!variable_of(s, root, &off, out))
		return false;
	*at = s->roots.list.v[root].addr - off;
	return true;
}

void typed_set_root(const struct session *s, struct fact *into, uint32_t root)
{
	char name[TYPED_NAME_MAX];
	struct typed t;
	addr_t at;

	if (!typed_root(s, root, &t, &at) || at != s->roots.list.v[root].addr)
		return;
	typed_spell(s, &t, name);
	fact_set_str(into, "type", name);
}

/* Cuts the path, from its end, to the first member that is of the wanted type and begins there. */
static void cut_to(const struct session *s, const struct typed *t, uint64_t off, char *path,
		   type_id wanted)
{
	const struct type_table *table = &s->types.table;
	struct layout_hit hit;
	char whole[LAYOUT_PATH];
	uint64_t element = 0, size;
	const char *in = path;

	if (wanted == TYPE_NONE)
		return;
	memcpy(whole, path, sizeof(whole));
	wanted = type_table_peel(table, wanted);
	/* of an array that only the memory is, the first index is none of the type's */
	if (*path == '[' &&
	    type_table_get(table, type_table_peel(table, t->type))->kind != TYPE_ARRAY) {
		if (!type_table_size(table, t->type, &size) || !size)
			return;
		element = off / size * size;
		in = strchr(path, ']') + 1;
		in += *in == '.';
	}
	for (size_t n = strlen(path); n; n--) {
		if (path[n] && path[n] != '.' && path[n] != '[')
			continue;
		path[n] = 0;
		if (path + n >= in && layout_member(table, t->type, in, &hit) &&
		    hit.off + element == off && type_table_peel(table, hit.type) == wanted)
			return;
	}
	memcpy(path, whole, sizeof(whole));
}

void typed_set_path(const struct session *s, struct fact *into, vertex_id v, uint64_t off)
{
	typed_set_path_as(s, into, v, off, TYPE_NONE);
}

void typed_set_path_as(const struct session *s, struct fact *into, vertex_id v, uint64_t off,
		       type_id wanted)
{
	struct layout_hit hits[HITS];
	struct typed t;
	size_t n;

	if (graph_is_root(&s->graph, v) ? !variable_of(s, v - 1, &off, &t)
					: !typed_object(s, graph_obj(&s->graph, v), &t))
		return;
	n = layout_at(&s->types.table, t.type, t.size, off, hits, HITS);
	if (!n || !*hits[0].path)
		return;
	cut_to(s, &t, off, hits[0].path, wanted);
	fact_set_strf(into, "path", "%s%s", *hits[0].path == '[' ? "" : ".", hits[0].path);
	if (n > 1)
		fact_set_bool(into, "path_shared", true);
}

/* The executable first, then by mapped size. */
static bool is_before(const struct session *s, uint32_t a, uint32_t b)
{
	const struct module *v = s->modules.list.v;

	if (v[a].is_exe != v[b].is_exe)
		return v[a].is_exe;
	return range_size(v[a].at) > range_size(v[b].at);
}

/* No program's types are in libc, its relatives and the loader. */
static bool is_of_libc(const struct module *m)
{
	static const char *const names[] = {"libc.so.",	     "ld-linux", "ld-musl", "libm.so.",
					    "libpthread.so", "libdl.so", "librt.so"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strncmp(m->name, names[i], strlen(names[i])))
			return true;
	return m->is_vdso;
}

void typed_set_missing(const struct session *s, struct fact *out)
{
	uint32_t shown[SHOWN_MISSING];
	uint64_t n = 0;
	struct fact *list;

	if (!s->types.accounts)
		return;
	for (uint32_t i = 0; i < s->modules.list.n; i++) {
		size_t at = n < SHOWN_MISSING ? n : SHOWN_MISSING;

		if (s->types.accounts[i].n_read || is_of_libc(&s->modules.list.v[i]))
			continue;
		for (; at && is_before(s, i, shown[at - 1]); at--)
			if (at < SHOWN_MISSING)
				shown[at] = shown[at - 1];
		if (at < SHOWN_MISSING)
			shown[at] = i;
		n++;
	}
	list = fact_set_array(out, "types_missing");
	for (size_t i = 0; i < n && i < SHOWN_MISSING; i++)
		describe_module(s, fact_add_object(list), shown[i]);
	fact_set_u64(out, "types_missing_count", n);
}
