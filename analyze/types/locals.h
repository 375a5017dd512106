/*
 * Locals and parameters of live frames: which variables were in scope where each frame stands, and
 * where debug information says that their values were. A variable that it does not tell of there, or
 * only by registers that nobody has kept, is not in the list.
 *
 *	frame #3 handle_request   req     struct request *   in memory at 0x7ffc…48
 *	                          n       int                in rbx, which unwinding has restored
 *	                          origin  struct point       two pieces: .x in r12, .y is 7
 *
 * Places are by the pc of the frame, so a value that is here was live there. One thing nobody
 * tells: whether a variable that has one place all the time (unoptimised code) has been set yet.
 */
#ifndef HEAPDUMP_TYPES_LOCALS_H
#define HEAPDUMP_TYPES_LOCALS_H

#include "analyze/space/frames.h"
#include "analyze/types/type_table.h"

enum local_flags {
	LOCAL_PARAMETER = 1 << 0,
	LOCAL_LISTED = 1 << 1, /* its places are listed by pc (optimised code): here, it is this */
	LOCAL_FIXED =
		1 << 2, /* a static of the function, or thread-local: variables.h has it, too */
	LOCAL_INLINED = 1 << 3,	       /* of a function that is inlined into the frame's */
	LOCAL_AFTER_PROLOGUE = 1 << 4, /* parameters lie in their places */
};

/* A variable at one pc; frames that stand there share it. */
struct local_name {
	uint32_t name, function; /* in the type table's names; function: whose variable it is */
	type_id type;
	uint32_t flags;
};

enum local_place {
	LOCAL_MEMORY,	/* at: its address */
	LOCAL_REGISTER, /* at: of its bytes in values; reg: where */
	LOCAL_VALUE,	/* at: of its bytes in values: computed, or a constant */
};

/* Bytes [off, off + size) of a variable. */
struct local_piece {
	uint64_t at;
	uint32_t off, size; /* memory: size 0 where the type's is not known */
	uint8_t place;
	uint8_t reg; /* DWARF number; registers of vectors have theirs, too */
};

enum local_doubt {
	LOCAL_UNINITIALISED = 1 << 0, /* the compiler says that it may be */
	LOCAL_OF_CALLER = 1 << 1,     /* a parameter's value at entry, worked out in the caller */
};

struct local {
	uint32_t frame;
	uint32_t name;	 /* index into names */
	uint32_t pieces; /* its first in pieces; by off, disjoint */
	uint16_t n_pieces;
	uint8_t doubt;
};

struct locals {
	VEC(struct local_name) names;
	VEC(struct local) list; /* by frame, then as declared, inner scopes behind outer ones */
	VEC(uint32_t) first;	/* per frame: its first in list; one more at the end */
	VEC(struct local_piece) pieces;
	VEC(uint8_t) values;
	bool is_cut; /* LOCALS_MAX, or the budget for damaged debug information, was reached */
};

enum { LOCALS_MAX = 1 << 24 };

void locals_deinit(struct locals *l);

/* The n bytes at off of the local; false: they are not known, or not in one piece. */
bool locals_read(const struct locals *l, uint32_t local, const struct space *space, uint64_t off,
		 void *out, size_t n);

/*
 * Whether the local has a value beyond doubt: parameters, and variables whose place is listed and no
 * memory. What is in memory may not have been written yet. For pointers and scalars; what structs
 * have inside may be unset though they are passed.
 */
bool locals_is_set(const struct locals *l, uint32_t local);

/* Where in a local a word of a root lies. */
struct local_hit {
	uint32_t local;
	uint64_t off;
};

/*
 * The local whose bytes are at the address, of that frame, or of the one that it called (its
 * parameters on the stack); of several the innermost and smallest. O(locals of the two frames).
 */
bool locals_at(const struct locals *l, const struct frames *f, uint32_t frame, addr_t addr,
	       struct local_hit *out);

/* The local of the frame that is in a register, the innermost of several. */
bool locals_in_register(const struct locals *l, uint32_t frame, uint32_t reg,
			struct local_hit *out);

/*
 * The search for them. It is made before the debug information is read, which is then asked for the
 * functions and scopes around the frames' addresses (dwarf.c); at the end every frame's variables are
 * placed. All pointers must outlive it.
 */
struct locals_search;
struct site_types;
struct locals_input {
	const struct frames *frames;
	const struct threads *threads;
	const struct space *space;
	struct type_table *table;
	struct site_types *sites; /* whose calls are looked at on the way; NULL: none */
};
WARN_UNUSED int locals_search_new(struct locals_search **out, const struct locals_input *in,
				  struct locals *locals, struct err *err);
void locals_search_free(struct locals_search *s);

/* Places what was found. O(frames × their variables). ERR_NOMEM. */
WARN_UNUSED int locals_search_finish(struct locals_search *s, struct err *err);

#endif
