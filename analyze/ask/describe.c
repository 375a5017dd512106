/*
 * Names for things. What is not known is left out, never guessed; what is a
 * guess carries a word that says so (an edge's class).
 */
#include <ctype.h>
#include <string.h>

#include "analyze/ask/allocated.h"
#include "analyze/ask/describe.h"
#include "analyze/ask/root_words.h"
#include "analyze/ask/typed.h"
#include "analyze/space/vectors.h"

enum { TEXT_MIN = 4, TEXT_MAX = 48 };

const char *describe_verdict(enum verdict v)
{
	static const char *const names[] = {"reachable", "leaked directly", "leaked indirectly",
					    "held by an unreached mapping", "unreached mapping"};

	return names[v];
}

const char *describe_edge(enum edge_class c)
{
	static const char *const names[] = {"exact",	"aligned", "interior",
					    "register", "slack",   "stale"};

	return c < N_EDGE_CLASSES ? names[c] : "unknown";
}

void describe_name(struct session *s, struct fact *into, const char *key, const char *symbol)
{
	const char *name = symbols_source_name(s->symbols, symbol);

	fact_set_str(into, key, name);
	if (name != symbol)
		fact_set_str(into, "symbol", symbol);
}

/* The symbol that the first word of the object points to: a vtable, a type descriptor, a function. */
static void set_hint(struct session *s, struct fact *into, addr_t addr)
{
	struct symbol sym;
	const char *name;
	uint64_t word;

	if (!space_u64(&s->space, addr, &word) || modules_find(&s->modules, word) == INDEX_NONE ||
	    !symbols_at(s->symbols, word, &sym))
		return;
	name = symbols_source_name(s->symbols, sym.name);
	if (word == sym.addr)
		fact_set_str(into, "points_to", name);
	else
		fact_set_strf(into, "points_to", "%s+0x%llx", name,
			      (unsigned long long)(word - sym.addr));
	if (name != sym.name)
		fact_set_str(into, "points_to_symbol", sym.name);
}

/* A word that leads somewhere is a pointer, even where its bytes can be printed. */
static bool begins_with_pointer(const struct session *s, addr_t addr)
{
	uint64_t word;

	return space_u64(&s->space, addr, &word) && word >= 4096 && space_mapping(&s->space, word);
}

/* The printable beginning of the object, if it is long enough to be text and not a pointer. */
static void set_text(struct session *s, struct fact *into, addr_t addr, uint64_t size)
{
	char bytes[TEXT_MAX + 1], out[TEXT_MAX + 4];
	size_t n = space_read(&s->space, addr, bytes, size < TEXT_MAX ? size : TEXT_MAX), len = 0;

	while (len < n && (isprint((unsigned char)bytes[len]) || bytes[len] == '\n' ||
			   bytes[len] == '\t' || bytes[len] == '\r'))
		len++;
	if (len < TEXT_MIN || (len < n && bytes[len]) || begins_with_pointer(s, addr))
		return;
	for (size_t i = 0; i < len; i++)
		out[i] = isprint((unsigned char)bytes[i]) ? bytes[i] : ' ';
	strcpy(out + len, len == n && size > n ? "…" : "");
	fact_set_str(into, "text", out);
}

static void set_retained(const struct session *s, struct fact *into, vertex_id v)
{
	if (s->dominators.retained) {
		fact_set_u64(into, "retained", s->dominators.retained[v]);
		fact_set_u64(into, "dominated", s->dominators.dominated[v]);
	}
}

void describe_object(struct session *s, struct fact *into, obj_id o)
{
	static const char *const kinds[] = {"object", "mapped object", "unknown mapping",
					    "announced object"};
	const struct objects *objects = &s->heap.objects;
	addr_t addr = objects_addr(objects, o);
	uint64_t size = objects_size(objects, o);

	fact_set_addr(into, "addr", addr);
	fact_set_u64(into, "size", size);
	fact_set_str(into, "kind", kinds[objects_kind(objects, o)]);
	if (s->reach.verdict)
		fact_set_str(into, "state", describe_verdict(s->reach.verdict[o]));
	set_retained(s, into, graph_object(&s->graph, o));
	if (objects_kind(objects, o) == OBJECT_MAPPING) {
		const struct mapping *m = space_mapping(&s->space, addr);

		if (m && m->path)
			fact_set_str(into, "path", m->path);
		return;
	}
	typed_set(s, into, o);
	set_hint(s, into, addr);
	set_text(s, into, addr, size);
	allocated_set_site(s, into, o);
}

void describe_frame(struct session *s, struct fact *into, uint32_t frame)
{
	const struct frame *f = &s->frames.list.v[frame];
	addr_t at = f->pc - !f->is_activation;
	struct source_line line;
	struct symbol sym;
	uint32_t module = modules_find(&s->modules, at);

	fact_set_u64(into, "frame", f->depth);
	fact_set_addr(into, "pc", f->pc);
	if (symbols_at(s->symbols, at, &sym))
		describe_name(s, into, "function", sym.name);
	if (module != INDEX_NONE)
		fact_set_str(into, "module", s->modules.list.v[module].name);
	if (lines_of_code(s->lines, at, &line)) {
		fact_set_str(into, "file", line.file);
		fact_set_u64(into, "line", line.line);
	}
}

