/*
 * Stacks in all places: of threads, of signals, of coroutines; that ran over, that are nonsense, in a forked child, and
 * while others forget the rules.
 */
#include "tests/unit/stack_compare.h"

#if defined(__x86_64__)

__attribute__((constructor)) static void construct(void)
{
	hd_stack_init(HD_UNWIND_AUTO);
}

static void a_handler_on_its_own_stack(void **unused)
{
	stack_t alternate = {.ss_size = 256 << 10, .ss_sp = malloc(256 << 10)}, before;
	void *library = open_victim("plain");

	assert_int_equal(sigaltstack(&alternate, &before), 0);
	handle(SIGTRAP, on_trap, SA_ONSTACK);
	for (int i = 0; i < 3; i++)
		run_of(library)("leaf", compare);
	handle(SIGTRAP, SIG_DFL, 0);
	all_same(3);
	assert_int_equal(seen.cut, 0);
	sigaltstack(&before, NULL);
	free(alternate.ss_sp);
	close_victim(library);
}

static void *in_thread(void *run)
{
	((victim_run_fn *)(uintptr_t)run)("recursion", compare);
	((victim_run_fn *)(uintptr_t)run)("callback", compare);
	return NULL;
}

static void threads_each_with_its_own_stack(void **unused)
{
	void *library = open_victim("plain");
	pthread_t threads[8];

	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, in_thread, (void *)(uintptr_t)run_of(library));
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	all_same(16);
	assert_int_equal(seen.cut, 0);
	close_victim(library);
}

/* Coroutines: a stack of few pages between guards, switched to and from. */
static ucontext_t main_context, other_context;
static victim_run_fn *coroutine_run;

static void coroutine(void)
{
	coroutine_run("callback", compare);
	swapcontext(&other_context, &main_context);
	coroutine_run("recursion", compare);
}

static void coroutines_on_stacks_that_come_and_go(void **unused)
{
	enum { STACK = 64 * PAGE };
	void *library = open_victim("plain");

	coroutine_run = run_of(library);
	for (int i = 0; i < 4; i++) {
		char *stack =
			mmap(NULL, STACK + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		assert_true(stack != MAP_FAILED);
		mprotect(stack + PAGE, STACK, PROT_READ | PROT_WRITE);
		getcontext(&other_context);
		other_context.uc_stack =
			(stack_t){.ss_sp = stack + PAGE + (i % 2) * PAGE, .ss_size = STACK - PAGE};
		other_context.uc_link = &main_context;
		makecontext(&other_context, coroutine, 0);
		swapcontext(&main_context, &other_context);
		coroutine_run("callback", compare);
		swapcontext(&main_context, &other_context);
		munmap(stack, STACK + 2 * PAGE);
	}
	all_same(40);
	close_victim(library);
}

/* A thread that has captured on a coroutine only: nothing of that stack is taken for its own, nor kept. */
static void *coroutine_thread(void *stack)
{
	ucontext_t other;

	getcontext(&other);
	other.uc_stack = (stack_t){.ss_sp = stack, .ss_size = 64 * PAGE};
	other.uc_link = &main_context;
	makecontext(&other, (void (*)(void))(uintptr_t)compare, 0);
	swapcontext(&main_context, &other);
	assert_int_equal(bounds.hi, 0);
	compare();
	assert_true(bounds.hi > (uint64_t)(uintptr_t)&other);
	assert_true(bounds.lo > (uint64_t)(uintptr_t)stack + 64 * PAGE ||
		    bounds.hi <= (uint64_t)(uintptr_t)stack);
	return NULL;
}

static void a_coroutine_is_not_taken_for_the_threads_own_stack(void **unused)
{
	enum { SIZE = 256 * PAGE };
	char *room =
		mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_t attr;
	pthread_t thread;

	/* the thread's stack above a guard, the coroutine's below it */
	mprotect(room + SIZE - PAGE, PAGE, PROT_NONE);
	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, room + SIZE, SIZE);
	assert_int_equal(pthread_create(&thread, &attr, coroutine_thread, room + SIZE - 66 * PAGE),
			 0);
	pthread_join(thread, NULL);
	munmap(room, 2 * SIZE);
	all_same(2);
}

