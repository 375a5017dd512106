/*
 * A program with a heap that it knows: runs one scenario, writes what it holds
 * (each live pointer with its usable size, each freed pointer, mallinfo2's
 * figures) into a shared file, then dies of SIGABRT with a core.
 *
 *	victim SCENARIO RECORD-FILE
 *
 * test_glibc.c compiles and runs it; scripts run it under other releases of glibc.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "glibc_victim.h"

static struct victim_record *rec;

static uint32_t rng(uint32_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 17;
	return *s ^= *s << 5;
}

/* One slot per live object; empty again when freed. */
static void *note(void *p)
{
	uint32_t i = __atomic_fetch_add(&rec->n, 1, __ATOMIC_RELAXED);

	if (p && i < VICTIM_MAX)
		rec->live[i] = (struct victim_object){(uint64_t)p, malloc_usable_size(p)};
	return p;
}

static void drop(void *p, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		if (rec->live[i].addr == (uint64_t)p)
			rec->live[i].addr = 0;
	free(p);
}

static size_t some_size(uint32_t *s)
{
	uint32_t r = rng(s);

	if (r % 500 == 0)
		return 130000 + rng(s) % 400000;
	if (r % 20 == 0)
		return 1 + rng(s) % 20000;
	return 1 + rng(s) % 300;
}

#define SLOTS 4000

static void churn(uint32_t seed, uint32_t rounds)
{
	void **held = note(calloc(SLOTS, sizeof(*held)));
	uint32_t *where = note(calloc(SLOTS, sizeof(*where)));
	uint32_t s = seed;

	for (uint32_t i = 0; i < rounds; i++) {
		uint32_t k = rng(&s) % SLOTS;

		if (held[k]) {
			rec->live[where[k]].addr = 0;
			free(held[k]);
			held[k] = NULL;
			continue;
		}
		held[k] = malloc(some_size(&s));
		where[k] = __atomic_fetch_add(&rec->n, 1, __ATOMIC_RELAXED);
		rec->live[where[k]] =
			(struct victim_object){(uint64_t)held[k], malloc_usable_size(held[k])};
	}
}

static void aligned(uint32_t seed)
{
	uint32_t s = seed;

	for (int i = 0; i < 300; i++) {
		size_t align = 16ul << rng(&s) % 15;
		size_t size = i % 5 ? 1 + rng(&s) % 3000 : 140000 + rng(&s) % 600000;
		void *p = aligned_alloc(align, size);

		if (i % 3)
			memset(note(p), 0x11, size);
		else
			free(p);
	}
}

static void grown(uint32_t seed)
{
	uint32_t s = seed;

	for (int i = 0; i < 40; i++) {
		char *p = i % 2 ? malloc(200000) : aligned_alloc(256, 200000);

		for (int k = 0; k < 5; k++) {
			p = realloc(p, 150000 + rng(&s) % 2000000);
			rec->n_moved++;
		}
		note(p);
	}
}

/* A page right behind the break: brk fails from here on. */
static void block_brk(void)
{
	char *brk = sbrk(0);

	brk += -(uintptr_t)brk & 4095;
	if (mmap(brk, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) !=
	    brk)
		_exit(3);
}

static pthread_barrier_t done;

static void *worker(void *arg)
{
	churn(77 + (uint32_t)(uintptr_t)arg * 1000003, 60000);
	aligned((uint32_t)(uintptr_t)arg + 1);
	if ((uintptr_t)arg % 4 == 3)
		return NULL;
	pthread_barrier_wait(&done);
	pause();
	return NULL;
}

static void threads(unsigned n)
{
	pthread_t t[64];
	unsigned n_stay = 0;

	for (unsigned i = 0; i < n; i++)
		n_stay += i % 4 != 3;
	pthread_barrier_init(&done, NULL, n_stay + 1);
	for (uintptr_t i = 0; i < n; i++)
		pthread_create(&t[i], NULL, worker, (void *)i);
	for (uintptr_t i = 0; i < n; i++)
		if (i % 4 == 3)
			pthread_join(t[i], NULL);
	pthread_barrier_wait(&done);
	usleep(100000);
}

static void *wide_worker(void *arg)
{
	for (int i = 0; i < 2500; i++)
		note(malloc(60000 + (size_t)i));
	pthread_barrier_wait(&done);
	pause();
	return arg;
}

/* More than one heap in a thread's arena. */
static void wide(void)
{
	pthread_t t;

	pthread_barrier_init(&done, NULL, 2);
	pthread_create(&t, NULL, wide_worker, NULL);
	pthread_barrier_wait(&done);
	usleep(100000);
}

