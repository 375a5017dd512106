/*
 * Symbol tables per module, read on the first question about it.
 *
 *	all       every symbol kept, by address: names are looked up here (aliases too)
 *	kinds[k]  one kind, sorted, disjoint: addresses are looked up here
 *
 * Of aliases the longest stays, then the global one, then the first by name, so that the answer
 * does not depend on the order of the table. A data symbol without a size reaches to the next
 * symbol of its section.
 */
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/space/demangle.h"
#include "analyze/space/minidebug.h"
#include "analyze/space/symbols.h"

struct entry {
	struct symbol symbol;
	const char *file; /* STT_FILE before a local symbol, or NULL */
	addr_t limit;	  /* end of its section, in the symbol's own numbers */
};

struct table {
	bool read;
	VEC(struct entry) all;
	VEC(struct symbol) kinds[SYMBOL_TLS + 1];
	VEC(char *) owned; /* names that had to be cut */
	struct minidebug mini;
};

struct symbols {
	const struct modules *modules;
	struct table *tables; /* per module */
	struct demangled demangled;
};

int symbols_new(struct symbols **out, const struct modules *modules, struct err *err)
{
	struct symbols *s = calloc(1, sizeof(*s));

	if (s)
		s->tables = calloc(modules->list.n + 1, sizeof(*s->tables));
	if (!s || !s->tables) {
		free(s);
		return err_nomem(err);
	}
	s->modules = modules;
	*out = s;
	return 0;
}

void symbols_free(struct symbols *s)
{
	for (size_t i = 0; s && i < s->modules->list.n; i++) {
		struct table *t = &s->tables[i];

		for (size_t k = 0; k < t->owned.n; k++)
			free(t->owned.v[k]);
		vec_deinit(&t->owned);
		vec_deinit(&t->all);
		for (size_t k = 0; k < ARRAY_LEN(t->kinds); k++)
			vec_deinit(&t->kinds[k]);
		minidebug_close(&t->mini);
	}
	if (s) {
		demangled_deinit(&s->demangled);
		free(s->tables);
	}
	free(s);
}

static bool find_section(Elf *elf, uint32_t type, Elf_Scn **scn, GElf_Shdr *sh)
{
	*scn = NULL;
	while ((*scn = elf_nextscn(elf, *scn)))
		if (gelf_getshdr(*scn, sh) && sh->sh_type == type && sh->sh_entsize)
			return true;
	return false;
}

/* Which kind a symbol is; false: none that interests us. */
static bool kind_of(const GElf_Sym *sym, const GElf_Shdr *sh, enum symbol_kind *kind)
{
	switch (GELF_ST_TYPE(sym->st_info)) {
	case STT_TLS:
		*kind = SYMBOL_TLS;
		return true;
	case STT_FUNC:
	case STT_GNU_IFUNC:
		*kind = SYMBOL_FUNC;
		return true;
	case STT_OBJECT:
	case STT_COMMON:
		*kind = SYMBOL_DATA;
		return true;
	case STT_NOTYPE:
		*kind = SYMBOL_DATA;
		return sym->st_size && sh->sh_flags & SHF_ALLOC && !(sh->sh_flags & SHF_EXECINSTR);
	}
	return false;
}

/* The name without its version; false only out of memory. */
static bool plain_name(struct table *t, const char **name)
{
	const char *at = strchr(*name, '@');
	char *cut;

	if (!at || at == *name)
		return true;
	cut = strndup(*name, (size_t)(at - *name));
	if (!cut || vec_push(&t->owned, cut) < 0) {
		free(cut);
		return false;
	}
	*name = cut;
	return true;
}

/* Adds one symbol; false only out of memory. */
static bool add_symbol(struct table *t, Elf *elf, const struct module *m, uint32_t module,
		       const GElf_Sym *sym, const char *name, const char *file)
{
	Elf_Scn *scn = sym->st_shndx < SHN_LORESERVE ? elf_getscn(elf, sym->st_shndx) : NULL;
	struct entry e = {.symbol = {.name = name, .module = module}};
	GElf_Shdr sh;

	if (!scn || sym->st_shndx == SHN_UNDEF || !*name || !gelf_getshdr(scn, &sh) ||
	    !kind_of(sym, &sh, &e.symbol.kind))
		return true;
	e.symbol.local = GELF_ST_BIND(sym->st_info) == STB_LOCAL;
	e.symbol.size = sym->st_size;
	e.symbol.addr = sym->st_value;
	e.limit = sym->st_value;
	if (e.symbol.kind != SYMBOL_TLS) {
		e.symbol.addr += m->bias;
		e.limit = sh.sh_addr + sh.sh_size + m->bias;
	}
	if (__builtin_add_overflow(e.symbol.addr, e.symbol.size, &(addr_t){0}))
		return true;
	e.file = e.symbol.local ? file : NULL;
	return plain_name(t, &e.symbol.name) && vec_push(&t->all, e) == 0;
}

