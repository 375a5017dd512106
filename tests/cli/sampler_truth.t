#!/bin/sh
# What the sampler says, against what the program knows: in its own memory, in its core, in gcore's.
. "$(dirname "$0")/../lib/tap.sh"
. tests/lib/preload.sh
need jq gdb
need_cores

compile "$SCRATCH/truth" fixtures/preload_truth.c $FIXTURE

# $1: a name; $core and $SCRATCH/account
compare()
{
	ask top "$core" --by site >"$SCRATCH/sites" 2>"$SCRATCH/err"
	is_true "$1: objects and bytes of every site are those of the program" '
		.[0].sites as $own |
		([.[1].rows[] | select((.site.function // "") | startswith("site_"))] | group_by(.site.function) |
			map({function: .[0].site.function, objects: map(.objects) | add, bytes: map(.requested_bytes) | add}))
			== ($own | sort_by(.function))' "$SCRATCH/account" "$SCRATCH/sites"
	ask info "$core" >"$SCRATCH/info" 2>>"$SCRATCH/err"
	is_true "$1: nothing was warned of" '.[0].warnings == []' "$SCRATCH/info"
}

die record --rate all "$SCRATCH/truth" exact "$SCRATCH/account"
sed -n 's/^\(not ok\|ok\) /\1 /p' "$folder/said" >"$SCRATCH/facts"
told 'at --rate all ' cat "$SCRATCH/facts"
compare "the core of SIGSEGV"

# not the function: $! is to be the program itself
"$HEAPDUMP" record --rate all "$SCRATCH/truth" sleep "$SCRATCH/account" >"$SCRATCH/facts" 2>&1 &
pid=$!
tries=0
until [ -e "$SCRATCH/account.done" ] || [ $tries -ge 300 ]; do
	tries=$((tries + 1))
	sleep 0.1
done
gcore -o "$SCRATCH/g" $pid >"$SCRATCH/said" 2>&1
kill -KILL $pid
wait $pid 2>/dev/null
core=$SCRATCH/g.$pid
compare "gcore, then SIGKILL"

# An estimate of b bytes has the variance 64 Ki × b, and is skewed where samples are few: five standard errors and four samples
# are exceeded once in a million. (The variance that it says itself is as uncertain as it is.)
seed=1
while [ $seed -le 20 ]; do
	HEAPDUMP_SEED=$seed record --rate 64k "$SCRATCH/truth" estimate >>"$SCRATCH/estimates"
	seed=$((seed + 1))
done
is "64k: 20 seeds made estimates of 8 sites and of the sum" "$(wc -l <"$SCRATCH/estimates")" 180
is "64k: each estimate is within its error" \
	"$(awk '{ d = $3 - $2; if (d < 0) d = -d } d > 5 * sqrt(65536 * $2) + 4 * 65536' "$SCRATCH/estimates")" ''
is "64k: the mean of the sums is within 4 standard errors of the truth" \
	"$(awk '$1 == "sum" { d += $3 - $2; v += 65536 * $2 } END { print (d ^ 2 <= 16 * v && v > 0) }' "$SCRATCH/estimates")" 1
is "64k: the variance that is stated is about right" \
	"$(awk '$1 == "sum" { v += 65536 * $2; s += $4 } END { print (s > 0.8 * v && s < 1.25 * v) }' "$SCRATCH/estimates")" 1
is "the same seed takes the same samples in one thread" \
	"$(HEAPDUMP_SEED=7 record --rate 64k "$SCRATCH/truth" switch 2>&1)" \
	"$(HEAPDUMP_SEED=7 record --rate 64k "$SCRATCH/truth" switch 2>&1)"
told 'set_interval: ' env HEAPDUMP_SEED=3 "$HEAPDUMP" record --rate off "$SCRATCH/truth" switch
done_testing
