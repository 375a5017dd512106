/*
 * The scan against a naive reading of the same bytes: word by word through the space, each looked up
 * by bisection, into a matrix of best classes.
 *
 *	heaps are random: packed objects, holes, mappings, bytes the dump lacks, runs that start anywhere
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/graph/scan.h"

enum { MAX_OBJECTS = 64, MAX_V = 80, MAX_SEGMENTS = 8, SEGMENT_SIZE = 2048, ROOT_WORDS = 40 };

/* A heap of a few segments, built by hand. */
struct dump {
	struct parts parts;
	struct space space;
	struct objects objects;
	struct roots roots;
	struct index *index;
	struct graph g;
	struct scan_account account;
	struct scan_options options;
	uint8_t bytes[MAX_SEGMENTS][SEGMENT_SIZE];
	uint8_t root_bytes[MAX_V][8 * ROOT_WORDS + 8];
};

static uint64_t random_state;

static uint32_t random_below(uint32_t n)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((random_state >> 33) % n);
}

static struct dump *dump_new(void)
{
	struct dump *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	return d;
}

static void add_segment(struct dump *d, addr_t addr, uint64_t filesz, uint64_t memsz)
{
	size_t i = d->parts.segments.n;
	struct segment s = {.addr = addr,
			    .memsz = memsz,
			    .filesz = filesz,
			    .data = d->bytes[i],
			    .prot = PROT_R | PROT_W};

	assert_true(i < MAX_SEGMENTS && filesz <= SEGMENT_SIZE);
	assert_int_equal(vec_push(&d->parts.segments, s), 0);
}

static void add_object(struct dump *d, addr_t addr, uint64_t size, enum object_kind kind)
{
	struct err err;

	assert_int_equal(objects_add(&d->objects, addr, size, kind, &err), 0);
}

static void add_root(struct dump *d, enum root_class class, uint64_t size)
{
	size_t i = d->roots.list.n;
	/* off a word's edge: roots' bytes are unaligned in this process */
	struct root r = {.class = class, .bytes = d->root_bytes[i] + i % 8, .size = size};

	assert_int_equal(vec_push(&d->roots.list, r), 0);
}

static void put(struct dump *d, addr_t at, uint64_t word)
{
	for (size_t i = 0; i < d->parts.segments.n; i++) {
		const struct segment *s = &d->parts.segments.v[i];

		if (at >= s->addr && at - s->addr + 8 <= s->filesz)
			memcpy(d->bytes[i] + (at - s->addr), &word, sizeof(word));
	}
}

static void put_root(struct dump *d, size_t root, size_t word, uint64_t value)
{
	memcpy(d->root_bytes[root] + root % 8 + 8 * word, &value, sizeof(value));
}

/* One thread is the oracle: in parts, every array comes out the same, byte for byte. */
static void compare_threads(const struct dump *d, unsigned threads)
{
	struct scan_options options = d->options;
	uint64_t n = graph_vertices(&d->g), n_edges = d->g.n_edges;
	struct scan_account account;
	struct graph g;
	struct err err;

	options.threads = threads;
	assert_int_equal(scan_graph(&g, &account, &d->space, &d->objects, d->index, &d->roots,
				    &options, &err),
			 0);
	assert_memory_equal(&account, &d->account, sizeof(account));
	assert_int_equal(g.n_edges, n_edges);
	for (uint64_t v = 0; v <= n; v++)
		assert_int_equal(offsets_at(&g.out_off, v), offsets_at(&d->g.out_off, v));
	assert_memory_equal(g.out, d->g.out, n_edges * sizeof(*g.out));
	assert_memory_equal(g.out_class, d->g.out_class, graph_class_bytes(n_edges));
	graph_deinit(&g);
}

static void dump_scan(struct dump *d)
{
	struct err err;
	uint64_t dropped;

	assert_int_equal(objects_seal(&d->objects, &dropped, &err), 0);
	assert_int_equal(dropped, 0);
	assert_int_equal(space_init(&d->space, &d->parts, &err), 0);
	assert_int_equal(index_new(&d->index, &d->objects, &err), 0);
	assert_int_equal(scan_graph(&d->g, &d->account, &d->space, &d->objects, d->index, &d->roots,
				    &d->options, &err),
			 0);
	graph_check(&d->g);
	for (unsigned threads = 2; threads < 8; threads += 1 + threads / 3)
		compare_threads(d, threads);
}

