#!/bin/sh
# However many threads a question has, it is answered the same, byte for byte. One thread is the oracle.
. "$(dirname "$0")/../lib/tap.sh"
need gcc jq
need_cores

# A hundred thousand objects in lists, hashes and rings, some lost; threads that hold a few on their stacks.
compile "$SCRATCH/program" tests/cli/threads_program.c -pthread
die "$SCRATCH/program"
node=$(head -n 1 "$folder/said")

# Every answer about the core, with so many threads.
answers()
{
	for question in info top leaks 'tree --depth 3' "who $node"; do
		set -- $question
		command=$1
		shift
		"$HEAPDUMP" "$command" "$core" "$@" --json --no-cache --no-types --no-debuginfod \
			--threads "$threads" || return
	done
}

threads=1
answers >"$SCRATCH/one" || echo "# one thread has no answers"
is_true "the one-thread answers are five, about a heap with leaks" \
	'length == 5 and .[0].heap.leaked_objects > 100 and .[4].object.addr != null' "$SCRATCH/one"
for threads in 2 3 8 1000; do
	answers >"$SCRATCH/more"
	ok "with $threads threads every answer is the same" cmp "$SCRATCH/one" "$SCRATCH/more"
done

"$HEAPDUMP" info "$core" --threads 0 >"$SCRATCH/out" 2>"$SCRATCH/err"
is "no threads at all are refused" "$? $(sed 's/^heapdump: //' "$SCRATCH/err" | head -n 1)" \
	"2 --threads: it takes one at least"
"$HEAPDUMP" info "$core" --threads two >"$SCRATCH/out" 2>&1
is "a number of threads is a number" $? 2

done_testing
