/*
 * Fills a heap the way programs do and dies, for make bench.
 *
 *	bench_heap N TRUTH        about N objects; the truth file: leaked objects, leaked bytes
 *
 *	of 174 objects    75 records in hash chains, 20 of them with a name, 15 with a buffer of mixed size
 *	                  35 of these names and buffers
 *	                  30 nodes of a binary tree with parent pointers
 *	                  30 nodes of one long list
 *	                   4 lost: two heads, each with what only it holds
 */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct record {
	struct record *next;
	char *name;
	void *buffer;
	uint64_t id, stamp;
};

struct tree {
	struct tree *left, *right, *parent;
	uint64_t key;
};

struct link {
	struct link *next;
	uint64_t value;
};

static struct record **g_table;
static uint64_t g_buckets;
static struct tree *g_tree;
static struct link *g_list;
static uint64_t g_objects, g_lost_objects, g_lost_bytes;
static uint64_t g_random = 1;

static uint32_t random_below(uint32_t n)
{
	g_random = g_random * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(g_random >> 33) % n;
}

static void *get(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		exit(1);
	g_objects++;
	return p;
}

static struct record *add_record(uint64_t id)
{
	struct record *r = get(sizeof(*r)), **bucket = &g_table[random_below((uint32_t)g_buckets)];

	r->id = id;
	r->next = *bucket;
	*bucket = r;
	return r;
}

static void add_tree(uint64_t key)
{
	struct tree **at = &g_tree, *parent = NULL, *t = get(sizeof(*t));

	/* the bits of the key steer: depth stays logarithmic without balancing */
	for (uint64_t bits = key * 0x9e3779b97f4a7c15ull; *at; bits = bits << 1 | bits >> 63) {
		parent = *at;
		at = bits >> 63 ? &parent->right : &parent->left;
	}
	t->key = key;
	t->parent = parent;
	*at = t;
}

static void add_link(uint64_t value)
{
	struct link *l = get(sizeof(*l));

	l->value = value;
	l->next = g_list;
	g_list = l;
}

static void __attribute__((noinline)) lose(uint64_t i)
{
	void **volatile head = get(48);
	void *inner = get(24 + 8 * (i % 8));

	head[1] = inner;
	g_lost_objects += 2;
	g_lost_bytes += malloc_usable_size(head) + malloc_usable_size(inner);
	head = NULL;
}

static void fill(uint64_t n)
{
	g_buckets = n / 4 + 16;
	g_table = get(g_buckets * sizeof(*g_table));
	for (uint64_t i = 0; g_objects < n; i++) {
		struct record *r;

		for (int k = 0; k < 40; k++)
			add_record(i);
		for (int k = 0; k < 20; k++) {
			r = add_record(i);
			r->name = get(16 + random_below(32));
			snprintf(r->name, 16, "name-%u", (unsigned)i);
		}
		for (int k = 0; k < 30; k++) {
			add_tree(g_objects);
			add_link(i);
		}
		for (int k = 0; k < 15; k++) {
			r = add_record(i);
			r->buffer = get(32 + random_below(random_below(16) ? 200 : 4000));
		}
		lose(i);
		lose(i + 3);
	}
}

static void __attribute__((noinline)) wipe(void)
{
	volatile char stack[8192];

	for (size_t i = 0; i < sizeof(stack); i++)
		stack[i] = 0;
}

int main(int argc, char **argv)
{
	FILE *f;

	if (argc < 3)
		return 2;
	fill(strtoull(argv[1], NULL, 0));
	f = fopen(argv[2], "w");
	if (!f)
		return 1;
	fprintf(f, "%llu %llu\n", (unsigned long long)g_lost_objects,
		(unsigned long long)g_lost_bytes);
	fclose(f);
	wipe();
	abort();
}
