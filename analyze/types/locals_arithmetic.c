/*
 * Operations of DWARF expressions on what is on the stack (DWARF 5 §2.5.1.3 to 2.5.1.5). Numbers without
 * a type are as wide as an address, compared and divided as signed ones, §2.5.1.5.
 */
#include "analyze/types/locals_machine.h"

struct number locals_arithmetic_extend(struct number x)
{
	unsigned unused = x.size ? 64 - 8 * x.size : 0;

	if (unused && x.is_signed)
		x.v = (uint64_t)((int64_t)(x.v << unused) >> unused);
	else if (unused)
		x.v = x.v << unused >> unused;
	return x;
}

enum outcome locals_arithmetic_stack(struct stack_machine *m, const Dwarf_Op *op)
{
	uint64_t depth = op->atom == DW_OP_over ? 1 : op->atom == DW_OP_pick ? op->number : 0;
	struct number *top = m->n ? &m->stack[m->n - 1] : NULL, x;

	switch (op->atom) {
	case DW_OP_dup:
	case DW_OP_over:
	case DW_OP_pick:
		return depth < m->n ? locals_operands_push(m, top[-(ptrdiff_t)depth]) : FAILED;
	case DW_OP_drop:
		return m->n-- ? DONE : FAILED;
	case DW_OP_swap:
	case DW_OP_rot:
		if (m->n < 2 || (op->atom == DW_OP_rot && m->n < 3))
			return FAILED;
		x = *top;
		top[0] = top[-1];
		top[-1] = op->atom == DW_OP_rot ? top[-2] : x;
		if (op->atom == DW_OP_rot)
			top[-2] = x;
		return DONE;
	case DW_OP_nop:
		return DONE;
	default:
		return NOT_MINE;
	}
}

enum outcome locals_arithmetic_unary(struct stack_machine *m, const Dwarf_Op *op)
{
	struct number *top = m->n ? &m->stack[m->n - 1] : NULL, to = {0};

	switch (op->atom) {
	case DW_OP_abs:
	case DW_OP_neg:
	case DW_OP_not:
	case DW_OP_plus_uconst:
	case DW_OP_convert:
	case DW_OP_GNU_convert:
	case DW_OP_reinterpret:
	case DW_OP_GNU_reinterpret:
		break;
	default:
		return NOT_MINE;
	}
	if (!top)
		return FAILED;
	if (op->atom == DW_OP_plus_uconst)
		top->v += op->number;
	else if (op->atom == DW_OP_not)
		top->v = ~top->v;
	else if (op->atom == DW_OP_neg || (op->atom == DW_OP_abs && (int64_t)top->v < 0))
		top->v = -top->v;
	else if (op->atom != DW_OP_abs) {
		if (!locals_operands_type(m, op, &to))
			return FAILED;
		to.v = top->v;
		*top = to;
	}
	*top = locals_arithmetic_extend(*top);
	return DONE;
}

static bool is_less(const struct number *a, uint64_t b)
{
	/* without a type: signed, DWARF 5 §2.5.1.5 */
	return !a->size || a->is_signed ? (int64_t)a->v < (int64_t)b : a->v < b;
}

static enum outcome divide(struct number *a, uint64_t b, bool rest)
{
	bool is_signed = a->size ? a->is_signed : !rest;

	if (!b || (is_signed && b == UINT64_MAX && a->v == 1ull << 63))
		return FAILED;
	if (is_signed)
		a->v = (uint64_t)(rest ? (int64_t)a->v % (int64_t)b : (int64_t)a->v / (int64_t)b);
	else
		a->v = rest ? a->v % b : a->v / b;
	return DONE;
}

/* Shifts by as much as there are bits, or more, leave none. */
static uint64_t shifted(struct number a, int atom, uint64_t by)
{
	unsigned unused = a.size ? 64 - 8 * a.size : 0;

	if (atom == DW_OP_shra)
		return (uint64_t)((int64_t)a.v >> (by > 63 ? 63 : by));
	if (by > 63)
		return 0;
	return atom == DW_OP_shl ? a.v << by : (a.v << unused >> unused) >> by;
}

static bool compares(int atom, const struct number *a, uint64_t b)
{
	switch (atom) {
	case DW_OP_eq:
		return a->v == b;
	case DW_OP_ne:
		return a->v != b;
	case DW_OP_lt:
		return is_less(a, b);
	case DW_OP_ge:
		return !is_less(a, b);
	case DW_OP_gt:
		return a->v != b && !is_less(a, b);
	default:
		return a->v == b || is_less(a, b);
	}
}

static enum outcome combine(struct number *a, int atom, uint64_t b)
{
	switch (atom) {
	case DW_OP_and:
		a->v &= b;
		return DONE;
	case DW_OP_or:
		a->v |= b;
		return DONE;
	case DW_OP_xor:
		a->v ^= b;
		return DONE;
	case DW_OP_plus:
		a->v += b;
		return DONE;
	case DW_OP_minus:
		a->v -= b;
		return DONE;
	case DW_OP_mul:
		a->v *= b;
		return DONE;
	case DW_OP_div:
	case DW_OP_mod:
		return divide(a, b, atom == DW_OP_mod);
	case DW_OP_shl:
	case DW_OP_shr:
	case DW_OP_shra:
		a->v = shifted(*a, atom, b);
		return DONE;
	case DW_OP_eq:
	case DW_OP_ge:
	case DW_OP_gt:
	case DW_OP_le:
	case DW_OP_lt:
	case DW_OP_ne:
		*a = (struct number){.v = compares(atom, a, b)};
		return DONE;
	default:
		return NOT_MINE;
	}
}

enum outcome locals_arithmetic_binary(struct stack_machine *m, const Dwarf_Op *op)
{
	struct number a = m->n >= 2 ? m->stack[m->n - 2] : (struct number){0};
	uint64_t b = m->n >= 2 ? m->stack[m->n - 1].v : 1;
	enum outcome o = combine(&a, op->atom, b);

	if (o == DONE && m->n < 2)
		return FAILED;
	if (o == DONE)
		m->stack[--m->n - 1] = locals_arithmetic_extend(a);
	return o;
}
