/*
 * A program whose cores all must tell the same: four threads, each with objects in an arena of its own,
 * a list of a thousand held by a global, one mmapped object, one held by shared anonymous memory, ten
 * lost of 500 bytes each. On stdout: the address of g_list's first node, and mallinfo2's bytes in use.
 *
 *	cores_victim [die|unlink|wait]	unlink: it removes its own file before it dies
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WORKERS = 3, NODES = 1000, LOST = 10 };

struct node {
	struct node *next;
	char text[40];
};

struct node *g_list;
void *g_big;
void **g_shared;
__thread struct node *t_own;
static pthread_key_t key;
static pthread_barrier_t ready;

static __attribute__((noinline)) struct node *list(unsigned n)
{
	struct node *first = NULL;

	while (n--) {
		struct node *x = calloc(1, sizeof(*x));

		x->next = first;
		first = x;
	}
	return first;
}

static __attribute__((noinline)) void lose(void)
{
	for (int i = 0; i < LOST; i++)
		memset(malloc(500), 0, 500);
}

static __attribute__((noinline)) void wipe(void)
{
	volatile char a[65536];

	for (size_t i = 0; i < sizeof(a); i++)
		a[i] = 0;
}

static void *worker(void *arg)
{
	t_own = list(100);
	pthread_setspecific(key, malloc(77));
	pthread_barrier_wait(&ready);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	pthread_t t[WORKERS];
	struct mallinfo2 m;

	pthread_key_create(&key, NULL);
	pthread_barrier_init(&ready, NULL, WORKERS + 1);
	g_list = list(NODES);
	g_big = malloc(1 << 20);
	g_shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*g_shared = malloc(333);
	for (int i = 0; i < WORKERS; i++)
		pthread_create(&t[i], NULL, worker, NULL);
	pthread_barrier_wait(&ready);
	lose();
	wipe();
	m = mallinfo2();
	dprintf(1, "%p %zu\n", (void *)g_list, m.uordblks + m.hblkhd);
	if (argc > 1 && !strcmp(argv[1], "unlink"))
		unlink(argv[0]);
	while (argc > 1 && !strcmp(argv[1], "wait"))
		pause();
	abort();
}
