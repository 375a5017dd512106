# What the tests of dumping a running process begin with, behind tap.sh:
#
#	$SCRATCH/target		dump_target.c
#	begin WHAT…		runs it in the background: $pid; what it says goes to $SCRATCH/said
#	end			asks it to end; its exit status
#	verdict NAME		ends it; ok if it says "ok", with what was wrong else
#	runs_on [dead]		prints a line for each thread of $pid that does not, and each snapshot that is left
#	dump ARGS…		heapdump dump; what it says goes to $SCRATCH/words, its exit status to $status

need gcc python3
[ "$(uname -m)" = x86_64 ] || skip_all "nothing is injected on this machine"
compile "$SCRATCH/target" tests/cli/dump_target.c -D_GNU_SOURCE -pthread

begin()
{
	"${target:-$SCRATCH/target}" "$@" >"$SCRATCH/said" 2>&1 &
	pid=$!
	# it says something, or has threads, or waits, when it is up
	sleep 0.3
}

end()
{
	kill -TERM $pid 2>/dev/null
	wait $pid 2>/dev/null
}

verdict()
{
	end
	is "$1" "$(grep -vx held "$SCRATCH/said" | head -n 20 | sed 's/^ok [0-9]* rounds/ok/')" ok
}

runs_on()
{
	python3 tests/cli/dump_left.py $pid "$@"
}

dump()
{
	timeout 120 "$HEAPDUMP" dump "$@" >"$SCRATCH/words" 2>&1
	status=$?
}
