/*
 * What a parameter's register had when the frame's function was entered, though it has been used for
 * something else since: the caller's debug information may say how it made the argument, by what has
 * outlived the call (DWARF 5 §3.4, DW_TAG_call_site_parameter).
 *
 *	frame 4  f (x)           x was in rdi at entry
 *	frame 5  main            called f here, with rdi = rbx + 8
 *
 * That is worth something only if frame 5's call was this entry: a function that was called and then
 * jumped to f leaves the same picture (a tail call). So the call must be of this function by name or
 * by address, and f must not come back to itself through jumps.
 *
 * Limit: what a function of another unit jumps to is not followed, so that f could be entered again
 * by way of it.
 */
#include <string.h>

#include "analyze/types/locals_search.h"

enum { MAX_CALLERS = 16, MAX_ORIGINS = 4, MAX_DEPTH = 64, MAX_JUMPS = 16 };

static bool spend(const struct locals_context *c)
{
	return *c->steps_left && --*c->steps_left;
}

static bool is_call(int tag)
{
	return tag == DW_TAG_call_site || tag == DW_TAG_GNU_call_site;
}

/* The function that a call names. */
static bool callee_of(Dwarf_Die *call, Dwarf_Die *out)
{
	Dwarf_Attribute attr;

	return (dwarf_attr(call, DW_AT_call_origin, &attr) ||
		dwarf_attr(call, DW_AT_abstract_origin, &attr)) &&
	       dwarf_formref_die(&attr, out);
}

static bool origin_of(Dwarf_Die *die, Dwarf_Die *out)
{
	Dwarf_Attribute attr;

	return (dwarf_attr(die, DW_AT_abstract_origin, &attr) ||
		dwarf_attr(die, DW_AT_specification, &attr)) &&
	       dwarf_formref_die(&attr, out);
}

static const char *linked_name(Dwarf_Die *die)
{
	Dwarf_Attribute attr;
	bool is_external;

	if (dwarf_formflag(dwarf_attr_integrate(die, DW_AT_external, &attr), &is_external) ||
	    !is_external)
		return NULL;
	if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attr) ||
	    dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attr) ||
	    dwarf_attr_integrate(die, DW_AT_name, &attr))
		return dwarf_formstring(&attr);
	return NULL;
}

/* Whether two DIEs are of one function: one completes the other, or they link to one name. */
static bool same_function(Dwarf_Die a, Dwarf_Die b)
{
	const char *x, *y;
	Dwarf_Die from = a;

	for (int i = 0; i < MAX_ORIGINS; i++) {
		Dwarf_Die to = b;

		for (int k = 0; k < MAX_ORIGINS; k++)
			if (from.addr == to.addr)
				return true;
			else if (!origin_of(&to, &to))
				break;
		if (!origin_of(&from, &from))
			break;
	}
	x = linked_name(&a);
	y = x ? linked_name(&b) : NULL;
	return y && !strcmp(x, y);
}

/* A call through a pointer: where it went, if what told so has outlived it. */
static bool calls_address(const struct locals_context *caller, Dwarf_Die *call, addr_t wanted)
{
	struct locals_code code;
	uint64_t at;

	return (dwarf_attr(call, DW_AT_call_target, &code.attr) ||
		dwarf_attr(call, DW_AT_GNU_call_site_target, &code.attr)) &&
	       dwarf_getlocation(&code.attr, &code.ops, &code.n) == 0 &&
	       locals_expression_number(caller, &code, &at) && at == wanted;
}

static bool is_of(const struct locals_context *c, const struct locals_context *caller,
		  Dwarf_Die *call)
{
	Dwarf_Die die = c->function->die, callee;
	Dwarf_Addr entry;

	if (callee_of(call, &callee))
		return same_function(callee, die);
	return dwarf_entrypc(&die, &entry) == 0 &&
	       calls_address(caller, call, entry + c->function->bias);
}

static bool is_tail_call(Dwarf_Die *call)
{
	Dwarf_Attribute attr;
	bool is;

	return (dwarf_attr(call, DW_AT_call_tail_call, &attr) ||
		dwarf_attr(call, DW_AT_GNU_tail_call, &attr)) &&
	       dwarf_formflag(&attr, &is) == 0 && is;
}

/* Functions jumped to, each once. */
struct jumps {
	Dwarf_Die v[MAX_JUMPS];
	size_t n;
};

static bool is_declared_only(Dwarf_Die *function)
{
	Dwarf_Attribute attr;
	bool is;

	return dwarf_attr(function, DW_AT_declaration, &attr) && dwarf_formflag(&attr, &is) == 0 &&
	       is;
}

/* A jump from the function: false, if what it leads to cannot be followed, or is the function. */
static bool take_jump(struct jumps *j, Dwarf_Die *call, Dwarf_Die *function)
{
	Dwarf_Die callee;
	Dwarf_Addr entry;

	if (!callee_of(call, &callee) || same_function(callee, *function))
		return false;
	if (is_declared_only(&callee))
		return true;
	if (dwarf_entrypc(&callee, &entry))
		return false;
	for (size_t i = 0; i < j->n; i++)
		if (j->v[i].addr == callee.addr)
			return true;
	if (j->n == MAX_JUMPS)
		return false;
	j->v[j->n++] = callee;
	return true;
}

