/*
 * The programs of unwind tables (DWARF standard, 6.4.2), run up to one place, and what they leave as a rule.
 *
 * Of all the registers only three matter: how the CFA is computed, where rbp was saved, where the return address is.
 * An expression is evaluated with symbols: a value is a number, or register + number, or the word at it. That is
 * enough for the lazy-binding stubs (rsp + 8, + 8 more behind the push: the place itself decides), for realigned stacks
 * and for the trampoline of signals; what else there is, is COMPLEX.
 *
 * Limits: x86-64's register numbers; states are remembered four deep (gcc and clang need one).
 */
#include "dump/unwind_cfi.h"

#include <stddef.h>

enum { REG_RBP = 6, REG_RSP = 7, REG_RIP = 16 };

enum { STATES = 4, VALUES = 6, UCONTEXT_RSP = 160 };

enum how {
	SAME,	      /* unchanged */
	AT_CFA,	      /* saved at cfa + off */
	AT_EXPR,      /* saved where an expression says */
	BY_REG,	      /* (cfa) register + off */
	BY_EXPR,      /* (cfa) the value of an expression */
	UNDEFINED,    /* lost */
	SOMEHOW_ELSE, /* in a register, or computed */
};

struct place {
	enum how how;
	uint32_t reg;
	int64_t off;  /* or where the expression is */
	uint64_t end; /* of the expression */
};

struct row {
	struct place cfa, rbp, ra;
};

struct run {
	struct cursor c;
	const struct hd_cie *cie;
	uint64_t loc, at;
	struct row row, first, kept[STATES];
	unsigned n_kept;
};

/* A symbolic value. */
struct value {
	uint32_t reg; /* 0: none */
	bool deref;
	int64_t n;
};

enum {
	OP_DEREF = 0x06,
	OP_CONST1U = 0x08,
	OP_CONST1S = 0x09,
	OP_AND = 0x1a,
	OP_MINUS = 0x1c,
	OP_PLUS = 0x22,
	OP_PLUS_UCONST = 0x23,
	OP_SHL = 0x24,
	OP_GE = 0x2a,
	OP_LIT0 = 0x30,
	OP_LIT31 = 0x4f,
	OP_BREG0 = 0x70,
	OP_BREG31 = 0x8f,
};

/* Pushes what op names. False: op is not of those. */
static bool push_value(struct cursor *c, uint8_t op, uint64_t at, struct value *v)
{
	*v = (struct value){0};
	if (op >= OP_LIT0 && op <= OP_LIT31) {
		v->n = op - OP_LIT0;
	} else if (op == OP_CONST1U) {
		v->n = cursor_u8(c);
	} else if (op == OP_CONST1S) {
		v->n = (int8_t)cursor_u8(c);
	} else if (op >= OP_BREG0 && op <= OP_BREG31) {
		v->reg = op - OP_BREG0;
		v->n = hd_cfi_sleb(c);
		if (v->reg == REG_RIP) {
			v->reg = 0;
			v->n = (int64_t)((uint64_t)v->n + at);
		} else if (v->reg != REG_RBP && v->reg != REG_RSP) {
			c->bad = true;
		}
	} else {
		return false;
	}
	return true;
}

/* a = a op b, where at most a sum may have a register in it. */
static bool combine(uint8_t op, struct value *a, const struct value *b)
{
	if (op == OP_PLUS && !a->deref && !b->deref && !(a->reg && b->reg)) {
		a->reg |= b->reg;
		a->n = (int64_t)((uint64_t)a->n + (uint64_t)b->n);
		return true;
	}
	if (a->deref || b->deref || a->reg || b->reg)
		return false;
	switch (op) {
	case OP_AND:
		a->n &= b->n;
		return true;
	case OP_GE:
		a->n = a->n >= b->n;
		return true;
	case OP_SHL:
		a->n = b->n >= 0 && b->n < 64 ? (int64_t)((uint64_t)a->n << b->n) : 0;
		return true;
	case OP_MINUS:
		a->n = (int64_t)((uint64_t)a->n - (uint64_t)b->n);
		return true;
	}
	return false;
}