static void dump_free(struct dump *d)
{
	graph_deinit(&d->g);
	index_free(d->index);
	space_deinit(&d->space);
	objects_deinit(&d->objects);
	vec_deinit(&d->roots.list);
	vec_deinit(&d->parts.segments);
	free(d);
}

static enum edge_class edge(const struct dump *d, vertex_id from, obj_id to)
{
	for (uint64_t e = graph_out_begin(&d->g, from); e < graph_out_end(&d->g, from); e++)
		if (d->g.out[e] == graph_object(&d->g, to))
			return graph_class(&d->g, e);
	return N_EDGE_CLASSES;
}

/* What the naive reader saw. */
struct naive {
	uint8_t best[MAX_V][MAX_OBJECTS];
	uint64_t words, hits, edges;
};

static void naive_word(struct naive *n, const struct dump *d, vertex_id from, uint64_t word)
{
	obj_id o = objects_find(&d->objects, word);
	uint8_t class;

	n->words++;
	if (o == OBJ_NONE && d->options.pointer_mask) {
		word &= ~d->options.pointer_mask;
		o = objects_find(&d->objects, word);
	}
	if (o == OBJ_NONE)
		return;
	n->hits++;
	if (graph_object(&d->g, o) == from)
		return;
	if (word == objects_addr(&d->objects, o) + objects_size(&d->objects, o))
		class = EDGE_SLACK;
	else if (graph_is_root(&d->g, from) && d->roots.list.v[from - 1].class == ROOT_REGISTER)
		class = EDGE_REGISTER;
	else
		class = word == objects_addr(&d->objects, o) ? EDGE_ALIGNED : EDGE_INTERIOR;
	n->edges += n->best[from][o] == N_EDGE_CLASSES;
	if (class < n->best[from][o])
		n->best[from][o] = class;
}

/* Whether the word of an object belongs to a root that lies in one. */
static bool is_rooted(const struct dump *d, addr_t at)
{
	for (size_t i = 0; i < d->roots.list.n; i++) {
		const struct root *r = &d->roots.list.v[i];

		if (r->class != ROOT_REGISTER && at >= r->addr && at < r->addr + r->size &&
		    objects_find(&d->objects, r->addr) != OBJ_NONE)
			return true;
	}
	return false;
}

static void naive_read(struct naive *n, const struct dump *d)
{
	*n = (struct naive){0};
	memset(n->best, N_EDGE_CLASSES, sizeof(n->best));
	for (size_t r = 0; r < d->roots.list.n; r++)
		for (uint64_t i = 0; i + 8 <= d->roots.list.v[r].size; i += 8) {
			uint64_t word;

			memcpy(&word, d->roots.list.v[r].bytes + i, sizeof(word));
			naive_word(n, d, graph_root((uint32_t)r), word);
		}
	for (obj_id o = 0; o < objects_count(&d->objects); o++) {
		addr_t at = objects_addr(&d->objects, o), end = at + objects_size(&d->objects, o);
		uint64_t word;

		if (d->options.without_mappings && objects_kind(&d->objects, o) == OBJECT_MAPPING)
			continue;
		for (at = (at + 7) & ~7ull; at + 8 <= end; at += 8)
			if (!is_rooted(d, at) && space_u64(&d->space, at, &word))
				naive_word(n, d, graph_object(&d->g, o), word);
	}
}

static void compare(const struct dump *d)
{
	const struct scan_account *a = &d->account;
	struct naive *n = calloc(1, sizeof(*n));
	uint64_t classes = 0;

	assert_non_null(n);
	naive_read(n, d);
	for (vertex_id v = 1; v < graph_vertices(&d->g); v++)
		for (obj_id o = 0; o < objects_count(&d->objects); o++)
			assert_int_equal(edge(d, v, o), n->best[v][o]);
	for (size_t i = 0; i < N_EDGE_CLASSES; i++)
		classes += a->by_class[i];
	assert_int_equal(a->words, n->words);
	assert_int_equal(a->words, a->dismissed + a->missed + a->duplicate + a->followed);
	assert_int_equal(a->duplicate + a->followed, n->hits);
	assert_int_equal(a->followed, n->edges);
	assert_int_equal(d->g.n_edges, n->edges);
	assert_int_equal(classes, n->edges);
	free(n);
}

