#!/bin/sh
# How threads are stopped: by ptrace, else by signal; and what the program sees of it.
. "$(dirname "$0")/../lib/tap.sh"
need gdb python3
. tests/cli/image_common.sh

backtraces()
{
	debugger "$img" -ex 'thread apply all bt' >"$SCRATCH/gdb"
	for f in "$@"; do
		grep -q "^#[0-9]* .*\b$f (" "$SCRATCH/gdb" || printf '%s ' "$f"
	done
	complaints "$img"
}
all='blocked_in_read blocked_in_futex spinning in_handler in_a_handler heapdump_write main'

image threads 2
is "by signal, threads of every kind stop" "$(dumped)" "0 5 0 0 1"
is "their backtraces are whole then, too" "$(backtraces $all)" ""
is "the image says that it was by signal" "$(shows "$img" | sed -n 's/^info freeze //p')" 2
image threads 1
is "in place, threads of every kind are in the image" "$(dumped) $(backtraces $all)" "0 5 0 1 0 "
image threads 3
is "in place and by signal" "$(dumped) $(backtraces $all)" "0 5 0 1 1 "

image many 0 100
is "a hundred threads stop" "$(dumped)" "0 101 0 0 0"
is "and a debugger sees them all" "$(debugger "$img" -ex 'info threads' | grep -c LWP)" 102
image many 2 100
is "a hundred threads stop by signal" "$(dumped)" "0 101 0 0 1"
# into nothing, since a disk may take its time to forget the images of before
born()
{
	timeout 120 "$program" churn /dev/null "$1" 20 2>"$SCRATCH/said"
	echo "$(said rc) $(said left_running)"
}
is "no thread escapes that is born while others stop" "$(born 0)" "0 0"
is "nor when they stop by signal" "$(born 2)" "0 0"

image deaf
is "ptrace stops a thread that blocks all signals" "$(dumped)" "0 3 0 0 0"
image deaf 2
is "a signal does not, and it is counted" "$(dumped)" "0 3 1 0 1"
shows "$img" >"$SCRATCH/shown"
is "the image says which thread ran on" "$(awk '/^thread/ && $3 == 2 { print $4 }' "$SCRATCH/shown")" deaf
is "and that it may be inconsistent" "$(($(sed -n 's/^info consistency //p' "$SCRATCH/shown") & 1))" 1
image sleepers
is "ptrace interrupts neither poll nor nanosleep" "$(said rc) $(said by_signal) $(said interrupted)" "0 0 0"

image seccomp 0 0
is "a filter that refuses ptrace: by signal" "$(dumped) $(backtraces $all)" "0 5 0 0 1 "
image seccomp 0 1
is "a filter that kills for ptrace: by signal, and nobody is killed" "$(dumped)" "0 5 0 0 1"
rm -f "$img"
timeout 100 gdb -nx -batch -iex 'set auto-load off' -iex 'set debuginfod enabled off' -iex 'set startup-with-shell off' \
	-ex 'handle SIGUSR1 nostop noprint pass' -ex 'handle SIGURG nostop noprint pass' \
	-ex run --args "$program" threads "$img" >"$SCRATCH/gdb" 2>"$SCRATCH/said"
is "under a debugger: by signal" "$(dumped) $(backtraces $all)" "0 5 0 0 1 "

if [ -z "$san" ]; then
	image crash 0
	is "a signal handler on 8 KiB of stack dumps a smashed heap" "$(said rc) $(said errno_kept)" "0 1"
	is "and the crash is in the image" "$(backtraces on_crash crash blocked_in_read)" ""
	image crash 2
	is "by signal, too" "$(said rc) $(backtraces on_crash crash blocked_in_read)" "0 "
else
	skip "a signal handler on 8 KiB of stack dumps a smashed heap" "sanitizers need more stack"
	skip "and the crash is in the image" "sanitizers need more stack"
	skip "by signal, too" "sanitizers need more stack"
fi

# 4: without a sync each time
times=$([ -z "$san" ] && echo 10 || echo 2)
for flags in 4 5 6 7; do
	image again $flags $times
	is "many dumps in a row leave nothing behind (flags $flags)" \
		"$(said rc) $(said more_fds) $(said more_mappings) $(said sigchld) $(said child) $(said mask_changed)" \
		"0 0 0 0 0 0"
done
image at-once
is "a second dump while one is under way is refused" "$(said first) $(said second_busy)" "0 1"
done_testing
