/*
 * Operations of DWARF expressions that take something from without: constants, the frame's registers,
 * the memory, the caller (DWARF 5 §2.5.1.1 to 2.5.1.3, 2.5.1.7).
 *
 * Values have a type where the compiler says so (DW_OP_convert and its kin): integers of up to 8 bytes,
 * kept extended to 64 bits. Floating point is not computed.
 */
#include <string.h>

#include "analyze/types/locals_machine.h"

static enum outcome push(struct stack_machine *m, uint64_t v)
{
	if (m->n == LOCALS_STACK)
		return FAILED;
	m->stack[m->n++] = (struct number){.v = v};
	return DONE;
}

/* The type of an operand: false for one that is no integer of up to 8 bytes. No DIE: no type. */
bool locals_operands_type(const struct stack_machine *m, const Dwarf_Op *op, struct number *x)
{
	Dwarf_Attribute attr;
	Dwarf_Word size, encoding;
	Dwarf_Die die;

	x->size = 0;
	x->is_signed = false;
	if ((op->atom == DW_OP_convert || op->atom == DW_OP_GNU_convert ||
	     op->atom == DW_OP_reinterpret || op->atom == DW_OP_GNU_reinterpret) &&
	    !op->number)
		return true;
	if (dwarf_getlocation_die((Dwarf_Attribute *)&m->code->attr, op, &die) ||
	    dwarf_formudata(dwarf_attr(&die, DW_AT_byte_size, &attr), &size) || !size || size > 8 ||
	    dwarf_formudata(dwarf_attr(&die, DW_AT_encoding, &attr), &encoding) ||
	    encoding == DW_ATE_float || encoding == DW_ATE_complex_float)
		return false;
	x->size = (uint8_t)size;
	x->is_signed = encoding == DW_ATE_signed || encoding == DW_ATE_signed_char;
	return true;
}

bool locals_operands_value(const struct locals_context *c, uint64_t number, uint64_t *v)
{
	return number < 32 && frames_register(c->search->in.frames, c->frame, (uint32_t)number, v);
}

enum outcome locals_operands_push(struct stack_machine *m, struct number x)
{
	enum outcome o = push(m, 0);

	if (o == DONE)
		m->stack[m->n - 1] = locals_arithmetic_extend(x);
	return o;
}

/* A constant with its type. */
static enum outcome push_const_type(struct stack_machine *m, const Dwarf_Op *op)
{
	struct number x = {0};
	Dwarf_Attribute attr;
	Dwarf_Block block;

	if (!locals_operands_type(m, op, &x) ||
	    dwarf_getlocation_attr((Dwarf_Attribute *)&m->code->attr, op, &attr) ||
	    dwarf_formblock(&attr, &block) || block.length > sizeof(x.v))
		return FAILED;
	memcpy(&x.v, block.data, block.length);
	return locals_operands_push(m, x);
}

static enum outcome push_indexed(struct stack_machine *m, const Dwarf_Op *op, bool is_address)
{
	Dwarf_Attribute attr;
	Dwarf_Addr addr;
	Dwarf_Word word;

	if (dwarf_getlocation_attr((Dwarf_Attribute *)&m->code->attr, op, &attr))
		return FAILED;
	if (is_address)
		return dwarf_formaddr(&attr, &addr) ? FAILED : push(m, addr + m->c->function->bias);
	return dwarf_formudata(&attr, &word) ? FAILED : push(m, word);
}

enum outcome locals_operands_constant(struct stack_machine *m, const Dwarf_Op *op)
{
	if (op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31)
		return push(m, op->atom - DW_OP_lit0);
	switch (op->atom) {
	case DW_OP_addr:
		return push(m, op->number + m->c->function->bias);
	case DW_OP_addrx:
	case DW_OP_GNU_addr_index:
		return push_indexed(m, op, true);
	case DW_OP_constx:
	case DW_OP_GNU_const_index:
		return push_indexed(m, op, false);
	case DW_OP_const1u:
	case DW_OP_const1s:
	case DW_OP_const2u:
	case DW_OP_const2s:
	case DW_OP_const4u:
	case DW_OP_const4s:
	case DW_OP_const8u:
	case DW_OP_const8s:
	case DW_OP_constu:
	case DW_OP_consts:
		return push(m, op->number);
	case DW_OP_const_type:
	case DW_OP_GNU_const_type:
		return push_const_type(m, op);
	default:
		return NOT_MINE;
	}
}

