/*
 * Stacks of all kinds of code against libunwind and glibc, above all after each single instruction of code that calls
 * into libc.
 */
#include "tests/unit/stack_compare.h"

#if defined(__x86_64__)

static void frames_of_every_kind_and_every_optimization(void **unused)
{
	static const char *const flags[] = {
		"-O2 -fomit-frame-pointer", "-O0", "-O3 -fomit-frame-pointer -mavx2",
		"-Os -fno-omit-frame-pointer", "-O1 -mstackrealign -fcf-protection=full"};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		build_victim("kinds", flags[i]);
		void *library = open_victim("kinds");

		for (int pass = 0; pass < 2; pass++) {
			for (int s = 0; s < SCENARIOS; s++)
				run_of(library)(scenarios[s], compare);
		}
		close_victim(library);
	}
	all_same(100);
	assert_int_equal(seen.cut, 0);
	assert_true(seen.longest > 35);
}

static void a_stack_of_ten_thousand_frames_is_cut_at_max(void **unused)
{
	void *library = open_victim("plain");

	run_of(library)("deep", compare);
	all_same(1);
	assert_int_equal(seen.cut, 1);
	assert_int_equal(seen.longest, FRAMES);
	close_victim(library);
}

static void a_leaf_with_a_red_zone_that_a_signal_interrupts(void **unused)
{
	void *library = open_victim("plain");

	handle(SIGTRAP, on_trap, 0);
	run_of(library)("leaf", compare);
	handle(SIGTRAP, SIG_DFL, 0);
	all_same(1);
	assert_int_equal(seen.cut, 0);
	close_victim(library);
}

enum { TRAP_FLAG = 0x100 };

/* The processor traps after every instruction from here on, or no more. */
__attribute__((noinline)) static void trap(bool on)
{
	uint64_t flags;

	__asm__ volatile("pushfq\n\tpop %0" : "=r"(flags) : : "memory");
	flags = on ? flags | TRAP_FLAG : flags & ~(uint64_t)TRAP_FLAG;
	__asm__ volatile("push %0\n\tpopfq" : : "r"(flags) : "memory", "cc");
}

/* Not in trap() itself, which moves the stack pointer behind the tables' back. */
static void on_step(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *interrupted = context;
	uint64_t pc = (uint64_t)interrupted->uc_mcontext.gregs[REG_RIP];

	if (pc - (uint64_t)(uintptr_t)trap > 64)
		compare();
}

/*
 * Prologues, epilogues, lazy-binding stubs, the loader's resolver and libc's hand-written code, each in all of its
 * states. libgcc is no judge of the resolver: it needs rbx, and what we do not follow, libunwind does.
 */
static void after_each_single_instruction(void **unused)
{
	static const char *const steps[] = {"recursion", "dynamic",   "realigned", "large",
					    "variadic",	 "registers", "libc"};
	struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
	void *library = open_victim("plain");

	seen.without_libc = true;
	sigaction(SIGTRAP, &action, NULL);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		trap(true);
		run_of(library)(steps[i], nothing);
		trap(false);
	}
	handle(SIGTRAP, SIG_DFL, 0);
	all_same(10000);
	assert_int_equal(seen.cut, 0);
	close_victim(library);
}

static void exceptions_on_their_way(void **unused)
{
	char path[PATH_MAX];
	int (*run)(capture_fn *);
	void *library;

	if (system("command -v g++ >/dev/null 2>&1") != 0)
		skip();
	sh("g++ -shared -fPIC -O2 -o %s/throws.so %s/stack_victim.cc", folder, sources());
	snprintf(path, sizeof(path), "%s/throws.so", folder);
	library = dlopen(path, RTLD_NOW);
	assert_non_null(library);
	*(void **)&run = dlsym(library, "victim_throw");
	assert_int_equal(run(compare), 40);
	all_same(7);
	assert_int_equal(seen.cut, 0);
	close_victim(library);
}