/* What an expression amounts to. False: more than we follow. */
static bool evaluate(const struct hd_cfi *cfi, const struct place *p, uint64_t at,
		     struct value *out)
{
	struct cursor c = cursor_at(cfi->bytes, p->end, (uint64_t)p->off);
	struct value stack[VALUES];
	unsigned n = 0;

	while (cursor_left(&c) && !c.bad) {
		uint8_t op = cursor_u8(&c);

		if (n < VALUES && push_value(&c, op, at, &stack[n])) {
			n++;
		} else if (op == OP_DEREF && n && stack[n - 1].reg && !stack[n - 1].deref) {
			stack[n - 1].deref = true;
		} else if (op == OP_PLUS_UCONST && n && !stack[n - 1].deref) {
			stack[n - 1].n = (int64_t)((uint64_t)stack[n - 1].n + hd_cfi_uleb(&c));
		} else if (n >= 2 && combine(op, &stack[n - 2], &stack[n - 1])) {
			n--;
		} else {
			return false;
		}
	}
	if (c.bad || n != 1)
		return false;
	*out = stack[0];
	return true;
}

/* Where a register's rule is kept; NULL for those that do not matter. */
static struct place *place_of(struct row *row, uint64_t reg)
{
	return reg == REG_RBP ? &row->rbp : reg == REG_RIP ? &row->ra : NULL;
}

static void set(struct run *r, uint64_t reg, enum how how, int64_t off)
{
	struct place *p = place_of(&r->row, reg);

	if (p)
		*p = (struct place){.how = how, .off = off};
}

static void restore(struct run *r, uint64_t reg)
{
	struct place *p = place_of(&r->row, reg);

	if (p)
		*p = *place_of(&r->first, reg);
}

/* The expression under the cursor, which is stepped over. */
static struct place expression(struct run *r, enum how how)
{
	uint64_t size = hd_cfi_uleb(&r->c);
	struct place p = {.how = how, .off = (int64_t)r->c.off};

	cursor_take(&r->c, size);
	p.end = r->c.off;
	return p;
}

static int64_t scaled(const struct run *r, uint64_t factored)
{
	return (int64_t)(factored * (uint64_t)r->cie->data_align);
}

enum {
	CFA_NOP,
	CFA_SET_LOC,
	CFA_ADVANCE1,
	CFA_ADVANCE2,
	CFA_ADVANCE4,
	CFA_OFFSET_EXTENDED,
	CFA_RESTORE_EXTENDED,
	CFA_UNDEFINED,
	CFA_SAME_VALUE,
	CFA_REGISTER,
	CFA_REMEMBER,
	CFA_RESTORE_STATE,
	CFA_DEF_CFA,
	CFA_DEF_CFA_REGISTER,
	CFA_DEF_CFA_OFFSET,
	CFA_DEF_CFA_EXPRESSION,
	CFA_EXPRESSION,
	CFA_OFFSET_EXTENDED_SF,
	CFA_DEF_CFA_SF,
	CFA_DEF_CFA_OFFSET_SF,
	CFA_VAL_OFFSET,
	CFA_VAL_OFFSET_SF,
	CFA_VAL_EXPRESSION,
	CFA_GNU_ARGS_SIZE = 0x2e,
	CFA_GNU_NEGATIVE_OFFSET_EXTENDED = 0x2f,

	CFA_ADVANCE = 0x40, /* these three have an operand in their low six bits */
	CFA_OFFSET = 0x80,
	CFA_RESTORE = 0xc0,
};