static int by_place(const void *a, const void *b)
{
	const struct symbol *x = &((const struct entry *)a)->symbol;
	const struct symbol *y = &((const struct entry *)b)->symbol;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	if (x->local != y->local)
		return x->local ? 1 : -1;
	return strcmp(x->name, y->name);
}

/* Gives a symbol without a size the room up to the next of its kind, inside its section. */
static uint64_t reach_of(const struct table *t, size_t i)
{
	const struct entry *e = &t->all.v[i];
	addr_t end = e->limit > e->symbol.addr ? e->limit : e->symbol.addr;

	for (size_t k = i + 1; k < t->all.n && t->all.v[k].symbol.addr < end; k++)
		if (t->all.v[k].symbol.kind == e->symbol.kind &&
		    t->all.v[k].symbol.addr > e->symbol.addr)
			end = t->all.v[k].symbol.addr;
	return end - e->symbol.addr;
}

static bool split_kinds(struct table *t)
{
	addr_t end[SYMBOL_TLS + 1] = {0};

	if (t->all.n)
		qsort(t->all.v, t->all.n, sizeof(*t->all.v), by_place);
	for (size_t i = 0; i < t->all.n; i++) {
		struct symbol x = t->all.v[i].symbol;

		if (x.addr < end[x.kind])
			continue;
		if (!x.size && x.kind != SYMBOL_TLS)
			x.size = reach_of(t, i);
		if (!x.size)
			continue;
		if (vec_push(&t->kinds[x.kind], x) < 0)
			return false;
		end[x.kind] = x.addr + x.size;
	}
	return true;
}

/* Adds one table of a file, short where memory is out. */
static void read_section(struct table *t, Elf *elf, Elf_Scn *scn, const GElf_Shdr *sh,
			 const struct module *m, uint32_t module)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	const char *file = NULL;

	for (size_t i = 1; data && i < data->d_size / sh->sh_entsize; i++) {
		GElf_Sym sym;
		const char *name;

		if (!gelf_getsym(data, (int)i, &sym))
			break;
		name = elf_strptr(elf, sh->sh_link, sym.st_name);
		if (!name)
			continue;
		if (GELF_ST_TYPE(sym.st_info) == STT_FILE)
			file = name;
		else if (!add_symbol(t, elf, m, module, &sym, name, file))
			return;
	}
}

/* Adds the file's table of that type; false: it has none. */
static bool read_file(struct table *t, Elf *elf, uint32_t type, const struct module *m,
		      uint32_t module)
{
	Elf_Scn *scn;
	GElf_Shdr sh;

	if (!elf || !find_section(elf, type, &scn, &sh))
		return false;
	read_section(t, elf, scn, &sh, m, module);
	return true;
}

/*
 * Reads the module's table once: the file's .symtab, else the debug file's, else the file's .dynsym and
 * what it has packed. Out of memory leaves it short.
 */
static struct table *table_of(struct symbols *s, uint32_t module)
{
	const struct module *m = &s->modules->list.v[module];
	struct table *t = &s->tables[module];

	if (t->read)
		return t;
	t->read = true;
	if (!read_file(t, m->elf, SHT_SYMTAB, m, module) &&
	    !read_file(t, m->debug_elf, SHT_SYMTAB, m, module) && m->elf) {
		read_file(t, m->elf, SHT_DYNSYM, m, module);
		minidebug_open(&t->mini, m->elf);
		read_file(t, t->mini.elf, SHT_SYMTAB, m, module);
	}
	split_kinds(t);
	return t;
}

static bool find_in(const struct table *t, enum symbol_kind kind, addr_t addr, struct symbol *out)
{
	size_t lo = vec_bisect(&t->kinds[kind], e, e->addr <= addr);

	if (!lo || addr - t->kinds[kind].v[lo - 1].addr >= t->kinds[kind].v[lo - 1].size)
		return false;
	*out = t->kinds[kind].v[lo - 1];
	return true;
}

