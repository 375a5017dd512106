/*
 * A built heap and a sampler's tables beside it, as one session. Included behind cmocka.h.
 */
#ifndef HEAPDUMP_TESTS_SITES_RIG_H
#define HEAPDUMP_TESTS_SITES_RIG_H

#include "analyze/ask/answers.h"
#include "tests/lib/built_session.h"
#include "tests/lib/heap_build.h"
#include "tests/lib/tables_build.h"

enum { TABLES = 0x50000000 };

struct rig {
	struct heap_build *h;
	struct tables_build t;
	struct session *s;
	uint8_t *bytes;
	size_t n;
};

static inline void rig_init(struct rig *r)
{
	*r = (struct rig){.h = heap_build_new(MACHINE_X86_64)};
	tables_build_init(&r->t, heap_build_core(r->h), TABLES);
}

/* Finishes the heap and the tables, and runs all passes. */
static inline void rig_open(struct rig *r)
{
	struct err e;

	tables_build_finish(&r->t);
	r->bytes = heap_build_finish(r->h, &r->n);
	r->s = built_session_open(r->bytes, r->n, &e);
	if (!r->s || session_need_dominators(r->s, &e) < 0 || session_need_reverse(r->s, &e) < 0)
		fail_msg("%s", e.text);
	objects_check(&r->s->heap.objects);
	graph_check(&r->s->graph);
}

static inline void rig_close(struct rig *r)
{
	if (r->s)
		built_session_close(r->s);
	free(r->bytes);
	heap_build_free(r->h);
}

static inline uint32_t add_sample(struct rig *r, addr_t addr, uint64_t size, uint32_t site)
{
	return tables_build_sample(
		&r->t, &(struct heapimage_sample){
			       .addr = addr, .size = size, .site = site, .tid = BUILT_TID});
}

static inline uint32_t add_site(struct rig *r, addr_t pc)
{
	return tables_build_site(&r->t, (addr_t[]){pc, BUILT_EXE + 0x200}, 2);
}

static inline obj_id object_at(const struct rig *r, addr_t a)
{
	obj_id o = objects_find(&r->s->heap.objects, a);

	if (o == OBJ_NONE || objects_addr(&r->s->heap.objects, o) != a)
		fail_msg("there is no object at 0x%lx", a);
	return o;
}

static inline struct fact *top_of(const struct rig *r, enum top_by by)
{
	struct fact *f = fact_object();
	struct err e = {0};

	if (top_answer(r->s, by, 100, f, &e) < 0)
		fail_msg("%s", e.text);
	return f;
}

#endif
