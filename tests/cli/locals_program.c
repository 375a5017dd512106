/*
 * Objects that locals hold, one each; prints "name address" of each. For locals.t.
 *
 *	parameter   a parameter of hold()            member      of a struct that is a local of hold()
 *	saved       in a register of keep(), which spill() has saved
 *	inlined     a local of a function that is inlined into keep()
 *	on_stack    the seventh parameter of hold(): on the stack of main()
 *	of_thread   a thread-local                   of_static   a static of main()
 *	in_thread   a local of another thread
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

struct conn {
	long fd, room[9];
};

struct request {
	long id;
	struct conn *conn;
};

volatile long sink;

/* no other word may hold it: what made it has left the stack, or is written over */
NOINLINE static struct conn *make(const char *name)
{
	struct conn *c = calloc(1, sizeof(*c));

	printf("%s %p\n", name, (void *)c);
	return c;
}

NOINLINE static void clean_stack(void)
{
	volatile char room[32768];

	for (size_t i = 0; i < sizeof(room); i++)
		room[i] = 0;
}

NOINLINE static void spill(void)
{
#ifdef __x86_64__
	__asm__ volatile("xor %%eax, %%eax\n\txor %%ebx, %%ebx\n\txor %%ecx, %%ecx\n\t"
			 "xor %%edx, %%edx\n\txor %%esi, %%esi\n\txor %%edi, %%edi\n\t"
			 "xor %%r12d, %%r12d\n\txor %%r13d, %%r13d\n\txor %%r14d, %%r14d\n\t"
			 "xor %%r15d, %%r15d"
			 :
			 :
			 : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
			   "r12", "r13", "r14", "r15", "memory");
#endif
	if (++sink)
		*(volatile int *)NULL = 0;
}

static inline __attribute__((always_inline)) void inside(void)
{
	struct conn *inlined = make("inlined");

	clean_stack();
	__asm__ volatile("" : "+r"(inlined));
	spill();
	__asm__ volatile("" : "+r"(inlined));
	sink += inlined->fd;
}

NOINLINE static long keep(void)
{
	struct conn *saved = make("saved");

	__asm__ volatile("" : "+r"(saved));
	inside();
	__asm__ volatile("" : "+r"(saved));
	return saved->fd;
}

NOINLINE static long hold(long a, long b, long c, long d, long e, struct conn *parameter,
			  struct conn *on_stack)
{
	struct request request = {1, make("member")};

	__asm__ volatile("" ::"r"(&request) : "memory");
	sink += keep();
	__asm__ volatile("" ::"r"(&request) : "memory");
	return parameter->fd + on_stack->fd + request.conn->fd + a + b + c + d + e;
}

NOINLINE static void *work(void *started)
{
	struct conn *in_thread = make("in_thread");

	clean_stack();
	__asm__ volatile("" ::"r"(&in_thread) : "memory");
	*(volatile int *)started = 1;
	for (;;)
		pause();
	return in_thread;
}

int main(void)
{
	static struct conn *of_static;
	static __thread struct conn *of_thread;
	volatile int started = 0;
	pthread_t t;

	setbuf(stdout, NULL);
	of_static = make("of_static");
	of_thread = make("of_thread");
	pthread_create(&t, NULL, work, (void *)&started);
	while (!started)
		usleep(1000);
	return (int)hold(1, 2, 3, 4, 5, make("parameter"), make("on_stack")) + of_thread->fd +
	       of_static->fd;
}
