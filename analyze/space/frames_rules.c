/*
 * The rule of one register, from .eh_frame or .debug_frame.
 */
#include <elfutils/libdwfl.h>
#include <stdlib.h>

#include "analyze/space/frames_rules.h"

static bool has_no_rule(Dwarf_CFI *cfi, addr_t pc, int number)
{
	Dwarf_Op room[3], *ops;
	Dwarf_Frame *frame;
	size_t n;
	bool is_free;

	if (!cfi || dwarf_cfi_addrframe(cfi, pc, &frame))
		return false;
	/* "undefined" is what no rule comes out as, "same value" has no operations at all */
	is_free = dwarf_frame_register(frame, number, room, &ops, &n) == 0 && n == 0;
	free(frame);
	return is_free;
}

bool frames_rules_leave_alone(struct Dwfl *dwfl, addr_t pc, int number)
{
	Dwfl_Module *mod = dwfl_addrmodule(dwfl, pc);
	Dwarf_Addr eh_bias = 0, debug_bias = 0;
	Dwarf_CFI *eh = mod ? dwfl_module_eh_cfi(mod, &eh_bias) : NULL;
	Dwarf_CFI *debug = mod ? dwfl_module_dwarf_cfi(mod, &debug_bias) : NULL;

	return has_no_rule(eh, pc - eh_bias, number) || has_no_rule(debug, pc - debug_bias, number);
}
