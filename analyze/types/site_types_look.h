/*
 * One call of an allocation site while the variables around it are visited (locals_scopes.c). No other file
 * includes this.
 */
#ifndef HEAPDUMP_TYPES_SITE_TYPES_LOOK_H
#define HEAPDUMP_TYPES_SITE_TYPES_LOOK_H

#include "analyze/types/dwarf_reader.h"
#include "analyze/types/site_types.h"
#include "analyze/types/site_types_code.h"

struct site_look {
	struct dwarf_reader *r;
	struct site_types *sites;
	struct site_call *call;
	Dwarf_Addr back;	/* the return address as in the file */
	uint32_t base_register; /* the frame base is that, plus base_off; UINT32_MAX: not known */
	int64_t base_off;
	struct site_flow flow;
};

/* The function around the call, with its frame base in pc. */
void site_look_begin(struct site_look *l, struct dwarf_reader *r, const struct locals_pc *pc,
		     Dwarf_Die *function);

/* A variable or a parameter in scope there. */
void site_look_at(struct site_look *l, Dwarf_Die *die);

/* One more DIE; false: enough. */
bool site_look_spend(struct site_look *l);

#endif
