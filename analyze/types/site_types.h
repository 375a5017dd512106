/*
 * Which type allocation sites assign their objects to: debug information says which variable has
 * the result of a call right behind it.
 *
 *	struct conn *c = malloc(sizeof(*c));
 *
 *	    call malloc
 *	──► mov  %rax, %rbx		c: from here on in rbx; or mov %rax, -24(%rbp), which is c's place
 *
 * A function that gives the result on as it is (by its instructions, or because it returns void *) is
 * passed: the call of it is looked at in the same way. void * says nothing.
 *
 * Limits: places on the stack and other registers than that of results are found on x86-64 only; a
 * variable that is set later (after a constructor), and members of structs, are not found.
 */
#ifndef HEAPDUMP_TYPES_SITE_TYPES_H
#define HEAPDUMP_TYPES_SITE_TYPES_H

#include "analyze/heap/sites.h"
#include "analyze/types/inference.h"

enum { SITE_DEPTH = 4, SITE_CHOICES = 4 };

/* Return addresses of a site: the first behind the call of the allocator, then those of its callers. */
struct site_stack {
	uint32_t site, n;
	addr_t back[SITE_DEPTH];
};

/* What becomes of the result of the call before a return address. */
struct site_call {
	addr_t back;
	type_id types[SITE_CHOICES]; /* that variables that have it point to, peeled; each once */
	uint8_t n;
	bool passes; /* the function may return it as it is */
};

struct site_types {
	VEC(struct site_stack) stacks; /* by site */
	VEC(struct site_call)
	calls;		     /* by back, each once; filled while debug information is read */
	uint64_t steps_left; /* DIEs and places that may still be looked at */
};

/* The stacks are there: makes the list of calls. ERR_NOMEM. */
WARN_UNUSED int site_types_init(struct site_types *s, struct err *err);
void site_types_deinit(struct site_types *s);

/*
 * Adds a claim for each sampled object whose size agrees with the type of its site: likely; a guess where
 * several types are assigned, and for bytes. O(samples × log sites). ERR_NOMEM.
 */
WARN_UNUSED int site_types_claim(const struct site_types *s, const struct sites *sites,
				 const struct objects *objects, const struct type_table *table,
				 struct inference_claims *out, struct err *err);

#endif
