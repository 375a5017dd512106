/*
 * The rule of one register, from .eh_frame or .debug_frame. libdw turns "at cfa+n" into two operations.
 */
#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <stdlib.h>

#include "analyze/space/frames_rules.h"

enum { MAX_OPS = 3 };

/* A rule as operations; without any it is "undefined", or, with ops NULL, "same value". */
struct rule {
	Dwarf_Op room[MAX_OPS], *ops;
	size_t n;
};

static bool rule_in(Dwarf_CFI *cfi, addr_t pc, int number, struct rule *out)
{
	Dwarf_Frame *frame;
	bool ok;

	if (!cfi || dwarf_cfi_addrframe(cfi, pc, &frame))
		return false;
	ok = dwarf_frame_register(frame, number, out->room, &out->ops, &out->n) == 0;
	/* an expression's operations belong to the frame's tables, others are in room */
	free(frame);
	return ok;
}

static bool rule_of(Dwfl *dwfl, addr_t pc, int number, struct rule *out)
{
	Dwfl_Module *mod = dwfl_addrmodule(dwfl, pc);
	Dwarf_Addr bias = 0;
	Dwarf_CFI *cfi = mod ? dwfl_module_eh_cfi(mod, &bias) : NULL;

	if (rule_in(cfi, pc - bias, number, out))
		return true;
	cfi = mod ? dwfl_module_dwarf_cfi(mod, &bias) : NULL;
	return rule_in(cfi, pc - bias, number, out);
}

bool frames_rules_leave_alone(struct Dwfl *dwfl, addr_t pc, int number)
{
	struct rule r;

	return rule_of(dwfl, pc, number, &r) && !r.n;
}

bool frames_rules_saved_at(struct Dwfl *dwfl, addr_t pc, int number, addr_t cfa, addr_t *at)
{
	struct rule r;

	if (!rule_of(dwfl, pc, number, &r) || r.ops != r.room || !r.n || r.n > 2 ||
	    r.room[0].atom != DW_OP_call_frame_cfa ||
	    (r.n == 2 && r.room[1].atom != DW_OP_plus_uconst))
		return false;
	*at = cfa + (r.n == 2 ? r.room[1].number : 0);
	return true;
}
