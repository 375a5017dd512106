/*
 * Fits that the size alone does not prove: arrays, and open ends. The content must be like that.
 *
 *	T *  to several T's size     a struct may stand before something else: the next ones must look like it
 *	T ** to so many pointers     may lead to a struct's first member: all words must be such pointers
 *	T with an open end           has any size
 *
 * Of the last two, one is as good as an exact fit if its pointers lead to starts of objects of their targets' size,
 * all of them: CONFIRMED.
 */
#include <string.h>

#include "analyze/types/inference_run.h"

enum { ELEMENTS = 4, POINTERS = 32, MAX_WORDS = 4096 }; /* of an array that are looked at */
enum { SMALL = 16 }; /* any size is a multiple of it, rounded up */

static void add_content(struct inference_content *to, struct inference_content c)
{
	to->n_good += c.n_good;
	to->n_bad += c.n_bad;
	to->n_strange += c.n_strange;
	to->n_odd += c.n_odd;
	to->n_exact += c.n_exact;
	to->n_unfit += c.n_unfit;
	to->n_unsure += c.n_unsure;
}

static bool is_confirmed(const struct inference_content *c)
{
	return c->n_exact && !c->n_unfit && !c->n_unsure && !c->n_bad && !c->n_strange && !c->n_odd;
}

/* The element's words, if they are not all zeros and there is time. */
static bool weigh_element(struct inference_run *r, obj_id o, uint64_t off, type_id type,
			  struct inference_content *to, struct err *err)
{
	uint64_t avail, word = 1;
	const uint8_t *at = inference_at(r, objects_addr(r->in->objects, o) + off, &avail);

	if (at && avail >= sizeof(word))
		memcpy(&word, at, sizeof(word));
	if ((!word && inference_shape(r, type)->size == sizeof(word)) || !r->steps_left)
		return false;
	r->steps_left--;
	add_content(to, inference_weigh(r, o, off, type, err));
	return true;
}

/* A pointer to a pointer may lead to a struct's first member: what comes behind must be pointers, too. */
static uint8_t check_pointers(struct inference_run *r, obj_id o, struct inference_line *l,
			      struct err *err)
{
	uint64_t size = inference_shape(r, l->type)->size;
	uint64_t n = objects_size(r->in->objects, o) / size, n_looked = 0;
	struct inference_content all = {0};

	for (uint64_t i = 0; i < n && i < MAX_WORDS && n_looked < POINTERS; i++)
		n_looked += weigh_element(r, o, i * size, l->type, &all, err);
	if (all.n_bad + all.n_strange + all.n_odd > all.n_good / 8)
		l->fit = FIT_PREFIX;
	else if (is_confirmed(&all) && all.n_exact > 1)
		l->flags |= INFERENCE_CONFIRMED;
	return CONFIDENCE_CERTAIN;
}

/*
 * Structs that follow each other in one object: the size alone says little, as a struct may stand before something
 * else. Those behind the first must look like one.
 */
static uint8_t check_structs(struct inference_run *r, obj_id o, struct inference_line *l,
			     struct err *err)
{
	const struct inference_shape *s = inference_shape(r, l->type);
	uint64_t n = objects_size(r->in->objects, o) / s->size, i;
	struct inference_content all = {0};
	bool linked;

	for (i = 1; i < n && i < (s->size > SMALL ? ELEMENTS : POINTERS); i++)
		weigh_element(r, o, i * s->size, l->type, &all, err);
	/* what is linked, and stands before others, is an array only if each element leads to what it should, or to much */
	linked = inference_is_linked(r, l->type) && all.n_exact < i - 1 &&
		 (s->size < 4 * SMALL || all.n_good < 2 * (i - 1));
	if (all.n_bad + all.n_strange + all.n_odd > all.n_good / 8 ||
	    (linked && r->head_of[l->type]) || (linked && s->size <= SMALL && all.n_good < i / 2) ||
	    (!all.n_good && n < ELEMENTS))
		l->fit = FIT_PREFIX;
	return all.n_good || (n >= ELEMENTS && s->size > SMALL && !r->head_of[l->type])
		       ? CONFIDENCE_LIKELY
		       : CONFIDENCE_GUESS;
}

/* An open end has any size; its own pointers say whether it is what it is said to be. */
static void check_open(struct inference_run *r, obj_id o, struct inference_line *l, struct err *err)
{
	struct inference_content c = inference_weigh(r, o, 0, l->type, err);

	if (is_confirmed(&c) &&
	    objects_size(r->in->objects, o) >= inference_shape(r, l->type)->size)
		l->flags |= INFERENCE_CONFIRMED;
}

/* Looks at the content where size and fit are not enough; once for a type. How sure that makes the line. */
uint8_t inference_check_content(struct inference_run *r, obj_id o, struct inference_line *l,
				const struct inference_line *was, struct err *err)
{
	bool is_record = inference_shape(r, l->type)->is_record;

	if (l->fit == FIT_OPEN && (was->type != l->type || was->fit != FIT_OPEN))
		check_open(r, o, l, err);
	if (l->fit != FIT_ARRAY || l->flags & INFERENCE_COUNTED ||
	    inference_shape(r, l->type)->is_scalar)
		return CONFIDENCE_CERTAIN;
	if (was->type == l->type && was->fit == FIT_PREFIX)
		l->fit = FIT_PREFIX;
	if (was->type == l->type && was->fit <= FIT_ARRAY)
		return is_record ? was->confidence : CONFIDENCE_CERTAIN;
	return is_record ? check_structs(r, o, l, err) : check_pointers(r, o, l, err);
}
