/*
 * What unwind tables say of a single register. For frames.c alone.
 */
#ifndef HEAPDUMP_SPACE_FRAMES_RULES_H
#define HEAPDUMP_SPACE_FRAMES_RULES_H

#include "base/ids.h"

struct Dwfl;

/*
 * Whether code at the address has its caller's register as it was: there are unwind tables, and they
 * have no rule for it. O(log functions of the module).
 */
bool frames_rules_leave_alone(struct Dwfl *dwfl, addr_t pc, int number);

/* Where code at the address keeps that register of its caller in memory. False: it does not. */
bool frames_rules_saved_at(struct Dwfl *dwfl, addr_t pc, int number, addr_t cfa, addr_t *at);

#endif
