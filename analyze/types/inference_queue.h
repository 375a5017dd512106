/*
 * Objects that wait to be read, in waves:
 *
 *	now    the wave that is being taken, in the order of addresses
 *	next   what came since it began: the wave after it
 *
 * A wave is what is one pointer farther from where all began. In address order the bytes, the lines and the table
 * of a dense one are read nearly in a row; a first-in-first-out queue had them in the order of a hash table. And
 * a bit or two is all the memory that an object takes here.
 *
 * A set has a bit an object, above it a bit for each word that has any, and so on up to one word: the next object
 * of a sparse wave (a long list has one in each) is as many steps away as there are levels.
 */
#ifndef HEAPDUMP_TYPES_INFERENCE_QUEUE_H
#define HEAPDUMP_TYPES_INFERENCE_QUEUE_H

#include "base/bitset.h"
#include "base/err.h"
#include "base/ids.h"

enum { INFERENCE_BATCH = 64, INFERENCE_LEVELS = 6 };

struct inference_set {
	struct bitset levels[INFERENCE_LEVELS];
	int n_levels;
};

struct inference_queue {
	struct inference_set now, next;
};

/* Zeroed before; of objects below n. ERR_NOMEM. */
WARN_UNUSED int inference_queue_init(struct inference_queue *q, uint64_t n, struct err *err);
void inference_queue_deinit(struct inference_queue *q);
void inference_queue_add(struct inference_queue *q, obj_id o);

/* The next wave, when all of one has been taken. */
void inference_queue_begin_wave(struct inference_queue *q);

/* Up to max of the wave; fewer: those were its last. */
uint32_t inference_queue_take(struct inference_queue *q, obj_id *out, uint32_t max);

#endif
