#!/bin/sh
# A sampled core that ends early, at many lengths: what top --by site, info and export say of it agree, and
# no number is smaller than that of the whole without a word of what is missing.
. "$(dirname "$0")/../lib/tap.sh"
need gcc jq python3 readelf
need_cores
library=$(realpath "${BUILD:-build}")/libheapdump.so
compile "$SCRATCH/program" tests/cli/sites_program.c -pthread -ldl
compile "$SCRATCH/plugin.so" -shared -fPIC tests/cli/sites_plugin.c

# FILE: its answers in info, top and export
ask_all()
{
	ask info "$1" >"$SCRATCH/info"
	ask top "$1" --by site --limit 0 >"$SCRATCH/top" 2>"$SCRATCH/top.said" || echo '{"absent": true}' >"$SCRATCH/top"
	ask export "$1" --to pprof -o "$SCRATCH/profile" >"$SCRATCH/export" 2>/dev/null || echo '{"absent": true}' >"$SCRATCH/export"
}

# Where the segments of the core end in the file, and places inside, up to the end of the main heap.
lengths()
{
	readelf -lW "$1" | awk '$1 == "LOAD" && $5 != "0x000000" { print $2, $5 }' | head -n 12 |
		while read -r at size; do
			echo $((at + size)) $((at + size / 8 + 40))
		done
}

for rate in all 64k; do
	die env HEAPDUMP_RATE=$rate LD_PRELOAD="$library" "$SCRATCH/program" "$SCRATCH/plugin.so" crash
	ask_all "$core"
	for f in info top export; do
		cp "$SCRATCH/$f" "$SCRATCH/whole.$f"
	done
	is_true "rate $rate: nothing is missing in the whole core" '
		.[0].sampler.absent == 0 and .[1].missing == 0 and .[2].missing == 0' \
		"$SCRATCH/info" "$SCRATCH/top" "$SCRATCH/export"
	n=0
	for length in $(lengths "$core"); do
		head -c "$length" "$core" >"$SCRATCH/cut"
		ask_all "$SCRATCH/cut"
		jq -c --argjson at "$length" '{at: $at, info: ., top: $top[0], export: $export[0]}' \
			--slurpfile top "$SCRATCH/top" --slurpfile export "$SCRATCH/export" <"$SCRATCH/info"
		n=$((n + 1))
	done >"$SCRATCH/all"
	is_true "rate $rate: $n lengths, some with a part of the tables" '
		length > 15 and any(.[]; .top.missing > 0) and any(.[]; .top.missing == 0)' "$SCRATCH/all"
	is_true "rate $rate: rows are the sum that info has" '
		all(.[] | select(.top.absent | not); . as $c |
			($c.top.estimated == $c.info.sampler.estimated) and
			(([$c.top.rows[].bytes] | add // 0) - $c.top.estimated.bytes | fabs) <= ($c.top.rows | length))' "$SCRATCH/all"
	is_true "rate $rate: fewer samples or sites than the whole has are said to be missing" '
		.[0].sampler as $whole | all(.[1:][] | select(.top.absent | not);
			(.info.sampler.samples == $whole.samples and .info.sampler.sites == $whole.sites) or .top.missing > 0)' \
		"$SCRATCH/whole.info" "$SCRATCH/all"
	is_true "rate $rate: nothing is exact that is not whole" '
		all(.[]; .top.exact != true or .top.missing == 0)' "$SCRATCH/all"
	is_true "rate $rate: the profile is that of the whole, or says so" '
		.[0] as $whole | all(.[1:][] | select(.top.absent | not); .export.missing == .top.missing and
			(.export.missing > 0 or .export.in_use_bytes == $whole.in_use_bytes))' \
		"$SCRATCH/whole.export" "$SCRATCH/all"
	is_true "rate $rate: what the dump lacks is not called free" '
		all(.[] | select(.top.absent | not); .info.sampler.stale == 0)' "$SCRATCH/all"
	is_true "rate $rate: a sum that is less than that of the whole has a reason" '
		.[0].estimated.requested_bytes as $whole | all(.[1:][] | select(.top.absent | not);
			.top.estimated.requested_bytes >= $whole or .top.missing > 0 or .info.heap.lost_bytes > 0)' \
		"$SCRATCH/whole.top" "$SCRATCH/all"
	rm -f "$core"
done
head -c 20000 "$SCRATCH/cut" >"$SCRATCH/cut2"
"$HEAPDUMP" top "$SCRATCH/cut2" --by site --no-cache --no-debuginfod >"$SCRATCH/out" 2>&1
is "without the tables: status 1" $? 1
ok "and that they may be in what is cut off" grep -q 'are not in what there is of the dump' "$SCRATCH/out"
done_testing
