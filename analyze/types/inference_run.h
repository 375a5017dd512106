/*
 * What the files inference*.c share while they run. No other file includes this.
 */
#ifndef HEAPDUMP_TYPES_INFERENCE_RUN_H
#define HEAPDUMP_TYPES_INFERENCE_RUN_H

#include "analyze/types/inference.h"
#include "analyze/types/inference_queue.h"
#include "analyze/types/layout_pointers.h"
#include "base/bitset.h"

/* glibc: the smallest usable size; more than a chunk leaves unused; what a mapping of its own is rounded to. */
enum { INFERENCE_SMALLEST = 24, INFERENCE_SLACK = 32, INFERENCE_PAGE = 4096 };

/* What a fit is made of. */
struct inference_shape {
	uint64_t size; /* 0: not known */
	uint64_t tail,
		tail_element; /* is_open: offset of the array at its end; size of an element */
	bool is_known;	      /* this is filled */
	bool is_scalar, is_record, is_open;
};

/* Where words are being read. */
struct inference_source {
	enum inference_reason reason; /* of what its pointers lead to: FIELD, LOCAL, VARIABLE */
	uint32_t from;
	type_id type; /* peeled */
	addr_t addr;
	const uint8_t *bytes;	/* a local's that is not in memory; NULL: at addr */
	uint64_t skip;		/* bytes of the object before addr */
	uint64_t size, element; /* element: bytes from one copy of the type to the next */
	uint8_t confidence;	/* so far: nothing that it leads to is surer */
	uint32_t n_good, n_bad; /* words of its pointers that are addresses, and that are none */
};

/* One word of a source that is to be followed. */
struct inference_word {
	uint64_t off;		  /* in the source */
	uint32_t source, pointer; /* index in the batch; in its type's list */
};

/* A pointer into the middle of an object that had no type then. */
struct inference_interior {
	obj_id object;
	uint32_t from, off; /* of the line it would make */
	type_id target;
	uint32_t delta;
	uint8_t confidence;
};

/* What the words of one untyped pointer member led to, of which it is known. */
struct inference_habit {
	type_id type; /* TYPE_NONE: of nothing yet */
	uint32_t n, n_other;
};

/* What is done with the words that are read. */
enum inference_mode {
	MODE_FOLLOW,
	MODE_TALLY, /* only untyped pointers: what they lead to is noted */
	MODE_APPLY, /* only untyped pointers: what was noted is proposed */
};

enum { INFERENCE_WAYS = 16, INFERENCE_GRAIN = 24 };

/* Stretches of memory that were used last, by bits of the address. */
struct inference_stretch {
	addr_t addr;
	uint64_t size;
	const uint8_t *bytes;
	bool is_code;
};

struct inference_run {
	const struct inference_input *in;
	struct inference *out;
	uint32_t n_types;
	struct layout_pointers **lists; /* per type; NULL: not worked out yet; targets peeled */
	struct inference_shape *shapes; /* per type */
	uint64_t *
		head_of; /* per type: size of the smallest larger one that begins with it; 0: none */
	struct inference_queue queues[N_CONFIDENCES]; /* to be read, by how sure their line is */
	obj_id ahead[N_CONFIDENCES][INFERENCE_BATCH]; /* taken from them: being fetched */
	uint32_t n_ahead[N_CONFIDENCES];
	struct bitset queued;
	uint64_t n_taken; /* proposals so far that gave an object a type, or another */
	enum inference_mode mode;
	struct inference_habit **habits; /* per type, beside lists; NULL: none */
	struct bitset voids; /* types that have untyped pointers, of those that were read */
	VEC(struct inference_interior) interior;
	struct bitset has_interior;
	bool has_voids, has_prefixes;
	bool fills_only; /* what is better than a guess stays as it is */
	/* records of known size: by size, and those with an open end */
	VEC(type_id) by_size;
	VEC(type_id) open;
	struct inference_checks **checks; /* per type; NULL: not worked out yet */
	uint64_t steps_left;		  /* comparisons of types with objects */
	uint64_t ring_steps;		  /* that are left, of rings that containers are made of */
	bool has_ring_steps;
	/* what is being read */
	struct inference_source sources[INFERENCE_BATCH];
	struct inference_word words[INFERENCE_BATCH];
	addr_t targets[INFERENCE_BATCH];
	uint32_t n_sources, n_words;
	bool is_sparse; /* few objects wait: what a word leads to is fetched at once */
	struct inference_stretch bytes[INFERENCE_WAYS], mapped[INFERENCE_WAYS];
};

