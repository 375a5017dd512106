/*
 * What the files inference*.c share while they run. No other file includes this.
 */
#ifndef HEAPDUMP_TYPES_INFERENCE_RUN_H
#define HEAPDUMP_TYPES_INFERENCE_RUN_H

#include "analyze/types/inference.h"
#include "analyze/types/layout_pointers.h"
#include "base/bitset.h"

/* glibc: the smallest usable size; more than a chunk leaves unused; what a mapping of its own is rounded to. */
enum { INFERENCE_SMALLEST = 24, INFERENCE_SLACK = 32, INFERENCE_PAGE = 4096 };

/* What a fit is made of. */
struct inference_shape {
	uint64_t size; /* 0: not known */
	bool is_known; /* this is filled */
	bool is_scalar, is_record, is_open;
};

/* Where words are being read. */
struct inference_source {
	enum inference_reason reason; /* of what its pointers lead to: FIELD, LOCAL, VARIABLE */
	uint32_t from;
	type_id type; /* peeled */
	addr_t addr;
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

enum { INFERENCE_BATCH = 64, INFERENCE_WAYS = 16 };

/* Stretches of memory that were used last, by bits of the address. */
struct inference_stretch {
	addr_t addr;
	uint64_t size;
	const uint8_t *bytes;
};

struct inference_run {
	const struct inference_input *in;
	struct inference *out;
	struct layout_pointers **lists; /* per type; NULL: not worked out yet; targets peeled */
	struct inference_shape *shapes; /* per type */
	uint64_t *
		head_of; /* per type: size of the smallest larger one that begins with it; 0: none */
	VEC(obj_id) queues[N_CONFIDENCES]; /* to be read, by how sure their line is */
	size_t heads[N_CONFIDENCES];	   /* of the queues */
	struct bitset queued;
	uint64_t ring_steps; /* that are left, of rings that containers are made of */
	bool has_ring_steps;
	/* what is being read */
	struct inference_source sources[INFERENCE_BATCH];
	struct inference_word words[INFERENCE_BATCH];
	addr_t targets[INFERENCE_BATCH];
	uint32_t n_sources, n_words;
	struct inference_stretch bytes[INFERENCE_WAYS], mapped[INFERENCE_WAYS];
};

/* inference_fit.c */
struct inference_shape inference_shape_of(const struct type_table *t, type_id id);
enum inference_fit inference_fit_shape(const struct inference_shape *s, uint64_t usable,
				       bool is_mapped);

/* inference_lists.c: worked out once per type. ERR_NOMEM. */
WARN_UNUSED int inference_list_of(struct inference_run *r, type_id id,
				  const struct layout_pointers **out, struct err *err);
const struct inference_shape *inference_shape(struct inference_run *r, type_id id);
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

/* inference_containers.c: p is the word at off of the source, of a container that the line may be known by. */
WARN_UNUSED int inference_follow_container(struct inference_run *r,
					   const struct inference_source *s, uint64_t off,
					   const struct layout_pointer *p, addr_t word,
					   struct inference_line line, struct err *err);

/* Reads the queues until they are empty, the surest first. */
WARN_UNUSED int inference_spread(struct inference_run *r, struct err *err);

/* How the words of an object agree with a type's pointers. */
struct inference_content {
	uint32_t n_good, n_bad;
};

/* inference_union.c. Failure counts as nothing known. */
struct inference_content inference_weigh(struct inference_run *r, obj_id o, type_id type,
					 struct err *err);

/* Proposes what a word of a union says; first: the first of its readings in the list. ERR_NOMEM. */
WARN_UNUSED int inference_tell_apart(struct inference_run *r, obj_id o, struct inference_line line,
				     const struct layout_pointers *list, uint32_t first,
				     struct err *err);

/* A word that is no address of anything, NULL neither. */
bool inference_is_bad(struct inference_run *r, uint64_t word);

/* The bytes at addr, as space_at(). */
const uint8_t *inference_at(struct inference_run *r, addr_t addr, uint64_t *avail);

/* inference_seeds.c: what is known before anything is followed. */
WARN_UNUSED int inference_seed(struct inference_run *r, struct err *err);

/* inference_confidence.c: how sure each line is, and the sums; after the last proposal. */
WARN_UNUSED int inference_decide(struct inference_run *r, struct err *err);

/* How sure a line is by its fit, reason and flags alone. */
uint8_t inference_own_confidence(const struct inference_line *l);

#endif
