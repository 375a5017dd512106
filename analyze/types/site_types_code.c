/*
 * A decoder of the instructions of x86-64 that are common between a call and what its result is kept in
 * (Intel SDM vol. 2, §2.1 and appendix A). Of each it needs to know how long it is, and which general
 * register it writes.
 *
 * Limits: forms with VEX or EVEX prefixes, and what is not in the table, end it.
 */
#include <string.h>

#include "analyze/types/site_types_code.h"
#include "base/ids.h"

enum { RAX = 1, REX_W = 8, REX_R = 4, REX_B = 1, RSP_NUMBER = 4, RBP_NUMBER = 5 };

/* DWARF numbers 3, 6, 12 to 15: rbx, rbp, r12 to r15 outlive calls (psABI §3.2.1). */
enum { KEPT_BY_CALLS = 1 << 3 | 1 << 6 | 0xf << 12 };

enum effect {
	NOTHING,
	WRITES_REG, /* the operand that is a register */
	WRITES_RM,  /* the other one, if it is a register */
	TO_RM,	    /* mov */
	TO_REG,
	ARITHMETIC, /* writes rm, but for cmp */
	POPS,	    /* writes the register in the opcode */
	WIDENS,	    /* cltq leaves addresses as they are; cwtl does not */
	LEAVES,
	JUMPS,
	CALLS,
	CALLS_BY_RM,
	RETURNS,
};

enum immediate { NO_IMM, IMM_8, IMM_Z /* 32 bits, 16 with the prefix 66 */, IMM_32, IMM_V };

/* Opcodes from first to last; 0x0f00: of the second map. */
static const struct form {
	uint16_t first, last;
	bool has_modrm;
	uint8_t imm, effect;
} forms[] = {
	{0x89, 0x89, true, NO_IMM, TO_RM},	    {0x8b, 0x8b, true, NO_IMM, TO_REG},
	{0x8d, 0x8d, true, NO_IMM, WRITES_REG},	    {0x84, 0x85, true, NO_IMM, NOTHING},
	{0xc6, 0xc6, true, IMM_8, WRITES_RM},	    {0xc7, 0xc7, true, IMM_Z, WRITES_RM},
	{0x88, 0x88, true, NO_IMM, WRITES_RM},	    {0x8a, 0x8a, true, NO_IMM, WRITES_REG},
	{0x63, 0x63, true, NO_IMM, WRITES_REG},	    {0x00, 0x01, true, NO_IMM, WRITES_RM},
	{0x02, 0x03, true, NO_IMM, WRITES_REG},	    {0x08, 0x09, true, NO_IMM, WRITES_RM},
	{0x0a, 0x0b, true, NO_IMM, WRITES_REG},	    {0x20, 0x21, true, NO_IMM, WRITES_RM},
	{0x22, 0x23, true, NO_IMM, WRITES_REG},	    {0x28, 0x29, true, NO_IMM, WRITES_RM},
	{0x2a, 0x2b, true, NO_IMM, WRITES_REG},	    {0x30, 0x31, true, NO_IMM, WRITES_RM},
	{0x32, 0x33, true, NO_IMM, WRITES_REG},	    {0x38, 0x3b, true, NO_IMM, NOTHING},
	{0x3c, 0x3c, false, IMM_8, NOTHING},	    {0x3d, 0x3d, false, IMM_Z, NOTHING},
	{0x80, 0x80, true, IMM_8, ARITHMETIC},	    {0x81, 0x81, true, IMM_Z, ARITHMETIC},
	{0x83, 0x83, true, IMM_8, ARITHMETIC},	    {0xc1, 0xc1, true, IMM_8, WRITES_RM},
	{0xd1, 0xd1, true, NO_IMM, WRITES_RM},	    {0x58, 0x5f, false, NO_IMM, POPS},
	{0xb8, 0xbf, false, IMM_V, POPS},	    {0x90, 0x90, false, NO_IMM, NOTHING},
	{0x98, 0x98, false, NO_IMM, WIDENS},	    {0xc9, 0xc9, false, NO_IMM, LEAVES},
	{0x70, 0x7f, false, IMM_8, NOTHING},	    {0xeb, 0xeb, false, IMM_8, JUMPS},
	{0xe9, 0xe9, false, IMM_32, JUMPS},	    {0xe8, 0xe8, false, IMM_32, CALLS},
	{0xff, 0xff, true, NO_IMM, CALLS_BY_RM},    {0xc3, 0xc3, false, NO_IMM, RETURNS},
	{0x0f80, 0x0f8f, false, IMM_32, NOTHING},   {0x0f10, 0x0f17, true, NO_IMM, NOTHING},
	{0x0f1e, 0x0f1f, true, NO_IMM, NOTHING},    {0x0f28, 0x0f29, true, NO_IMM, NOTHING},
	{0x0f57, 0x0f57, true, NO_IMM, NOTHING},    {0x0f6c, 0x0f6f, true, NO_IMM, NOTHING},
	{0x0f70, 0x0f70, true, IMM_8, NOTHING},	    {0x0f7f, 0x0f7f, true, NO_IMM, NOTHING},
	{0x0fc6, 0x0fc6, true, IMM_8, NOTHING},	    {0x0fd6, 0x0fd6, true, NO_IMM, NOTHING},
	{0x0fef, 0x0fef, true, NO_IMM, NOTHING},    {0x0f7e, 0x0f7e, true, NO_IMM, WRITES_RM},
	{0x0f90, 0x0f9f, true, NO_IMM, WRITES_RM},  {0x0f40, 0x0f4f, true, NO_IMM, WRITES_REG},
	{0x0faf, 0x0faf, true, NO_IMM, WRITES_REG}, {0x0fb6, 0x0fb7, true, NO_IMM, WRITES_REG},
	{0x0fbe, 0x0fbf, true, NO_IMM, WRITES_REG},
};