const char *describe_place(const struct session *s, addr_t at)
{
	static const char *const names[] = {
		[CLAIM_MODULE] = "module",
		[CLAIM_STACK] = "stack, below its live part",
		[CLAIM_DEAD_STACK] = "stack of an exited thread, kept by libc for reuse",
		[CLAIM_THREAD] = "thread descriptor or thread-locals",
		[CLAIM_HEAP] = "heap, but no object: free, cached or the allocator's own",
		[CLAIM_ALLOCATOR_STATE] = "the allocator's own state",
		[CLAIM_FILE] = "file mapped read-only",
		[CLAIM_UNREADABLE] = "inaccessible reservation or guard",
		[CLAIM_SAMPLER] = "heapdump's own tables",
	};
	const struct claim *c = claims_find(&s->claims, at);

	if (!space_mapping(&s->space, at))
		return "not mapped";
	if (claims_is_state(&s->claims, at))
		return names[CLAIM_ALLOCATOR_STATE];
	return c ? names[c->kind] : "unknown mapping";
}

void describe_module(const struct session *s, struct fact *into, uint32_t module)
{
	const struct module *m = &s->modules.list.v[module];
	char id[2 * MAX_BUILD_ID + 1] = "";

	for (uint32_t k = 0; k < m->n_build_id; k++)
		sprintf(id + 2 * k, "%02x", m->build_id[k]);
	fact_set_str(into, "module", m->name);
	fact_set_str(into, "path", m->path);
	fact_set_str(into, "build_id", *id ? id : NULL);
	fact_set_bool(into, "executable", m->is_exe);
}

/* at: of the word that is meant, or of the root's first: a root without symbols spans sections. */
static void describe_variable(struct session *s, struct fact *into, const struct root *r, addr_t at)
{
	const struct module *m = &s->modules.list.v[r->module];
	struct source_line line;
	bool found = false;

	fact_set_str(into, "module", m->name);
	if (r->class == ROOT_GLOBAL) {
		fact_set_str(into, "section", modules_section(m, at));
		found = r->name && lines_of_variable(s->lines, r->addr, &line);
	} else if (r->name && r->thread != INDEX_NONE) {
		const struct thread *t = &s->threads.list.v[r->thread];

		for (size_t i = 0; !found && i < t->tls.n; i++)
			if (range_has(t->tls.v[i].at, r->addr))
				found = lines_of_tls(s->lines, r->module,
						     r->addr - t->tls.v[i].at.lo, &line);
	}
	if (found) {
		fact_set_str(into, "file", line.file);
		fact_set_u64(into, "line", line.line);
	}
}

/* The register a word of the vector state belongs to. */
static void set_vector_word(const struct session *s, struct fact *into, const struct root *r,
			    uint64_t off)
{
	struct vector_word w;

	if (!vectors_name(&s->parts, s->threads.list.v[r->thread].regs, off, &w)) {
		fact_set_strf(into, "register", "vector state+0x%llx", (unsigned long long)off);
		return;
	}
	fact_set_str(into, "register", w.name);
	if (w.is_guessed)
		fact_set_bool(into, "register_guessed", true);
}

static void set_word(const struct session *s, struct fact *into, const struct root *r, uint64_t off)
{
	if (r->class == ROOT_REGISTER && r->is_vector) {
		set_vector_word(s, into, r, off);
	} else if (r->class == ROOT_REGISTER) {
		fact_set_str(into, "register",
			     roots_register_name(s->parts.machine, (uint32_t)off / 8));
	} else if (r->class != ROOT_KERNEL) {
		fact_set_u64(into, "offset", off);
		fact_set_addr(into, "word", r->addr + off);
	}
}

void describe_root(struct session *s, struct fact *into, uint32_t root, uint64_t off)
{
	const struct root *r = &s->roots.list.v[root];

	fact_set_str(into, "class", roots_class_name(r->class));
	describe_name(s, into, "name", r->name);
	if (r->class != ROOT_REGISTER && r->class != ROOT_KERNEL) {
		fact_set_addr(into, "addr", r->addr);
		fact_set_u64(into, "size", r->size);
	}
	typed_set_root(s, into, root);
	if (r->module != INDEX_NONE)
		describe_variable(s, into, r, off == NO_WORD ? r->addr : r->addr + off);
	if (r->thread != INDEX_NONE) {
		fact_set_u64(into, "thread", s->threads.list.v[r->thread].tid);
		fact_set_bool(into, "exited", !s->threads.list.v[r->thread].regs);
	}
	if (r->frame != INDEX_NONE)
		describe_frame(s, into, r->frame);
	if (off != NO_WORD)
		set_word(s, into, r, off);
	if (off != NO_WORD)
		root_words_set(s, into, root, off);
	set_retained(s, into, graph_root(root));
}

void describe_vertex(struct session *s, struct fact *into, vertex_id v, uint64_t off)
{
	if (graph_is_root(&s->graph, v))
		describe_root(s, fact_set_object(into, "root"), v - 1, off);
	else if (v)
		describe_object(s, fact_set_object(into, "object"), graph_obj(&s->graph, v));
}
