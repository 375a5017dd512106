#!/bin/sh
# A real sampled program (sites_program.c): the sites in its dump are what the program knows, whoever took the
# dump, and from a plain core as from an image.
. "$(dirname "$0")/../lib/tap.sh"
need gcc jq
need_cores
library=${BUILD:-build}/libheapdump.so
nm -D "$library" 2>/dev/null | grep -q heapdump_anchor || skip_all "the library does not sample"
compile "$SCRATCH/program" tests/cli/sites_program.c -pthread -ldl
compile "$SCRATCH/plugin.so" -shared -fPIC tests/cli/sites_plugin.c

# sampled RATE COMMAND…
sampled()
{
	rate=$1
	shift
	env HEAPDUMP_RATE="$rate" HEAPDUMP_SEED=7 LD_PRELOAD="$library" "$@"
}

# What the program made and kept, by the function that allocated: objects and bytes asked for.
truth='{
	fresh: [1000, 100000], make_table: [1, 100000], write_text: [1, 3000], lose: [50, 3200], work: [200, 16000],
	plugin: [5, 200], ring_entry: [1, 500]
}'
sums='[.rows[] | {key: (.site.function // (if .site.module == "plugin.so" and .site.unmapped then "plugin" else "?" end)),
	value: [.objects, .requested_bytes]}]'

# check WHAT CORE WRITER: every question whose answer is known.
check()
{
	ask top "$2" --by site --limit 0 >"$SCRATCH/top"
	ask top "$2" --by thread >"$SCRATCH/threads"
	ask leaks "$2" --limit 0 >"$SCRATCH/leaks"
	ask info "$2" >"$SCRATCH/info"
	ask who "$2" g_list >"$SCRATCH/list"
	first=$(jq -r '.roots[0].holds[0].object.addr' "$SCRATCH/list")
	ask who "$2" "$first" >"$SCRATCH/who"
	is_true "$1: it is a dump of the kind" ".[0].dump.format == \"$3\"" "$SCRATCH/info"
	is_true "$1: the sites are what the program knows" \
		"(.[0] | $sums) as \$s | $truth | to_entries | all(. as \$want | \$s | any(. == \$want))" "$SCRATCH/top"
	is_true "$1: what was freed is at no site" '.[0].rows | all(.site.function != "borrow")' "$SCRATCH/top"
	is_true "$1: every object was recorded, nothing is an estimate" '.[0].exact and .[0].estimated.bytes_error == 0' \
		"$SCRATCH/top"
	is_true "$1: rows, what is no row and what was made before the sampler are all that is in use" \
		'.[0] | ([.rows[].bytes] | add) == .estimated.bytes and .estimated.bytes <= .in_use_bytes and
		.in_use_bytes - .estimated.bytes < 20000' "$SCRATCH/top"
	is_true "$1: the lost ones are leaked, from their line" \
		'.[0].rows | map(select(.head.site.function == "lose")) | length == 1 and .[0].groups >= 48 and
		(.[0].head.site.file | endswith("sites_program.c"))' "$SCRATCH/leaks"
	is_true "$1: who has the stack, inlined functions included" \
		'.[0].allocation.site.frames | map(.function)[0:3] == ["fresh", "grow", "main"]' "$SCRATCH/who"
	is_true "$1: the inlined one is marked, and has its line" \
		'.[0].allocation.site.frames[0] | .inlined and .line > 0 and (.file | endswith("sites_program.c"))' "$SCRATCH/who"
	is_true "$1: its site has a thousand objects" '.[0].allocation.site.objects == 1000' "$SCRATCH/who"
	is_true "$1: and its birth is known, and what was asked for" \
		'.[0].allocation | .requested == 100 and .serial >= 1000 and .born != null' "$SCRATCH/who"
	is_true "$1: two threads allocated, one of them two hundred objects" \
		'.[0].rows | map(.objects) | length == 2 and .[1] == 200' "$SCRATCH/threads"
	is_true "$1: the named range is a root" '.[0].sampler.named_roots == 1 and .[0].sampler.stale == 0' "$SCRATCH/info"
	is_true "$1: three announced objects took the place of their block" \
		'.[0].announced | .objects == 3 and .bytes == 192 and .blocks == 1' "$SCRATCH/info"
	is_true "$1: the sampler's tables hold nothing" '.[0].coverage.sampler > 0' "$SCRATCH/info"
	is_true "$1: the allocator's sum is that of the objects and of the pool's rest" \
		'.[0] | .heap.in_use_bytes + .announced.rest_bytes < .heap.in_use_chunk_bytes' "$SCRATCH/info"
}