/* Instructions that set the CFA. False: op is not of those. */
static bool step_cfa(struct run *r, uint8_t op)
{
	struct place *cfa = &r->row.cfa;

	switch (op) {
	case CFA_DEF_CFA:
	case CFA_DEF_CFA_SF:
		*cfa = (struct place){.how = BY_REG, .reg = (uint32_t)hd_cfi_uleb(&r->c)};
		cfa->off = op == CFA_DEF_CFA ? (int64_t)hd_cfi_uleb(&r->c)
					     : scaled(r, (uint64_t)hd_cfi_sleb(&r->c));
		return true;
	case CFA_DEF_CFA_REGISTER:
		cfa->reg = (uint32_t)hd_cfi_uleb(&r->c);
		return true;
	case CFA_DEF_CFA_OFFSET:
		cfa->off = (int64_t)hd_cfi_uleb(&r->c);
		return true;
	case CFA_DEF_CFA_OFFSET_SF:
		cfa->off = scaled(r, (uint64_t)hd_cfi_sleb(&r->c));
		return true;
	case CFA_DEF_CFA_EXPRESSION:
		*cfa = expression(r, BY_EXPR);
		return true;
	}
	return false;
}

/* Instructions that say where a register was saved. */
static bool step_saved(struct run *r, uint8_t op)
{
	struct place *p;
	uint64_t reg;

	if (op < CFA_OFFSET_EXTENDED || op == CFA_REMEMBER || op == CFA_RESTORE_STATE ||
	    (op > CFA_VAL_EXPRESSION && op != CFA_GNU_NEGATIVE_OFFSET_EXTENDED))
		return false;
	reg = hd_cfi_uleb(&r->c);
	switch (op) {
	case CFA_OFFSET_EXTENDED:
		set(r, reg, AT_CFA, scaled(r, hd_cfi_uleb(&r->c)));
		break;
	case CFA_OFFSET_EXTENDED_SF:
		set(r, reg, AT_CFA, scaled(r, (uint64_t)hd_cfi_sleb(&r->c)));
		break;
	case CFA_GNU_NEGATIVE_OFFSET_EXTENDED:
		set(r, reg, AT_CFA, scaled(r, -hd_cfi_uleb(&r->c)));
		break;
	case CFA_RESTORE_EXTENDED:
		restore(r, reg);
		break;
	case CFA_UNDEFINED:
		set(r, reg, UNDEFINED, 0);
		break;
	case CFA_SAME_VALUE:
		set(r, reg, SAME, 0);
		break;
	case CFA_EXPRESSION:
	case CFA_VAL_EXPRESSION:
		p = place_of(&r->row, reg);
		if (p)
			*p = expression(r, op == CFA_EXPRESSION ? AT_EXPR : SOMEHOW_ELSE);
		else
			expression(r, SAME);
		break;
	default: /* in a register, or a computed value */
		hd_cfi_uleb(&r->c);
		set(r, reg, SOMEHOW_ELSE, 0);
	}
	return true;
}

static void advance(struct run *r, uint64_t factored)
{
	r->loc += factored * r->cie->code_align;
}

/* The rest. An unknown instruction makes the cursor bad: what follows cannot be read. */
static void step_other(const struct hd_cfi *cfi, struct run *r, uint8_t op)
{
	switch (op) {
	case CFA_NOP:
		return;
	case CFA_SET_LOC:
		r->loc = hd_cfi_pointer(cfi, &r->c, r->cie->pointers);
		return;
	case CFA_ADVANCE1:
		advance(r, cursor_u8(&r->c));
		return;
	case CFA_ADVANCE2:
		advance(r, cursor_u16(&r->c));
		return;
	case CFA_ADVANCE4:
		advance(r, cursor_u32(&r->c));
		return;
	case CFA_GNU_ARGS_SIZE:
		hd_cfi_uleb(&r->c);
		return;
	case CFA_REMEMBER:
		if (r->n_kept < STATES) {
			r->kept[r->n_kept++] = r->row;
			return;
		}
		break;
	case CFA_RESTORE_STATE:
		if (r->n_kept) {
			r->row = r->kept[--r->n_kept];
			return;
		}
		break;
	}
	r->c.bad = true;
}

