/*
 * Where threads' stacks, descriptors and thread-locals lie, living and exited: built cores.
 *
 *	guard │ stack block: … sp … │ static TLS │ descriptor (tp) │ end
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/space/threads.h"
#include "formats/core_read.h"
#include "tests/lib/core_build.h"

enum {
	PAGE = 0x1000,
	BLOCK = 0x10000,    /* a stack block, guard included */
	DESCRIPTOR = 0x900, /* sizeof(struct pthread) */
	TID = 0x2d0,	    /* in it */
	STACKBLOCK = 0x690,
	MAIN_STACK = 0x700000,
	MAIN_TP = 0x600040,
	FIRST = 0x1000000, /* blocks of the other threads */
	LINK_MAP = 0x500000,
	DTV = 0x520000,
	HEAP_BLOCK = 0x530000, /* a TLS block outside of the static area */
	PID = 100,
	RSP = 7,
};

struct rig {
	uint8_t *bytes;
	struct parts parts;
	struct space space;
	struct modules modules;
	struct symbols *symbols;
	struct claims claims;
	struct threads threads;
	struct warnings warnings;
};

static addr_t block_of(unsigned i)
{
	return FIRST + (addr_t)i * 0x20000;
}

static addr_t tp_of(unsigned i)
{
	return block_of(i) + BLOCK - DESCRIPTOR;
}

/* A thread control block. */
static void descriptor(struct core_build *b, addr_t tp, uint32_t tid)
{
	core_build_put(b, tp, tp);
	core_build_put(b, tp + 16, tp);
	core_build_put32(b, tp + TID, tid);
}

/* The i-th stack block, its guard below, with the descriptor of that thread id. */
static void stack_block(struct core_build *b, unsigned i, uint32_t tid)
{
	core_build_map_part(b, block_of(i), PAGE, 0, 0);
	core_build_map(b, block_of(i) + PAGE, BLOCK - PAGE, PROT_R | PROT_W);
	descriptor(b, tp_of(i), tid);
	core_build_put(b, tp_of(i) + STACKBLOCK, block_of(i));
	core_build_put(b, tp_of(i) + STACKBLOCK + 8, BLOCK);
}

static void thread(struct core_build *b, uint32_t tid, addr_t sp, addr_t tp)
{
	core_build_thread(b, &(struct built_thread){.tid = tid, .gpr = {[RSP] = sp}, .tp = tp});
}

/* A process whose main thread is thread 0. */
static struct core_build *begin(void)
{
	struct core_build *b = core_build_new(MACHINE_X86_64);

	core_build_process(b, PID, "x", "x");
	core_build_map(b, MAIN_TP & ~(addr_t)0xfff, PAGE, PROT_R | PROT_W);
	descriptor(b, MAIN_TP, PID);
	core_build_map(b, MAIN_STACK, BLOCK, PROT_R | PROT_W);
	core_build_auxv(b, AT_RANDOM, MAIN_STACK + BLOCK - 64);
	thread(b, PID, MAIN_STACK + 0x8000, MAIN_TP);
	return b;
}

static void open_with(struct rig *r, struct core_build *b, const struct module *modules, size_t n)
{
	struct err e = {0};
	size_t size;

	*r = (struct rig){.bytes = core_build_finish(b, &size), .modules.exe = INDEX_NONE};
	core_build_free(b);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(vec_push(&r->modules.list, modules[i]), 0);
	r->modules.has_link_map = true;
	if (core_read(&r->parts, r->bytes, size, &r->warnings, &e) < 0 ||
	    space_init(&r->space, &r->parts, &e) < 0 ||
	    symbols_new(&r->symbols, &r->modules, &e) < 0 ||
	    threads_init(&r->threads, &r->space, &r->modules, r->symbols, NULL, &r->claims,
			 &r->warnings, &e) < 0)
		fail_msg("%s", e.text);
}

static void open(struct rig *r, struct core_build *b)
{
	open_with(r, b, NULL, 0);
}

static void close(struct rig *r)
{
	threads_deinit(&r->threads);
	claims_deinit(&r->claims);
	symbols_free(r->symbols);
	vec_deinit(&r->modules.list);
	space_deinit(&r->space);
	parts_deinit(&r->parts);
	warnings_deinit(&r->warnings);
	free(r->bytes);
}

static void expect_range(struct range got, addr_t lo, addr_t hi)
{
	if (got.lo != lo || got.hi != hi)
		fail_msg("%#lx–%#lx, not %#lx–%#lx", (unsigned long)got.lo, (unsigned long)got.hi,
			 (unsigned long)lo, (unsigned long)hi);
}