/* The frame base is an expression of its own, which cannot be relative to itself. */
static enum outcome push_frame_base(struct stack_machine *m, uint64_t off)
{
	struct locals_context c = *m->c;
	uint64_t base;

	if (m->code == &c.pc->base || !locals_expression_number(&c, &c.pc->base, &base))
		return FAILED;
	return push(m, base + off);
}

static enum outcome push_entry_value(struct stack_machine *m, const Dwarf_Op *op)
{
	struct locals_code inner;
	uint32_t number;
	uint64_t v;

	if (dwarf_getlocation_attr((Dwarf_Attribute *)&m->code->attr, op, &inner.attr) ||
	    dwarf_getlocation(&inner.attr, &inner.ops, &inner.n) ||
	    !locals_expression_register(&inner, &number) || !locals_entry_value(m->c, number, &v))
		return FAILED;
	*m->c->doubt |= LOCAL_OF_CALLER;
	return push(m, v);
}

static enum outcome push_argument(struct stack_machine *m, const Dwarf_Op *op)
{
	Dwarf_Die parameter;
	uint64_t v;

	if (dwarf_getlocation_die((Dwarf_Attribute *)&m->code->attr, op, &parameter) ||
	    !locals_entry_argument(m->c, &parameter, &v))
		return FAILED;
	*m->c->doubt |= LOCAL_OF_CALLER;
	return push(m, v);
}

enum outcome locals_operands_register(struct stack_machine *m, const Dwarf_Op *op)
{
	struct number x;
	uint64_t v;

	if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31)
		return locals_operands_value(m->c, op->atom - DW_OP_breg0, &v)
			       ? push(m, v + op->number)
			       : FAILED;
	switch (op->atom) {
	case DW_OP_bregx:
		return locals_operands_value(m->c, op->number, &v) ? push(m, v + op->number2)
								   : FAILED;
	case DW_OP_regval_type:
	case DW_OP_GNU_regval_type:
		if (!locals_operands_value(m->c, op->number, &v) ||
		    !locals_operands_type(m, op, &x))
			return FAILED;
		x.v = v;
		return locals_operands_push(m, x);
	case DW_OP_fbreg:
		return push_frame_base(m, op->number);
	case DW_OP_call_frame_cfa:
		return frames_cfa(m->c->search->in.frames, m->c->frame,
				  m->c->search->in.space->parts, &v)
			       ? push(m, v)
			       : FAILED;
	case DW_OP_entry_value:
	case DW_OP_GNU_entry_value:
		return push_entry_value(m, op);
	case DW_OP_GNU_parameter_ref:
		return push_argument(m, op);
	default:
		return NOT_MINE;
	}
}

/* The thread's own copy of a thread-local, by its offset in the module's block. */
static enum outcome do_tls(struct stack_machine *m)
{
	const struct locals_input *in = &m->c->search->in;
	const struct thread *t;

	if (!m->n || !in->threads)
		return FAILED;
	t = &in->threads->list.v[in->frames->list.v[m->c->frame].thread];
	for (size_t i = 0; i < t->tls.n; i++)
		if (t->tls.v[i].module == m->c->function->module &&
		    m->stack[m->n - 1].v < range_size(t->tls.v[i].at)) {
			m->stack[m->n - 1].v += t->tls.v[i].at.lo;
			return DONE;
		}
	return FAILED;
}

enum outcome locals_operands_memory(struct stack_machine *m, const Dwarf_Op *op)
{
	struct number x = {.size = sizeof(x.v)};
	struct number *top = m->n ? &m->stack[m->n - 1] : NULL;
	bool is_typed = op->atom == DW_OP_deref_type || op->atom == DW_OP_GNU_deref_type;

	switch (op->atom) {
	case DW_OP_form_tls_address:
	case DW_OP_GNU_push_tls_address:
		return do_tls(m);
	case DW_OP_deref:
		break;
	case DW_OP_deref_size:
	case DW_OP_deref_type:
	case DW_OP_GNU_deref_type:
		if (op->number < 1 || op->number > sizeof(x.v) ||
		    (is_typed && !locals_operands_type(m, op, &x)))
			return FAILED;
		x.size = (uint8_t)op->number;
		break;
	default:
		return NOT_MINE;
	}
	x.v = 0;
	if (!top || space_read(m->c->search->in.space, top->v, &x.v, x.size) < x.size)
		return FAILED;
	x = locals_arithmetic_extend(x);
	if (!is_typed)
		x.size = 0;
	*top = x;
	return DONE;
}