static void a_stack_pointer_that_falls_ends_the_walk(void **unused)
{
	struct hd_stack_context here = {(uint64_t)(uintptr_t)__builtin_return_address(0),
					(uint64_t)(uintptr_t)__builtin_frame_address(0) + 16, 0};
	uint64_t frames[FRAMES], low[64];
	bool cut;

	for (int i = 0; i < 64; i++)
		low[i] = (uint64_t)(uintptr_t)low;
	/* a rule by rbp, whose frame lies below */
	compare();
	here.pc = (uint64_t)(uintptr_t)compare + 40;
	here.fp = (uint64_t)(uintptr_t)low + 64;
	for (int i = 0; i < 2; i++) { /* its rule compiled, then from the table */
		assert_int_equal(
			hd_stack_capture(&here, &bounds, false, frames, FRAMES, &cut, &any_hash),
			1);
		assert_true(cut);
	}
	assert_int_equal(low[0], (uint64_t)(uintptr_t)low);
}

/* Two frames of a function with a frame pointer, at the end of a mapping: fp, return address; fp, return address. */
static void a_frame_that_the_end_of_memory_cuts_and_one_that_is_the_last(void **unused)
{
	char *map =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t *end = (uint64_t *)(void *)(map + PAGE), frames[FRAMES];
	uint64_t pc = (uint64_t)(uintptr_t)compare + 40;
	struct hd_stack_context from = {pc, (uint64_t)(uintptr_t)(end - 16),
					(uint64_t)(uintptr_t)(end - 8)};
	bool cut;

	munmap(map + PAGE, PAGE);
	end[-8] = (uint64_t)(uintptr_t)(end - 1);
	end[-7] = pc;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
			hd_stack_capture(&from, &bounds, false, frames, FRAMES, &cut, &any_hash),
			2);
		assert_true(cut);
	}
	end[-8] = (uint64_t)(uintptr_t)(end - 2);
	end[-2] = end[-1] = 0;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
			hd_stack_capture(&from, &bounds, false, frames, FRAMES, &cut, &any_hash),
			2);
		assert_false(cut);
	}
	munmap(map, PAGE);
}

static void a_forked_child_goes_on(void **unused)
{
	void *library = open_victim("plain");
	int status;
	pid_t pid = fork();

	if (!pid) {
		run_of(library)("recursion", compare);
		_exit(seen.n != 1 || seen.differ || seen.cut);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close_victim(library);
}

/* A stack that ran over: the handler is on another, the interrupted stack pointer in the guard page. */
static struct capture overflow;
static sigjmp_buf overflow_back;

static void on_overflow(int sig)
{
	struct hd_stack_context here = HD_STACK_HERE();

	overflow.n = hd_stack_capture(&here, &bounds, false, overflow.frames, FRAMES, &overflow.cut,
				      &any_hash);
	siglongjmp(overflow_back, 1);
}

static volatile int overflow_end = INT_MAX;

/* A frame of most of a page: it is its lower end that meets the guard page, with the stack pointer in it. */
__attribute__((noinline)) static int run_over(int depth)
{
	volatile char room[3000];

	room[0] = (char)depth;
	return (depth < overflow_end ? run_over(depth + 1) : 0) + room[0];
}

static void *overflow_thread(void *unused)
{
	stack_t alternate = {.ss_size = 64 << 10, .ss_sp = malloc(64 << 10)};
	volatile int depth = 0;

	compare();
	sigaltstack(&alternate, NULL);
	if (!sigsetjmp(overflow_back, 1))
		run_over(depth);
	alternate.ss_flags = SS_DISABLE;
	sigaltstack(&alternate, NULL);
	free(alternate.ss_sp);
	return NULL;
}

static void a_stack_that_ran_over(void **unused)
{
	unsigned in_recursion = 0;
	pthread_attr_t attr;
	pthread_t thread;

	handle(SIGSEGV, on_overflow, SA_ONSTACK);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 1 << 20);
	pthread_create(&thread, &attr, overflow_thread, NULL);
	pthread_join(thread, NULL);
	handle(SIGSEGV, SIG_DFL, 0);
	all_same(1);
	for (unsigned i = 0; i < overflow.n; i++)
		in_recursion += overflow.frames[i] == overflow.frames[FRAMES - 1];
	assert_int_equal(overflow.n, FRAMES);
	/* but the trampoline and where the last call was interrupted */
	assert_int_equal(in_recursion, FRAMES - 2);
	assert_in_range(overflow.frames[2], (uint64_t)(uintptr_t)run_over,
			(uint64_t)(uintptr_t)run_over + 1000);
	assert_true(overflow.cut);
}

static uint64_t random_next(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 20;
}

