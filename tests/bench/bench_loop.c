/*
 * What costs a sampler most: a program that does nothing but allocate and free, from deep stacks.
 *
 *	bench_loop PAIRS [THREADS]
 *
 * Each thread makes PAIRS pairs of malloc and free: 60 % of 16–64 bytes, 30 % up to 256, 9 % up to 1,024, 1 % up to 8 KiB,
 * 20,000 objects live in all, eight allocations for every descent of 20 frames through four functions chosen at random.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEPTH = 20, LIVE = 20000, MAX_THREADS = 64, AT_ONCE = 8 };

struct worker {
	uint64_t random, pairs;
	void **live;
	unsigned n_live;
};

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	return *state ^= *state << 17;
}

static size_t random_size(uint64_t r)
{
	unsigned kind = r % 100;

	r /= 100;
	if (kind < 60)
		return 16 + r % 49;
	if (kind < 90)
		return 64 + r % 193;
	if (kind < 99)
		return 256 + r % 769;
	return 1024 + r % 7169;
}

static void allocate(struct worker *w)
{
	for (int i = 0; i < AT_ONCE && w->pairs; i++, w->pairs--) {
		uint64_t r = next_random(&w->random);
		void **slot = &w->live[r % w->n_live];

		free(*slot);
		*slot = malloc(random_size(r >> 20));
		if (!*slot)
			abort();
	}
}

static void descend(struct worker *w, int depth);

/* Four functions of the same body, so that stacks differ. */
#define LEVEL(name)                                                                                \
	static __attribute__((noinline)) void name(struct worker *w, int depth)                    \
	{                                                                                          \
		if (depth)                                                                         \
			descend(w, depth - 1);                                                     \
		else                                                                               \
			allocate(w);                                                               \
		__asm__ volatile("" ::: "memory");                                                 \
	}
LEVEL(by_one)
LEVEL(by_two)
LEVEL(by_three)
LEVEL(by_four)

static __attribute__((noinline)) void descend(struct worker *w, int depth)
{
	switch (next_random(&w->random) & 3) {
	case 0:
		by_one(w, depth);
		break;
	case 1:
		by_two(w, depth);
		break;
	case 2:
		by_three(w, depth);
		break;
	default:
		by_four(w, depth);
	}
	__asm__ volatile("" ::: "memory");
}

static void *work(void *arg)
{
	struct worker *w = arg;

	/* two frames a level */
	while (w->pairs)
		descend(w, DEPTH / 2 - 2);
	return NULL;
}

int main(int argc, char **argv)
{
	static struct worker workers[MAX_THREADS];
	pthread_t threads[MAX_THREADS];
	unsigned n = argc > 2 ? (unsigned)atoi(argv[2]) : 2;

	if (argc < 2 || !n || n > MAX_THREADS) {
		fprintf(stderr, "usage: bench_loop PAIRS [THREADS]\n");
		return 2;
	}
	for (unsigned i = 0; i < n; i++) {
		workers[i] = (struct worker){.random = 88172645463325252ull + i,
					     .pairs = strtoull(argv[1], NULL, 10),
					     .n_live = LIVE / n,
					     .live = calloc(LIVE / n, sizeof(void *))};
		if (pthread_create(&threads[i], NULL, work, &workers[i]))
			return 1;
	}
	for (unsigned i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
