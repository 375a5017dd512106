#!/bin/sh
# heapdump dump is killed at each system call it makes: the program runs on, and what was begun is taken away by the other
# of its two processes. If both are killed, an entry in the process table may stay until the program ends.
. "$(dirname "$0")/../lib/tap.sh"
. tests/cli/dump_common.sh

# a leak check needs ptrace, too
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
compile "$SCRATCH/killer" tests/cli/dump_killer.c
mkdir "$SCRATCH/out"

# $1: whom; $2: at which calls, any or ptrace; $3: every so manieth; $4: an option more; $5: from which. Each mishap is a
# line.
kill_at()
{
	call=${5:-1}
	: >"$SCRATCH/mishaps"
	while :; do
		timeout 60 "$SCRATCH/killer" "$1" "$2" $call "$HEAPDUMP" dump $4 --no-sync -o "$SCRATCH/out/image" $pid \
			>"$SCRATCH/words" 2>&1
		status=$?
		[ $status -ne 77 ] || break
		if ! kill -0 $pid 2>/dev/null; then
			echo "call $call: the program is dead" >>"$SCRATCH/mishaps"
			break
		fi
		dead=
		[ "$1" != both ] || dead=dead
		left=$(runs_on $dead)
		[ -z "$left" ] || echo "call $call: $left" >>"$SCRATCH/mishaps"
		[ "$1" = both ] || [ -z "$(ls "$SCRATCH/out" | grep tmp)" ] || {
			echo "call $call: a temporary file" >>"$SCRATCH/mishaps"
			rm -f "$SCRATCH/out/"*tmp
		}
		[ "$1" != worker ] || [ $status -eq 2 ] || [ $status -eq 0 ] ||
			echo "call $call: exit status $status" >>"$SCRATCH/mishaps"
		call=$((call + $3))
	done
}

# In a sanitized tool, which is ten times as slow, coarser.
often=2
seldom=80
! grep -q -e -fsanitize "$BUILD/flags" || often=7 seldom=150

# all that is done to the program is done by ptrace
begin computes
kill_at worker ptrace $often
is "worker killed at every other ptrace call: there was no mishap" "$(head -n 20 "$SCRATCH/mishaps")" ''
ok "there were calls enough" [ $call -gt 30 ]
verdict "what the program computes is right"

# one thread, which is nowhere but in its registers
compile "$SCRATCH/odd" tests/cli/dump_odd.c -O2 -D_GNU_SOURCE -pthread -Wno-unused-result
target=$SCRATCH/odd
begin vectors
if kill -0 $pid 2>/dev/null; then
	kill_at worker ptrace $often '' 2
	is "worker killed at the others: there was no mishap with the only thread" "$(head -n 20 "$SCRATCH/mishaps")" ''
	verdict "and every register kept its value"
else
	skip "the only thread's registers" "this processor has no AVX2"
fi
target=

for whom in worker asker both; do
	begin computes
	kill_at $whom any $seldom
	is "$whom killed at any call: there was no mishap" "$(head -n 20 "$SCRATCH/mishaps")" ''
	ok "$whom killed: there were calls enough" [ $call -gt 200 ]
	verdict "$whom killed: what the program computes is right"
done
begin computes
kill_at worker any $seldom --stop
is "worker killed while it copies: there was no mishap" "$(head -n 20 "$SCRATCH/mishaps")" ''
verdict "worker killed while it copies: what the program computes is right"
done_testing
