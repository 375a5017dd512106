/*
 * Heaps in circumstances that malloc's users can bring about: settings (the caller's environment), many
 * threads, trimming, a forked child, a second libc. Everything in use is held by g_keep. Dies of SIGABRT.
 *
 *	odd_heaps threads|many|trim|fork|mallopt
 *	odd_heaps dlmopen second_libc.so		with -DSECOND_LIBC this file is that library
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef SECOND_LIBC

void *g_keep_too[5000];

/* How many objects this libc then has in use. */
int second_start(void)
{
	int n = 0;

	for (int i = 0; i < 5000; i++)
		g_keep_too[i] = malloc(10 + (size_t)i % 500);
	for (int i = 0; i < 5000; i += 3) {
		free(g_keep_too[i]);
		g_keep_too[i] = NULL;
	}
	g_keep_too[0] = malloc(300000);
	for (int i = 0; i < 5000; i++)
		n += g_keep_too[i] != NULL;
	return n;
}

#else

#define MANY 400

void **g_keep[MANY + 2];
static pthread_barrier_t all_here;

static unsigned below(unsigned *state, unsigned n)
{
	*state = *state * 1103515245 + 12345;
	return (*state >> 8) % n;
}

static size_t some_size(unsigned *state)
{
	unsigned kind = below(state, 300);

	if (!kind)
		return 130000 + below(state, 300000);
	return 1 + below(state, kind < 15 ? 20000 : 400);
}

static void churn(unsigned who, unsigned n_slots, unsigned n_rounds)
{
	void **slots = calloc(n_slots, sizeof(*slots));
	unsigned state = who;

	g_keep[who] = slots;
	while (n_rounds--) {
		void **slot = &slots[below(&state, n_slots)];
		size_t size = some_size(&state);

		if (*slot) {
			free(*slot);
			*slot = NULL;
		} else {
			*slot = size % 17 ? malloc(size) : aligned_alloc(16u << size % 9, size);
			memset(*slot, 1, size);
		}
	}
}

static void *work(void *who)
{
	churn((unsigned)(size_t)who, 300, 3000);
	pthread_barrier_wait(&all_here);
	pause();
	return NULL;
}

static void start_threads(unsigned n)
{
	pthread_attr_t attr;
	pthread_t t;

	churn(0, 3000, 50000);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	pthread_barrier_init(&all_here, NULL, n + 1);
	for (size_t i = 1; i <= n; i++)
		if (pthread_create(&t, &attr, work, (void *)i))
			exit(3);
	pthread_barrier_wait(&all_here);
	usleep(100000);
}

static void die_as_a_child(void)
{
	start_threads(4);
	if (fork() == 0) {
		churn(MANY + 1, 100, 1000);
		abort();
	}
	wait(NULL);
	exit(0);
}

static void load_second(const char *path)
{
	void *library = dlmopen(LM_ID_NEWLM, path, RTLD_NOW);
	int (*start)(void) = library ? (int (*)(void))dlsym(library, "second_start") : NULL;

	churn(0, 3000, 50000);
	if (!start)
		exit(3);
	printf("%d\n", start());
	fflush(stdout);
}

static void set_options(void)
{
	mallopt(M_MMAP_THRESHOLD, 8192);
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_TOP_PAD, 1 << 20);
	mallopt(M_MMAP_MAX, 100);
	start_threads(8);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";

	if (!strcmp(how, "threads")) {
		start_threads(8);
	} else if (!strcmp(how, "many")) {
		start_threads(MANY);
	} else if (!strcmp(how, "trim")) {
		start_threads(4);
		malloc_trim(0);
	} else if (!strcmp(how, "fork")) {
		die_as_a_child();
	} else if (!strcmp(how, "mallopt")) {
		set_options();
	} else if (!strcmp(how, "dlmopen") && argc > 2) {
		load_second(argv[2]);
	} else {
		return 2;
	}
	abort();
}

#endif