/* A word that hits an object, nearly does, or is nothing. */
static uint64_t random_pointer(const struct dump *d)
{
	const struct object *o = &d->objects.list.v[random_below((uint32_t)d->objects.list.n)];
	uint64_t size = o->size_kind >> 2, tag = random_below(4) ? 0 : 0xab00000000000000ull;

	switch (random_below(8)) {
	case 0:
		return random_below(1 << 20);
	case 1:
		return o->addr + size + random_below(3);
	case 2:
		return (o->addr - 1) | tag;
	case 3:
	case 4:
		return (o->addr + random_below((uint32_t)size)) | tag;
	default:
		return o->addr | tag;
	}
}

static void fill_segment(struct dump *d, addr_t addr, uint64_t room)
{
	addr_t at = (addr + 15) & ~15ull;

	while (d->objects.list.n < MAX_OBJECTS) {
		uint64_t size = 8 + random_below(random_below(5) ? 60 : 500);

		if (at + size > addr + room)
			return;
		add_object(d, at, size, random_below(8) ? OBJECT_ARENA : OBJECT_MAPPING);
		at = (at + size + 15 + (random_below(3) ? 0 : random_below(90))) & ~15ull;
	}
}

static struct dump *random_dump(uint64_t seed)
{
	struct dump *d = dump_new();
	addr_t at = 0x550000000000ull;

	random_state = seed * 7919 + 1;
	for (uint32_t i = 0, n = 1 + random_below(4); i < n; i++) {
		uint64_t memsz = 64 + random_below(SEGMENT_SIZE - 64);

		/* the dump may lack the end, and begin off a word's edge */
		add_segment(d, at + random_below(2) * random_below(8),
			    memsz - random_below(2) * random_below(64), memsz);
		fill_segment(d, at, memsz + 40);
		at += random_below(2) ? 4096 : 1ull << (20 + random_below(20));
	}
	for (uint32_t i = 0, n = random_below(6); i < n; i++)
		add_root(d, random_below(N_ROOT_CLASSES), 8 * random_below(ROOT_WORDS));
	for (size_t i = 0; d->objects.list.n && i < d->roots.list.n; i++)
		if (random_below(4) == 0)
			d->roots.list.v[i].addr = random_pointer(d) & ~0xff00000000000007ull;
	if (random_below(2))
		d->options.pointer_mask = 0xff00000000000000ull;
	d->options.without_mappings = random_below(2);
	for (size_t i = 0; d->objects.list.n && i < d->parts.segments.n; i++)
		for (addr_t a = d->parts.segments.v[i].addr & ~7ull, end = a + SEGMENT_SIZE;
		     a < end; a += 8)
			if (random_below(3))
				put(d, a, random_pointer(d));
	for (size_t i = 0; d->objects.list.n && i < d->roots.list.n; i++)
		for (size_t k = 0; k < ROOT_WORDS; k++)
			put_root(d, i, k, random_pointer(d));
	return d;
}

static void every_edge_and_count_equals_a_naive_reading(void **state)
{
	uint64_t edges = 0, absent = 0;

	for (uint64_t seed = 0; seed < 3000; seed++) {
		struct dump *d = random_dump(seed);

		dump_scan(d);
		compare(d);
		edges += d->g.n_edges;
		absent += d->account.absent_bytes;
		dump_free(d);
	}
	/* else the heaps would be too tame to tell */
	assert_true(edges > 100000 && absent > 1000);
}

static void the_words_to_a_target_are_all_there_and_in_order(void **state)
{
	for (uint64_t seed = 0; seed < 300; seed++) {
		struct dump *d = random_dump(seed);

		dump_scan(d);
		for (vertex_id v = 1; v < graph_vertices(&d->g); v++)
			for (obj_id o = 0; o < objects_count(&d->objects); o++) {
				uint64_t offs[8];
				size_t n = scan_words_to(&d->space, &d->objects, &d->roots, &d->g,
							 v, graph_object(&d->g, o), &d->options,
							 offs, ARRAY_LEN(offs));
				bool is_mapping = !graph_is_root(&d->g, v) &&
						  objects_kind(&d->objects, graph_obj(&d->g, v)) ==
							  OBJECT_MAPPING;

				if (graph_object(&d->g, o) == v ||
				    (is_mapping && d->options.without_mappings))
					continue;
				assert_int_equal(n > 0, edge(d, v, o) != N_EDGE_CLASSES);
				for (size_t i = 1; i < n && i < ARRAY_LEN(offs); i++)
					assert_true(offs[i - 1] < offs[i]);
			}
		dump_free(d);
	}
}

