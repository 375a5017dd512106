/*
 * Return addresses to names. An address may stand for several functions (inlining), and the code it
 * was in may be gone (dlclose): the sampler's log of modules then has the name of the file, by the
 * generation of the site.
 *
 * A site is labelled by the first function that looks like more than a way to malloc (wrappers.c); the
 * whole stack stands beside the label.
 */
#include <string.h>

#include "analyze/ask/callers.h"
#include "analyze/ask/interner.h"
#include "analyze/ask/wrappers.h"
#include "analyze/space/lines_inline.h"
#include "base/cleanup.h"

enum { MAX_LEVELS = 16, FIRST_SLOTS = 256 };

/* A return address whose functions are known: n (0: a free slot) from first on. */
struct known_pc {
	addr_t pc;
	uint32_t first, n;
};

struct callers_cache {
	struct known_pc *slots;	 /* by hash, open addressing */
	size_t n_slots, n_known; /* slots: a power of two, more than twice n_known */
	VEC(struct caller) list;
	struct interner names; /* that were put together here */
};

const char *callers_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* "ns::Class::" and "name" as one; without memory the name alone. */
static const char *join(struct session *s, const char *scope, const char *name)
{
	_cleanup_free_ char *whole = NULL;
	struct interner *names = &s->callers->names;
	uint32_t number;

	if (asprintf(&whole, "%s%s", scope, name) < 0) {
		whole = NULL;
		return name;
	}
	number = interner_number(names, whole);
	return number < names->list.n ? names->list.v[number] : name;
}

/*
 * A function's name with all that it is in, as a symbol has it: by its linkage name; by the symbol of the
 * code, if that is of this function (NULL for an inlined one); else by the scopes around it.
 */
static const char *full_name(struct session *s, const struct code_level *l, const char *symbol)
{
	const char *linkage = symbols_source_name(s->symbols, l->linkage);
	const char *of_symbol = symbols_source_name(s->symbols, symbol);

	if (linkage != l->linkage)
		return linkage;
	if (!l->function)
		return of_symbol;
	if (of_symbol != symbol && strstr(of_symbol, l->function))
		return of_symbol;
	if (!*l->scope || !s->callers || (symbol && !strcmp(symbol, l->function)))
		return l->function;
	return join(s, l->scope, l->function);
}

static size_t look_up(struct session *s, addr_t pc, struct caller *out)
{
	struct code_level levels[MAX_LEVELS];
	struct symbol sym = {0};
	struct caller c = {.pc = pc, .module = modules_find(&s->modules, pc - 1)};
	size_t n;

	if (c.module != INDEX_NONE && symbols_at(s->symbols, pc - 1, &sym))
		c.symbol = sym.name;
	n = lines_inline_at(s->debuginfo, &s->modules, pc - 1, levels, MAX_LEVELS);
	for (size_t i = 0; i < n; i++) {
		out[i] = c;
		out[i].inlined = i + 1 < n;
		out[i].function = full_name(s, &levels[i], out[i].inlined ? NULL : c.symbol);
		out[i].path = levels[i].path;
		out[i].folder = levels[i].folder;
		out[i].line = levels[i].line;
	}
	if (n)
		return n;
	c.function = symbols_source_name(s->symbols, c.symbol);
	out[0] = c;
	return 1;
}

/* The entry of pc, or a free one. */
static struct known_pc *entry_of(const struct callers_cache *c, addr_t pc)
{
	size_t i = (pc * 0x9e3779b97f4a7c15ull >> 20) & (c->n_slots - 1);

	while (c->slots[i].n && c->slots[i].pc != pc)
		i = (i + 1) & (c->n_slots - 1);
	return &c->slots[i];
}

/* Makes room for one more; false: out of memory, and nothing changed. */
static bool make_room(struct callers_cache *c)
{
	struct callers_cache larger = {.n_slots = c->n_slots ? c->n_slots * 2 : FIRST_SLOTS};

	if (c->n_slots > 2 * (c->n_known + 1))
		return true;
	larger.slots = calloc(larger.n_slots, sizeof(*larger.slots));
	if (!larger.slots)
		return false;
	for (size_t i = 0; i < c->n_slots; i++)
		if (c->slots[i].n)
			*entry_of(&larger, c->slots[i].pc) = c->slots[i];
	free(c->slots);
	c->slots = larger.slots;
	c->n_slots = larger.n_slots;
	return true;
}