/* The next DIE in pre-order below a root; *depth 0 is the root. False: there is none. */
static bool next_below(Dwarf_Die *path, int *depth, const void **last)
{
	Dwarf_Die next;

	if (*depth + 1 < MAX_DEPTH && dwarf_child(&path[*depth], &next) == 0 && next.addr > *last) {
		path[++*depth] = next;
		*last = next.addr;
		return true;
	}
	for (; *depth > 0; --*depth)
		if (dwarf_siblingof(&path[*depth], &next) == 0 && next.addr > *last) {
			path[*depth] = next;
			*last = next.addr;
			return true;
		}
	return false;
}

static bool take_jumps_of(struct locals_search *s, struct jumps *j, Dwarf_Die *from,
			  Dwarf_Die *function)
{
	Dwarf_Die path[MAX_DEPTH];
	const void *last = from->addr;
	int depth = 0;

	path[0] = *from;
	while (next_below(path, &depth, &last)) {
		if (!s->steps_left || !--s->steps_left || depth + 1 == MAX_DEPTH)
			return false;
		if (is_call(dwarf_tag(&path[depth])) && is_tail_call(&path[depth]) &&
		    !take_jump(j, &path[depth], function))
			return false;
	}
	return true;
}

static enum locals_tail tail_of(struct locals_search *s, Dwarf_Die *function)
{
	struct jumps j = {.n = 0};

	if (!take_jumps_of(s, &j, function, function))
		return TAIL_PERHAPS;
	for (size_t i = 0; i < j.n; i++)
		if (!take_jumps_of(s, &j, &j.v[i], function))
			return TAIL_PERHAPS;
	return TAIL_NEVER;
}

static bool never_jumps_back(const struct locals_context *c)
{
	struct locals_search *s = c->search;
	struct locals_function *f = &s->functions.v[c->pc->function];

	if (f->self_tail_calls == TAIL_NOT_ASKED)
		f->self_tail_calls = (uint8_t)tail_of(s, &f->die);
	return f->self_tail_calls == TAIL_NEVER;
}

/* What an argument is asked for by: the register that it was passed in, or, passed in none, the parameter. */
struct wanted {
	uint32_t number;
	const void *parameter; /* NULL: by number */
};

static bool is_parameter(Dwarf_Die *die, const struct wanted *w)
{
	int tag = dwarf_tag(die);
	struct locals_code code;
	Dwarf_Die its_die;
	uint32_t its;

	if (tag != DW_TAG_call_site_parameter && tag != DW_TAG_GNU_call_site_parameter)
		return false;
	if (w->parameter)
		return (dwarf_attr(die, DW_AT_call_parameter, &code.attr) ||
			dwarf_attr(die, DW_AT_abstract_origin, &code.attr)) &&
		       dwarf_formref_die(&code.attr, &its_die) && its_die.addr == w->parameter;
	return dwarf_attr(die, DW_AT_location, &code.attr) &&
	       dwarf_getlocation(&code.attr, &code.ops, &code.n) == 0 &&
	       locals_expression_register(&code, &its) && its == w->number;
}

static bool find_parameter(const struct locals_context *c, Dwarf_Die *call, const struct wanted *w,
			   struct locals_code *out)
{
	const void *last = call->addr;
	Dwarf_Die die;
	bool more = dwarf_child(call, &die) == 0;

	for (; more && die.addr > last && spend(c); more = dwarf_siblingof(&die, &die) == 0) {
		last = die.addr;
		if (is_parameter(&die, w))
			return (dwarf_attr(&die, DW_AT_call_value, &out->attr) ||
				dwarf_attr(&die, DW_AT_GNU_call_site_value, &out->attr)) &&
			       dwarf_getlocation(&out->attr, &out->ops, &out->n) == 0;
	}
	return false;
}

static bool value_of(const struct locals_context *c, const struct wanted *w, uint64_t *out)
{
	struct locals_search *s = c->search;
	const struct frame *list = s->in.frames->list.v;
	struct locals_context caller = *c;
	struct locals_code code;
	Dwarf_Die call;

	caller.frame++;
	caller.n_callers++;
	if (caller.frame >= s->in.frames->list.n || caller.n_callers > MAX_CALLERS || !spend(c) ||
	    list[caller.frame].thread != list[c->frame].thread || list[caller.frame].is_activation)
		return false;
	caller.pc = &s->pcs.v[s->pc_of[caller.frame]];
	if (caller.pc->function == UINT32_MAX || !caller.pc->call_site.addr)
		return false;
	caller.function = &s->functions.v[caller.pc->function];
	call = caller.pc->call_site;
	return is_of(c, &caller, &call) && never_jumps_back(c) &&
	       find_parameter(c, &call, w, &code) && locals_expression_number(&caller, &code, out);
}

bool locals_entry_value(const struct locals_context *c, uint32_t number, uint64_t *out)
{
	return value_of(c, &(struct wanted){.number = number}, out);
}

bool locals_entry_argument(const struct locals_context *c, const Dwarf_Die *parameter,
			   uint64_t *out)
{
	return value_of(c, &(struct wanted){.parameter = parameter->addr}, out);
}
