#!/bin/sh
# Runs of equal hops in a path are one line, but only where the member is the same one, too.

. "$(dirname "$0")/../lib/tap.sh"

need jq
need_cores

cat >"$SCRATCH/runs.c" <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node { long id; struct node *next; char *text; };
struct queue { long count; struct node *first; struct node *last; };

struct queue *g_queue;

int main(void)
{
	struct node *n = NULL;

	g_queue = calloc(1, sizeof(*g_queue));
	for (long i = 0; i < 40; i++) {
		struct node *next = calloc(1, sizeof(*next));

		next->id = i;
		next->next = n;
		n = next;
	}
	g_queue->first = n;
	g_queue->count = 40;
	for (; n->next; n = n->next)
		;
	n->text = strdup("at the very end of it");
	printf("%p\n", (void *)n->text);
	fflush(stdout);
	abort();
}
END
compile "$SCRATCH/runs" "$SCRATCH/runs.c"
die "$SCRATCH/runs"
ask who "$core" "$(head -n 1 "$folder/said")" >"$SCRATCH/who"
is_true "the hop out of another type of the same size, by a word at the same place, is none of the run" '
	[.[0].path.steps[1:][] | .via | [.path, .times]] ==
		[[null, 1], [".first", 1], [".next", 39], [".text", 1]]' "$SCRATCH/who"
ask who "$core" "$(head -n 1 "$folder/said")" --no-types >"$SCRATCH/who"
is_true "where types are not read, size and place decide" '
	[.[0].path.steps[1:][] | .via | [.path, .offset, .times]] ==
		[[null, 0, 1], [null, 8, 40], [null, 16, 1]]' "$SCRATCH/who"
done_testing
