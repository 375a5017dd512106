/*
 * A heap for the screens: leaks of several shapes beside what a table holds, objects that begin with
 * text, with a pointer to a function, and with neither. The same in every run.
 *
 *	screens_mix
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct job {
	void (*run)(struct job *);
	char *name;
};

struct buffer {
	struct buffer *next;
	char *text;
};

struct job *g_jobs[8];
char *g_names[100];

void job_run(struct job *j)
{
	(void)j;
}

static void *cleared(size_t size)
{
	return memset(malloc(size), 0, size);
}

static char *text(const char *format, int i)
{
	char *t = cleared(40);

	snprintf(t, 40, format, i);
	return t;
}

static __attribute__((noinline)) void build(void)
{
	for (int i = 0; i < 8; i++) {
		g_jobs[i] = cleared(sizeof(struct job));
		g_jobs[i]->run = job_run;
		g_jobs[i]->name = text("job %d", i);
	}
	for (int i = 0; i < 100; i++)
		g_names[i] = text("name %d", i);
	for (int i = 0; i < 30; i++) {
		struct buffer *b = cleared(sizeof(*b));

		b->next = cleared(sizeof(*b));
		b->next->text = text("GET /lost/%d", i);
	}
	for (int i = 0; i < 12; i++)
		text("forgotten %d", i);
	for (int i = 0; i < 5; i++)
		((struct job *)cleared(200))->run = job_run;
	cleared(3000);
}

static __attribute__((noinline)) void wipe_stack(void)
{
	char zeros[8192];

	memset(zeros, 0, sizeof(zeros));
	__asm__ volatile("" ::"r"(zeros) : "memory");
}

int main(void)
{
	build();
	wipe_stack();
	abort();
}