/* Keeps what was found, if there is memory for it. */
static void remember(struct callers_cache *c, addr_t pc, const struct caller *list, size_t n)
{
	if (vec_reserve(&c->list, c->list.n + n) < 0)
		return;
	*entry_of(c, pc) = (struct known_pc){pc, (uint32_t)c->list.n, (uint32_t)n};
	memcpy(c->list.v + c->list.n, list, n * sizeof(*list));
	c->list.n += n;
	c->n_known++;
}

size_t callers_here(struct session *s, addr_t pc, struct caller *out, size_t max)
{
	struct caller found[MAX_LEVELS];
	const struct caller *list = found;
	struct callers_cache *c = s->callers ? s->callers : calloc(1, sizeof(*c));
	const struct known_pc *known;
	size_t n;

	s->callers = c;
	known = c && make_room(c) ? entry_of(c, pc) : NULL;
	if (known && known->n) {
		list = c->list.v + known->first;
		n = known->n;
	} else {
		n = look_up(s, pc, found);
		if (known)
			remember(c, pc, found, n);
	}
	n = n < max ? n : max;
	memcpy(out, list, n * sizeof(*out));
	return n;
}

void callers_cache_free(struct callers_cache *c)
{
	if (!c)
		return;
	free(c->slots);
	vec_deinit(&c->list);
	interner_deinit(&c->names);
	free(c);
}

/* The functions at one return address; the number, at least 1. */
static size_t callers_at(struct session *s, addr_t pc, uint32_t generation, struct caller *out,
			 size_t max)
{
	const struct heapimage_module *gone = sampled_unmapped(&s->sampled, pc - 1, generation);

	if (!gone)
		return callers_here(s, pc, out, max);
	out[0] = (struct caller){.pc = pc, .module = INDEX_NONE, .unmapped = gone};
	return 1;
}

size_t callers_own(const struct session *s, const addr_t *pcs, size_t n)
{
	size_t own = 0;

	for (; own < n; own++) {
		uint32_t m = modules_find(&s->modules, pcs[own] - 1);

		if (m == INDEX_NONE || strncmp(s->modules.list.v[m].name, "libheapdump.", 12))
			break;
	}
	return own;
}

size_t callers_of(struct session *s, const struct site_ref *site, struct caller *out, size_t max)
{
	addr_t pcs[MAX_SITE_FRAMES];
	size_t n_pcs = sampled_frames(&s->sampled, &s->space, &site->site, pcs, MAX_SITE_FRAMES);
	size_t n = 0;

	for (size_t i = callers_own(s, pcs, n_pcs); i < n_pcs && n < max; i++)
		n += callers_at(s, pcs[i], site->site.generation, out + n, max - n);
	return n;
}

size_t callers_label(const struct caller *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!list[i].function || !wrappers_match(list[i].function))
			return i;
	return 0;
}

bool callers_label_of(struct session *s, const struct site_ref *site, struct caller *out)
{
	struct caller at[MAX_LEVELS];
	addr_t pcs[MAX_SITE_FRAMES];
	size_t n_pcs = sampled_frames(&s->sampled, &s->space, &site->site, pcs, MAX_SITE_FRAMES);
	size_t first = callers_own(s, pcs, n_pcs);

	for (size_t i = first; i < n_pcs; i++) {
		size_t n = callers_at(s, pcs[i], site->site.generation, at, MAX_LEVELS);
		const struct caller *c = &at[callers_label(at, n)];
		bool passes_on = c->function && wrappers_match(c->function);

		if (i == first || !passes_on)
			*out = *c;
		if (!passes_on)
			break;
	}
	return first < n_pcs;
}

void callers_describe(struct session *s, struct fact *into, const struct caller *c)
{
	if (c->function)
		fact_set_str(into, "function", c->function);
	if (c->path) {
		fact_set_str(into, "file", lines_short_path(c->path));
		fact_set_u64(into, "line", c->line);
	}
	if (c->module != INDEX_NONE)
		fact_set_str(into, "module", s->modules.list.v[c->module].name);
	if (c->unmapped) {
		fact_set_str(into, "module", callers_base_name(c->unmapped->path));
		fact_set_u64(into, "offset", c->pc - c->unmapped->lo);
		fact_set_bool(into, "unmapped", true);
	}
	fact_set_addr(into, "pc", c->pc);
	if (c->inlined)
		fact_set_bool(into, "inlined", true);
}
