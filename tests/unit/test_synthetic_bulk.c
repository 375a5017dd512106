/*
 * Crafted cores in which many things share the same bytes: threads one stack, threads one thread
 * pointer, modules one segment. The work must grow with the file, not with its square: the sums are
 * checked that time and memory come from.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/built_session.h"
#include "tests/lib/heap_build.h"

enum { MANY = 300 };

static struct session *open_built(struct heap_build *h, size_t *size)
{
	struct err e;
	uint8_t *bytes = heap_build_finish(h, size);
	struct session *s = built_session_open(bytes, *size, &e);

	free(bytes);
	if (!s || session_need_graph(s, &e) < 0)
		fail_msg("%s", e.text);
	return s;
}

static uint64_t root_bytes(const struct session *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->roots.list.n; i++)
		sum += s->roots.list.v[i].size;
	return sum;
}

/* Objects that the n words at a point to. */
static void point_to_objects(struct heap_build *h, addr_t a, size_t n)
{
	for (size_t i = 0; i < n; i++)
		heap_build_put(h, a + 8 * i, heap_build_alloc(h, 0, 24));
}

static void expect_linear(const struct session *s, size_t size)
{
	if (root_bytes(s) > 2 * size || s->graph.n_edges > size / 4 || s->frames.list.n > size / 8)
		fail_msg("%zu bytes have %lu bytes of roots, %lu edges, %zu frames", size,
			 root_bytes(s), s->graph.n_edges, s->frames.list.n);
}

static void threads_that_share_a_stack_scan_it_once(void **state)
{
	static const enum machine machines[] = {MACHINE_X86_64, MACHINE_AARCH64};

	for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
		struct heap_build *h = heap_build_new(machines[i]);
		struct session *s;
		size_t size;

		core_build_map(heap_build_core(h), 0x30000000, 0x8000, PROT_R | PROT_W);
		point_to_objects(h, 0x30000400, 400);
		for (uint32_t k = 0; k < MANY; k++) {
			struct built_thread t = {.tid = 10 + k};

			t.gpr[machines[i] == MACHINE_AARCH64 ? 31 : 7] = 0x30000080 + k % 3 * 64;
			core_build_thread(heap_build_core(h), &t);
		}
		s = open_built(h, &size);
		assert_int_equal(s->threads.n_live, MANY + 1);
		expect_linear(s, size);
		assert_true(s->reach.n[REACHABLE] >= 400);
		built_session_close(s);
		heap_build_free(h);
	}
}

static void threads_that_share_a_thread_pointer_have_it_once(void **state)
{
	struct heap_build *h = heap_build_new(MACHINE_X86_64);
	addr_t dtv = 0x31000010;
	struct session *s;
	size_t size;

	/* a dtv of 2,000 entries */
	core_build_map(heap_build_core(h), 0x31000000, 0x9000, PROT_R | PROT_W);
	heap_build_put(h, dtv - 16, 2000);
	point_to_objects(h, dtv + 64, 200);
	for (uint32_t k = 0; k < MANY; k++)
		core_build_thread(heap_build_core(h),
				  &(struct built_thread){.tid = 10 + k, .tp = BUILT_TCB + 0x1000});
	heap_build_put(h, BUILT_TCB + 0x1008, dtv);
	s = open_built(h, &size);
	expect_linear(s, size);
	built_session_close(s);
	heap_build_free(h);
}

/* Thread control blocks 32 bytes apart, all with the same dtv. */
static void threads_that_share_a_dtv_have_it_once(void **state)
{
	struct heap_build *h = heap_build_new(MACHINE_X86_64);
	addr_t dtv = 0x31000010, tcb = 0x32000000;
	struct session *s;
	size_t size;

	core_build_map(heap_build_core(h), 0x31000000, 0x9000, PROT_R | PROT_W);
	core_build_map(heap_build_core(h), tcb, 0x4000, PROT_R | PROT_W);
	heap_build_put(h, dtv - 16, 2000);
	point_to_objects(h, dtv + 64, 200);
	for (uint32_t k = 0; k < MANY; k++, tcb += 32) {
		heap_build_put(h, tcb, tcb);
		heap_build_put(h, tcb + 8, dtv);
		heap_build_put(h, tcb + 16, tcb);
		core_build_thread(heap_build_core(h),
				  &(struct built_thread){.tid = 10 + k, .tp = tcb});
	}
	s = open_built(h, &size);
	expect_linear(s, size);
	built_session_close(s);
	heap_build_free(h);
}

