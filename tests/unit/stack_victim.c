/*
 * Frames of all kinds, for test_stack.c: built as a library with various flags, each scenario calls back from its depth.
 */
#include <alloca.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef VICTIM_ROOM
#define VICTIM_ROOM 24 /* so that two builds have other frames at the same place */
#endif

typedef void capture_fn(void);
void victim_run(const char *what, capture_fn *capture);

#define NOINLINE __attribute__((noinline, noclone))

static volatile int g_sink;
static capture_fn *g_capture;
static jmp_buf g_back;

NOINLINE static int recursion(int depth, capture_fn *capture)
{
	volatile char room[VICTIM_ROOM];

	room[depth % VICTIM_ROOM] = 1;
	if (!depth)
		capture();
	else
		g_sink += recursion(depth - 1, capture);
	return g_sink + room[depth % VICTIM_ROOM];
}

NOINLINE static int many_arguments(int a, int b, int c, int d, int e, int f, int g, int h, int i)
{
	g_capture();
	return a + b + c + d + e + f + g + h + i + g_sink;
}

NOINLINE static int with_alloca(int n)
{
	char *room = alloca((size_t)n);

	memset(room, n, (size_t)n);
	g_sink += many_arguments(1, 2, 3, 4, 5, 6, 7, 8, n);
	return room[n / 2] + g_sink;
}

NOINLINE static int with_vla(int n)
{
	volatile int room[n];

	room[n - 1] = with_alloca(n * 3);
	return room[n - 1] + g_sink;
}

/* Arguments on the stack and a realigned frame: gcc keeps the old stack pointer in a register, then in the frame. */
NOINLINE static int realigned(int a, int b, int c, int d, int e, int f, int g, int h)
{
	_Alignas(64) volatile char room[128];
	char *more = alloca((size_t)a + 10);

	room[a] = (char)b;
	more[a] = (char)(c + h);
	g_capture();
	return room[a] + more[a] + d + e + f + g + g_sink;
}

NOINLINE static int large_frame(int n)
{
	volatile char room[300000];

	room[n] = 1;
	g_capture();
	return room[n] + g_sink;
}

static int compare(const void *a, const void *b)
{
	g_capture();
	return *(const int *)a - *(const int *)b;
}

NOINLINE static int variadic(int n, ...)
{
	va_list ap;

	va_start(ap, n);
	for (int i = 0; i < n; i++)
		g_sink += va_arg(ap, int);
	va_end(ap);
	g_capture();
	return g_sink + 1;
}

__attribute__((noreturn)) NOINLINE static void never_returns(void)
{
	g_capture();
	longjmp(g_back, 1);
}

/* The call is its last instruction: the return address belongs to the next function. */
NOINLINE static void ends_with_a_call(int n)
{
	volatile char room[40];

	room[n] = 1;
	never_returns();
}

/* A leaf that keeps its variables below the stack pointer and is interrupted. */
NOINLINE static int leaf_with_red_zone(int n)
{
	volatile int a[12];

	for (int i = 0; i < 12; i++)
		a[i] = n + i;
#if defined(__x86_64__)
	__asm__ volatile("int3");
#endif
	return a[n % 12];
}

/* rbp is a register like others here, where the compiler runs short of them. */
NOINLINE static long many_registers(const long *p, int n)
{
	long a = p[0], b = p[1], c = p[2], d = p[3], e = p[4], f = p[5], g = p[6], h = p[7];

	for (int i = 0; i < n; i++) {
		a += b * c, b ^= c + d, c += d * e, d ^= e + f, e += f * g, f ^= g + h, g += h * a;
		if (i == n / 2)
			g_capture();
		h += a;
	}
	return a + b + c + d + e + f + g + h;
}

/* Calls into libc, the first through lazy binding. */
NOINLINE static void into_libc(void)
{
	char text[64];
	int n[5] = {5, 3, 1, 4, 2};

	snprintf(text, sizeof(text), "%d %s %.3f", g_sink, "text", 1.5);
	qsort(n, 5, sizeof(n[0]), compare);
	free(strdup(text));
	g_sink += atoi(text) + (int)strtol("77", NULL, 10);
}

void victim_run(const char *what, capture_fn *capture)
{
	static const long numbers[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	int n[5] = {5, 3, 1, 4, 2};

	g_capture = capture;
	if (!strcmp(what, "recursion"))
		g_sink += recursion(30, capture);
	if (!strcmp(what, "deep"))
		g_sink += recursion(10000, capture);
	if (!strcmp(what, "dynamic"))
		g_sink += with_vla(50);
	if (!strcmp(what, "realigned"))
		g_sink += realigned(1, 2, 3, 4, 5, 6, 7, 8);
	if (!strcmp(what, "large"))
		g_sink += large_frame(1000);
	if (!strcmp(what, "callback"))
		qsort(n, 5, sizeof(n[0]), compare);
	if (!strcmp(what, "variadic"))
		g_sink += variadic(3, 1, 2, 3);
	if (!strcmp(what, "noreturn") && !setjmp(g_back))
		ends_with_a_call(3);
	if (!strcmp(what, "leaf"))
		g_sink += leaf_with_red_zone(3);
	if (!strcmp(what, "registers"))
		g_sink += (int)many_registers(numbers, 9);
	if (!strcmp(what, "libc"))
		into_libc();
}
