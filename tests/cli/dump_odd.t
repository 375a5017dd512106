#!/bin/sh
# Odd processes are dumped again and again, and none of them notices.
. "$(dirname "$0")/../lib/tap.sh"
target=$SCRATCH/odd
. tests/cli/dump_common.sh
compile "$SCRATCH/odd" tests/cli/dump_odd.c -O2 -D_GNU_SOURCE -pthread -Wno-unused-result

rounds=10
! grep -q -e -fsanitize "$BUILD/flags" || rounds=3

# $1: its name in the tests; $2: how many threads do not stop; the rest: what the program does
odd()
{
	name=$1
	late=$2
	shift 2
	begin "$@"
	if ! kill -0 $pid 2>/dev/null; then
		wait $pid
		skip "$name" "exit status $? says that this is not to be had here"
		return
	fi
	n=0
	bad=
	while [ $n -lt $rounds ]; do
		n=$((n + 1))
		dump --no-sync -o "$SCRATCH/image" $pid
		[ $status -eq 0 ] && [ "$(grep -c Caution "$SCRATCH/words")" = "$late" ] || bad="$bad$(cat "$SCRATCH/words")"
	done
	is "$name: every image is written, and no snapshot is left" "$bad$(runs_on)" ''
}

odd "every register holds a value" 0 vectors
verdict "and keeps it"
odd "restartable sequences" 0 rseq
verdict "are restarted where they must be"
odd "a small alternate stack, with a handler on it" 0 altstack
verdict "and what is below it stays as it is"
odd "SIGCHLD is ignored" 0 children ignored
verdict "and nothing comes of that"
odd "children that nobody waits for" 0 children nowait
verdict "and no SIGCHLD comes"
odd "children are born all the time" 0 forks
verdict "and none of them is touched"
odd "io_uring, with a thread and workers of the kernel's" 0 ring
verdict "and its work is done"
odd "it waits for any child of any kind" 0 children walls
verdict "and sees none end by itself"

# seen: /proc/PID/maps of a thread that has exited is empty
odd "the first thread has exited" 0 leader
is "its image is of the whole process" "$("$HEAPDUMP" info --json "$SCRATCH/image" | jq -c '[.process.pid, .image.threads, .warnings]')" "[$pid,2,[]]"
verdict "and the other works on"

odd "it becomes another program all the time" 0 execs
kill -KILL $pid
keep=$rounds
rounds=1
odd "a thread waits for a vfork()ed child" 1 vfork
for child in $(cat /proc/$pid/task/*/children); do
	kill -KILL "$child"
done
sleep 0.1
is "and is let go when that ends" "$(runs_on)" ''
kill -KILL $pid
odd "a thousand threads" 0 many 1000
verdict "and all go on"

# A write into the pipe blocks meanwhile: what is stopped stays so until somebody says otherwise. $1: run by what
stuck()
{
	rm -f "$SCRATCH/pipe"
	mkfifo "$SCRATCH/pipe"
	sleep 60 <"$SCRATCH/pipe" &
	reader=$!
	$1 "$HEAPDUMP" dump --stop -o - $pid >"$SCRATCH/pipe" 2>"$SCRATCH/words" &
	dumper=$!
	until grep -q '^State:.t' /proc/$pid/status; do sleep 0.1; done
}

begin awaits
stuck
kill -USR1 $pid
kill $reader
wait $dumper
until grep -q 1 "$SCRATCH/said"; do sleep 0.1; done
ok "a signal that comes while it stands still interrupts the call that waits for it" grep -qx 1 "$SCRATCH/said"
is "a reader that has gone is told of" "$(cat "$SCRATCH/words")" "heapdump: dump: $pid: the output: the reader of the pipe has gone"
stuck nohup
kill -HUP $dumper
sleep 0.5
is "SIGHUP is ignored where that is wanted" "$(sed -n 's/^State:.\(.\).*/\1/p' /proc/$pid/status)" t
kill -TERM $dumper
wait $dumper
is "a reader that has stopped does not keep it from ending when it is told to" \
	"$? $(cat "$SCRATCH/words")" "2 heapdump: dump: $pid: stopped before it was done; nothing is left of it"
is "and the program runs on" "$(runs_on)" ''
kill $reader
stuck
kill -KILL $dumper
until ! grep -q '^State:.t' /proc/$pid/status; do sleep 0.1; done
is "nor does it, killed, leave the program stopped" "$(runs_on)" ''
kill $reader
kill -TERM $pid
wait $pid
is "and no call was interrupted by anything else" "$(grep -vx '[0-9]*' "$SCRATCH/said")" ok

begin children ignored
stuck
kill -KILL $pid
cat "$SCRATCH/pipe" >"$SCRATCH/piped" &
wait $dumper
is "a process that is killed while it is copied is no image" "$? $(cat "$SCRATCH/words")" "1 heapdump: dump: $pid: odd ended meanwhile"
kill $reader

begin vectors
(trap '' CHLD && exec "$HEAPDUMP" dump -o "$SCRATCH/image" $pid >"$SCRATCH/words" 2>&1)
is "whoever started it may ignore SIGCHLD" "$?" 0
verdict "and the program was not disturbed"

rounds=$keep
# A process that ends is no error of ours, at whatever moment it does.
n=0
bad=
while [ $n -lt $((rounds * 5)) ]; do
	"$SCRATCH/odd" ends $((n % 10)) >/dev/null &
	pid=$!
	dump --no-sync -o "$SCRATCH/image" $pid
	[ $status -eq 1 ] || { [ $status -eq 0 ] && ! grep -q Caution "$SCRATCH/words"; } ||
		bad="$bad $status $(cat "$SCRATCH/words")"
	wait $pid
	n=$((n + 1))
done
is "a process that ends meanwhile is said to have ended, or its image is written" "$bad" ''

# STOP and CONT come at all moments; the last decides.
begin forks
python3 - "$HEAPDUMP" $pid "$SCRATCH/image" $rounds >"$SCRATCH/stops" <<'PY'
import os, random, signal, subprocess, sys, time
tool, pid, image, rounds = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
random.seed(4711)
for _ in range(5 * rounds):
    dump = subprocess.Popen([tool, "dump", "--no-sync", "-o", image, str(pid)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    last = signal.SIGCONT
    for _ in range(random.randrange(40)):
        last = random.choice([signal.SIGSTOP, signal.SIGCONT])
        os.kill(pid, last)
        time.sleep(random.choice([0, 0, 0.0005]))
    said = dump.communicate(timeout=60)[0].decode()
    if dump.returncode or "Caution" in said:
        print(said)
    for _ in range(50):
        state = open(f"/proc/{pid}/stat").read().split(") ")[1][0]
        if (state == "T") == (last == signal.SIGSTOP):
            break
        time.sleep(0.02)
    else:
        print(f"it is {state} after {last}")
    os.kill(pid, signal.SIGCONT)
PY
is "SIGSTOP and SIGCONT that come meanwhile have their effect" "$(head -n 5 "$SCRATCH/stops")" ''
verdict "and are no more than that"
done_testing