die sampled all "$SCRATCH/program" "$SCRATCH/plugin.so" crash
check "killed by SIGSEGV" "$core" "kernel core"
is_true "killed by SIGSEGV: the anchor is found by the library's symbol" '.[0].sampler.found_by == "symbol"' "$SCRATCH/info"

# gcore of the living, which SIGKILL then ends.
if command -v gcore >/dev/null; then
	mkfifo "$SCRATCH/said"
	env HEAPDUMP_RATE=all LD_PRELOAD="$library" "$SCRATCH/program" "$SCRATCH/plugin.so" wait >"$SCRATCH/said" &
	pid=$!
	read -r ready <"$SCRATCH/said"
	gcore -o "$SCRATCH/living" $pid >/dev/null 2>&1
	kill -KILL $pid
	wait $pid 2>/dev/null
	check "gcore, then SIGKILL" "$SCRATCH/living.$pid" gcore
else
	skip "gcore, then SIGKILL" "gdb's gcore is not here"
fi

# An image, by the library itself.
HEAPDUMP_AT_EXIT=1 HEAPDUMP_OUT="$SCRATCH/image" sampled all "$SCRATCH/program" "$SCRATCH/plugin.so" exit
if [ -s "$SCRATCH/image" ]; then
	check "an image at the end" "$SCRATCH/image" "heapdump image"
	is_true "an image at the end: the note says where the anchor is" '.[0].sampler.found_by == "note"' "$SCRATCH/info"
	is_true "an image at the end: how and why it was made" \
		'.[0].image | .trigger == "exit" and .format == "1.0" and .pause_ns > 0 and .consistency == []' "$SCRATCH/info"
	is_true "an image at the end: threads have their names" '.[0].rows | map(.thread_name) | index("worker") != null' \
		"$SCRATCH/threads"
	is_true "an image at the end: the age of an object is known" '.[0].allocation.age_ns > 0' "$SCRATCH/who"
else
	skip "an image at the end" "the library wrote none"
fi

# Sampled by 4 KiB: estimates within five of their own standard errors.
die sampled 4k "$SCRATCH/program" "$SCRATCH/plugin.so" crash
ask top "$core" --by site --limit 0 >"$SCRATCH/top"
ask info "$core" >"$SCRATCH/info"
is_true "an estimate says so, with an error" '.[0] | (.exact | not) and .estimated.bytes_error > 0 and .sampling_interval == 4096' \
	"$SCRATCH/top"
is_true "the estimate of a site is within five standard errors" \
	'.[0].rows | map(select(.site.function == "fresh"))[0] | (.requested_bytes - 100000) * (.requested_bytes - 100000) <
	25 * .bytes_error * .bytes_error' "$SCRATCH/top"
is_true "an object larger than many gaps is counted once" \
	'.[0].rows | map(select(.site.function == "make_table"))[0] | .objects == 1 and .bytes_error < 100' "$SCRATCH/top"
first=$(ask who "$core" g_worker | jq -r '.roots[0].holds[].object | select(.site == null) | .addr' | head -n 1)
ask who "$core" "$first" >"$SCRATCH/who"
is_true "of an object that was not sampled only the rate is told" \
	'.[0] | .sampling_interval == 4096 and .allocation == null' "$SCRATCH/who"

# Without the library there is nothing to tell.
die "$SCRATCH/program" "$SCRATCH/plugin.so" crash
"$HEAPDUMP" top "$core" --by site >"$SCRATCH/said.txt" 2>&1
is "without a sampler top by site has no answer" $? 1
ok "and says why" grep -q 'without libheapdump' "$SCRATCH/said.txt"
ask top "$core" >"$SCRATCH/top"
is_true "other questions do not mention it" '.[0].rows[0].example.site == null' "$SCRATCH/top"
done_testing
