/*
 * Programs that die on another stack than their own, or hold a pointer where few look. On stdout, a
 * line for each object: its name and address. Built with -O1; nothing here may be inlined.
 *
 *	cores_stacks alt WHERE		a handler on an alternate signal stack in malloc, mmap, static memory
 *	cores_stacks alt-thread WHERE	the same in a thread
 *	cores_stacks parked WHERE	a coroutine has given up control; main dies
 *	cores_stacks inside WHERE	a coroutine dies
 *	cores_stacks register WHICH	only xmm7, the upper half of ymm7, of zmm7, zmm23 or r13 holds an object
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define noinline __attribute__((noinline, noipa))
#define KEEP(x)	 __asm__ volatile("" ::"m"(x))
enum { STACK = 256 << 10 };

static noinline void wipe(void)
{
	volatile char a[65536];

	for (size_t i = 0; i < sizeof(a); i++)
		a[i] = 0;
}

static noinline void say(const char *name, void *p)
{
	dprintf(1, "%s %p\n", name, p);
	wipe();
}

static noinline void *memory(const char *where)
{
	static char area[STACK];

	if (!strcmp(where, "malloc"))
		return malloc(STACK);
	if (!strcmp(where, "static"))
		return area;
	return mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* --- Signal stacks. --- */

static noinline void on_segv(int sig)
{
	void *volatile held = malloc(222);

	say("on_segv", held);
	raise(SIGABRT);
	KEEP(held);
}

static noinline void interrupted(void)
{
	void *volatile held = malloc(333);

	say("interrupted", held);
	*(volatile int *)8 = 1;
	KEEP(held);
}

static noinline void outer(void)
{
	void *volatile held = malloc(444);

	say("outer", held);
	interrupted();
	KEEP(held);
}

static noinline void *alternate(void *where)
{
	stack_t ss = {.ss_sp = memory(where), .ss_size = STACK};
	struct sigaction sa = {.sa_handler = on_segv, .sa_flags = SA_ONSTACK};

	sigaltstack(&ss, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	outer();
	return NULL;
}

static noinline void in_thread(char *where)
{
	pthread_t t;

	pthread_create(&t, NULL, alternate, where);
	pthread_join(t, NULL);
}

/* --- Coroutines. --- */

static ucontext_t main_context, context;

static noinline void parked(void)
{
	void *volatile held = malloc(555);

	say("parked", held);
	swapcontext(&context, &main_context);
	KEEP(held);
}

static noinline void scheduler(const char *where, void (*body)(void))
{
	void *volatile held = malloc(666);

	say("scheduler", held);
	getcontext(&context);
	context.uc_stack.ss_sp = memory(where);
	context.uc_stack.ss_size = STACK;
	context.uc_link = &main_context;
	makecontext(&context, body, 0);
	swapcontext(&main_context, &context);
	wipe();
	abort();
	KEEP(held);
}

/* --- Registers: the address is built from its complement there, and stands nowhere else. --- */

static uint64_t complement[8];

static noinline void prepare(void)
{
	void *p = malloc(777);

	for (int i = 0; i < 8; i++)
		complement[i] = ~(uint64_t)p;
	say("register", p);
}

static noinline void in_register(const char *which)
{
	prepare();
#ifdef __x86_64__
#define UPPER_256                                                                                  \
	"vpcmpeqd %%ymm6, %%ymm6, %%ymm6\n\tvpxor %0, %%ymm6, %%ymm7\n\tvpxor %%xmm5, %%xmm5, "    \
	"%%xmm5\n\t"
#define WIPE                                                                                       \
	"xor %%eax, %%eax\n\txor %%ebx, %%ebx\n\txor %%ecx, %%ecx\n\txor %%edx, %%edx\n\t"         \
	"xor %%esi, %%esi\n\txor %%edi, %%edi\n\tud2"
	if (!strcmp(which, "xmm"))
		__asm__ volatile(
			"pcmpeqd %%xmm7, %%xmm7\n\tpxor %0, %%xmm7\n\t" WIPE ::"m"(complement));
	if (!strcmp(which, "ymm"))
		__asm__ volatile(UPPER_256
				 "vpblendd $15, %%ymm5, %%ymm7, %%ymm7\n\t" WIPE ::"m"(complement));
	if (!strcmp(which, "zmm"))
		__asm__ volatile(
			"vpternlogd $255, %%zmm6, %%zmm6, %%zmm6\n\tvpxorq %0, %%zmm6, %%zmm7\n\t"
			"vpxord %%zmm5, %%zmm5, %%zmm5\n\tvshuff64x2 $0xe4, %%zmm7, %%zmm5, "
			"%%zmm7\n\t" WIPE ::"m"(complement));
	if (!strcmp(which, "zmm23"))
		__asm__ volatile("vpternlogd $255, %%zmm6, %%zmm6, %%zmm6\n\tvpxorq %0, %%zmm6, "
				 "%%zmm23\n\t" WIPE ::"m"(complement));
	if (!strcmp(which, "r13"))
		__asm__ volatile("mov %0, %%r13\n\tnot %%r13\n\t" WIPE ::"m"(complement));
#endif
}

int main(int argc, char **argv)
{
	const char *story = argc > 2 ? argv[1] : "";

	if (!strcmp(story, "alt"))
		alternate(argv[2]);
	if (!strcmp(story, "alt-thread"))
		in_thread(argv[2]);
	if (!strcmp(story, "parked"))
		scheduler(argv[2], parked);
	if (!strcmp(story, "inside"))
		scheduler(argv[2], outer);
	if (!strcmp(story, "register"))
		in_register(argv[2]);
	return 2;
}