static void foreign_sbrk(void)
{
	for (int k = 0; k < 3; k++) {
		char *p;

		churn(5 + (uint32_t)k, 20000);
		p = sbrk(12345 + 100000 * k);
		memset(p, 0x21, 12345);
	}
	churn(9, 20000);
}

static void trimmed(void)
{
	void *p[3000];
	uint32_t from = rec->n;

	for (int i = 0; i < 3000; i++)
		p[i] = note(malloc(3000));
	for (int i = 100; i < 3000; i++)
		drop(p[i], from, rec->n);
	malloc_trim(0);
}

/* One size word smashed in the middle of a run of small chunks. */
static void smashed(void)
{
	char *p[2000];

	for (int i = 0; i < 2000; i++)
		p[i] = note(malloc(100));
	for (int i = 0; i < 300; i++)
		note(malloc(5000));
	rec->smashed = (uint64_t)p[1000];
	((uint64_t *)p[1000])[-1] = 0x4141414141414141;
}

/* The same, but the size stays plausible: the walk is led astray. */
static void misled(void)
{
	smashed();
	((uint64_t *)rec->smashed)[-1] = 0x331;
}

static void cycle(void)
{
	uint64_t *p[8];

	for (int i = 0; i < 5; i++)
		p[i] = malloc(200);
	note(malloc(200));
	for (int i = 0; i < 5; i++)
		free(p[i]);
	/* The first freed leads back to the last freed. */
	p[0][0] = (uint64_t)p[4] ^ (uint64_t)p[0] >> 12;
	rec->smashed = (uint64_t)p[0];
}

static void empty_cache(void)
{
	note(malloc(10));
	note(calloc(1, 0x280)); /* has a thread cache's size and looks like an empty one */
}

/* A static executable has no dlsym that works, a shared one may run under a libc without mallinfo2. */
#ifdef VICTIM_STATIC
#define FIND(name) name
#else
#define FIND(name) dlsym(RTLD_DEFAULT, #name)
#endif

static void figures(void)
{
	struct mallinfo2 (*info2)(void) = FIND(mallinfo2);

	if (info2) {
		struct mallinfo2 m = info2();

		rec->uordblks = m.uordblks;
		rec->hblkhd = m.hblkhd;
		rec->hblks = m.hblks;
		rec->fsmblks = m.fsmblks;
		rec->fordblks = m.fordblks;
		rec->arena = m.arena;
	} else {
		struct mallinfo (*info)(void) = FIND(mallinfo);
		struct mallinfo m = info();

		rec->uordblks = (unsigned)m.uordblks;
		rec->hblkhd = (unsigned)m.hblkhd;
		rec->hblks = (unsigned)m.hblks;
		rec->fsmblks = (unsigned)m.fsmblks;
		rec->fordblks = (unsigned)m.fordblks;
		rec->arena = (unsigned)m.arena;
	}
}

static void run(const char *scenario)
{
	if (!strcmp(scenario, "churn"))
		churn(1, 200000);
	else if (!strcmp(scenario, "threads"))
		threads(12);
	else if (!strcmp(scenario, "aligned"))
		aligned(3);
	else if (!strcmp(scenario, "grown"))
		grown(4);
	else if (!strcmp(scenario, "wide"))
		wide();
	else if (!strcmp(scenario, "foreign_sbrk"))
		foreign_sbrk();
	else if (!strcmp(scenario, "trimmed"))
		trimmed();
	else if (!strcmp(scenario, "smashed"))
		smashed();
	else if (!strcmp(scenario, "misled"))
		misled();
	else if (!strcmp(scenario, "cycle"))
		cycle();
	else if (!strcmp(scenario, "empty_cache"))
		empty_cache();
	else if (!strcmp(scenario, "no_brk")) {
		churn(6, 20000);
		block_brk();
		churn(7, 100000);
	} else if (!strcmp(scenario, "never_brk")) {
		block_brk();
		churn(8, 50000);
	} else {
		_exit(4);
	}
}

int main(int argc, char **argv)
{
	int fd;

	if (argc < 3)
		return 2;
	fd = open(argv[2], O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(*rec)) < 0)
		return 2;
	rec = mmap(NULL, sizeof(*rec), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (rec == MAP_FAILED)
		return 2;
	run(argv[1]);
	if (!rec->smashed)
		figures();
	rec->finished = 1;
	kill(getpid(), SIGABRT);
	pause();
	return 1;
}
