/*
 * Objects that only void * holds, so that nothing but the variables that their allocations are assigned to
 * tells their types. Prints "NAME ADDRESS" for each, then dies.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct direct {
	long a, b, c;
};

struct wrapped {
	char name[40];
};

struct passed {
	long v[9];
};

struct returned {
	long v[11];
};

struct odd {
	long v[5];
};

struct link {
	void *next;
	long v[12];
};

struct head {
	void *next;
	long tag;
};

struct body {
	struct head head;
	long more[1];
};

struct other {
	double v[3];
};

struct other *g_declared;

#define OUT_OF_LINE __attribute__((noinline))

void *g_kept[16];
static const char *g_names[16];

static OUT_OF_LINE void keep(const char *name, void *object)
{
	int i = 0;

	while (g_kept[i])
		i++;
	g_names[i] = name;
	g_kept[i] = object;
}

static OUT_OF_LINE void *xmalloc(size_t n)
{
	void *p = malloc(n);

	if (!p)
		abort();
	return p;
}

/* no name of a wrapper */
static OUT_OF_LINE void *from_pool(size_t n)
{
	void *p = xmalloc(n);

	memset(p, 0, n);
	return p;
}

static OUT_OF_LINE void make_direct(int i)
{
	struct direct *direct = malloc(sizeof(*direct));

	direct->a = i;
	keep("direct", direct);
}

static OUT_OF_LINE void make_wrapped(int i)
{
	struct wrapped *wrapped = xmalloc(sizeof(*wrapped));

	wrapped->name[0] = (char)i;
	keep("wrapped", wrapped);
}

static OUT_OF_LINE void make_passed(int i)
{
	struct passed *passed = from_pool(sizeof(*passed));

	passed->v[0] = i;
	keep("passed", passed);
}

static OUT_OF_LINE struct returned *make(void)
{
	return calloc(1, sizeof(struct returned));
}

static OUT_OF_LINE void make_returned(int i)
{
	struct returned *returned = make();

	returned->v[0] = i;
	keep("returned", returned);
}

static OUT_OF_LINE void make_array(int i)
{
	struct direct *array = calloc(5, sizeof(*array));

	array[1].a = i;
	keep("array", array);
}

static OUT_OF_LINE void make_untyped(void)
{
	void *untyped = malloc(sizeof(struct direct));

	memset(untyped, 1, sizeof(struct direct));
	keep("untyped", untyped);
}

static OUT_OF_LINE void make_unfit(int i)
{
	struct odd *unfit = malloc(sizeof(*unfit) + 60);

	unfit->v[0] = i;
	keep("unfit", unfit);
}

/* What a function allocates is not what it returns. */
static OUT_OF_LINE struct direct *add(struct direct *to)
{
	keep("inner", malloc(sizeof(*to)));
	return to;
}

static OUT_OF_LINE void make_inner(void)
{
	static struct direct one;
	struct direct *other = add(&one);

	other->a = 1;
}

static OUT_OF_LINE void make_head(int i)
{
	struct head *head = malloc(sizeof(struct body));

	head->tag = i;
	keep("head", head);
	((struct body *)head)->more[0] = i;
}

static OUT_OF_LINE void make_declared(int i)
{
	struct direct *declared = malloc(sizeof(*declared));

	declared->a = i;
	keep("declared", declared);
	g_declared = (void *)declared;
}

static OUT_OF_LINE void make_many(int n)
{
	void *first = NULL;

	for (int i = 0; i < n; i++) {
		struct link *link = calloc(1, sizeof(*link));

		link->next = first;
		first = link;
	}
	keep("link", first);
}

int main(int argc, char **argv)
{
	make_direct(argc);
	make_wrapped(argc);
	make_passed(argc);
	make_returned(argc);
	make_array(argc);
	make_untyped();
	make_unfit(argc);
	make_inner();
	make_head(argc);
	make_declared(argc);
	make_many(100);
	for (int i = 0; g_kept[i]; i++)
		printf("%s %p\n", g_names[i], g_kept[i]);
	fflush(stdout);
	abort();
}