static void a_word_past_the_end_belongs_to_the_neighbour_that_starts_there(void **state)
{
	struct dump *d = dump_new();

	add_segment(d, 0x10000, 0x100, 0x100);
	add_object(d, 0x10000, 16, OBJECT_ARENA);
	add_object(d, 0x10010, 16, OBJECT_ARENA);
	add_object(d, 0x10030, 16, OBJECT_ARENA);
	add_root(d, ROOT_GLOBAL, 16);
	put_root(d, 0, 0, 0x10010);
	put_root(d, 0, 1, 0x10040);
	dump_scan(d);
	assert_int_equal(edge(d, 1, 0), N_EDGE_CLASSES);
	assert_int_equal(edge(d, 1, 1), EDGE_ALIGNED);
	assert_int_equal(edge(d, 1, 2), EDGE_SLACK);
	dump_free(d);
}

/* More targets than are compared one by one, each twice, a guess before the certain word. */
static void a_source_of_many_edges_keeps_each_once_in_its_best_class(void **state)
{
	struct dump *d = dump_new();

	add_segment(d, 0x10000, 64 * 32, 64 * 32);
	for (addr_t i = 0; i < 60; i++)
		add_object(d, 0x10000 + 32 * i, 24, OBJECT_ARENA);
	for (uint32_t r = 0; r < 4; r++) {
		add_root(d, ROOT_STACK, 8 * ROOT_WORDS);
		for (uint32_t k = 0; k < ROOT_WORDS; k++)
			put_root(d, r, k, 0x10000 + 32ull * (r + k % 30) + (k < 5 ? 8 : 0));
	}
	dump_scan(d);
	compare(d);
	for (uint32_t r = 0; r < 4; r++)
		for (uint32_t k = 0; k < 30; k++)
			assert_int_equal(edge(d, 1 + r, r + k), EDGE_ALIGNED);
	assert_int_equal(d->account.duplicate, 40);
	dump_free(d);
}

/* As a library's thread-locals in the block that the loader allocated: the variable holds, not the block. */
static void a_root_inside_an_object_holds_in_its_stead(void **state)
{
	struct dump *d = dump_new();
	uint64_t off;

	add_segment(d, 0x10000, 0x100, 0x100);
	add_object(d, 0x10000, 64, OBJECT_ARENA);
	add_object(d, 0x10050, 16, OBJECT_ARENA);
	add_object(d, 0x10070, 16, OBJECT_ARENA);
	add_root(d, ROOT_TLS, 16);
	d->roots.list.v[0].addr = 0x10010;
	put_root(d, 0, 0, 0x10050);
	put(d, 0x10010, 0x10050);
	put(d, 0x10020, 0x10070);
	dump_scan(d);
	compare(d);
	assert_int_equal(edge(d, 1, 1), EDGE_ALIGNED);
	assert_int_equal(edge(d, graph_object(&d->g, 0), 1), N_EDGE_CLASSES);
	assert_int_equal(edge(d, graph_object(&d->g, 0), 2), EDGE_ALIGNED);
	assert_int_equal(scan_words_to(&d->space, &d->objects, &d->roots, &d->g,
				       graph_object(&d->g, 0), graph_object(&d->g, 1), &d->options,
				       &off, 1),
			 0);
	dump_free(d);
}

static void an_object_at_the_end_of_the_address_space_ends_the_scan(void **state)
{
	struct dump *d = dump_new();

	add_segment(d, UINT64_MAX - 4, 4, 4);
	add_object(d, 0x10000, 16, OBJECT_ARENA);
	add_object(d, UINT64_MAX - 200, 199, OBJECT_MAPPING);
	dump_scan(d);
	assert_int_equal(d->g.n_edges, 0);
	dump_free(d);
}

static void a_heap_without_objects_has_roots_without_edges(void **state)
{
	struct dump *d = dump_new();

	add_root(d, ROOT_GLOBAL, 16);
	put_root(d, 0, 0, UINT64_MAX);
	dump_scan(d);
	assert_int_equal(d->g.n_edges, 0);
	assert_int_equal(d->account.words, 2);
	dump_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_edge_and_count_equals_a_naive_reading),
		cmocka_unit_test(the_words_to_a_target_are_all_there_and_in_order),
		cmocka_unit_test(a_word_past_the_end_belongs_to_the_neighbour_that_starts_there),
		cmocka_unit_test(a_source_of_many_edges_keeps_each_once_in_its_best_class),
		cmocka_unit_test(a_root_inside_an_object_holds_in_its_stead),
		cmocka_unit_test(an_object_at_the_end_of_the_address_space_ends_the_scan),
		cmocka_unit_test(a_heap_without_objects_has_roots_without_edges),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
