#!/bin/sh
# Whoever of a dump's tasks is killed: an error for the caller, and no file stays.
. "$(dirname "$0")/../lib/tap.sh"
need gdb python3 pgrep ps
. tests/cli/image_common.sh
ECANCELED=-125

left()
{
	echo $(ls -A "$SCRATCH/out")
}
# The task of that name below the process $1, waited for while that lives.
task_of()
{
	while [ "$(cut -d' ' -f3 "/proc/$1/stat")" != Z ]; do
		for t in $(pgrep "$2"); do
			for p in $(cut -d' ' -f4 /proc/"$t"/stat 2>/dev/null); do
				[ "$p" = "$1" ] && echo "$t" && return
				[ "$(cut -d' ' -f4 /proc/"$p"/stat 2>/dev/null)" = "$1" ] && echo "$t" && return
			done
		done
	done
}
# Until $1 says nothing, for half a minute.
wait_until_none()
{
	for i in $(seq 100); do
		[ -z "$($1)" ] && break
		sleep 0.3
	done
}
# those of this program only: other tests make images meanwhile
snapshots()
{
	for p in $(pgrep -x heapdump-image); do
		[ "$(readlink "/proc/$p/exe")" = "$(readlink -f "$program")" ] && echo "$p"
	done
}
stays()
{
	echo $(ls -A "$SCRATCH/out") $(ls -d /proc/"$task" 2>/dev/null)
}
# A large dump; as soon as the task $1 is there, it is stopped, so that this is the middle. A machine that is busy may
# have it done before it was seen: then a larger one.
begin()
{
	for mebibytes in 200 400 800 1600; do
		rm -f "$SCRATCH/out"/*
		"$program" big "$img" 0 $mebibytes 2>"$SCRATCH/said" &
		pid=$!
		task=$(task_of $pid "$1")
		[ -n "$task" ] && kill -STOP "$task" 2>/dev/null && break
		wait $pid
	done
	during=$(left)
}

# first files without a name, then with a temporary one, where there are no others
for named in '' image; do
	how=${named:+" (a file with a name)"}
	[ -z "$named" ] || export NO_UNNAMED=1
	begin heapdump-image
	kill -KILL "$task"
	wait $pid
	is "the snapshot is killed: an error, and no file$how" \
		"${during%.[0-9]*} $(said rc) $(left)" "$named $ECANCELED "
	begin heapdump-helper
	kill -KILL "$task"
	wait $pid
	is "the helper is killed: an error, and no file$how" "$(said rc) $(left)" "$ECANCELED "
	wait_until_none snapshots
	is "its snapshot goes too$how" "$(snapshots)" ""
	begin heapdump-image
	kill -KILL $pid
	wait $pid 2>/dev/null
	wait_until_none stays
	is "the program is killed: no file, and no task stays$how" "$(stays)" ""
	begin heapdump-image
	# asleep until now, the helper could not take the file away
	helper=$(cut -d' ' -f4 /proc/"$task"/stat)
	kill -STOP "$helper"
	kill -KILL $pid "$helper"
	kill -CONT "$task"
	wait $pid 2>/dev/null
	wait_until_none stays
	is "program and helper are killed: no file, and no task stays$how" "$(stays)" ""
done
unset NO_UNNAMED
begin heapdump-image
helper=$(cut -d' ' -f4 /proc/"$task"/stat)
kill -STOP "$helper"
kill -KILL $pid "$task" "$helper"
wait $pid 2>/dev/null
is "all are killed: no file" "$(left)" ""
done_testing
