#!/bin/sh
# heapdump dump is killed at each system call it makes: the program runs on, and what was begun is taken away by the other
# of its two processes. If both are killed, an entry in the process table may stay until the program ends.
. "$(dirname "$0")/../lib/tap.sh"
. tests/cli/dump_common.sh

compile "$SCRATCH/killer" tests/cli/dump_killer.c
step=11
! grep -q -e -fsanitize "$BUILD/flags" || step=60
mkdir "$SCRATCH/out"

# $1: whom; $2: an option more. Each mishap is a line.
kill_at_each()
{
	call=1
	: >"$SCRATCH/mishaps"
	while :; do
		timeout 60 "$SCRATCH/killer" "$1" $call "$HEAPDUMP" dump $2 --no-sync -o "$SCRATCH/out/image" $pid \
			>"$SCRATCH/words" 2>&1
		status=$?
		[ $status -ne 77 ] || break
		if ! kill -0 $pid 2>/dev/null; then
			echo "call $call: the program is dead" >>"$SCRATCH/mishaps"
			break
		fi
		left=$(runs_on | if [ "$1" = both ]; then grep -v 'left, Z'; else cat; fi)
		[ -z "$left" ] || echo "call $call: $left" >>"$SCRATCH/mishaps"
		[ "$1" = both ] || [ -z "$(ls "$SCRATCH/out" | grep tmp)" ] || {
			echo "call $call: a temporary file" >>"$SCRATCH/mishaps"
			rm -f "$SCRATCH/out/"*tmp
		}
		[ "$1" != worker ] || [ $status -eq 2 ] || [ $status -eq 0 ] ||
			echo "call $call: exit status $status" >>"$SCRATCH/mishaps"
		call=$((call + step))
	done
}

for whom in worker asker both; do
	[ $whom = worker ] || step=60
	begin computes
	kill_at_each $whom
	is "$whom killed: after none of the calls there was a mishap" "$(head -n 20 "$SCRATCH/mishaps")" ''
	ok "$whom killed: there were calls enough" [ $call -gt 200 ]
	verdict "$whom killed: what the program computes is right"
done
begin computes
kill_at_each worker --stop
is "worker killed while it copies: after none of the calls there was a mishap" "$(head -n 20 "$SCRATCH/mishaps")" ''
verdict "worker killed while it copies: what the program computes is right"
done_testing
