/*
 * The stack machine of DWARF expressions, between the files that have its operations. No other file
 * includes this.
 */
#ifndef HEAPDUMP_TYPES_LOCALS_MACHINE_H
#define HEAPDUMP_TYPES_LOCALS_MACHINE_H

#include "analyze/types/locals_search.h"

enum { LOCALS_STACK = 64 };

struct number {
	uint64_t v;   /* extended to 64 bits by its type */
	uint8_t size; /* bytes; 0: of no type, an address's size */
	bool is_signed;
};

/* What became of an operation that was offered to a group of them. */
enum outcome { DONE, FAILED, NOT_MINE };

struct stack_machine {
	const struct locals_context *c;
	const struct locals_code *code;
	struct number stack[LOCALS_STACK];
	size_t n;
	size_t at; /* index of the next operation */
};

/* locals_operands.c: what comes from without. */
enum outcome locals_operands_constant(struct stack_machine *m, const Dwarf_Op *op);
enum outcome locals_operands_register(struct stack_machine *m, const Dwarf_Op *op);
enum outcome locals_operands_memory(struct stack_machine *m, const Dwarf_Op *op);

enum outcome locals_operands_push(struct stack_machine *m, struct number x);

/* A general register of the frame. False: it was not kept. */
bool locals_operands_value(const struct locals_context *c, uint64_t number, uint64_t *v);

/* The type that an operation names: false for one that is no integer of up to 8 bytes. */
bool locals_operands_type(const struct stack_machine *m, const Dwarf_Op *op, struct number *x);

/* locals_arithmetic.c: what is worked out on the stack. */
enum outcome locals_arithmetic_stack(struct stack_machine *m, const Dwarf_Op *op);
enum outcome locals_arithmetic_unary(struct stack_machine *m, const Dwarf_Op *op);
enum outcome locals_arithmetic_binary(struct stack_machine *m, const Dwarf_Op *op);

/* The value as its type has it, extended. */
struct number locals_arithmetic_extend(struct number x);

#endif
