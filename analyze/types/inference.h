/*
 * What each object is, as far as typed pointers tell: from variables whose type is known, along the
 * pointer fields of what they point to. Data only: one line of 16 bytes an object, with the
 * reason and how sure it is.
 *
 *	variable  struct session *g_sessions ──► object: a struct session, because of g_sessions
 *	field     .conn of it                ──► object: a struct conn, because of the session at +0x18
 *	ring      .link.next of it, into the middle of another object of the same size, where a struct
 *	          session has its .link      ──► object: a struct session, too
 *
 * A pointer to the start of an object proposes its target type; whether the size of the object
 * agrees is the fit. A better proposal replaces a worse one; an equal one that says another type is a
 * conflict and stays marked, and so is who said it. Two of which one begins like the other (a base and what is
 * derived from it) are no contradiction. void *, and types that are not known, propose nothing.
 */
#ifndef HEAPDUMP_TYPES_INFERENCE_H
#define HEAPDUMP_TYPES_INFERENCE_H

#include "analyze/graph/index.h"
#include "analyze/space/threads.h"
#include "analyze/types/containers.h"
#include "analyze/types/erased.h"
#include "analyze/types/locals.h"
#include "analyze/types/variables.h"

/* How a type and the usable size of an object agree; a greater one is preferred. */
enum inference_fit {
	FIT_NONE,   /* the object is smaller, or nothing can be said */
	FIT_BYTES,  /* scalars that fill it: char[], int[], double[] */
	FIT_PREFIX, /* it is larger, and no multiple: it begins with one */
	FIT_ARRAY,  /* a multiple, but for what an allocator rounds up */
	FIT_OPEN,   /* the type ends in an array that takes the rest */
	FIT_EXACT,  /* the size, but for what an allocator rounds up */
	N_FITS
};

enum inference_reason {
	INFERRED_NOT,
	INFERRED_MEMBER,  /* a pointer to a member inside of it, and no other type has that there */
	INFERRED_LEARNED, /* a pointer that says too little: what others of its kind lead to */
	INFERRED_RING,	  /* a pointer in an object of its own type leads into it */
	INFERRED_FIELD,	  /* a pointer field of an object */
	INFERRED_SITE,	  /* what its allocation site assigns it to, or others from there are */
	INFERRED_LOCAL,	  /* a pointer in a local or a parameter of a live frame */
	INFERRED_VARIABLE, /* a pointer in a variable */
	INFERRED_VTABLE,   /* a claim: its first word is the vtable of that class */
	INFERRED_TOLD,	   /* a claim: the user says so */
	N_REASONS
};

enum inference_confidence {
	CONFIDENCE_NONE, /* nothing is known */
	CONFIDENCE_GUESS, /* a prefix; one of several readings of a union; contradicted; or of a guess */
	CONFIDENCE_LIKELY, /* an array, a ring, an open end, doubtful content; or from such */
	CONFIDENCE_CERTAIN, /* an exact fit, by declared types all the way from a variable, uncontradicted */
	N_CONFIDENCES
};

enum inference_flags {
	INFERENCE_SHARED = 1 << 0,    /* in a union or a variant, and other readings are possible */
	INFERENCE_CONFLICT = 1 << 1,  /* another type was proposed as well, and nothing decides */
	INFERENCE_BAD_WORDS = 1 << 2, /* pointer fields hold what is no address of the process */
	INFERENCE_IS_HEAD = 1 << 3,   /* rounded up, and larger types begin with one of this type */
	INFERENCE_READING = 1 << 4, /* in a union or a variant, and only this reading is possible */
	INFERENCE_DOUBT = 1 << 5, /* by pointers to it or in it, something was another type, too */
	INFERENCE_REFUTED = 1 << 6, /* most of its pointer fields hold no addresses */
	INFERENCE_COUNTED =
		1 << 7, /* a container says how many elements there are, and room for them */
	/* an array of pointers, or an open end, and all its pointers lead to what they should */
	INFERENCE_CONFIRMED = 1 << 8,
	INFERENCE_UNFIT = 1 << 9, /* a pointer in it leads to what does not look like its target */
};

