/*
 * The x86-64 register block: struct user_regs_struct (Linux
 * arch/x86/include/asm/user_64.h) in its order, and the DWARF numbers of the
 * System V psABI for AMD64, figure 3.36.
 *
 *	raw     r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base …
 *	DWARF   rax rdx rcx rbx rsi rdi rbp rsp r8 … r15, 16 the return address
 */
#include <elf.h>

#include "formats/core_machine.h"

enum { RAW_RBP = 4, RAW_RIP = 16, RAW_RSP = 19, RAW_FS_BASE = 21, N_RAW = 27 };

static void x86_64_registers(struct thread_regs *t, const uint64_t *raw)
{
	static const uint8_t raw_of_dwarf[] = {10, 12, 11, 5, 13, 14, RAW_RBP, RAW_RSP, 9,
					       8,  7,  6,  3, 2,  1,  0,       RAW_RIP};

	t->n_gpr = ARRAY_LEN(raw_of_dwarf);
	for (size_t i = 0; i < ARRAY_LEN(raw_of_dwarf); i++)
		t->gpr[i] = raw[raw_of_dwarf[i]];
	t->pc = raw[RAW_RIP];
	t->sp = raw[RAW_RSP];
	t->fp = raw[RAW_RBP];
	t->tp = raw[RAW_FS_BASE];
}

const struct core_machine core_x86_64 = {
	.machine = MACHINE_X86_64,
	.e_machine = EM_X86_64,
	.n_raw = N_RAW,
	.vector_note = NT_X86_XSTATE,
	.registers = x86_64_registers,
};
