/* A heap of every shape that a scan can be divided in the middle of; says one object of it and dies. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 100000, BUCKETS = 20000 };

struct node {
	struct node *next, *other;
	void *interior;
	char *text;
};

static struct node **g_table;
static struct node *g_ring, *g_list;
static void *g_large[4];
static uint64_t g_random = 7;
static pthread_barrier_t g_all;

static uint32_t random_below(uint32_t n)
{
	g_random = g_random * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(g_random >> 33) % n;
}

static struct node *add(struct node **head)
{
	struct node *n = calloc(1, sizeof(*n) + random_below(5) * 16);

	n->next = *head;
	*head = n;
	return n;
}

static void *hold(void *arg)
{
	struct node *volatile on_stack = NULL;
	struct node *volatile ring = NULL;
	struct node *a = NULL;

	(void)arg;
	add(&a)->text = strdup("held by a stack");
	on_stack = a;
	ring = add(&a);
	pthread_barrier_wait(&g_all);
	for (;;)
		pthread_barrier_wait(&g_all);
	return on_stack == ring ? NULL : (void *)on_stack;
}

static void fill(void)
{
	struct node *lost = NULL;

	g_table = calloc(BUCKETS, sizeof(*g_table));
	for (uint32_t i = 0; i < N; i++) {
		struct node *n = add(i % 3 ? &g_table[random_below(BUCKETS)] : &g_list);

		n->other = random_below(4) ? NULL : g_table[random_below(BUCKETS)];
		n->interior = n->other ? (char *)n->other + 8 : NULL;
		n->text = random_below(3) ? NULL : strdup("some text of a node");
		if (!random_below(400)) {
			lost = NULL;
			add(&lost)->text = strdup("lost");
			lost->next = add(&lost);
		}
	}
	for (uint32_t i = 0; i < 1000; i++)
		add(&g_ring);
	for (uint32_t i = 0; i < 4; i++) {
		g_large[i] = malloc(300000 + i * 100000);
		for (uint32_t k = 0; k < 30000; k++)
			((void **)g_large[i])[k] = g_table[random_below(BUCKETS)];
	}
}

int main(void)
{
	pthread_t t[3];

	pthread_barrier_init(&g_all, NULL, 4);
	fill();
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, hold, NULL);
	pthread_barrier_wait(&g_all);
	printf("%p\n", (void *)g_ring->next->next);
	fflush(stdout);
	abort();
}
