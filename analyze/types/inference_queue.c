/*
 * Sets of objects that are added to and emptied from below, in steps as many as there are levels at most.
 */
#include "analyze/types/inference_queue.h"

static int init_set(struct inference_set *s, uint64_t n)
{
	do {
		if (bitset_init(&s->levels[s->n_levels++], n) < 0)
			return -1;
		n = n / 64 + 1;
	} while (n > 1);
	return 0;
}

static void deinit_set(struct inference_set *s)
{
	for (int i = 0; i < s->n_levels; i++)
		bitset_deinit(&s->levels[i]);
}

static bool is_empty(const struct inference_set *s)
{
	return !s->levels[s->n_levels - 1].words[0];
}

static void add(struct inference_set *s, uint64_t i)
{
	bool was_empty = true;

	for (int k = 0; k < s->n_levels && was_empty; k++, i >>= 6) {
		was_empty = !s->levels[k].words[i >> 6];
		bitset_add(&s->levels[k], i);
	}
}

static void take_out(struct inference_set *s, uint64_t i)
{
	bool is_left = false;

	for (int k = 0; k < s->n_levels && !is_left; k++, i >>= 6) {
		bitset_remove(&s->levels[k], i);
		is_left = s->levels[k].words[i >> 6];
	}
}

/* The first one. The set has any. */
static obj_id first_of(const struct inference_set *s)
{
	uint64_t i = 0;

	for (int k = s->n_levels - 1; k >= 0; k--)
		i = i << 6 | (uint64_t)__builtin_ctzll(s->levels[k].words[i]);
	return (obj_id)i;
}

int inference_queue_init(struct inference_queue *q, uint64_t n, struct err *err)
{
	return init_set(&q->now, n) < 0 || init_set(&q->next, n) < 0 ? err_nomem(err) : 0;
}

void inference_queue_deinit(struct inference_queue *q)
{
	deinit_set(&q->now);
	deinit_set(&q->next);
}

void inference_queue_add(struct inference_queue *q, obj_id o)
{
	add(&q->next, o);
}

void inference_queue_begin_wave(struct inference_queue *q)
{
	struct inference_set empty = q->now;

	q->now = q->next;
	q->next = empty;
}

uint32_t inference_queue_take(struct inference_queue *q, obj_id *out, uint32_t max)
{
	uint64_t word = 0;
	uint32_t n = 0;

	while (n < max && !is_empty(&q->now)) {
		const uint64_t *bits = q->now.levels[0].words;

		if (!bits[word])
			word = first_of(&q->now) >> 6;
		out[n] = (obj_id)(word << 6) | (obj_id)__builtin_ctzll(bits[word]);
		take_out(&q->now, out[n++]);
	}
	return n;
}
