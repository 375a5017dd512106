/*
 * What differs between the machines whose cores we read: the register block of
 * NT_PRSTATUS and the DWARF numbers its words have.
 */
#ifndef HEAPDUMP_FORMATS_CORE_MACHINE_H
#define HEAPDUMP_FORMATS_CORE_MACHINE_H

#include "formats/parts.h"

struct core_machine {
	enum machine machine;
	uint16_t e_machine;   /* EM_* */
	uint32_t n_raw;	      /* words of pr_reg */
	uint32_t vector_note; /* the LINUX note with the whole vector state; 0: only NT_FPREGSET */

	/* Fills gpr, n_gpr, pc, sp, fp and, where pr_reg has it, tp from the n_raw words of pr_reg. */
	void (*registers)(struct thread_regs *t, const uint64_t *raw);
};

extern const struct core_machine core_x86_64, core_aarch64;

/* Offsets in struct elf_prstatus, the same on both: Linux include/uapi/linux/elfcore.h, LP64. */
enum { PRSTATUS_CURSIG = 12, PRSTATUS_PID = 32, PRSTATUS_REG = 112, MAX_RAW_REGS = 34 };

#endif
