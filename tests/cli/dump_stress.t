#!/bin/sh
# A hundred images in a row of programs that notice whatever goes wrong: nothing does.
. "$(dirname "$0")/../lib/tap.sh"
. tests/cli/dump_common.sh

# a sanitized tool takes ten times as long
rounds=100
! grep -q -e -fsanitize "$BUILD/flags" || rounds=20

# $1: what the program does; $2: its name in the tests
hundred()
{
	begin "$1"
	n=0
	bad=0
	: >"$SCRATCH/pauses"
	while [ $n -lt $rounds ]; do
		n=$((n + 1))
		dump --no-sync --json -o "$SCRATCH/image" $pid
		[ $status -eq 0 ] || bad=$((bad + 1))
		sed -n '/^{/,$p' "$SCRATCH/words" | tr -d '\n' >>"$SCRATCH/pauses"
		echo >>"$SCRATCH/pauses"
	done
	is "$2: every one of the images is written" $bad 0
	is "$2: every thread runs on, and no snapshot is left" "$(runs_on)" ''
	is "$2: none says otherwise" "$(jq -c 'select(.threads_not_stopped > 0 or .snapshot_left or .copied_while_stopped)' "$SCRATCH/pauses")" ''
	verdict "$2: nothing was lost, no system call was interrupted, no child was seen"
}

need jq
hundred calls "13 kinds of blocking calls"
hundred threads "200 threads that are born and die"
is "and there were many at a time" "$(jq -s 'map(.threads) | max > 50' "$SCRATCH/pauses")" true
hundred signals "a timer and queued signals"
done_testing
