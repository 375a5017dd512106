/*
 * Shapes of C, for test_types_shapes.c: compiled there by several compilers with several kinds of debug
 * information, and run: it prints the offset of each field by the compiler's own word.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct opaque;
struct list_head {
	struct list_head *next, *prev;
};
enum colour { RED, GREEN = 7, BLUE = -1 };
typedef int (*compare_fn)(const void *, const void *);
typedef struct {
	double x, y;
} point;
typedef point triangle[3];

struct bits {
	unsigned a : 1;
	unsigned b : 3;
	unsigned : 0;
	unsigned c : 17;
	signed d : 15;
	uint64_t e : 40;
	uint64_t f : 30;
	bool g : 1;
	char h;
	unsigned char i : 2;
};

struct packed {
	char a;
	int b;
	short c;
	uint64_t d;
} __attribute__((packed));

struct inner {
	int n;
	union {
		int as_int;
		float as_float;
		struct {
			short low, high;
		};
		char bytes[8];
	};
	union {
		void *p;
		uint64_t word;
	} named;
};

struct outer {
	struct list_head link;
	const char *const name;
	volatile int flags;
	enum colour colour;
	struct inner in[2][3];
	struct inner *pin;
	struct opaque *hidden;
	compare_fn compare;
	void (*callbacks[4])(struct outer *, int (*)(void));
	triangle corners;
	struct bits bits;
	struct packed packed[2];
	_Atomic int refs;
	long double wide;
	_Complex double complex;
	int (*matrix)[4];
	struct outer *tree[2];
	char empty[0];
	struct {
		struct {
			int deep;
		} a;
		int beside;
	} nested;
} __attribute__((aligned(32)));

struct flexible {
	size_t n;
	char tag;
	struct inner items[];
};

struct vector {
	float v __attribute__((vector_size(16)));
	char tail;
};

struct twice {
	struct {
		int x;
	};
	struct {
		int y;
	};
};

struct session {
	struct session *next;
	struct outer *data;
	struct flexible *more;
	point at;
};

struct outer g_outer = {.name = "outer"};
struct session *g_sessions;
static struct flexible *s_flexible;
struct vector g_vector;
struct twice g_twice;
struct opaque *g_opaque;
_Thread_local struct session *t_current;
static _Thread_local int t_depth;
point g_points[4][2];
compare_fn g_compare;

#define FIELD(type, field) printf("%s\t%s\t%zu\n", #type, #field, offsetof(type, field))

static struct session *make(void)
{
	static struct session s_first;
	static int s_calls;

	s_calls++;
	t_depth++;
	if (s_flexible)
		g_sessions = s_first.next;
	t_current = &s_first;
	return &s_first;
}

int main(void)
{
	make();
	s_flexible = malloc(100);
	make();
	FIELD(struct outer, link.prev);
	FIELD(struct outer, name);
	FIELD(struct outer, flags);
	FIELD(struct outer, colour);
	FIELD(struct outer, in[1][2].bytes[5]);
	FIELD(struct outer, in[0][1].high);
	FIELD(struct outer, in[1][0].named.word);
	FIELD(struct outer, pin);
	FIELD(struct outer, hidden);
	FIELD(struct outer, compare);
	FIELD(struct outer, callbacks[3]);
	FIELD(struct outer, corners[2].y);
	FIELD(struct outer, bits.h);
	FIELD(struct outer, packed[1].d);
	FIELD(struct outer, refs);
	FIELD(struct outer, wide);
	FIELD(struct outer, complex);
	FIELD(struct outer, matrix);
	FIELD(struct outer, tree[1]);
	FIELD(struct outer, nested.a.deep);
	FIELD(struct outer, nested.beside);
	FIELD(struct flexible, items[7].n);
	FIELD(struct vector, tail);
	FIELD(struct twice, y);
	FIELD(struct session, at.y);
	FIELD(point, y);
	return 0;
}
