/*
 * From unwind tables to one rule: how the caller's registers follow from those at a place in the code.
 *
 *	x86-64, with cfa the value of rsp before the call; the return address is the word at cfa − 8:
 *
 *	SP         cfa = rsp + cfa_off            rbp at cfa + fp_off, unchanged if fp_off is 0
 *	FP         cfa = rbp + cfa_off            the same
 *	FP_DEREF   cfa = the word at rbp + cfa_off (gcc's realigned stacks); rbp at rbp + fp_off
 *	SIGNAL     the kernel's ucontext lies at rsp
 *	END        there is no caller
 *	COMPLEX    the tables say more than this
 *	UNCOVERED  the tables say nothing of the place
 */
#ifndef HEAPDUMP_DUMP_UNWIND_CFI_H
#define HEAPDUMP_DUMP_UNWIND_CFI_H

#include <stdbool.h>
#include <stdint.h>

enum hd_rule_kind {
	HD_RULE_NONE, /* not looked up yet */
	HD_RULE_SP,
	HD_RULE_FP,
	HD_RULE_FP_DEREF,
	HD_RULE_SIGNAL,
	HD_RULE_END,
	HD_RULE_COMPLEX,
	HD_RULE_UNCOVERED,
};

struct hd_rule {
	enum hd_rule_kind kind;
	int32_t cfa_off, fp_off;
};

/* A module's tables: the mapped, readable segment that holds them. Nothing outside is read. */
struct hd_cfi {
	const uint8_t *bytes;
	uint64_t size;
	uint64_t hdr; /* where .eh_frame_hdr is in it */
};

/*
 * The rule at an address in the module: for a return address, that of the byte before. A binary search and one
 * program of some bytes. What is damaged is COMPLEX or UNCOVERED. Async-signal-safe.
 */
void hd_cfi_rule(const struct hd_cfi *cfi, uint64_t at, struct hd_rule *rule);

/* What a CIE (the common part of many entries) says. Offsets are into cfi->bytes. */
struct hd_cie {
	uint64_t code_align;
	int64_t data_align;
	uint64_t program, end;
	uint8_t pointers; /* DW_EH_PE_… of the entries' addresses */
	bool sized;	  /* 'z': entries say how long their augmentation is */
	bool signal;	  /* 'S': a signal's trampoline */
};

/* Runs the programs of a CIE and an FDE, which covers code from start on, up to a place. (unwind_program.c) */
struct hd_fde {
	struct hd_cie cie;
	uint64_t start;
	uint64_t program, end;
};
void hd_cfi_run(const struct hd_cfi *cfi, const struct hd_fde *fde, uint64_t at,
		struct hd_rule *rule);

#include "base/cursor.h"

uint64_t hd_cfi_uleb(struct cursor *c);
int64_t hd_cfi_sleb(struct cursor *c);

/* A pointer in encoding DW_EH_PE_… (but indirect ones are not followed); marks the cursor bad for an unknown one. */
uint64_t hd_cfi_pointer(const struct hd_cfi *cfi, struct cursor *c, uint8_t encoding);

#endif
