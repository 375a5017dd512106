/*
 * The bounds of stacks, without libc: asking it for them allocates, and reads a file for the first thread.
 *
 *	own stack     from the page of sp up to its top is readable without a hole. The top is the thread pointer
 *	              (glibc and musl put a thread's descriptor at the end of its stack), for the first thread where
 *	              the loader found its stack. Kept for the thread's life, since nothing can unmap it
 *	other stacks  signal stacks, coroutines: these come and go, so each capture asks for each page it reads
 *
 * The question is rt_sigprocmask with a `how` that there is not: the kernel copies the set first, so the answer
 * is EFAULT or EINVAL, nothing changes, and no sandbox forbids it. Some 100 ns.
 *
 * Valgrind answers in the kernel's place, always EINVAL, and calls the question an error; other emulators may answer alike.
 * There the word is read by process_vm_readv.
 *
 * A hole that was met on the way to the top is remembered: while it is there, a stack below it is not the own one.
 *
 * Limits: an own stack that is deeper than OWN_PAGES at the thread's first capture counts as another, as does that of a
 * thread which forked before its first capture, in the child. A thread with a guard size of 0 may take the mapping
 * below its stack for a part of it.
 */
#include "dump/unwind_reach.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "dump/sys.h"

enum { PAGE = 4096, OWN_PAGES = 4096, FRAME_PAGES = 256 };

static uint64_t first_top;
static bool by_reading;

static uint64_t page_of(uint64_t addr)
{
	return addr & -(uint64_t)PAGE;
}

static uint64_t thread_pointer(void)
{
	uint64_t tp;

#if defined(__x86_64__)
	__asm__("mov %%fs:0, %0" : "=r"(tp));
#else
	__asm__("mrs %0, tpidr_el0" : "=r"(tp));
#endif
	return tp & -(uint64_t)8;
}

void hd_reach_init(void)
{
	void *const *end = dlsym(RTLD_DEFAULT, "__libc_stack_end");

	/* elsewhere: the strings of the environment lie above the stack */
	first_top = page_of((uint64_t)(uintptr_t)(end ? *end : (void *)environ));
	if (end)
		first_top = (uint64_t)(uintptr_t)*end & -(uint64_t)8;
	/* nothing is mapped at 0 */
	by_reading = hd_sys_in_valgrind() || hd_reach_probe(0);
}

static bool probe_by_reading(uint64_t addr)
{
	uint64_t word;
	struct iovec here = {&word, sizeof(word)};
	struct iovec there = {(void *)(uintptr_t)addr, sizeof(word)};

	return hd_sys6(SYS_process_vm_readv, hd_sys_pid(), (long)&here, 1, (long)&there, 1, 0) ==
	       sizeof(word);
}

bool hd_reach_probe(uint64_t addr)
{
	if (__builtin_expect(hd_sys_confined, 0))
		return false;
	if (__builtin_expect(by_reading, 0))
		return probe_by_reading(addr);
	return hd_sys4(SYS_rt_sigprocmask, HD_REACH_NO_SUCH_HOW, addr, 0, 8) == -EINVAL;
}

/* The first page of [from, to) that cannot be read; to: none. */
static uint64_t first_hole(uint64_t from, uint64_t to)
{
	for (; from < to; from += PAGE) {
		if (!hd_reach_probe(from))
			return from;
	}
	return to;
}

/*
 * Whether sp is on the stack that ends at top, known to be readable from lo on. After an overflow sp itself is in the
 * guard page, and the words of its frame are above.
 */
static bool reaches(struct hd_stack_bounds *b, uint64_t sp, uint64_t lo, uint64_t top)
{
	uint64_t from = page_of(sp), hole;

	if (sp >= top || lo < from || lo - from > (uint64_t)OWN_PAGES * PAGE)
		return false;
	if (b->hole > from && b->hole < lo && !hd_reach_probe(b->hole))
		return false;
	if (from < page_of(lo) && !hd_reach_probe(from))
		from += PAGE;
	hole = first_hole(from, lo);
	if (hole < lo) {
		b->hole = hole;
		return false;
	}
	b->lo = from;
	b->hi = top;
	return true;
}

/* The first thread's pointer is elsewhere than on its stack. */
static bool find_own(struct hd_stack_bounds *b, uint64_t sp)
{
	uint64_t top = hd_sys_tid() == hd_sys_pid() ? first_top : thread_pointer();

	return reaches(b, sp, top, top);
}

void hd_reach_find(struct hd_reach *reach, struct hd_stack_bounds *b, uint64_t sp)
{
	if (b->hi ? reaches(b, sp, b->lo, b->hi) : find_own(b, sp))
		*reach = (struct hd_reach){b->lo, b->hi, true};
	else
		*reach = (struct hd_reach){page_of(sp), page_of(sp), false};
}

bool hd_reach_has_room(const struct hd_stack_bounds *b, uint64_t sp, uint64_t bytes)
{
	/* the first thread's grows by itself */
	return !hd_sys_confined && sp >= b->lo && sp < b->hi &&
	       (hd_sys_tid() == hd_sys_pid() ||
		first_hole(page_of(sp - bytes), page_of(sp)) == page_of(sp));
}

bool hd_reach_widen(struct hd_reach *reach, uint64_t addr)
{
	uint64_t end = page_of(addr) + PAGE;

	if (addr % 8 || reach->own || addr < reach->lo || end < reach->hi ||
	    end - reach->hi > (uint64_t)FRAME_PAGES * PAGE)
		return false;
	if (first_hole(reach->hi, end) < end)
		return false;
	reach->hi = end;
	return true;
}
