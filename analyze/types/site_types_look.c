/*
 * Whether a variable's place is one where the result of the call is, at the address from which on it is:
 *
 *	list      an entry that is for a step of the code, of a register or slot that has the result there
 *	one place a slot that the result is stored to, or a register that it is moved to
 *
 * Slots are relative to rbp or rsp, places to the frame base. That is one of them (clang), or the CFA, which is
 * 16 above rbp where a function has set up rbp as its own (psABI fig. 3.3). Where it has not, rbp may point to
 * anything, but seldom to what is behind.
 */
#include "analyze/types/site_types_look.h"

enum { RBP = 6, CFA_ABOVE_RBP = 16 };

bool site_look_spend(struct site_look *l)
{
	return l->sites->steps_left && --l->sites->steps_left;
}

/* What a pointer points to, peeled; TYPE_NONE: it is none. */
static type_id target_of(struct site_look *l, Dwarf_Die *of)
{
	const struct type_table *t = l->r->table;
	const struct type *pointer;
	Dwarf_Attribute attr;
	Dwarf_Die type;

	if (!dwarf_formref_die(dwarf_attr_integrate(of, DW_AT_type, &attr), &type))
		return TYPE_NONE;
	pointer = type_table_get(t, type_table_peel(t, dwarf_reader_find_type(l->r, &type)));
	return pointer->kind == TYPE_POINTER ? type_table_peel(t, pointer->target) : TYPE_NONE;
}

static void find_base(struct site_look *l, const struct locals_code *base)
{
	l->base_register = UINT32_MAX;
	l->base_off = 0;
	if (base->n != 1)
		return;
	if (base->ops[0].atom == DW_OP_call_frame_cfa) {
		l->base_register = RBP;
		l->base_off = CFA_ABOVE_RBP;
	} else if (!locals_expression_register(base, &l->base_register)) {
		l->base_register = UINT32_MAX;
	}
}

void site_look_begin(struct site_look *l, struct dwarf_reader *r, const struct locals_pc *pc,
		     Dwarf_Die *function)
{
	const struct space *space = r->search->in.space;
	uint8_t code[SITE_CODE];
	size_t n = 0;

	*l = (struct site_look){.r = r, .sites = r->search->in.sites};
	l->call = &l->sites->calls.v[pc->call];
	l->back = l->call->back - r->bias;
	if (space->parts->machine == MACHINE_X86_64)
		n = space_read(space, l->call->back, code, sizeof(code));
	site_types_decode(code, n, &l->flow);
	find_base(l, &pc->base);
	l->call->passes = l->flow.returns || target_of(l, function) == TYPE_VOID;
}

/* Whether the place is a slot that has the result at the step. */
static bool is_slot(const struct site_look *l, const struct locals_code *code, uint32_t step)
{
	const Dwarf_Op *op = &code->ops[0];
	uint32_t base = l->base_register;
	uint64_t disp = op->number + (uint64_t)l->base_off;

	if (code->n != 1 ||
	    (op->atom != DW_OP_fbreg && (op->atom < DW_OP_breg0 || op->atom > DW_OP_breg31)))
		return false;
	if (op->atom != DW_OP_fbreg) {
		base = op->atom - DW_OP_breg0;
		disp = op->number;
	}
	for (uint8_t i = 0; i < l->flow.n_slots; i++)
		if (l->flow.slots[i].base == base && l->flow.slots[i].from <= step &&
		    (base != RBP || l->flow.slots[i].disp < 0) &&
		    (uint64_t)(int64_t)l->flow.slots[i].disp == disp)
			return true;
	return false;
}

/* A place for all of a scope: that what it had before is in the result's own register is no assignment. */
static bool has_result(const struct site_look *l, const struct locals_code *code)
{
	uint32_t number, registers = 0;

	for (uint8_t i = 1; i < l->flow.n_steps; i++)
		registers |= l->flow.steps[i].registers;
	if (locals_expression_register(code, &number))
		return number && number < 32 && registers >> number & 1;
	return is_slot(l, code, SITE_STEPS);
}

static bool has_result_in(const struct site_look *l, const struct locals_code *code,
			  Dwarf_Addr start, Dwarf_Addr end)
{
	uint32_t number;
	bool is_register = locals_expression_register(code, &number);

	for (uint8_t i = 0; i < l->flow.n_steps; i++) {
		const struct site_step *step = &l->flow.steps[i];
		Dwarf_Addr at = l->back + step->off;

		if (at < start || at >= end)
			continue;
		if (is_register ? number < 32 && step->registers >> number & 1
				: is_slot(l, code, i))
			return true;
	}
	return false;
}

static bool is_assigned(struct site_look *l, Dwarf_Die *die)
{
	struct locals_code code = {0};
	Dwarf_Addr base, start, end;
	ptrdiff_t at = 0;

	if (!dwarf_attr_integrate(die, DW_AT_location, &code.attr))
		return false;
	while ((at = dwarf_getlocations(&code.attr, at, &base, &start, &end, &code.ops, &code.n)) >
		       0 &&
	       site_look_spend(l)) {
		bool is_whole = start == 0 && end == (Dwarf_Addr)-1;

		if (code.n &&
		    (is_whole ? has_result(l, &code) : has_result_in(l, &code, start, end)))
			return true;
	}
	return false;
}

void site_look_at(struct site_look *l, Dwarf_Die *die)
{
	type_id type = target_of(l, die);
	struct site_call *call = l->call;
	uint64_t size;

	if (type == TYPE_NONE || !type_table_size(l->r->table, type, &size) || !size ||
	    call->n == SITE_CHOICES || !is_assigned(l, die))
		return;
	for (uint8_t i = 0; i < call->n; i++)
		if (call->types[i] == type)
			return;
	call->types[call->n++] = type;
}
