/*
 * Frames with one local of each kind, for test_locals.c: by value, in registers, inlined, recursive, on the stack of the caller.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct point {
	int x, y;
};

struct pair {
	struct point *first;
	uint64_t second;
};

struct big {
	char text[40];
	struct point *where;
	unsigned flags : 5, more : 11;
};

union word {
	double d;
	uint64_t u;
};

enum color { RED, GREEN = 7 };

typedef int (*handler)(struct point *, long, long, long, long, long, struct pair *, long);

volatile int sink;
void *volatile hole;
static __thread long of_thread = 77;

#define NOINLINE __attribute__((noinline))

NOINLINE static void use(const volatile void *p)
{
	hole = (void *)p;
	sink++;
}

NOINLINE static void die(int code, const char *why)
{
	static int deaths;
	char buffer[16];
	uint64_t n = (uint64_t)code * 3;

	deaths++;
	snprintf(buffer, sizeof(buffer), "%s", why);
	use(buffer);
	if (sink < 0)
		return;
	use(&n);
	abort();
}

static inline __attribute__((always_inline)) int inner(struct point *p, int scale)
{
	int scaled = p->x * scale;
	struct point moved = {scaled, p->y + 1};

	use(p);
	if (scaled > 1000)
		die(scaled, "inner");
	return moved.x + moved.y;
}

NOINLINE static int eight(struct point *p, long b, long c, long d, long e, long f, struct pair *g,
			  long h)
{
	long sum = b + c + d + e + f + h;
	int i;

	for (i = 0; i < 3; i++) {
		long each = sum * i;

		use(&each);
		if (i == 2) {
			enum color color = sum > 5 ? GREEN : RED;
			const char *name = "eight";

			sink += inner(p, 1000 + i);
			use(name);
			sink += color;
		}
	}
	use(g);
	return i + (int)sum;
}

/* a is used up before the call: only the caller knows it then */
NOINLINE static int worn(long a, struct pair pair, double d, float f)
{
	handler h = eight;
	double twice = d * 2 + f;
	union word w;
	int rc;

	sink += (int)a;
	w.d = twice;
	use(&w);
	rc = h(pair.first, 1, 2, 3, 4, 5, &pair, 6);
	sink += (int)w.u;
	return rc;
}

NOINLINE static int by_value(struct big big, const struct big *other, int n)
{
	int table[n];
	long *saved = malloc(sizeof(*saved));

	*saved = n;
	for (int i = 0; i < n; i++)
		table[i] = i * i;
	use(table);
	sink += worn(0x1234567 + n, (struct pair){big.where, 99}, 2.5, 0.25f);
	return table[n - 1] + (int)*saved + other->flags;
}

NOINLINE static int down(int depth, struct point *p)
{
	struct point here = {depth, depth * 2};
	int back;

	use(&here);
	if (!depth) {
		struct big big = {"big by value", p, 3, 1000};

		back = by_value(big, &big, 5);
	} else {
		back = down(depth - 1, p);
	}
	return back + here.x;
}

static void *idle(void *arg)
{
	struct pair *mine = arg;
	long local = (long)mine->second;

	of_thread += local;
	use(&local);
	for (;;)
		pause();
	return mine;
}

int main(int argc, char **argv)
{
	static struct pair pairs[3];
	struct point *p = malloc(sizeof(*p));
	uint8_t small = 200;
	int8_t negative = -3;
	const char *name = argv[0];

	p->x = 21;
	p->y = 4;
	for (int i = 0; i < 3; i++) {
		pthread_t t;

		pairs[i] = (struct pair){p, 40 + (uint64_t)i};
		pthread_create(&t, NULL, idle, &pairs[i]);
	}
	usleep(100000);
	sink = down(3, p) + small + negative + (name != NULL) + argc;
	return sink;
}