/* Two builds of one library, whose code is equal in length but whose frames are not. */
static void another_library_where_one_was(void **unused)
{
	uint64_t first = 0;
	int reused = 0;

	build_victim("small", "-O2 -fomit-frame-pointer -DVICTIM_ROOM=24");
	build_victim("large", "-O2 -fomit-frame-pointer -DVICTIM_ROOM=72");
	for (int i = 0; i < 6; i++) {
		void *library = open_victim(i % 2 ? "large" : "small");

		reused += first == (uint64_t)(uintptr_t)run_of(library);
		first = first ? first : (uint64_t)(uintptr_t)run_of(library);
		for (int s = 0; s < SCENARIOS; s++)
			run_of(library)(scenarios[s], compare);
		close_victim(library);
	}
	all_same(60);
	assert_true(reused >= 3);
}

/* Taken before main, from .init_array. */
static struct capture before_main, before_main_libunwind;

__attribute__((constructor)) static void construct(void)
{
	struct hd_stack_context here = HD_STACK_HERE();

	hd_stack_init(HD_UNWIND_AUTO);
	before_main.n = hd_stack_capture(&here, &bounds, false, before_main.frames, FRAMES,
					 &before_main.cut, &any_hash);
	if (load_libunwind())
		by_libunwind(here.pc, &before_main_libunwind);
}

static void a_constructor_before_main(void **unused)
{
	assert_true(before_main.n >= 2);
	assert_false(before_main.cut);
	assert_int_equal(before_main.n, before_main_libunwind.n);
	assert_memory_equal(before_main.frames, before_main_libunwind.frames,
			    before_main.n * sizeof(uint64_t));
}

/* Releases of glibc without an index of modules. */
static void the_table_of_modules_serves_as_well(void **unused)
{
	void *library;

	hd_modules_init(HD_MODULES_BY_TABLE);
	hd_rules_forget();
	library = open_victim("plain");
	hd_stack_new_generation(5000); /* behind dlopen, too */
	for (int s = 0; s < SCENARIOS; s++)
		run_of(library)(scenarios[s], compare);
	close_victim(library);
	all_same(10);
	hd_modules_init(HD_MODULES_BY_LIBC);
}

static void frame_pointers_follow_code_that_has_them(void **unused)
{
	struct capture with_rules = {.n = 0};
	void *library;

	build_victim("fp", "-O1 -fno-omit-frame-pointer");
	library = open_victim("fp");
	hd_stack_init(HD_UNWIND_FRAMES);
	run_of(library)("recursion", compare);
	hd_stack_init(HD_UNWIND_AUTO);
	with_rules = seen.theirs;
	if (seen.differ) /* libc below main has none: the stack ends or is cut there */
		assert_memory_equal(seen.ours.frames, with_rules.frames, 30 * sizeof(uint64_t));
	close_victim(library);
}

static void libunwind_alone_gives_the_same(void **unused)
{
	void *library = open_victim("plain");

	hd_stack_init(HD_UNWIND_LIBUNWIND);
	for (int s = 0; s < SCENARIOS; s++)
		run_of(library)(scenarios[s], compare);
	hd_stack_init(HD_UNWIND_AUTO);
	all_same(10);
	close_victim(library);
}

static void libunwind_replaces_nothing_of_the_program(void **unused)
{
	static const char *const names[] = {"backtrace", "_Unwind_Backtrace",
					    "_Unwind_RaiseException", "_Unwind_Resume"};
	Dl_info info;

	assert_null(dlerror());
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		void *f = dlsym(RTLD_DEFAULT, names[i]);

		if (!f)
			continue;
		assert_true(dladdr(f, &info) != 0);
		assert_null(strstr(info.dli_fname, "libunwind"));
	}
	dlerror();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_of_every_kind_and_every_optimization),
		TEST(a_stack_of_ten_thousand_frames_is_cut_at_max),
		TEST(a_leaf_with_a_red_zone_that_a_signal_interrupts),
		TEST(after_each_single_instruction),
		TEST(exceptions_on_their_way),
		TEST(another_library_where_one_was),
		TEST(a_constructor_before_main),
		TEST(the_table_of_modules_serves_as_well),
		TEST(frame_pointers_follow_code_that_has_them),
		TEST(libunwind_alone_gives_the_same),
		TEST(libunwind_replaces_nothing_of_the_program),
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