static void expect_claim(const struct rig *r, addr_t at, enum claim_kind kind)
{
	const struct claim *c = claims_find(&r->claims, at);

	assert_non_null(c);
	assert_int_equal(c->kind, kind);
}

static bool warned(const struct rig *r, const char *text)
{
	for (size_t i = 0; i < r->warnings.lines.n; i++)
		if (strstr(r->warnings.lines.v[i], text))
			return true;
	return false;
}

static void the_red_zone_is_live_and_what_is_below_it_is_not(void **state)
{
	struct core_build *b = begin();
	addr_t sp = block_of(1) + 0x9000;
	struct rig r;

	stack_block(b, 1, 101);
	thread(b, 101, sp, tp_of(1));
	open(&r, b);
	assert_int_equal(r.threads.n_live, 2);
	assert_int_equal(r.threads.list.n, 2);
	expect_range(r.threads.list.v[0].stack, MAIN_STACK + 0x8000 - 128, MAIN_STACK + BLOCK);
	expect_range(r.threads.list.v[1].stack, sp - 128, tp_of(1));
	expect_range(r.threads.list.v[1].stack_mapping, block_of(1), tp_of(1));
	expect_range(r.threads.list.v[1].descriptor, tp_of(1), block_of(1) + BLOCK);
	expect_claim(&r, sp - 4096, CLAIM_STACK);
	expect_claim(&r, tp_of(1) + 8, CLAIM_THREAD);
	assert_int_equal(r.warnings.lines.n, 0);
	close(&r);
}

static void the_red_zone_ends_with_the_stack(void **state)
{
	struct core_build *b = begin();
	struct rig r;

	stack_block(b, 1, 101);
	thread(b, 101, block_of(1) + 40, tp_of(1));
	open(&r, b);
	expect_range(r.threads.list.v[1].stack, block_of(1), tp_of(1));
	close(&r);
}

static void a_stack_of_aarch64_has_no_red_zone(void **state)
{
	struct core_build *b = core_build_new(MACHINE_AARCH64);
	struct rig r;

	core_build_process(b, PID, "x", "x");
	core_build_map(b, MAIN_STACK, BLOCK, PROT_R | PROT_W);
	core_build_thread(b,
			  &(struct built_thread){.tid = PID, .gpr = {[31] = MAIN_STACK + 0x8000}});
	open(&r, b);
	expect_range(r.threads.list.v[0].stack, MAIN_STACK + 0x8000, MAIN_STACK + BLOCK);
	close(&r);
}

static void a_thread_without_a_descriptor_keeps_its_stack_and_is_said(void **state)
{
	struct core_build *b = begin();
	addr_t sp = block_of(1) + 0x9000;
	struct rig r;

	stack_block(b, 1, 101);
	core_build_put(b, tp_of(1) + 16, tp_of(1) + 1);
	thread(b, 101, sp, tp_of(1));
	thread(b, 102, 0x123456789000, 0);
	open(&r, b);
	assert_int_equal(r.threads.n_live, 3);
	expect_range(r.threads.list.v[1].stack, sp - 128, block_of(1) + BLOCK);
	expect_range(r.threads.list.v[1].descriptor, 0, 0);
	expect_range(r.threads.list.v[2].stack, 0, 0);
	assert_true(warned(&r, "the thread descriptors of 2 of 3 threads were not found"));
	close(&r);
}

static void on_an_alternate_stack_the_threads_own_is_live_as_a_whole(void **state)
{
	struct core_build *b = begin();
	struct rig r;

	stack_block(b, 1, 101);
	core_build_map(b, 0x40000, PAGE, PROT_R | PROT_W);
	thread(b, 101, 0x40800, tp_of(1));
	open(&r, b);
	expect_range(r.threads.list.v[1].stack, block_of(1), tp_of(1));
	assert_null(claims_find(&r.claims, 0x40800));
	close(&r);
}

static void threads_on_one_stack_share_no_word_of_it(void **state)
{
	struct core_build *b = begin();
	struct rig r;

	core_build_map(b, 0x40000, 4 * PAGE, PROT_R | PROT_W);
	thread(b, 101, 0x41000, 0);
	thread(b, 102, 0x42000, 0);
	open(&r, b);
	assert_true(r.threads.list.v[1].stack.hi <= r.threads.list.v[2].stack.lo ||
		    r.threads.list.v[2].stack.hi <= r.threads.list.v[1].stack.lo);
	assert_true(range_size(r.threads.list.v[1].stack) > 0);
	assert_true(range_size(r.threads.list.v[2].stack) > 0);
	close(&r);
}

/* Thread 1 lives; block 2 has a descriptor of that id. */
static void open_with_block(struct rig *r, uint32_t tid)
{
	struct core_build *b = begin();

	stack_block(b, 1, 101);
	thread(b, 101, block_of(1) + 0x9000, tp_of(1));
	stack_block(b, 2, tid);
	open(r, b);
}

