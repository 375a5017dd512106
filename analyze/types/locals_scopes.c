/*
 * Which scopes an address is in, and what is declared there. Functions are noted while their units
 * are read, the variables in them when the module's types have their ids.
 *
 *	subprogram f            parameters, variables
 *	  lexical block         its variables, where it has the address
 *	  inlined subroutine g  likewise; its parameters are variables here
 *	  call site             of the call that the address is in: how the arguments were made
 *
 * Each address takes the first function that has it. As in dwarf.c, DIEs are visited only while their
 * addresses ascend, and there is a budget for all of it.
 */
#include <string.h>

#include "analyze/types/site_types_look.h"

enum { MAX_DEPTH = 64 };

/* A scope that is being visited. */
struct scope {
	Dwarf_Die at; /* the DIE in it */
	uint32_t function;
	bool is_inlined;
};

struct walk {
	struct dwarf_reader *r;
	struct locals_search *s;
	struct locals_pc *pc;
	Dwarf_Addr in_file;	/* the address as debug information has it */
	struct site_look *look; /* NULL: it is no call of an allocation site */
};

static bool spend(struct locals_search *s)
{
	if (s->steps_left && --s->steps_left)
		return true;
	s->out->is_cut = true;
	return false;
}

/* The first address at or above one. */
static size_t first_pc(const struct locals_search *s, addr_t at)
{
	return vec_bisect(&s->pcs, e, e->at < at);
}

bool locals_scopes_is_live(struct dwarf_reader *r, Dwarf_Die *unit)
{
	struct locals_search *s = r->search;
	Dwarf_Addr base, lo, hi;
	ptrdiff_t next = 0;

	while (s && (next = dwarf_ranges(unit, next, &base, &lo, &hi)) > 0 && spend(s)) {
		size_t i = first_pc(s, lo + r->bias);

		if (lo < hi && i < s->pcs.n && s->pcs.v[i].at < hi + r->bias)
			return true;
	}
	return false;
}

/* The addresses in a range get the function, which is added when the first does. */
static int note_range(struct dwarf_reader *r, Dwarf_Die *die, uint32_t *function, Dwarf_Addr lo,
		      Dwarf_Addr hi)
{
	struct locals_search *s = r->search;
	struct locals_function f = {.die = *die,
				    .bias = r->bias,
				    .module = r->module_index,
				    .after_prologue = PROLOGUE_NOT_ASKED};

	for (size_t i = first_pc(s, lo + r->bias);
	     lo < hi && i < s->pcs.n && s->pcs.v[i].at < hi + r->bias && spend(s); i++) {
		if (s->pcs.v[i].function != UINT32_MAX)
			continue;
		if (*function == UINT32_MAX) {
			if (vec_push(&s->functions, f) < 0)
				return err_nomem(r->err);
			*function = (uint32_t)s->functions.n - 1;
		}
		s->pcs.v[i].function = *function;
	}
	return 0;
}

int locals_scopes_note(struct dwarf_reader *r, Dwarf_Die *die)
{
	uint32_t function = UINT32_MAX;
	Dwarf_Addr base, lo, hi;
	ptrdiff_t next = 0;
	int rc = 0;

	while (rc == 0 && (next = dwarf_ranges(die, next, &base, &lo, &hi)) > 0 && spend(r->search))
		rc = note_range(r, die, &function, lo, hi);
	return rc;
}

static bool is_list(Dwarf_Attribute *attr)
{
	switch (dwarf_whatform(attr)) {
	case DW_FORM_exprloc:
	case DW_FORM_block:
	case DW_FORM_block1:
	case DW_FORM_block2:
	case DW_FORM_block4:
		return false;
	default:
		return true;
	}
}

static bool decode(const struct walk *w, struct locals_code *code)
{
	return dwarf_getlocation_addr(&code->attr, w->in_file, &code->ops, &code->n, 1) == 1 &&
	       code->n > 0;
}

static bool is_fixed(const struct locals_code *code)
{
	int atom = code->ops[0].atom, last = code->ops[code->n - 1].atom;

	return last == DW_OP_form_tls_address || last == DW_OP_GNU_push_tls_address ||
	       ((atom == DW_OP_addr || atom == DW_OP_addrx || atom == DW_OP_GNU_addr_index) &&
		last != DW_OP_stack_value);
}

