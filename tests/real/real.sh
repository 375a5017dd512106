# What the tests of real programs have beyond tests/lib/tap.sh:
#
#	. "$(dirname "$0")/../lib/tap.sh"
#	. tests/real/real.sh
#
#	$BED			what to run a program under, so that it leaves its census in ./bed when it dies
#				(tests/real/deathbed.c); expands to several words
#	die, die_in		of tap.sh: the folder then has bed and the core
#	check_account NAME	every figure of $core's heap is what the program said of itself
#	check_no_leak NAME	nothing in $core is leaked
#	check_size NAME N	at least N objects are in use: the load was what it was meant to be
#	check_holder NAME TEXT FILTER
#				an object with TEXT in it (built at run time, so that no source text holds it) is
#				reachable, and FILTER is true of the answer of who. Others may have TEXT too: in
#				what they never wrote since a buffer lay there
#	await CMD…		waits until CMD succeeds, 30 seconds at most
#	await_sleep PID		waits until the process has come to rest in a system call
#	has_ended PID		whether a process that is no child of ours has ended, its core written
#	finish PID		kills it with SIGABRT and waits for its end
#
# Debian's programs are stripped, as programs in production are.

need jq gcc python3
need_cores
unset LD_PRELOAD PYTHONHOME PYTHONPATH PYTHONMALLOC
compile "$SCRATCH/deathbed.so" -fPIC -shared tests/real/deathbed.c
BED="env DEATHBED=bed LD_PRELOAD=$SCRATCH/deathbed.so"
REAL=$PWD/tests/real

check_account()
{
	[ -n "$core" ] && [ -s "$folder/bed" ] || {
		is "$1 leaves a core and its census" no yes
		return
	}
	ask info "$core" >"$folder/info" 2>"$folder/err"
	is_true "$1: objects and bytes in use are those of the census" '
		.[0].census as $c | .[1].heap as $h |
		$h.in_use_objects == $c.objects and $h.in_use_bytes == $c.bytes' \
		"$folder/bed" "$folder/info"
	is_true "$1: chunk bytes in use and cached are what mallinfo2 said" '
		.[0].mallinfo2 as $m | .[1].heap as $h |
		$h.in_use_chunk_bytes + $h.cached_chunk_bytes == $m.uordblks + $m.hblkhd and
		$h.mmapped_chunks == $m.hblks and $h.mmapped_bytes == $m.hblkhd' \
		"$folder/bed" "$folder/info"
	is_true "$1: nothing was warned of" '.[0].warnings == []' "$folder/info"
}

check_no_leak()
{
	is_true "$1: nothing is leaked" '.[0].heap.leaked_objects == 0' "$folder/info"
}

check_size()
{
	is_true "$1: more than $2 objects are in use" ".[0].heap.in_use_objects > $2" "$folder/info"
}

check_holder()
{
	for at in $(python3 "$REAL/find_text.py" "$core" "$2"); do
		ask who "$core" "$at" >"$folder/who" 2>"$folder/err"
		jq -e ".object.state == \"reachable\" and ($3)" "$folder/who" >/dev/null 2>&1 && break
	done
	is_true "$1" ".[0] | .object.state == \"reachable\" and ($3)" "$folder/who"
}

await()
{
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 300 ] || {
			echo "waited in vain: $*"
			return 1
		}
		sleep 0.1
	done
}

# The letter of proc(5); the name before it may have spaces and brackets.
state_of()
{
	sed 's/.*) \(.\).*/\1/' "/proc/$1/stat"
}

asleep()
{
	[ "$(state_of "$1")" = S ]
}

await_sleep()
{
	await asleep "$1" && sleep 0.2 && await asleep "$1"
}

# Also as a zombie that nobody waits for: its core is written by then.
has_ended()
{
	[ ! -e "/proc/$1" ] || [ "$(state_of "$1")" = Z ]
}

finish()
{
	await_sleep "$1"
	kill -ABRT "$1"
	wait "$1"
}
