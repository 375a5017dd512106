/*
 * The aarch64 register block: struct user_pt_regs (Linux
 * arch/arm64/include/uapi/asm/ptrace.h): x0–x30, sp, pc, pstate. DWARF numbers
 * as in "DWARF for the Arm 64-bit Architecture": 0–30 x0–x30, 31 sp, 32 pc.
 * The thread pointer tpidr_el0 is in a note of its own, NT_ARM_TLS.
 */
#include <elf.h>
#include <string.h>

#include "formats/core_machine.h"

enum { RAW_FP = 29, RAW_SP = 31, RAW_PC = 32, N_RAW = 34, N_GPR = 33 };

static void aarch64_registers(struct thread_regs *t, const uint64_t *raw)
{
	t->n_gpr = N_GPR;
	memcpy(t->gpr, raw, N_GPR * sizeof(*raw));
	t->pc = raw[RAW_PC];
	t->sp = raw[RAW_SP];
	t->fp = raw[RAW_FP];
}

const struct core_machine core_aarch64 = {
	.machine = MACHINE_AARCH64,
	.e_machine = EM_AARCH64,
	.n_raw = N_RAW,
	.vector_note = 0,
	.registers = aarch64_registers,
};
