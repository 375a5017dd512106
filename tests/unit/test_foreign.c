/*
 * Allocators that are only named, and the memory that nobody explains.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "analyze/heap/foreign.h"
#include "analyze/heap/heap.h"
#include "analyze/heap/mappings.h"

struct rig {
	struct parts parts;
	struct space space;
	struct modules modules;
	struct claims claims;
	struct warnings warnings;
	struct heap heap;
	struct walk walk;
};

static const uint8_t page[8192];

static void rig_add(struct rig *r, addr_t addr, uint64_t memsz, uint64_t filesz, uint32_t prot)
{
	struct segment s = {.addr = addr,
			    .memsz = memsz,
			    .filesz = filesz,
			    .data = filesz ? page : NULL,
			    .prot = prot};

	assert_int_equal(vec_push(&r->parts.segments, s), 0);
}

static void rig_open(struct rig *r)
{
	struct err e = {0};

	assert_int_equal(space_init(&r->space, &r->parts, &e), 0);
	r->walk = (struct walk){
		.space = &r->space,
		.modules = &r->modules,
		.claims = &r->claims,
		.objects = &r->heap.objects,
		.heap = &r->heap,
		.warnings = &r->warnings,
	};
}

static void rig_close(struct rig *r)
{
	vec_deinit(&r->modules.list);
	heap_deinit(&r->heap);
	claims_deinit(&r->claims);
	space_deinit(&r->space);
	parts_deinit(&r->parts);
	warnings_deinit(&r->warnings);
}

static void what_nobody_claims_is_an_object(void **state)
{
	struct rig r = {0};
	struct err e = {0};
	uint64_t n;

	rig_add(&r, 0x10000, 8192, 8192, PROT_R | PROT_W);
	rig_add(&r, 0x20000, 8192, 0, PROT_R | PROT_W);
	rig_add(&r, 0x30000, 8192, 8192, PROT_R);
	rig_add(&r, 0x40000, 8192, 0, 0);
	rig_open(&r);
	assert_int_equal(claims_add(&r.claims, (struct range){0x10000, 0x11000}, CLAIM_HEAP, &e),
			 0);
	assert_int_equal(mappings_add(&r.walk, &e), 0);
	assert_int_equal(objects_seal(&r.heap.objects, &n, &e), 0);
	assert_int_equal(objects_count(&r.heap.objects), 2);
	assert_int_equal(objects_addr(&r.heap.objects, 0), 0x11000);
	assert_int_equal(objects_size(&r.heap.objects, 0), 0x1000);
	assert_int_equal(objects_kind(&r.heap.objects, 0), OBJECT_MAPPING);
	assert_int_equal(objects_addr(&r.heap.objects, 1), 0x20000);
	assert_int_equal(r.heap.unknown_bytes, 0x1000);
	assert_int_equal(r.heap.objects.bytes, 0);
	rig_close(&r);
}

static void expect_named(const char *module, const char *allocator)
{
	struct rig r = {0};
	struct err e = {0};
	struct module m = {.name = module, .path = (char *)module};

	rig_add(&r, 0x10000, 8192, 8192, PROT_R | PROT_W);
	rig_open(&r);
	assert_int_equal(vec_push(&r.modules.list, m), 0);
	assert_int_equal(foreign_find(&r.walk, &e), 0);
	assert_int_equal(r.heap.unknown.n, allocator ? 1 : 0);
	if (allocator)
		assert_string_equal(r.heap.unknown.v[0].name, allocator);
	foreign_warn(&r.walk);
	assert_int_equal(r.warnings.lines.n, allocator ? 1 : 0);
	rig_close(&r);
}

static void an_allocator_is_named_by_its_module(void **state)
{
	expect_named("libjemalloc.so.2", "jemalloc");
	expect_named("libtcmalloc_minimal.so.4", "tcmalloc");
	expect_named("libmimalloc.so.2.0", "mimalloc");
	expect_named("ld-musl-x86_64.so.1", "musl");
	expect_named("libc.so", "musl");
	expect_named("libc.so.6", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nobody_claims_is_an_object),
		cmocka_unit_test(an_allocator_is_named_by_its_module),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
