/*
 * Source lines by libdw. Code addresses go through the line tables, which
 * libdwfl caches. Variables have no index in DWARF: the first question in a
 * module walks its compile units once and keeps every variable with a fixed
 * place (DW_OP_addr, or a thread-local's offset), sorted.
 *
 *	walk     CU → namespaces, functions, blocks → DW_TAG_variable with DW_AT_location
 *
 * The walk is a loop over an explicit stack of DIEs, at most MAX_DEPTH deep.
 */
#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/space/lines.h"
#include "analyze/space/lines_inline.h"
#include "base/vec.h"

enum { MAX_DEPTH = 64 };

struct variable {
	uint64_t at; /* target address, or offset in the TLS block */
	bool is_tls;
	Dwarf_Die die;
};

struct table {
	bool read;
	VEC(struct variable) list; /* by is_tls, then at */
};

struct lines {
	struct debuginfo *debuginfo;
	const struct modules *modules;
	struct table *tables; /* per module */
};

int lines_new(struct lines **out, struct debuginfo *debuginfo, const struct modules *modules,
	      struct err *err)
{
	struct lines *l = calloc(1, sizeof(*l));

	if (l)
		l->tables = calloc(modules->list.n + 1, sizeof(*l->tables));
	if (!l || !l->tables) {
		free(l);
		return err_nomem(err);
	}
	l->debuginfo = debuginfo;
	l->modules = modules;
	*out = l;
	return 0;
}

void lines_free(struct lines *l)
{
	for (size_t i = 0; l && i < l->modules->list.n; i++)
		vec_deinit(&l->tables[i].list);
	if (l)
		free(l->tables);
	free(l);
}

bool lines_of_code(struct lines *l, addr_t pc, struct source_line *out)
{
	uint32_t module = modules_find(l->modules, pc);
	Dwfl_Module *mod = module == INDEX_NONE ? NULL : debuginfo_module(l->debuginfo, module);
	Dwfl_Line *line = mod ? dwfl_module_getsrc(mod, pc) : NULL;
	const char *file;
	int n = 0;

	file = line ? dwfl_lineinfo(line, NULL, &n, NULL, NULL, NULL) : NULL;
	if (!file || n <= 0)
		return false;
	*out = (struct source_line){lines_short_path(file), (uint32_t)n};
	return true;
}

/* The fixed place of a variable, if it has one. */
static bool fixed_place(Dwarf_Die *die, Dwarf_Addr bias, struct variable *out)
{
	Dwarf_Attribute attr, value;
	Dwarf_Op *op;
	size_t n;
	Dwarf_Addr addr;

	if (!dwarf_attr(die, DW_AT_location, &attr) || dwarf_getlocation(&attr, &op, &n) || !n)
		return false;
	*out = (struct variable){.die = *die};
	if (n == 1 && op[0].atom == DW_OP_addr) {
		out->at = op[0].number + bias;
		return true;
	}
	if (n == 1 && (op[0].atom == DW_OP_addrx || op[0].atom == DW_OP_GNU_addr_index)) {
		if (dwarf_getlocation_attr(&attr, op, &value) || dwarf_formaddr(&value, &addr))
			return false;
		out->at = addr + bias;
		return true;
	}
	out->is_tls = n == 2 && (op[1].atom == DW_OP_GNU_push_tls_address ||
				 op[1].atom == DW_OP_form_tls_address);
	out->at = op[0].number;
	return out->is_tls && (op[0].atom == DW_OP_const8u || op[0].atom == DW_OP_const4u);
}

static bool may_hold_variables(int tag)
{
	return tag == DW_TAG_namespace || tag == DW_TAG_subprogram || tag == DW_TAG_lexical_block ||
	       tag == DW_TAG_module;
}

/* Collects the variables of one compile unit; stops quietly out of memory. */
static void read_unit(struct table *t, Dwarf_Die *cu, Dwarf_Addr bias)
{
	Dwarf_Die at[MAX_DEPTH];
	int depth = 0;

	if (dwarf_child(cu, &at[0]))
		return;
	while (depth >= 0) {
		int tag = dwarf_tag(&at[depth]);
		struct variable v;

		if (tag == DW_TAG_variable && fixed_place(&at[depth], bias, &v) &&
		    vec_push(&t->list, v) < 0)
			return;
		if (may_hold_variables(tag) && depth + 1 < MAX_DEPTH &&
		    dwarf_child(&at[depth], &at[depth + 1]) == 0) {
			depth++;
			continue;
		}
		while (depth >= 0 && dwarf_siblingof(&at[depth], &at[depth]))
			depth--;
	}
}

static int by_place(const void *a, const void *b)
{
	const struct variable *x = a, *y = b;

	if (x->is_tls != y->is_tls)
		return x->is_tls ? 1 : -1;
	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->die.addr < y->die.addr ? -1 : x->die.addr > y->die.addr;
}

static struct table *table_of(struct lines *l, uint32_t module)
{
	struct table *t = &l->tables[module];
	Dwfl_Module *mod = t->read ? NULL : debuginfo_module(l->debuginfo, module);
	Dwarf_Die *cu = NULL;
	Dwarf_Addr bias;

	t->read = true;
	while (mod && (cu = dwfl_module_nextcu(mod, cu, &bias)))
		read_unit(t, cu, bias);
	if (t->list.n && mod)
		qsort(t->list.v, t->list.n, sizeof(*t->list.v), by_place);
	return t;
}

/* Bytes of the variable's type, at least 1. */
static uint64_t size_of(Dwarf_Die *die)
{
	Dwarf_Attribute attr;
	Dwarf_Die type;
	Dwarf_Word size;

	if (!dwarf_attr_integrate(die, DW_AT_type, &attr) || !dwarf_formref_die(&attr, &type) ||
	    dwarf_aggregate_size(&type, &size) || !size)
		return 1;
	return size;
}

static bool find_variable(struct table *t, uint64_t at, bool is_tls, struct source_line *out)
{
	size_t lo =
		vec_bisect(&t->list, e, e->is_tls < is_tls || (e->is_tls == is_tls && e->at <= at));

	while (lo--) {
		struct variable *v = &t->list.v[lo];
		const char *file;
		int line;

		if (v->is_tls != is_tls || at - v->at >= size_of(&v->die))
			return false;
		file = dwarf_decl_file(&v->die);
		if (!file || dwarf_decl_line(&v->die, &line))
			continue;
		*out = (struct source_line){lines_short_path(file), (uint32_t)line};
		return true;
	}
	return false;
}

bool lines_of_variable(struct lines *l, addr_t addr, struct source_line *out)
{
	uint32_t module = modules_find(l->modules, addr);

	return module != INDEX_NONE && find_variable(table_of(l, module), addr, false, out);
}

bool lines_of_tls(struct lines *l, uint32_t module, uint64_t off, struct source_line *out)
{
	return module < l->modules->list.n && find_variable(table_of(l, module), off, true, out);
}
