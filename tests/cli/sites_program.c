/*
 * A program whose allocation sites are known, by the function that allocates (the figures are in
 * sites_real.t). argv[1] is the plugin, argv[2] how it ends: "crash", "wait", "exit".
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct link {
	struct link *next;
	void *held;
};

struct link *g_list;
int g_worked;
void *g_table, *g_text, *g_pool, *g_worker[200], *g_plugin[5];

static inline __attribute__((always_inline)) void *fresh(size_t n)
{
	return memset(malloc(n), 1, n);
}

static __attribute__((noinline)) void grow(void)
{
	struct link *l = fresh(100);

	l->held = NULL;
	l->next = g_list;
	g_list = l;
}

static __attribute__((noinline)) void make_table(void)
{
	g_table = calloc(1000, 100);
}

/* Ends as one object of 3,000 bytes. */
static __attribute__((noinline)) void write_text(void)
{
	for (size_t n = 300; n <= 3000; n += 300)
		g_text = memset(realloc(g_text, n), 'x', n);
}

static __attribute__((noinline)) void lose(void)
{
	for (int i = 0; i < 50; i++)
		memset(malloc(64), 2, 64);
}

static __attribute__((noinline)) void borrow(void)
{
	void *volatile p[500];

	for (int i = 0; i < 500; i++)
		p[i] = malloc(32);
	for (int i = 0; i < 500; i++)
		free(p[i]);
}

static void *work(void *arg)
{
	pthread_setname_np(pthread_self(), "worker");
	for (int i = 0; i < 200; i++)
		g_worker[i] = calloc(1, 80);
	__atomic_store_n(&g_worked, 1, __ATOMIC_RELEASE);
	if (*(int *)arg)
		raise(*(int *)arg);
	for (;;)
		pause();
}

static void load_plugin(const char *path)
{
	void *plugin = dlopen(path, RTLD_NOW);
	void *(*make)(void) = plugin ? (void *(*)(void))dlsym(plugin, "plugin_make") : NULL;

	if (!make) {
		printf("no plugin: %s\n", dlerror());
		exit(2);
	}
	for (int i = 0; i < 5; i++)
		g_plugin[i] = make();
	dlclose(plugin);
}

static __attribute__((noinline)) void *ring_entry(void)
{
	return calloc(1, 500);
}

/* What only the library's own interface can tell; without it nothing is told. */
static __attribute__((noinline)) void tell(void)
{
	int (*name_root)(const void *, size_t, const char *) =
		(int (*)(const void *, size_t, const char *))dlsym(RTLD_DEFAULT,
								   "heapdump_name_root");
	int (*announce)(const void *, size_t, const char *) =
		(int (*)(const void *, size_t, const char *))dlsym(RTLD_DEFAULT,
								   "heapdump_announce");
	int (*retire)(const void *) = (int (*)(const void *))dlsym(RTLD_DEFAULT, "heapdump_retire");
	void **ring = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (!name_root || !announce || !retire)
		return;
	ring[2] = ring_entry();
	name_root(ring, 64, "ring");
	g_pool = calloc(1, 4096);
	for (int i = 0; i < 4; i++)
		announce((char *)g_pool + 256 + 128 * i, 64, "conn");
	retire((char *)g_pool + 256 + 128 * 3);
}

int main(int argc, char **argv)
{
	int last = strcmp(argv[2], "crash") ? 0 : SIGSEGV;
	pthread_t thread;

	for (int i = 0; i < 1000; i++)
		grow();
	make_table();
	write_text();
	lose();
	borrow();
	load_plugin(argv[1]);
	tell();
	pthread_create(&thread, NULL, work, &last);
	while (!__atomic_load_n(&g_worked, __ATOMIC_ACQUIRE))
		usleep(1000);
	if (!strcmp(argv[2], "exit"))
		return 0;
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