/* Registers that are nonsense: the edges of mappings, of the address space, of alignment. */
static void wild_registers_never_fault(void **unused)
{
	char *map =
		mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t stack = (uint64_t)(uintptr_t)&map, random = 7, frames[FRAMES];
	uint64_t code[] = {(uint64_t)(uintptr_t)qsort, (uint64_t)(uintptr_t)compare,
			   (uint64_t)(uintptr_t)hd_stack_capture, 0, UINT64_MAX};
	uint64_t words[] = {stack,
			    (uint64_t)(uintptr_t)map + 2 * PAGE - 64,
			    0,
			    UINT64_MAX - 40,
			    UINT64_C(1) << 47,
			    stack + (1 << 20)};
	struct hd_stack_bounds none;
	bool cut;

	munmap(map + 2 * PAGE, PAGE);
	for (int i = 0; i < 200000; i++) {
		uint64_t at = words[random_next(&random) % 6] + random_next(&random) % 256;
		struct hd_stack_context wild = {
			code[random_next(&random) % 5] + random_next(&random) % 4096, at,
			i % 2 ? at + random_next(&random) % 512 : random_next(&random) << 4};

		for (int w = 0; w < 16; w++)
			((uint64_t *)map)[random_next(&random) % (2 * PAGE / 8)] =
				words[random_next(&random) % 6] + random_next(&random) % 64 * 8;
		none = (struct hd_stack_bounds){0};
		assert_in_range(hd_stack_capture(&wild, i % 3 ? &bounds : &none, false, frames,
						 FRAMES, &cut, &any_hash),
				1, FRAMES);
	}
	munmap(map, 2 * PAGE);
}

/* Threads capture while all rules are forgotten again and again. */
static bool stop;

static void *keep_capturing(void *run)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		((victim_run_fn *)(uintptr_t)run)("recursion", compare);
	return NULL;
}

static void rules_are_forgotten_under_way(void **unused)
{
	void *library = open_victim("plain");
	pthread_t threads[3];

	seen.without_libc = true;
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, keep_capturing,
			       (void *)(uintptr_t)run_of(library));
	for (uint64_t i = 0; i < 2000; i++)
		hd_stack_new_generation(UINT64_MAX - i);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	all_same(3);
	close_victim(library);
}

/* How much of a painted stack a capture uses that compiles all its rules. */
static struct {
	unsigned char stack[32 * PAGE];
	uint64_t from; /* the stack pointer of who captures */
	struct capture capture;
} painted;

static void capture_painted(void)
{
	struct hd_stack_context here = HD_STACK_HERE();

	hd_rules_forget();
	__asm__ volatile("mov %%rsp, %0" : "=r"(painted.from));
	painted.capture.n = hd_stack_capture(&here, &bounds, false, painted.capture.frames, FRAMES,
					     &painted.capture.cut, &any_hash);
}

static void painted_coroutine(void)
{
	coroutine_run("realigned", capture_painted);
}

static void a_capture_uses_little_stack(void **unused)
{
	void *library = open_victim("plain");
	uint64_t untouched = (uint64_t)(uintptr_t)painted.stack;

	if (SANITIZED)
		skip();
	coroutine_run = run_of(library);
	coroutine_run("realigned", nothing); /* now its calls are bound */
	memset(painted.stack, 0x5a, sizeof(painted.stack));
	getcontext(&other_context);
	other_context.uc_stack =
		(stack_t){.ss_sp = painted.stack, .ss_size = sizeof(painted.stack)};
	other_context.uc_link = &main_context;
	makecontext(&other_context, painted_coroutine, 0);
	swapcontext(&main_context, &other_context);
	while (*(unsigned char *)(uintptr_t)untouched == 0x5a)
		untouched++;
	assert_in_range(painted.capture.n, 3, 5);
	print_message("# %u bytes of stack\n", (unsigned)(painted.from - untouched));
	assert_true(painted.from - untouched < 2048);
	close_victim(library);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_handler_on_its_own_stack),
		TEST(threads_each_with_its_own_stack),
		TEST(coroutines_on_stacks_that_come_and_go),
		TEST(a_coroutine_is_not_taken_for_the_threads_own_stack),
		TEST(a_stack_pointer_that_falls_ends_the_walk),
		TEST(a_frame_that_the_end_of_memory_cuts_and_one_that_is_the_last),
		TEST(a_forked_child_goes_on),
		TEST(a_stack_that_ran_over),
		TEST(wild_registers_never_fault),
		TEST(rules_are_forgotten_under_way),
		TEST(a_capture_uses_little_stack),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

#else
int main(void)
{
	printf("1..0 # SKIP rules are x86-64's\n");
	return 0;
}
#endif
