/*
 * Objects that locals lead to, and what was on the stack before: for test_locals_types.c.
 */
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))

struct conn {
	struct conn *next; /* a ring of one */
	long numbers[8];
};

struct session {
	struct conn *conn;
	char name[40];
};

struct ghost {
	long all[9];
};

struct pair {
	struct session *a, *b;
};

/* where the test finds them; of what they point to only the first has a type */
struct session *g_session;
void *g_hidden, *g_passed, *g_of_passed, *g_local, *g_in_pair;
volatile int sink;

NOINLINE static void fill_stack(void *with)
{
	void *volatile words[64];

	for (int i = 0; i < 64; i++)
		words[i] = with;
	sink = words[5] != NULL;
}

/* shade and its kin were never set: they are what fill_stack() has left */
NOINLINE static int deepest(struct session *passed, struct pair pair)
{
	struct session *local = g_local;
	struct ghost *shade, *phantom, *spectre, *spirit;

	if (sink > 1)
		shade = phantom = spectre = spirit = (struct ghost *)passed;
	if (sink == 1)
		abort();
	return shade == phantom && spectre == spirit && local && pair.a;
}

NOINLINE static int calls(struct session *passed, struct pair pair, void *garbage)
{
	fill_stack(garbage);
	sink += deepest(passed, pair);
	/* it is needed behind the call, so a register has it */
	return sink + passed->name[0];
}

static struct session *session(void)
{
	struct session *s = calloc(1, sizeof(*s));

	s->conn = calloc(1, sizeof(*s->conn));
	s->conn->next = s->conn;
	strcpy(s->name, "a session");
	return s;
}

int main(int argc, char **argv)
{
	struct session *s = session();
	struct pair pair;

	g_session = session();
	g_local = session();
	g_hidden = calloc(1, sizeof(struct ghost));
	g_passed = s;
	g_of_passed = s->conn;
	pair.a = pair.b = session();
	g_in_pair = pair.a;
	return calls(s, pair, argc > 1 ? (void *)g_session->conn : g_hidden);
}
