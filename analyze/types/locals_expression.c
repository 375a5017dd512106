/*
 * DWARF expressions (DWARF 5 §2.5, §2.6) over the registers and the memory of one frame. A stack
 * machine with a bound on steps and depth; what it cannot have (a register that was not kept, memory
 * that was not dumped, an operation of no use here) ends it: the value is not known.
 *
 * What is behind the last simple location is its kind:
 *
 *	reg            in that register
 *	stack_value    the top of the stack is the value
 *	implicit_value the bytes stand in the expression
 *	else           the top of the stack is the address
 *	piece          and this was one part of several
 */
#include "analyze/types/locals_machine.h"

/* Where a jump goes: from behind its two bytes of operand. */
static enum outcome do_jump(struct stack_machine *m, const Dwarf_Op *op)
{
	uint64_t to = op->offset + 3 + (uint64_t)(int16_t)op->number;

	if (op->atom != DW_OP_skip && op->atom != DW_OP_bra)
		return NOT_MINE;
	if (op->atom == DW_OP_bra) {
		if (!m->n)
			return FAILED;
		if (!m->stack[--m->n].v)
			return DONE;
	}
	for (m->at = 0; m->at < m->code->n; m->at++)
		if (m->code->ops[m->at].offset == to)
			return DONE;
	return FAILED;
}

static enum outcome step(struct stack_machine *m, const Dwarf_Op *op)
{
	static enum outcome (*const groups[])(struct stack_machine *,
					      const Dwarf_Op *) = {locals_operands_constant,
								   locals_operands_register,
								   locals_operands_memory,
								   locals_arithmetic_stack,
								   locals_arithmetic_unary,
								   locals_arithmetic_binary,
								   do_jump};

	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		enum outcome o = groups[i](m, op);

		if (o != NOT_MINE)
			return o;
	}
	return NOT_MINE;
}

static bool is_register(const Dwarf_Op *op, uint64_t *number)
{
	if (op->atom == DW_OP_regx)
		*number = op->number;
	else if (op->atom >= DW_OP_reg0 && op->atom <= DW_OP_reg31)
		*number = op->atom - DW_OP_reg0;
	else
		return false;
	return true;
}

/* What a simple location ends with, beside an address. */
static enum outcome end_part(struct stack_machine *m, const Dwarf_Op *op, struct locals_part *p)
{
	Dwarf_Block block;

	if (is_register(op, &p->number)) {
		p->kind = PART_REGISTER;
		return DONE;
	}
	if (op->atom == DW_OP_stack_value) {
		if (!m->n)
			return FAILED;
		p->kind = PART_VALUE;
		p->number = m->stack[--m->n].v;
		return DONE;
	}
	if (op->atom != DW_OP_implicit_value)
		return NOT_MINE;
	if (dwarf_getlocation_implicit_value((Dwarf_Attribute *)&m->code->attr, op, &block))
		return FAILED;
	p->kind = PART_BYTES;
	p->bytes = block.data;
	p->n_bytes = block.length;
	return DONE;
}

static bool is_piece(const Dwarf_Op *op)
{
	return op->atom == DW_OP_piece || op->atom == DW_OP_bit_piece;
}

/* The size that a piece states; a piece without a location before it is optimised out. */
static bool close_piece(struct stack_machine *m, const Dwarf_Op *op, struct locals_part *p)
{
	p->size = op->number;
	if (op->atom == DW_OP_bit_piece) {
		p->size = op->number / 8;
		if (op->number % 8 || op->number2)
			return false;
	}
	if (p->kind == PART_NONE && m->n) {
		p->kind = PART_MEMORY;
		p->number = m->stack[m->n - 1].v;
	}
	m->n = 0;
	return p->size > 0;
}

/* One part of several cannot be told: on with the next, if there is one. */
static bool skip_part(struct stack_machine *m, struct locals_part *p)
{
	*p = (struct locals_part){PART_NONE};
	m->n = 0;
	for (; m->at < m->code->n; m->at++)
		if (is_piece(&m->code->ops[m->at]))
			return true;
	return false;
}

size_t locals_expression_place(const struct locals_context *c, const struct locals_code *code,
			       struct locals_part *out, size_t max)
{
	struct stack_machine m = {.c = c, .code = code};
	struct locals_part now = {PART_NONE};
	size_t n = 0;

	while (m.at < code->n) {
		const Dwarf_Op *op = &code->ops[m.at++];
		enum outcome o;

		if (!*c->steps_left || !--*c->steps_left || n == max)
			return 0;
		if (is_piece(op)) {
			if (!close_piece(&m, op, &now))
				return 0;
			out[n++] = now;
			now = (struct locals_part){PART_NONE};
			continue;
		}
		if (op->atom == DW_OP_GNU_uninit) {
			*c->doubt |= LOCAL_UNINITIALISED;
			continue;
		}
		/* nothing but a piece follows what ends a location */
		o = now.kind == PART_NONE ? end_part(&m, op, &now) : FAILED;
		if (o == NOT_MINE)
			o = step(&m, op);
		if (o != DONE && !skip_part(&m, &now))
			return 0;
	}
	if (n)
		return n;
	if (now.kind == PART_NONE && m.n) {
		now.kind = PART_MEMORY;
		now.number = m.stack[m.n - 1].v;
	}
	if (now.kind != PART_NONE)
		out[n++] = now;
	return n;
}

bool locals_expression_number(const struct locals_context *c, const struct locals_code *code,
			      uint64_t *out)
{
	struct locals_part p;

	if (locals_expression_place(c, code, &p, 1) != 1 || p.size)
		return false;
	*out = p.number;
	if (p.kind == PART_REGISTER)
		return locals_operands_value(c, p.number, out);
	return p.kind == PART_MEMORY || p.kind == PART_VALUE;
}

bool locals_expression_register(const struct locals_code *code, uint32_t *number)
{
	uint64_t v;

	if (code->n != 1 || !is_register(&code->ops[0], &v) || v > UINT32_MAX)
		return false;
	*number = (uint32_t)v;
	return true;
}