/* inference_fit.c */
struct inference_shape inference_shape_of(const struct type_table *t, type_id id);
enum inference_fit inference_fit_shape(const struct inference_shape *s, uint64_t usable,
				       bool is_mapped);

/* inference_lists.c: worked out once per type. ERR_NOMEM. */
WARN_UNUSED int inference_list_of(struct inference_run *r, type_id id,
				  const struct layout_pointers **out, struct err *err);
/* inference_virtual.c: adds the pointers in the class's virtual bases, if one of its objects tells where those are. */
WARN_UNUSED int inference_add_virtual(struct inference_run *r, type_id id,
				      struct layout_pointers *list, struct err *err);
bool inference_is_untyped(const struct layout_pointer *p); /* void *, in no union */
/* In a union, and nothing says whether it is there. */
static inline bool inference_is_shared(const struct layout_pointer *p)
{
	return p->is_shared && !p->is_decided;
}
const struct inference_shape *inference_fill_shape(struct inference_run *r, type_id id);
static inline const struct inference_shape *inference_shape(struct inference_run *r, type_id id)
{
	return id < r->n_types && r->shapes[id].is_known ? &r->shapes[id]
							 : inference_fill_shape(r, id);
}
/* It points to its own kind, and larger types begin with it: no array of such is made. What is not listed yet is none. */
bool inference_is_linked(const struct inference_run *r, type_id id);
static inline bool inference_is_linked_head(const struct inference_run *r, type_id id)
{
	return r->head_of[id] && inference_is_linked(r, id);
}
WARN_UNUSED int inference_find_heads(struct inference_run *r, struct err *err);

/*
 * inference.c: a better line replaces the object's, and queues it; an equal one of another type
 * contradicts. Type peeled, confidence that of the source; fit is worked out here. ERR_NOMEM.
 */
WARN_UNUSED int inference_propose(struct inference_run *r, obj_id o, struct inference_line line,
				  struct err *err);

/*
 * inference_read.c: takes in the pointers of so many copies of the source's type; some may still wait for
 * being followed until inference_flush(). ERR_NOMEM.
 */
WARN_UNUSED int inference_read(struct inference_run *r, const struct inference_source *s,
			       uint64_t elements, struct err *err);
WARN_UNUSED int inference_flush(struct inference_run *r, struct err *err);

/* Takes in the object's words by its line. */
WARN_UNUSED int inference_read_object(struct inference_run *r, obj_id o, struct err *err);
/* inference_containers.c: p is the word at off of the source, of a container that the line may be known by. */
WARN_UNUSED int inference_follow_container(struct inference_run *r,
					   const struct inference_source *s, uint64_t off,
					   const struct layout_pointer *p, addr_t word,
					   struct inference_line line, struct err *err);

/* The object that such a word leads to, by the function that manages it: likely. */
WARN_UNUSED int inference_follow_erased(struct inference_run *r, const struct inference_source *s,
					uint64_t off, const struct layout_pointer *p, obj_id o,
					struct inference_line line, struct err *err);

/* Reads the queues until they are empty, the surest first. */
WARN_UNUSED int inference_spread(struct inference_run *r, struct err *err);

/* How the words of an object agree with a type's pointers. */
struct inference_content {
	uint32_t n_good, n_bad; /* pointers that are addresses, or none */
	uint32_t n_strange;	/* other words that are the start of an object */
	uint32_t n_odd;		/* void * that are no addresses: numbers, perhaps */
	uint32_t n_exact;  /* good ones that lead to the start of an object of just that size */
	uint32_t n_unfit;  /* good ones that lead to what cannot be their target */
	uint32_t n_unsure; /* good ones that lead to what has another size, or into the middle */
};

/*
 * inference_content.c: of one copy of the type, at that offset in the object; at most its first 512 bytes.
 * Failure counts as nothing known.
 */