/* The bytes of DW_AT_const_value, whatever its form; numbers as 8 bytes. */
static int take_constant(struct walk *w, Dwarf_Attribute *attr, struct locals_source *source)
{
	const uint8_t *bytes;
	Dwarf_Sword number;
	Dwarf_Block block;
	size_t n;

	if (dwarf_formblock(attr, &block) == 0) {
		bytes = block.data;
		n = block.length;
	} else if (dwarf_whatform(attr) != DW_FORM_udata
			   ? dwarf_formsdata(attr, &number) == 0
			   : dwarf_formudata(attr, (Dwarf_Word *)&number) == 0) {
		bytes = (const uint8_t *)&number;
		n = sizeof(number);
	} else {
		bytes = (const uint8_t *)dwarf_formstring(attr);
		n = bytes ? strlen((const char *)bytes) + 1 : 0;
	}
	if (!n || n > UINT32_MAX)
		return 0;
	source->constant = w->s->out->values.n;
	source->n_constant = (uint32_t)n;
	if (vec_reserve(&w->s->out->values, w->s->out->values.n + n) < 0)
		return err_nomem(w->r->err);
	memcpy(w->s->out->values.v + w->s->out->values.n, bytes, n);
	w->s->out->values.n += n;
	return 0;
}

/* Where the variable is; with neither place nor constant: nowhere, at this address. */
static int find_place(struct walk *w, Dwarf_Die *die, struct locals_source *source,
		      struct local_name *name)
{
	Dwarf_Attribute attr;

	if (dwarf_attr_integrate(die, DW_AT_location, &source->where.attr)) {
		if (!decode(w, &source->where)) {
			source->where.n = 0;
			return 0;
		}
		name->flags |= is_list(&source->where.attr) ? LOCAL_LISTED : 0;
		name->flags |= is_fixed(&source->where) ? LOCAL_FIXED : 0;
		return 0;
	}
	return dwarf_attr_integrate(die, DW_AT_const_value, &attr) ? take_constant(w, &attr, source)
								   : 0;
}

static int intern(struct walk *w, const char *text, uint32_t *out)
{
	return type_table_intern(w->r->table, text ? text : "", text ? strlen(text) : 0, out,
				 w->r->err);
}

/* Whether unoptimised code has its parameters in place here: behind the prologue, by the line table. */
static bool is_after_prologue(struct walk *w)
{
	struct locals_function *f = &w->s->functions.v[w->pc->function];
	Dwarf_Addr *at = NULL, lowest = UINT64_MAX;
	int n;

	if (f->after_prologue == PROLOGUE_NOT_ASKED) {
		n = dwarf_entry_breakpoints(&f->die, &at);
		for (int i = 0; i < n; i++)
			lowest = at[i] < lowest ? at[i] : lowest;
		free(at);
		f->after_prologue = lowest;
	}
	return w->in_file >= f->after_prologue;
}

static int add_variable(struct walk *w, const struct scope *in, Dwarf_Die *die)
{
	struct local_name name = {.function = in->function, .type = TYPE_UNKNOWN};
	struct locals_source source = {.name = (uint32_t)w->s->out->names.n};
	Dwarf_Attribute attr;
	const char *text = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attr));
	Dwarf_Die type;
	int rc;

	if (!text || !*text || w->s->sources.n >= LOCALS_MAX)
		return 0;
	rc = find_place(w, die, &source, &name);
	if (rc < 0 || (!source.where.n && !source.n_constant))
		return rc;
	if (dwarf_tag(die) == DW_TAG_formal_parameter)
		name.flags |= LOCAL_PARAMETER | (name.flags & LOCAL_LISTED || !is_after_prologue(w)
							 ? 0
							 : LOCAL_AFTER_PROLOGUE);
	if (in->is_inlined)
		name.flags |= LOCAL_INLINED;
	if (dwarf_formref_die(dwarf_attr_integrate(die, DW_AT_type, &attr), &type))
		name.type = dwarf_reader_find_type(w->r, &type);
	rc = intern(w, text, &name.name);
	if (rc == 0 &&
	    (vec_push(&w->s->out->names, name) < 0 || vec_push(&w->s->sources, source) < 0))
		rc = err_nomem(w->r->err);
	return rc;
}

/* A call is noted if it is the one that the address stands in: its return address is the next byte. */
static void note_call(struct walk *w, Dwarf_Die *die)
{
	Dwarf_Attribute attr;
	Dwarf_Addr back;

	if ((dwarf_attr(die, DW_AT_call_return_pc, &attr) ||
	     dwarf_attr(die, DW_AT_low_pc, &attr)) &&
	    dwarf_formaddr(&attr, &back) == 0 && back == w->in_file + 1)
		w->pc->call_site = *die;
}