struct inference_line {
	type_id type; /* of the whole, or of an element (array, bytes); TYPE_NONE: not known */
	uint32_t
		from; /* by reason: index into the variables' list; obj_id, OBJ_NONE: of none; a claim's own */
	uint32_t off; /* of the pointer in it, bytes; UINT32_MAX: farther */
	uint8_t fit : 4, reason : 4;
	uint8_t confidence;
	uint16_t flags;
};
static_assert(sizeof(struct inference_line) == 16, "16 bytes an object");

/* What something else says of one object. A claim is certain if it says so and the size agrees. */
struct inference_claim {
	obj_id object;
	type_id type;
	uint32_t from; /* handed on */
	uint8_t reason, confidence;
};

/* One object of a class that has virtual bases, and the vtable of the class, which the object has. */
struct inference_whole {
	type_id type;
	addr_t object, vtable;
};

struct inference_claims {
	VEC(struct inference_claim) list;
	VEC(struct inference_whole) wholes; /* by type, each once */
};

/* What the user says of a type's pointer at that offset, wherever the type is embedded. Peeled. */
struct inference_told {
	type_id type;
	uint64_t off;
	type_id target;
};

struct inference_sum {
	uint64_t objects, bytes;
};

/* Of a buffer: the bytes that hold elements, [lo, hi - 1). */
struct inference_live {
	uint64_t lo, hi; /* hi 0: a free slot */
	obj_id object;
};

struct inference {
	struct inference_line *v; /* per object */
	uint32_t n;
	struct inference_live *live; /* an open hash table; see inference_live() */
	size_t n_live, n_live_slots;
	struct inference_sum sums[N_CONFIDENCES]; /* of all objects, mappings left out */
};

struct sites;

struct inference_input {
	const struct type_table *table;
	const struct variables *variables;
	const struct space *space;
	const struct objects *objects;
	const struct index *index;
	const struct threads *threads;	     /* for thread-locals; NULL: without */
	const struct locals *locals;	     /* of live frames; NULL: without */
	const struct containers *containers; /* NULL: without */
	struct erased *erased;		     /* what functions manage; NULL: not known */
	const struct inference_claim *claims;
	size_t n_claims;
	const struct inference_whole *wholes; /* by type, each once */
	size_t n_wholes;
	const struct sites *sites; /* who allocated what; NULL: not known */
	const struct inference_told *told;
	size_t n_told;
};

/*
 * Order of the result does not depend on anything but the input. O(bytes of typed objects), each
 * looked at once per better fit; never recurses. ERR_NOMEM.
 */
WARN_UNUSED int inference_run(struct inference *out, const struct inference_input *in,
			      struct err *err);
void inference_deinit(struct inference *r);

/* inference_containers.c: which bytes of a container's buffer hold elements; false: all, or not known. */
bool inference_live(const struct inference *r, obj_id o, uint64_t *lo, uint64_t *hi);

/* Elements of an array or of bytes; else 1. 0: not known. */
uint64_t inference_count(const struct inference_line *l, const struct type_table *t, uint64_t size);

/* An offset in the object as one in its type: in an element of an array, in the first of an open end's. */
uint64_t inference_off_in_type(const struct type_table *t, const struct inference_line *l,
			       uint64_t off);

/*
 * inference_fit.c: how a type agrees with an object's usable size. is_mapped: the object is a mapping of
 * its own, rounded up to pages (OBJECT_MMAPPED).
 */
enum inference_fit inference_fit_of(const struct type_table *t, type_id id, uint64_t usable,
				    bool is_mapped);

/* Whether the type has the other at that offset, as itself or anywhere inside. Both peeled. */
bool inference_has_at(const struct type_table *t, type_id id, uint64_t off, type_id inner);

/*
 * Whether memory of the outer type can be read as the inner one: it has it at its start, or its
 * first members are all of the inner's, with the same names (C's inheritance by macro). Both peeled.
 */
bool inference_begins_with(const struct type_table *t, type_id outer, type_id inner);

/* The same of what the type has at that offset. */
bool inference_begins_at(const struct type_table *t, type_id id, uint64_t off, type_id inner);

#endif