struct inference_content inference_weigh(struct inference_run *r, obj_id o, uint64_t off,
					 type_id type, struct err *err);

/*
 * The one type that suits, fits the object exactly or to an open end, and agrees with its content; TYPE_NONE: none,
 * or several. *by_size: nothing but the size was needed to tell. ERR_NOMEM.
 */
typedef bool inference_suits(struct inference_run *r, type_id type, enum inference_fit fit,
			     const void *arg);
WARN_UNUSED int inference_pick(struct inference_run *r, obj_id o, inference_suits *suits,
			       const void *arg, type_id *type, bool *by_size, struct err *err);

/* inference_arrays.c: looks at what size and fit do not tell; may change the fit. How sure that makes the line. */
uint8_t inference_check_content(struct inference_run *r, obj_id o, struct inference_line *l,
				const struct inference_line *was, struct err *err);

/* inference_weak.c: what declared types do not say. After inference_spread(). ERR_NOMEM. */
WARN_UNUSED int inference_weak(struct inference_run *r, struct err *err);
WARN_UNUSED int inference_take_interior(struct inference_run *r, struct err *err);

/* inference_heads.c: objects of which only the beginning is known, by what others have there. */
WARN_UNUSED int inference_narrow(struct inference_run *r, bool by_content, struct err *err);

/* inference_sites.c: without sites nothing. */
WARN_UNUSED int inference_agree(struct inference_run *r, struct err *err);

/* inference_learn.c */
WARN_UNUSED int inference_learn(struct inference_run *r, struct err *err);
WARN_UNUSED int inference_note(struct inference_run *r, const struct inference_word *w, obj_id o,
			       uint64_t delta, struct err *err);

/* Proposes what a word of a union says; first: the first of its readings in the list. ERR_NOMEM. */
WARN_UNUSED int inference_tell_apart(struct inference_run *r, obj_id o, struct inference_line line,
				     const struct layout_pointers *list, uint32_t first,
				     struct err *err);

/*
 * A word that cannot be a pointer, or (is_code) none to a function: not NULL, not one of the small numbers that programs
 * put in place of a pointer, and no address of that kind.
 */
bool inference_is_bad(struct inference_run *r, uint64_t word, bool is_code);

static inline struct inference_stretch *inference_way(struct inference_stretch *ways, addr_t addr)
{
	return &ways[(addr >> INFERENCE_GRAIN ^ addr >> (INFERENCE_GRAIN + 8)) % INFERENCE_WAYS];
}

/* The bytes at addr, as space_at(). */
const uint8_t *inference_find_bytes(struct inference_run *r, addr_t addr, uint64_t *avail);
static inline const uint8_t *inference_at(struct inference_run *r, addr_t addr, uint64_t *avail)
{
	const struct inference_stretch *s = inference_way(r->bytes, addr);

	if (addr - s->addr >= s->size)
		return inference_find_bytes(r, addr, avail);
	*avail = s->size - (addr - s->addr);
	return s->bytes + (addr - s->addr);
}

/* inference_seeds.c: what is known before anything is followed. */
WARN_UNUSED int inference_seed(struct inference_run *r, struct err *err);

/* inference_verify.c: marks what would be certain, and has content that the type does not. ERR_NOMEM. */
WARN_UNUSED int inference_verify(struct inference_run *r, struct err *err);
void inference_free_checks(struct inference_run *r);

/* inference_locals.c: locals as beginnings; those in doubt, when all else has been spread. ERR_NOMEM. */
WARN_UNUSED int inference_seed_locals(struct inference_run *r, struct err *err);
WARN_UNUSED int inference_fill_by_locals(struct inference_run *r, struct err *err);

/* inference_seeds.c: likewise by the claims of allocation sites. ERR_NOMEM. */
WARN_UNUSED int inference_fill_by_sites(struct inference_run *r, struct err *err);

/* inference_confidence.c: how sure each line is, and the sums; after the last proposal. */
WARN_UNUSED int inference_decide(struct inference_run *r, struct err *err);

/* How sure a line is by its fit, reason and flags alone. */
uint8_t inference_own_confidence(const struct inference_line *l);

#endif