struct decoder {
	const uint8_t *code;
	size_t n, at;
	uint32_t registers;
	struct site_flow *out;
};

struct instruction {
	unsigned rex, opcode;
	bool is_16;		   /* prefix 66 */
	unsigned reg, rm;	   /* numbers as instructions have them */
	bool is_memory, is_simple; /* rm: memory; at a register + disp */
	int32_t disp, imm;
};

/* By their number in instructions: psABI fig. 3.36. */
static uint32_t bit_of(unsigned reg)
{
	static const uint8_t dwarf[] = {0, 2, 1, 3, 7, 6, 4, 5};

	return 1u << (reg < 8 ? dwarf[reg] : reg & 15);
}

/* The next bytes, as a signed number. */
static bool take(struct decoder *d, size_t size, int32_t *out)
{
	*out = 0;
	if (d->at > d->n || d->n - d->at < size)
		return false;
	if (size == 1)
		*out = (int8_t)d->code[d->at];
	else if (size == 4)
		memcpy(out, d->code + d->at, sizeof(*out));
	d->at += size;
	return true;
}

static bool take_operands(struct decoder *d, struct instruction *i)
{
	int32_t modrm, sib = 0x24;
	unsigned mod;
	bool has_no_base;

	if (!take(d, 1, &modrm))
		return false;
	mod = (unsigned)modrm >> 6 & 3;
	i->reg = ((unsigned)modrm >> 3 & 7) | (i->rex & REX_R ? 8 : 0);
	i->rm = ((unsigned)modrm & 7) | (i->rex & REX_B ? 8 : 0);
	i->is_memory = mod != 3;
	if (!i->is_memory)
		return true;
	if ((modrm & 7) == 4 && !take(d, 1, &sib))
		return false;
	has_no_base =
		mod == 0 && ((modrm & 7) == 5 || ((modrm & 7) == RSP_NUMBER && (sib & 7) == 5));
	i->is_simple = (sib & 0xff) == 0x24 && !has_no_base;
	return take(d, mod == 1 ? 1 : mod == 2 || has_no_base ? 4 : 0, &i->disp);
}

static bool take_immediate(struct decoder *d, enum immediate kind, struct instruction *i)
{
	size_t size = kind == NO_IMM ? 0 : kind == IMM_8 ? 1 : 4;

	if (kind == IMM_Z && i->is_16)
		size = 2;
	if (kind == IMM_V)
		size = i->rex & REX_W ? 8 : i->is_16 ? 2 : 4;
	return take(d, size, &i->imm);
}

