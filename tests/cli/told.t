#!/bin/sh
# --type: what the user says of an object, of what a variable points to, and of a type's void * member.

. "$(dirname "$0")/../lib/tap.sh"

need jq
need_cores

cat >"$SCRATCH/told.c" <<'END'
#include <stdio.h>
#include <stdlib.h>

struct leaf { long n; };
struct thing { struct leaf *leaf; long a, b, c; };
struct large { struct leaf *leaf; long v[40]; };
struct node { struct node *next; void *value; };
typedef struct { long x, y, z; } point;

void *g_cache;
struct node *g_nodes;

/* not in main: its locals would tell */
static void __attribute__((noinline)) fill(void)
{
	struct thing *t = calloc(1, sizeof(*t));
	struct large *large = calloc(1, sizeof(*large));
	point *p = calloc(1, sizeof(*p));

	t->leaf = calloc(1, sizeof(struct leaf));
	t->leaf->n = 1;
	g_cache = t;
	for (int i = 0; i < 2; i++) {
		struct node *n = calloc(1, sizeof(*n));

		n->next = g_nodes;
		n->value = i ? (void *)large : (void *)p;
		g_nodes = n;
	}
	printf("%p %p %p %p\n", (void *)t, (void *)t->leaf, (void *)large, (void *)p);
	fflush(stdout);
}

int main(void)
{
	fill();
	abort();
}
END
compile "$SCRATCH/told" "$SCRATCH/told.c"
die "$SCRATCH/told"
read -r thing leaf large point <"$folder/said"

# The type of an address, as asked with the options.
type_of()
{
	ask who "$core" "$@" | jq -r '.object.type // "-"'
}
refuses()
{
	name=$1 says=$2
	shift 2
	is "$name" "$("$HEAPDUMP" who "$core" "$thing" "$@" 2>&1 | sed "s|.*$core: ||; s|^heapdump: ||"
		)" "$says"
}

is 'what void * leads to is not known' "$(type_of "$thing") $(type_of "$leaf")" '- -'
is 'an object is what is told of it' "$(type_of "$thing" --type "$thing=struct thing")" 'struct thing'
is 'and leads on' "$(type_of "$leaf" --type "$thing=struct thing")" 'struct leaf'
ask who "$core" "$thing" --type "$thing=struct thing" >"$SCRATCH/j"
is_true 'who told is the reason, and it is certain' \
	'.[0].object | .type_reason == "told" and .type_confidence == "certain"' "$SCRATCH/j"
is 'a variable stands for what it points to' "$(type_of "$leaf" --type 'g_cache=thing')" 'struct leaf'
is 'a member leads to what is told, where the size agrees' \
	"$(type_of "$large" --type 'struct node.value=struct large') $(
		type_of "$point" --type 'struct node.value=struct large')" 'struct large -'
is 'several can be told' \
	"$(type_of "$leaf" --type "$point=point" --type "$thing=struct thing") $(
		type_of "$point" --type "$point=point" --type "$thing=struct thing")" 'struct leaf point'
ask top "$core" --by type >"$SCRATCH/j"
is_true 'top names the members where telling would help' \
	'[.[0].unknown_behind[] | select(.member == "struct node.value")] | length == 1 and .[0].objects == 2 and .[0].direct == 2' \
	"$SCRATCH/j"
ask top "$core" --by type --type 'struct node.value=struct large' >"$SCRATCH/j"
is_true 'and what is told leaves the list' \
	'[.[0].unknown_behind[] | select(.member == "struct node.value").objects] == [1]' "$SCRATCH/j"
refuses 'a type that is not there is refused' \
	'--type: the debug information has no type "struct nothing" of known size' \
	--type "$thing=struct nothing"
refuses 'so is one that the object is too small for' \
	"--type: struct large has 328 bytes, the object at $thing only 40" --type "$thing=struct large"
refuses 'so is an address in no object' '--type: there is no object at 0x10' --type '0x10=struct thing'
refuses 'so is a member that is no pointer' '--type: .a is no pointer' \
	--type 'struct thing.a=struct large'
refuses 'so is what has no type' \
	'--type needs WHAT=TYPE (0x…=struct x, g_x=struct x, struct y.member=struct x), not "x"' --type x
"$HEAPDUMP" who "$core" "$thing" --type "$thing=struct nothing" >/dev/null 2>&1
is 'what is not there ends with 1' $? 1
"$HEAPDUMP" who "$core" "$thing" --type x >/dev/null 2>&1
is 'what is misspelled ends with 2' $? 2
done_testing