static void exited_threads_are_found_by_the_stacks_that_libc_keeps(void **state)
{
	const uint32_t tids[] = {0, UINT32_MAX}; /* detached, joined */

	for (int i = 0; i < 2; i++) {
		const struct thread *t;
		struct rig r;

		open_with_block(&r, tids[i]);
		assert_int_equal(r.threads.n_live, 2);
		assert_int_equal(r.threads.list.n, 3);
		t = &r.threads.list.v[2];
		assert_null(t->regs);
		assert_int_equal(t->tid, 0);
		assert_int_equal(t->tp, tp_of(2));
		expect_range(t->stack, 0, 0);
		expect_range(t->stack_mapping, block_of(2), tp_of(2));
		expect_range(t->descriptor, tp_of(2), block_of(2) + BLOCK);
		expect_claim(&r, tp_of(2) - 8, CLAIM_DEAD_STACK);
		expect_claim(&r, tp_of(2), CLAIM_THREAD);
		close(&r);
	}
}

static void a_descriptor_with_the_id_of_a_thread_is_no_exited_one(void **state)
{
	const uint32_t tids[] = {101, 555}; /* reused by a living thread, of none in the dump */

	for (int i = 0; i < 2; i++) {
		struct rig r;

		open_with_block(&r, tids[i]);
		assert_int_equal(r.threads.list.n, 2);
		assert_null(claims_find(&r.claims, tp_of(2)));
		close(&r);
	}
}

static void a_kept_stack_that_a_new_thread_got_is_the_new_threads(void **state)
{
	struct core_build *b = begin();
	struct rig r;

	stack_block(b, 1, 101);
	thread(b, 101, block_of(1) + 0x9000, tp_of(1));
	stack_block(b, 2, 102);
	thread(b, 102, block_of(2) + 0xe000, tp_of(2));
	open(&r, b);
	assert_int_equal(r.threads.n_live, 3);
	assert_int_equal(r.threads.list.n, 3);
	expect_claim(&r, tp_of(2) - 8, CLAIM_STACK);
	close(&r);
}

/* The place of the id is learned from the first 256; the kernel clears it in a thread that ends. */
static void a_thread_that_is_ending_is_counted_once(void **state)
{
	struct core_build *b = begin();
	struct rig r;

	for (unsigned i = 1; i <= 300; i++) {
		stack_block(b, i, i == 300 ? 0 : PID + i);
		thread(b, PID + i, block_of(i) + 0x9000, tp_of(i));
	}
	open(&r, b);
	assert_int_equal(r.threads.list.n, 301);
	close(&r);
}

static void what_only_looks_like_a_descriptor_is_none(void **state)
{
	struct core_build *b = begin();
	struct rig r;

	stack_block(b, 1, 101);
	thread(b, 101, block_of(1) + 0x9000, tp_of(1));
	/* no stack block named; a block elsewhere; one that the descriptor is not at the end of */
	stack_block(b, 2, 0);
	core_build_put(b, tp_of(2) + STACKBLOCK, 0);
	stack_block(b, 3, 0);
	core_build_put(b, tp_of(3) + STACKBLOCK, block_of(4));
	stack_block(b, 5, 0);
	core_build_put(b, tp_of(5) + STACKBLOCK + 8, BLOCK * 4);
	/* memory without a guard is no stack of this libc's */
	core_build_map(b, block_of(6), BLOCK, PROT_R | PROT_W);
	descriptor(b, tp_of(6), 0);
	core_build_put(b, tp_of(6) + STACKBLOCK, block_of(6));
	core_build_put(b, tp_of(6) + STACKBLOCK + 8, BLOCK);
	open(&r, b);
	assert_int_equal(r.threads.list.n, 2);
	close(&r);
}

/* Guards are no mappings since glibc 2.42, and no living stack tells here. */
static void with_the_main_thread_alone_a_kept_stack_needs_no_guard(void **state)
{
	struct core_build *b = begin();
	struct rig r;

	core_build_map(b, block_of(1), BLOCK, PROT_R | PROT_W);
	descriptor(b, tp_of(1), 0);
	core_build_put(b, tp_of(1) + STACKBLOCK, block_of(1));
	core_build_put(b, tp_of(1) + STACKBLOCK + 8, BLOCK);
	stack_block(b, 2, UINT32_MAX);
	open(&r, b);
	assert_int_equal(r.threads.n_live, 1);
	assert_int_equal(r.threads.list.n, 3);
	expect_claim(&r, tp_of(1) - 8, CLAIM_DEAD_STACK);
	expect_claim(&r, tp_of(2) - 8, CLAIM_DEAD_STACK);
	close(&r);
}

