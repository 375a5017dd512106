/* Reading the memory of a snapshot: what is read, and that the pages stay the program's, too. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "dump/pages.h"

enum { PAGE = 4096, N_PAGES = 64, SIZE = N_PAGES * PAGE };
#define EXCLUSIVE (1ull << 56) /* of a pagemap entry: no other process has the page */

static struct hd_pages pages;

struct snapshot {
	uint8_t *memory;
	pid_t pid;
};

static void begin(struct snapshot *s)
{
	char proc[32];

	s->memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(s->memory != MAP_FAILED);
	madvise(s->memory, SIZE, MADV_NOHUGEPAGE);
	for (unsigned i = 0; i < N_PAGES; i++)
		memset(s->memory + i * PAGE, (int)i + 1, PAGE);
	s->pid = fork();
	if (s->pid == 0)
		for (;;)
			pause();
	assert_true(s->pid > 0);
	snprintf(proc, sizeof(proc), "/proc/%d", (int)s->pid);
	hd_pages_open(&pages, proc, (uint32_t)s->pid);
	pages.of_fork = true;
}

static void end(struct snapshot *s)
{
	hd_pages_close(&pages);
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	munmap(s->memory, SIZE);
}

static unsigned n_exclusive(const struct snapshot *s)
{
	uint64_t entries[N_PAGES];
	unsigned n = 0;

	assert_int_equal(pread(pages.pagemap, entries, sizeof(entries),
			       (off_t)((uintptr_t)s->memory / PAGE * 8)),
			 sizeof(entries));
	for (unsigned i = 0; i < N_PAGES; i++)
		n += (entries[i] & EXCLUSIVE) != 0;
	return n;
}

static void a_snapshot_that_is_read_gets_no_pages_of_its_own(void **state)
{
	static uint8_t copy[SIZE];
	struct snapshot s;

	(void)state;
	begin(&s);
	assert_int_equal(n_exclusive(&s), 0);
	assert_int_equal(hd_pages_read(&pages, (uintptr_t)s.memory, copy, SIZE), SIZE);
	assert_memory_equal(copy, s.memory, SIZE);
	assert_int_equal(n_exclusive(&s), 0);
	end(&s);
}

static void both_ways_of_reading_say_the_same_of_a_hole(void **state)
{
	static uint8_t copy[SIZE];
	uint8_t *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uintptr_t at = (uintptr_t)p;

	(void)state;
	assert_true(p != MAP_FAILED);
	munmap(p + SIZE / 2, PAGE);
	hd_pages_open(&pages, "/proc/self", (uint32_t)getpid());
	for (int of_fork = 0; of_fork < 2; of_fork++) {
		pages.of_fork = of_fork;
		assert_int_equal(hd_pages_read(&pages, at + SIZE / 2, copy, PAGE), -EFAULT);
		assert_int_equal(hd_pages_read(&pages, at, copy, SIZE), SIZE / 2);
	}
	hd_pages_close(&pages);
	munmap(p, SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_snapshot_that_is_read_gets_no_pages_of_its_own),
		cmocka_unit_test(both_ways_of_reading_say_the_same_of_a_hole),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
