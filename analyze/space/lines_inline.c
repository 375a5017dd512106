/*
 * Inlined functions. The scopes around an address are a chain in the tree of DIEs:
 *
 *	compile unit ─ subprogram f ─ block ─ inlined g (called at f.c:12) ─ inlined h (at g.h:3) ─ pc
 *
 *	level 0   h     line of pc by the line table
 *	level 1   g     g.h:3
 *	level 2   f     f.c:12
 *
 * A name in DWARF is the last part of it. The whole is in the linkage name; what is local to a file has
 * none, and then the scopes of its declaration are asked for, which costs a walk through the unit.
 *
 * dwarf_getscopes() turns from an inlined function to the place that it is declared in, so only its
 * innermost scope is used, and the chain above it is asked for by that DIE.
 */
#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/space/lines_inline.h"

enum { MAX_ORIGINS = 4 };

const char *lines_short_path(const char *path)
{
	const char *last = strrchr(path, '/');
	const char *p = last;

	while (p && p > path && p[-1] != '/')
		p--;
	return p && p > path ? p : last && p == path && *path == '/' ? last + 1 : path;
}

static void set_line(struct code_level *level, Dwfl_Module *mod, addr_t pc)
{
	Dwfl_Line *line = dwfl_module_getsrc(mod, pc);
	int n = 0;
	const char *file = line ? dwfl_lineinfo(line, NULL, &n, NULL, NULL, NULL) : NULL;

	if (file && n > 0) {
		level->path = file;
		level->folder = dwfl_line_comp_dir(line);
		level->line = (uint32_t)n;
	}
}

/* Where an inlined function was called, which is a line of the level above. */
static void set_call(struct code_level *level, Dwarf_Die *cu, Dwarf_Die *inlined)
{
	Dwarf_Attribute attr;
	Dwarf_Files *files;
	Dwarf_Word file, line;
	size_t n;

	if (dwarf_getsrcfiles(cu, &files, &n) ||
	    dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &attr), &file) ||
	    dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &attr), &line) || file >= n)
		return;
	level->path = dwarf_filesrc(files, file, NULL, NULL);
	level->folder = dwarf_formstring(dwarf_attr(cu, DW_AT_comp_dir, &attr));
	level->line = level->path ? (uint32_t)line : 0;
}

/* The chain of DIEs around pc, the innermost first; malloc'd; the number, 0 if there is none. */
static int scopes_at(Dwarf_Die *cu, Dwarf_Addr pc, Dwarf_Die **out)
{
	Dwarf_Die *around = NULL, innermost;
	int n = dwarf_getscopes(cu, pc, &around);

	if (n <= 0)
		return 0;
	innermost = around[0];
	free(around);
	n = dwarf_getscopes_die(&innermost, out);
	return n > 0 ? n : 0;
}

/* C has no scopes, and is not searched for any. */
static bool has_scopes(Dwarf_Die *cu)
{
	switch (dwarf_srclang(cu)) {
	case DW_LANG_C_plus_plus:
	case DW_LANG_C_plus_plus_03:
	case DW_LANG_C_plus_plus_11:
	case DW_LANG_C_plus_plus_14:
	case DW_LANG_Rust:
	case DW_LANG_D:
		return true;
	default:
		return false;
	}
}

/* Where the function was declared: in its class or namespace. */
static Dwarf_Die declaration_of(Dwarf_Die *die)
{
	Dwarf_Die at = *die, next;
	Dwarf_Attribute attr;

	for (int i = 0; i < MAX_ORIGINS; i++) {
		if (!dwarf_formref_die(dwarf_attr(&at, DW_AT_abstract_origin, &attr), &next) &&
		    !dwarf_formref_die(dwarf_attr(&at, DW_AT_specification, &attr), &next))
			break;
		at = next;
	}
	return at;
}

static const char *scope_name(Dwarf_Die *die)
{
	const char *name = dwarf_diename(die);

	switch (dwarf_tag(die)) {
	case DW_TAG_namespace:
		return name ? name : "(anonymous namespace)";
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_enumeration_type:
	case DW_TAG_subprogram:
		return name ? name : "(unnamed)";
	default:
		return NULL;
	}
}

/* The names around the function, the outermost first; none at all if they are too long. */
static void set_scope(struct code_level *level, Dwarf_Die *die)
{
	Dwarf_Die declaration = declaration_of(die), *around = NULL;
	int n = dwarf_getscopes_die(&declaration, &around);
	size_t size = 0;

	for (int i = n - 1; i > 0; i--) {
		const char *name = scope_name(&around[i]);
		size_t room = sizeof(level->scope) - size;
		int more = name ? snprintf(level->scope + size, room, "%s::", name) : 0;

		if (more < 0 || (size_t)more >= room) {
			level->scope[0] = 0;
			break;
		}
		size += (size_t)more;
	}
	if (n > 0)
		free(around);
}

static void set_function(struct code_level *level, Dwarf_Die *cu, Dwarf_Die *die)
{
	Dwarf_Attribute attr;

	level->function = dwarf_diename(die);
	level->linkage = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_linkage_name, &attr));
	if (!level->linkage && level->function && has_scopes(cu))
		set_scope(level, die);
}

size_t lines_inline_at(struct debuginfo *d, const struct modules *modules, addr_t pc,
		       struct code_level *out, size_t max)
{
	uint32_t module = modules_find(modules, pc);
	Dwfl_Module *mod = module == INDEX_NONE || !max ? NULL : debuginfo_module(d, module);
	Dwarf_Addr bias = 0;
	Dwarf_Die *cu = mod ? dwfl_module_addrdie(mod, pc, &bias) : NULL, *scopes = NULL;
	int n_scopes = cu ? scopes_at(cu, pc - bias, &scopes) : 0;
	size_t n = 0;

	if (!mod)
		return 0;
	out[0] = (struct code_level){0};
	set_line(&out[0], mod, pc);
	for (int i = 0; i < n_scopes && n < max; i++) {
		int tag = dwarf_tag(&scopes[i]);

		if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram)
			continue;
		set_function(&out[n++], cu, &scopes[i]);
		if (tag == DW_TAG_subprogram || n == max)
			break;
		out[n] = (struct code_level){0};
		set_call(&out[n], cu, &scopes[i]);
	}
	free(scopes);
	return n ? n : out[0].path != NULL;
}