/* Runs one program until it is behind the place. False: damaged, or not understood. */
static bool run_program(const struct hd_cfi *cfi, struct run *r, uint64_t program, uint64_t end)
{
	r->c = cursor_at(cfi->bytes, end, program);
	while (cursor_left(&r->c) && r->loc <= r->at && !r->c.bad) {
		uint8_t op = cursor_u8(&r->c), low = op & 0x3f;

		if ((op & 0xc0) == CFA_ADVANCE)
			advance(r, low);
		else if ((op & 0xc0) == CFA_OFFSET)
			set(r, low, AT_CFA, scaled(r, hd_cfi_uleb(&r->c)));
		else if ((op & 0xc0) == CFA_RESTORE)
			restore(r, low);
		else if (!step_cfa(r, op) && !step_saved(r, op))
			step_other(cfi, r, op);
	}
	return !r->c.bad;
}

static bool fits(int64_t off)
{
	return off >= INT32_MIN && off <= INT32_MAX;
}

/* gcc's realigned stack: the old rsp is kept in the frame, and rbp is saved beside it. */
static bool realigned(const struct hd_cfi *cfi, const struct row *row, const struct value *cfa,
		      uint64_t at, struct hd_rule *rule)
{
	struct value rbp;

	if (cfa->reg != REG_RBP || !cfa->deref || row->rbp.how != AT_EXPR ||
	    !evaluate(cfi, &row->rbp, at, &rbp) || rbp.reg != REG_RBP || rbp.deref || !fits(rbp.n))
		return false;
	*rule = (struct hd_rule){HD_RULE_FP_DEREF, (int32_t)cfa->n, (int32_t)rbp.n};
	return true;
}

static bool to_rule(const struct hd_cfi *cfi, const struct hd_fde *fde, const struct row *row,
		    uint64_t at, struct hd_rule *rule)
{
	struct value cfa = {.reg = row->cfa.reg, .n = row->cfa.off};

	if (row->cfa.how == BY_EXPR && !evaluate(cfi, &row->cfa, at, &cfa))
		return false;
	if (!fits(cfa.n) || (cfa.reg != REG_RSP && cfa.reg != REG_RBP))
		return false;
	if (fde->cie.signal) {
		rule->kind = HD_RULE_SIGNAL;
		return cfa.reg == REG_RSP && cfa.deref && cfa.n == UCONTEXT_RSP;
	}
	if (row->ra.how != AT_CFA || row->ra.off != -8)
		return false;
	if (cfa.deref)
		return realigned(cfi, row, &cfa, at, rule);
	if (row->rbp.how != SAME &&
	    (row->rbp.how != AT_CFA || !row->rbp.off || !fits(row->rbp.off)))
		return false;
	rule->kind = cfa.reg == REG_RSP ? HD_RULE_SP : HD_RULE_FP;
	rule->cfa_off = (int32_t)cfa.n;
	rule->fp_off = row->rbp.how == SAME ? 0 : (int32_t)row->rbp.off;
	return true;
}

void hd_cfi_run(const struct hd_cfi *cfi, const struct hd_fde *fde, uint64_t at,
		struct hd_rule *rule)
{
	struct run r = {.cie = &fde->cie, .loc = fde->start, .at = at};
	bool ok;

	ok = run_program(cfi, &r, fde->cie.program, fde->cie.end);
	r.first = r.row;
	ok = ok && run_program(cfi, &r, fde->program, fde->end);
	if (ok && r.row.ra.how == UNDEFINED)
		*rule = (struct hd_rule){.kind = HD_RULE_END};
	else if (!ok || !to_rule(cfi, fde, &r.row, at, rule))
		*rule = (struct hd_rule){.kind = HD_RULE_COMPLEX};
}