/* Each module has an ELF header of its own, and says that the same memory is its data. */
static void modules_that_share_their_data_have_it_once(void **state)
{
	struct heap_build *h = heap_build_new(MACHINE_X86_64);
	struct core_build *b = heap_build_core(h);
	addr_t data = 0x40000000;
	struct session *s;
	size_t size;

	core_build_map(b, data, 0x8000, PROT_R | PROT_W);
	point_to_objects(h, data + 64, 400);
	for (uint64_t i = 0; i < MANY; i++) {
		addr_t at = 0x20000000 + i * 0x1000;
		char path[32];
		Elf64_Phdr *ph;

		core_build_map(b, at, 0x200, PROT_R | PROT_X);
		memcpy(core_build_at(b, at, 0x200), core_build_at(b, BUILT_LIBC, 0x200), 0x200);
		ph = (Elf64_Phdr *)core_build_at(b, at + sizeof(Elf64_Ehdr), 3 * sizeof(*ph));
		ph[1].p_vaddr = data - at;
		ph[1].p_memsz = ph[1].p_filesz = 0x8000;
		snprintf(path, sizeof(path), "/nonexistent/m%lu", i);
		core_build_file(b, at, at + 0x1000, 0, path);
	}
	s = open_built(h, &size);
	assert_true(s->modules.list.n > MANY);
	expect_linear(s, size);
	assert_true(s->reach.n[REACHABLE] >= 400);
	built_session_close(s);
	heap_build_free(h);
}

/* Headers may overlap: one table of 500 segments serves every module. */
static void modules_that_share_their_headers_have_few(void **state)
{
	struct heap_build *h = heap_build_new(MACHINE_X86_64);
	struct core_build *b = heap_build_core(h);
	addr_t table = 0x41000000;
	uint64_t n_loads = 0;
	struct session *s;
	size_t size;

	core_build_map(b, table, 512 * sizeof(Elf64_Phdr), PROT_R);
	for (uint64_t i = 0; i < 512; i++)
		*(Elf64_Phdr *)core_build_at(b, table + i * 56, 56) = (Elf64_Phdr){
			.p_type = PT_LOAD, .p_flags = PF_R, .p_vaddr = i << 12, .p_memsz = 4096};
	for (uint64_t i = 0; i < 2 * MANY; i++) {
		addr_t at = 0x20000000 + i * 0x1000;
		Elf64_Ehdr *eh;
		char path[32];

		core_build_map(b, at, sizeof(*eh), PROT_R | PROT_X);
		eh = (Elf64_Ehdr *)core_build_at(b, at, sizeof(*eh));
		memcpy(eh, core_build_at(b, BUILT_LIBC, sizeof(*eh)), sizeof(*eh));
		eh->e_phoff = table - at;
		eh->e_phnum = 512;
		snprintf(path, sizeof(path), "/nonexistent/m%lu", i);
		core_build_file(b, at, at + 0x1000, 0, path);
	}
	s = open_built(h, &size);
	for (size_t i = 0; i < s->modules.list.n; i++)
		n_loads += s->modules.list.v[i].loads.n;
	if (n_loads > size / 8)
		fail_msg("%zu bytes have %lu segments of modules", size, n_loads);
	built_session_close(s);
	heap_build_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_that_share_a_stack_scan_it_once),
		cmocka_unit_test(threads_that_share_a_thread_pointer_have_it_once),
		cmocka_unit_test(threads_that_share_a_dtv_have_it_once),
		cmocka_unit_test(modules_that_share_their_data_have_it_once),
		cmocka_unit_test(modules_that_share_their_headers_have_few),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
