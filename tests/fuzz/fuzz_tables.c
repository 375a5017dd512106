/*
 * The sampler's tables, joined with a heap that is as it should be. The input is the memory of the
 * tables, from the anchor on; what would only keep it from being looked at (magic, address, checksum)
 * is put right. Whatever the tables say, sums are sums.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "analyze/ask/answers.h"
#include "analyze/ask/export.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_tables.h"
#include "tests/lib/built_session.h"

static void must(bool holds)
{
	if (!holds)
		abort();
}

static bool same(double a, double b)
{
	return fabs(a - b) <= 1e-6 * (fabs(a) + fabs(b)) + 1e-6;
}

/* The core without its tables, made once; *at: where they are in it. */
static const uint8_t *plain_core(size_t *n, size_t *at)
{
	static uint8_t *core;
	static size_t size, off;
	static const char mark[16] = "HERE ARE TABLES";
	addr_t objects[FUZZ_OBJECTS];

	if (!core) {
		struct heap_build *h = fuzz_tables_heap(objects);
		struct core_build *b = heap_build_core(h);
		uint8_t *found;

		core_build_map(b, FUZZ_TABLES, TABLES_PAGES * TABLES_PAGE, PROT_R | PROT_W);
		memcpy(core_build_at(b, FUZZ_TABLES, sizeof(mark)), mark, sizeof(mark));
		core = heap_build_finish(h, &size);
		found = memmem(core, size, mark, sizeof(mark));
		must(found);
		off = (size_t)(found - core);
		memset(found, 0, sizeof(mark));
		heap_build_free(h);
	}
	*n = size;
	*at = off;
	return core;
}

static void put_right(uint8_t *tables)
{
	struct heapimage_anchor a;

	memcpy(&a, tables, sizeof(a));
	memcpy(a.magic, HEAPIMAGE_MAGIC, sizeof(a.magic));
	a.self = FUZZ_TABLES;
	a.major = HEAPIMAGE_MAJOR;
	a.machine = EM_X86_64;
	if (a.size < sizeof(a))
		a.size = sizeof(a);
	a.crc = 0;
	a.crc = (uint32_t)crc32(0, (const void *)&a, 64);
	memcpy(tables, &a, sizeof(a));
}

static void check_sampled(const struct sampled *s)
{
	for (size_t i = 1; i < s->samples.n; i++)
		must(s->samples.v[i - 1].addr < s->samples.v[i].addr);
	for (size_t i = 1; i < s->sites.n; i++)
		must(s->sites.v[i - 1].number < s->sites.v[i].number);
	for (size_t i = 1; i < s->regions.n; i++)
		must(s->regions.v[i - 1].addr <= s->regions.v[i].addr);
	for (size_t i = 0; i < s->regions.n; i++)
		must(memchr(s->regions.v[i].name, 0, sizeof(s->regions.v[i].name)));
	for (size_t i = 0; i < s->modules.n; i++)
		must(memchr(s->modules.v[i].path, 0, sizeof(s->modules.v[i].path)));
	for (size_t i = 0; i < s->sites.n; i++)
		must(s->sites.v[i].site.n_frames <= MAX_SITE_FRAMES);
}

static void check_sites(const struct session *s)
{
	struct estimate sum = {0};
	const struct objects *o = &s->heap.objects;

	for (size_t i = 0; i <= s->sampled.sites.n; i++) {
		sum.n += s->sites.by_site[i].n;
		sum.objects += s->sites.by_site[i].objects;
		sum.bytes += s->sites.by_site[i].bytes;
	}
	must(sum.n == s->sites.all.n && same(sum.objects, s->sites.all.objects) &&
	     same(sum.bytes, s->sites.all.bytes));
	for (size_t i = 0; i < s->sites.births.n; i++)
		must(s->sites.births.v[i].object < objects_count(o) &&
		     (!i || s->sites.births.v[i - 1].object < s->sites.births.v[i].object));
	must(s->sites.births.n + s->sites.n_unwalked + s->sites.n_stale + s->sites.n_reused <=
	     s->sampled.samples.n);
}

/* The announced objects are those that the account has, and the samples of the rest are one each. */
static void check_announced(const struct session *s)
{
	const struct objects *o = &s->heap.objects;
	uint64_t n = 0, bytes = 0;

	for (obj_id i = 0; i < objects_count(o); i++)
		if (objects_kind(o, i) == OBJECT_ANNOUNCED) {
			n++;
			bytes += objects_size(o, i);
		}
	must(n == s->announced.n && bytes == s->announced.bytes);
	must(s->sites.all.n == s->sites.births.n + s->sites.n_unwalked + n);
}

static double double_of(const struct fact *f, const char *key)
{
	return (double)fact_u64(f, key);
}

/* Rows and what was cut are all of it. */
static void check_top(struct session *s, enum top_by by)
{
	struct fact *f = fact_object();
	struct err e = {0};
	const struct fact *rows;
	double bytes;
	char *json;

	must(top_answer(s, by, 3, f, &e) == 0);
	rows = fact_get(f, "rows");
	bytes = double_of(f, "bytes_cut");
	for (size_t i = 0; i < fact_count(rows); i++)
		bytes += double_of(fact_at(rows, i), "bytes");
	if (by == TOP_BY_SITE && bytes < 4e18)
		must(fabs(bytes - double_of(f, "estimated.bytes")) <=
		     8 + 1e-6 * double_of(f, "estimated.bytes"));
	json = fact_to_json(f);
	must(json);
	free(json);
	fact_free(f);
}

static int forget(void *arg, const void *bytes, size_t n, struct err *err)
{
	return 0;
}

static void check_answers(struct session *s)
{
	struct export_account account;
	struct fact *f = fact_object();
	struct err e = {0};

	must(info_answer(s, f, &e) == 0);
	fact_free(f);
	check_top(s, TOP_BY_SITE);
	check_top(s, TOP_BY_THREAD);
	for (obj_id o = 0; o < objects_count(&s->heap.objects); o += 5) {
		char x[32];

		snprintf(x, sizeof(x), "0x%lx", objects_addr(&s->heap.objects, o));
		f = fact_object();
		must(who_answer(s, x, f, &e) == 0);
		fact_free(f);
	}
	must(export_pprof(s, &(struct sink){forget, NULL}, &account, &e) == 0);
	must(account.sites <= s->sampled.sites.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	size_t n, at;
	const uint8_t *plain = plain_core(&n, &at);
	uint8_t *core = malloc(n);
	struct session *s;
	struct err e = {0};

	must(core);
	memcpy(core, plain, n);
	if (size > TABLES_PAGES * TABLES_PAGE)
		size = TABLES_PAGES * TABLES_PAGE;
	memcpy(core + at, bytes, size);
	put_right(core + at);
	s = built_session_open(core, n, &e);
	must(s && session_need_dominators(s, &e) == 0 && session_need_reverse(s, &e) == 0);
	must(s->sampled.source);
	objects_check(&s->heap.objects);
	graph_check(&s->graph);
	check_sampled(&s->sampled);
	check_sites(s);
	check_announced(s);
	check_answers(s);
	built_session_close(s);
	free(core);
	return 0;
}
