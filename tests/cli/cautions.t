#!/bin/sh
# What the first lines say where the numbers cannot be had, or are less sure than they look.
. "$(dirname "$0")/../lib/tap.sh"
need jq gcc
need_cores
[ "$(uname -m)" = x86_64 ] || skip_all "where brk memory lies is known for x86-64 only"

# A leak whose address, as a number, a counter of the program equals.
cat >"$SCRATCH/low.c" <<'C'
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *volatile g_kept;
volatile uint64_t g_counter;

int main(int argc, char **argv)
{
	g_kept = memset(malloc(1000), 1, 1000);
	g_kept = NULL;
	g_kept = malloc(100);
	g_counter = (uint64_t)(uintptr_t)malloc(500);
	abort();
}
C
compile "$SCRATCH/low" -no-pie "$SCRATCH/low.c"
compile "$SCRATCH/high" -fPIE -pie "$SCRATCH/low.c"

die "$SCRATCH/low"
cd "$folder" || exit 99
for command in info leaks top; do
	ask $command core* >"$command"
	is_true "$command: a heap below 4 GiB may hide leaks, which is said" '
		.[0].cautions | length == 1 and
		(.[0] | test("^1[67][0-9]{2} bytes in use lie below 4 GiB, .* leaks may be hidden there$"))' $command
done
is_true "what is leaked there is leaked for sure" '.[0].leaks_doubtful == false' leaks
"$HEAPDUMP" leaks core* >text
is "the first line says leaked, not seem leaked" "$(sed -n '1s/.*\(seem leaked\|leaked\).*/\1/p' text)" leaked
is "the second one is the caution" "$(sed -n '2s/ [0-9]* bytes .*//p' text)" "Caution:"
leaked=$(jq -r '.rows[0].head.addr' leaks)
ask who core* "$leaked" >who
is_true "nothing of it is said of an object that is leaked" '.[0].cautions == []' who

die "$SCRATCH/high"
cd "$folder" || exit 99
ask leaks core* >leaks
is_true "a heap above has no caution" '.[0].cautions == [] and .[0].leaks_doubtful == false' leaks

if [ -w /proc/self/coredump_filter ]; then
	die sh -c "echo 0 >/proc/self/coredump_filter; exec $SCRATCH/high"
	cd "$folder" || exit 99
	for command in info leaks top tree; do
		"$HEAPDUMP" $command core* >text
		is "$command: of a dump without the heap the first line says that" \
			"$(head -n 1 text | cut -c 1-28)" "The heap is not in this dump"
		ok "$command: and nothing is said of 0 bytes" sh -c '! grep -w "0 bytes\|0 B" text'
	done
	ask info core* >info
	is_true "one caution says why, and it is no question of an allocator" '
		.[0].heap_absent and (.[0].cautions | length == 1 and (.[0] | test("kept out of the dump"))) and
		(.[0].warnings | any(test("allocator")) | not)' info
else
	skip "a dump without the heap says so" "there is no /proc/self/coredump_filter here"
fi
done_testing