static const struct form *form_of(unsigned opcode)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if (opcode >= forms[i].first && opcode <= forms[i].last)
			return &forms[i];
	return NULL;
}

static const struct form *take_instruction(struct decoder *d, struct instruction *i)
{
	const struct form *form;
	int32_t byte;

	*i = (struct instruction){0};
	do {
		if (!take(d, 1, &byte))
			return NULL;
		i->is_16 |= byte == 0x66;
	} while (byte == 0x66 || (byte & 0xfe) == 0xf2);
	if ((byte & 0xf0) == 0x40) {
		i->rex = (unsigned)byte & 15;
		if (!take(d, 1, &byte))
			return NULL;
	}
	i->opcode = (unsigned)byte & 0xff;
	if (i->opcode == 0x0f) {
		if (!take(d, 1, &byte))
			return NULL;
		i->opcode = 0x0f00 | ((unsigned)byte & 0xff);
	}
	form = form_of(i->opcode);
	if (!form || (form->has_modrm && !take_operands(d, i)) || !take_immediate(d, form->imm, i))
		return NULL;
	return form;
}

static void note_slot(struct decoder *d, const struct instruction *i)
{
	struct site_flow *f = d->out;

	if (i->is_simple && (i->rm == RSP_NUMBER || i->rm == RBP_NUMBER) && f->n_slots < SITE_SLOTS)
		f->slots[f->n_slots++] = (struct site_slot){
			.disp = i->disp, .base = i->rm == RBP_NUMBER ? 6 : 7, .from = f->n_steps};
}

static void move(struct decoder *d, const struct instruction *i, bool to_rm)
{
	uint32_t from = bit_of(to_rm ? i->reg : i->rm), to = bit_of(to_rm ? i->rm : i->reg);
	bool is_result = i->rex & REX_W && d->registers & from;

	if (i->is_memory && to_rm) {
		if (is_result)
			note_slot(d, i);
		return;
	}
	d->registers &= ~to;
	if (is_result && !i->is_memory)
		d->registers |= to;
}

static bool jump(struct decoder *d, const struct instruction *i)
{
	if (i->imm < 0)
		return false;
	d->at += (size_t)i->imm;
	return true;
}

/* False: what follows is of no interest. */
static bool apply(struct decoder *d, const struct instruction *i, enum effect effect)
{
	switch (effect) {
	case NOTHING:
		return true;
	case ARITHMETIC:
		if ((i->reg & 7) == 7)
			return true;
		/* fall through */
	case WRITES_RM:
		d->registers &= i->is_memory ? ~0u : ~bit_of(i->rm);
		return true;
	case WRITES_REG:
		d->registers &= ~bit_of(i->reg);
		return true;
	case TO_RM:
	case TO_REG:
		move(d, i, effect == TO_RM);
		return true;
	case POPS:
		d->registers &= ~bit_of((i->opcode & 7) | (i->rex & REX_B ? 8 : 0));
		return true;
	case WIDENS:
		d->registers &= i->rex & REX_W ? ~0u : ~(uint32_t)RAX;
		return true;
	case LEAVES:
		d->registers &= ~bit_of(RBP_NUMBER);
		return true;
	case JUMPS:
		return jump(d, i);
	case CALLS_BY_RM:
		if ((i->reg & 7) != 2)
			return false;
		/* fall through */
	case CALLS:
		d->registers &= KEPT_BY_CALLS;
		return true;
	case RETURNS:
		d->out->returns = d->registers & RAX;
		return false;
	}
	return false;
}

void site_types_decode(const uint8_t *code, size_t n, struct site_flow *out)
{
	struct decoder d = {.code = code, .n = n, .registers = RAX, .out = out};

	*out = (struct site_flow){.steps[0] = {0, RAX}, .n_steps = 1};
	while (out->n_steps < SITE_STEPS && d.at < n) {
		struct instruction i;
		const struct form *form = take_instruction(&d, &i);

		/* in memory it may still be, but not for long */
		if (!form || !apply(&d, &i, form->effect) || (!d.registers && !out->n_slots))
			break;
		out->steps[out->n_steps++] = (struct site_step){(uint32_t)d.at, d.registers};
	}
}