static void many_exited_threads_are_all_found(void **state)
{
	struct core_build *b = begin();
	struct rig r;

	stack_block(b, 1, 101);
	thread(b, 101, block_of(1) + 0x9000, tp_of(1));
	for (unsigned i = 2; i < 50; i++)
		stack_block(b, i, i % 2 ? 0 : UINT32_MAX);
	open(&r, b);
	assert_int_equal(r.threads.list.n, 2 + 48);
	close(&r);
}

/* The loader's row of a module's TLS numbers, somewhere in its link_map. */
static void tls_row(struct core_build *b, addr_t link_map, const struct module *m, uint64_t off,
		    uint64_t modid)
{
	const uint64_t row[] = {m->tls_image.lo,
				range_size(m->tls_image),
				m->tls_memsz,
				m->tls_align,
				0,
				off,
				modid};

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
		core_build_put(b, link_map + 0x400 + 8 * i, row[i]);
}

static void thread_locals_lie_beside_the_thread_or_where_its_dtv_says(void **state)
{
	struct module m[2] = {
		{.path = "x", .name = "x", .at = {0x100, 0x200}, .link_map = LINK_MAP},
		{.path = "y", .name = "y", .at = {0x300, 0x400}, .link_map = LINK_MAP + 0x800}};
	struct core_build *b = begin();
	struct rig r;

	m[0].tls_image = (struct range){0x180, 0x190};
	m[1].tls_image = (struct range){0x380, 0x388};
	m[0].tls_memsz = 0x40;
	m[1].tls_memsz = 0x100;
	m[0].tls_align = m[1].tls_align = 16;
	core_build_map(b, LINK_MAP, 2 * PAGE, PROT_R | PROT_W);
	tls_row(b, LINK_MAP, &m[0], 0x50, 1);
	tls_row(b, LINK_MAP + 0x800, &m[1], 0, 2);
	core_build_map(b, DTV, PAGE, PROT_R | PROT_W);
	core_build_map(b, HEAP_BLOCK, PAGE, PROT_R | PROT_W);
	core_build_put(b, DTV, 4); /* slots */
	core_build_put(b, DTV + 16 + 16 * 2, HEAP_BLOCK + 0x20);
	stack_block(b, 1, 101);
	core_build_put(b, tp_of(1) + 8, DTV + 16);
	thread(b, 101, block_of(1) + 0x9000, tp_of(1));
	open_with(&r, b, m, 2);

	assert_int_equal(r.threads.list.v[1].tls.n, 2);
	assert_true(r.threads.list.v[1].tls.v[0].is_static);
	expect_range(r.threads.list.v[1].tls.v[0].at, tp_of(1) - 0x50, tp_of(1) - 0x10);
	assert_false(r.threads.list.v[1].tls.v[1].is_static);
	expect_range(r.threads.list.v[1].tls.v[1].at, HEAP_BLOCK + 0x20, HEAP_BLOCK + 0x120);
	expect_range(r.threads.list.v[1].dtv, DTV, DTV + 16 + 16 * 5);
	/* the stack ends where the static area begins */
	assert_int_equal(r.threads.list.v[1].stack.hi, tp_of(1) - 0x50);
	/* the main thread has no dtv: what lies beside it is there, the rest is not */
	assert_int_equal(r.threads.list.v[0].tls.n, 1);
	close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_red_zone_is_live_and_what_is_below_it_is_not),
		cmocka_unit_test(the_red_zone_ends_with_the_stack),
		cmocka_unit_test(a_stack_of_aarch64_has_no_red_zone),
		cmocka_unit_test(a_thread_without_a_descriptor_keeps_its_stack_and_is_said),
		cmocka_unit_test(on_an_alternate_stack_the_threads_own_is_live_as_a_whole),
		cmocka_unit_test(threads_on_one_stack_share_no_word_of_it),
		cmocka_unit_test(exited_threads_are_found_by_the_stacks_that_libc_keeps),
		cmocka_unit_test(a_descriptor_with_the_id_of_a_thread_is_no_exited_one),
		cmocka_unit_test(a_kept_stack_that_a_new_thread_got_is_the_new_threads),
		cmocka_unit_test(a_thread_that_is_ending_is_counted_once),
		cmocka_unit_test(what_only_looks_like_a_descriptor_is_none),
		cmocka_unit_test(with_the_main_thread_alone_a_kept_stack_needs_no_guard),
		cmocka_unit_test(many_exited_threads_are_all_found),
		cmocka_unit_test(thread_locals_lie_beside_the_thread_or_where_its_dtv_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