/* Blocks without a range are no blocks, but what they hold is there. */
static bool has_address(const struct walk *w, Dwarf_Die *die, int tag)
{
	if (tag == DW_TAG_lexical_block && !dwarf_hasattr(die, DW_AT_low_pc) &&
	    !dwarf_hasattr(die, DW_AT_ranges))
		return true;
	return dwarf_haspc(die, w->in_file) == 1;
}

static int visit(struct walk *w, struct scope *in, struct scope *inner, bool *enter)
{
	int tag = dwarf_tag(&in->at), rc = 0;

	*enter = false;
	*inner = *in;
	switch (tag) {
	case DW_TAG_variable:
	case DW_TAG_formal_parameter:
		if (w->look)
			site_look_at(w->look, &in->at);
		return w->pc->is_frame ? add_variable(w, in, &in->at) : 0;
	case DW_TAG_call_site:
	case DW_TAG_GNU_call_site:
		note_call(w, &in->at);
		return 0;
	case DW_TAG_inlined_subroutine:
	case DW_TAG_lexical_block:
	case DW_TAG_try_block:
	case DW_TAG_catch_block:
		*enter = has_address(w, &in->at, tag);
		break;
	default:
		return 0;
	}
	if (*enter && tag == DW_TAG_inlined_subroutine) {
		Dwarf_Attribute attr;

		inner->is_inlined = true;
		rc = intern(w, dwarf_formstring(dwarf_attr_integrate(&in->at, DW_AT_name, &attr)),
			    &inner->function);
	}
	return rc;
}

static bool advance(struct scope *s, const Dwarf_Die *to, const void **last)
{
	if (to->addr <= *last)
		return false;
	s->at = *to;
	*last = to->addr;
	return true;
}

static bool advance_sibling(struct scope *s, const void **last)
{
	Dwarf_Die next;

	return dwarf_siblingof(&s->at, &next) == 0 && advance(s, &next, last);
}

static bool spend_in(struct walk *w)
{
	return w->pc->is_frame ? spend(w->s) : site_look_spend(w->look);
}

static int walk(struct walk *w, Dwarf_Die *function)
{
	struct scope scopes[MAX_DEPTH] = {{.at = *function}};
	const void *last = function->addr;
	Dwarf_Attribute attr;
	Dwarf_Die next;
	int depth = 0, rc;

	rc = intern(w, dwarf_formstring(dwarf_attr_integrate(function, DW_AT_name, &attr)),
		    &scopes[0].function);
	if (rc < 0 || dwarf_child(function, &next) || !advance(&scopes[0], &next, &last))
		return rc;
	while (depth >= 0 && rc == 0 && spend_in(w)) {
		struct scope inner;
		bool enter;

		rc = visit(w, &scopes[depth], &inner, &enter);
		if (rc == 0 && enter && depth + 1 < MAX_DEPTH &&
		    dwarf_child(&scopes[depth].at, &next) == 0 && advance(&inner, &next, &last)) {
			scopes[++depth] = inner;
			continue;
		}
		while (depth >= 0 && !advance_sibling(&scopes[depth], &last))
			depth--;
	}
	return rc;
}

static int read_pc(struct dwarf_reader *r, struct locals_pc *pc)
{
	struct locals_function *f = &r->search->functions.v[pc->function];
	struct walk w = {.r = r, .s = r->search, .pc = pc, .in_file = pc->at - r->bias};
	struct site_look look;
	Dwarf_Die die = f->die;
	int rc;

	if (!dwarf_attr_integrate(&die, DW_AT_frame_base, &pc->base.attr) || !decode(&w, &pc->base))
		pc->base.n = 0;
	if (pc->call != UINT32_MAX) {
		site_look_begin(&look, r, pc, &die);
		w.look = &look;
	}
	pc->sources = (uint32_t)r->search->sources.n;
	rc = walk(&w, &die);
	pc->n = (uint32_t)(r->search->sources.n - pc->sources);
	return rc;
}

int locals_scopes_read(struct dwarf_reader *r)
{
	struct locals_search *s = r->search;
	int rc = 0;

	for (size_t i = 0; i < s->pcs.n && rc == 0; i++)
		if (s->pcs.v[i].function != UINT32_MAX &&
		    s->functions.v[s->pcs.v[i].function].module == r->module_index)
			rc = read_pc(r, &s->pcs.v[i]);
	return rc;
}