bool symbols_at(struct symbols *s, addr_t addr, struct symbol *out)
{
	uint32_t module = modules_find(s->modules, addr);
	struct table *t = module == INDEX_NONE ? NULL : table_of(s, module);

	return t && (find_in(t, SYMBOL_DATA, addr, out) || find_in(t, SYMBOL_FUNC, addr, out));
}

bool symbols_tls(struct symbols *s, uint32_t module, uint64_t off, struct symbol *out)
{
	return find_in(table_of(s, module), SYMBOL_TLS, off, out);
}

bool symbols_in(struct symbols *s, uint32_t module, const char *name, enum symbol_kind kind,
		struct symbol *out)
{
	const struct table *t = table_of(s, module);

	for (size_t i = 0; i < t->all.n; i++) {
		const struct symbol *x = &t->all.v[i].symbol;

		if (x->kind == kind && !strcmp(x->name, name)) {
			*out = *x;
			return true;
		}
	}
	return false;
}

/* Whether "conn.c" or "net/conn.c" names the entry's file, or "libx.so" its module. */
static bool place_matches(const struct symbols *s, const struct entry *e, const char *place,
			  size_t n)
{
	const char *module = s->modules->list.v[e->symbol.module].name;
	size_t len = e->file ? strlen(e->file) : 0;

	if (!strncmp(module, place, n) && (!module[n] || module[n] == '.' || module[n] == '-'))
		return true;
	return len >= n && !memcmp(e->file + len - n, place, n) &&
	       (len == n || e->file[len - n - 1] == '/');
}

/* A name as the user typed it. */
struct query {
	const char *name;
	const char *place; /* that narrows it, n_place bytes; NULL: none */
	size_t n_place;
	bool in_source; /* the name is the source's, not the symbol's */
};

/* "conn.c:pool", "libx.so:ns::pool": the place ends at the first colon that stands alone. */
static struct query query_of(const char *text)
{
	const char *colon = strchr(text, ':');

	while (colon && colon[1] == ':')
		colon = strchr(colon + strspn(colon, ":"), ':');
	if (!colon || colon == text)
		return (struct query){.name = text};
	return (struct query){.name = colon + 1, .place = text, .n_place = (size_t)(colon - text)};
}

static bool name_matches(const struct query *q, const char *symbol)
{
	char *plain;
	bool same;

	if (!q->in_source)
		return !strcmp(symbol, q->name);
	plain = demangle(symbol);
	same = plain && !strcmp(plain, q->name);
	free(plain);
	return same;
}

/* Adds the module's matches of one binding. */
static size_t match_in(struct symbols *s, uint32_t module, const struct query *q, bool local,
		       struct symbol *out, size_t max, size_t found)
{
	const struct table *t = table_of(s, module);

	for (size_t i = 0; i < t->all.n; i++) {
		const struct entry *e = &t->all.v[i];

		if (e->symbol.local != local || e->symbol.kind == SYMBOL_FUNC ||
		    !name_matches(q, e->symbol.name) ||
		    (q->place && !place_matches(s, e, q->place, q->n_place)))
			continue;
		if (found < max)
			out[found] = e->symbol;
		found++;
	}
	return found;
}

static size_t match_all(struct symbols *s, const struct query *q, struct symbol *out, size_t max)
{
	size_t n = 0;

	for (int local = 0; local < 2; local++) {
		if (s->modules->exe != INDEX_NONE)
			n = match_in(s, s->modules->exe, q, local, out, max, n);
		for (uint32_t i = 0; i < s->modules->list.n; i++)
			if (i != s->modules->exe)
				n = match_in(s, i, q, local, out, max, n);
	}
	return n;
}

size_t symbols_by_name(struct symbols *s, const char *name, struct symbol *out, size_t max)
{
	struct query q = query_of(name);

	return match_all(s, &q, out, max);
}

size_t symbols_by_source_name(struct symbols *s, const char *name, struct symbol *out, size_t max)
{
	struct query q = query_of(name);

	q.in_source = true;
	return match_all(s, &q, out, max);
}

const char *symbols_source_name(struct symbols *s, const char *name)
{
	return demangled_name(&s->demangled, name);
}

const struct symbol *symbols_of(struct symbols *s, uint32_t module, enum symbol_kind kind,
				size_t *n)
{
	const struct table *t = table_of(s, module);

	*n = t->kinds[kind].n;
	return t->kinds[kind].v;
}
