#!/bin/sh
# export --to pprof: a profile that is whole by a reader of our own and by pprof itself, with the sums that the
# program and top --by site have.
. "$(dirname "$0")/../lib/tap.sh"
need gcc jq python3 gzip
need_cores
library=${BUILD:-build}/libheapdump.so
nm -D "$library" 2>/dev/null | grep -q heapdump_anchor || skip_all "the library does not sample"
compile "$SCRATCH/program" tests/cli/sites_program.c -pthread -ldl
compile "$SCRATCH/plugin.so" -shared -fPIC tests/cli/sites_plugin.c
read_profile()
{
	python3 tests/cli/export_read.py "$1"
}

die env HEAPDUMP_RATE=all LD_PRELOAD="$library" "$SCRATCH/program" "$SCRATCH/plugin.so" crash
profile=$SCRATCH/a.pb.gz
ok "the profile is written" "$HEAPDUMP" export "$core" --to pprof -o "$profile" --no-debuginfod
"$HEAPDUMP" export "$core" --to pprof --no-debuginfod >"$SCRATCH/b.pb.gz"
ok "it is the same bytes a second time, on standard output" cmp "$profile" "$SCRATCH/b.pb.gz"
ok "gzip finds it whole" gzip -t "$profile"
is "nothing is left beside it" "$(ls "$SCRATCH"/*.pb.gz* | wc -l)" 2
ok "a reader finds each id, string and length in order" sh -c 'python3 tests/cli/export_read.py "$1" >"$2"' - "$profile" "$SCRATCH/read"
ask top "$core" --by site --limit 0 >"$SCRATCH/top"
is_true "four values, in the order of pprof's own heap profiles" \
	'.[0] | .types == [["alloc_objects", "count"], ["alloc_space", "bytes"], ["inuse_objects", "count"], ["inuse_space", "bytes"]]
	and .default == "inuse_space" and .period == 1 and .period_type == ["space", "bytes"]' "$SCRATCH/read"
is_true "the sums are those of the objects in use, announced ones apart" \
	'.[0].sums[3] == .[1].estimated.requested_bytes - 192 and .[0].sums[2] == .[1].estimated.objects - 3' \
	"$SCRATCH/read" "$SCRATCH/top"
is_true "what was freed is in the allocated only" \
	'.[0].samples | map(select(.functions[0][0] == "borrow"))[0].values == [500, 16000, 0, 0]' "$SCRATCH/read"
is_true "what was reallocated ten times was allocated ten times, and is one" \
	'.[0].samples | map(select(.functions[0][0] == "write_text")) | map(.values) | [(map(.[0]) | add), (map(.[2]) | add)] == [10, 1]' "$SCRATCH/read"
is_true "inlined functions stand before the one they are in" \
	'.[0].samples | map(select(.functions[0][0] == "fresh"))[0] | (.functions | map(.[0]))[0:3] == ["fresh", "grow", "main"] and
	.values == [1000, 100000, 1000, 100000] and .bytes == 100 and .label == ["bytes", "bytes"]' "$SCRATCH/read"
is_true "each has its line" '.[0].samples | map(select(.functions[0][0] == "fresh"))[0].functions[0] |
	(.[1] | startswith("/") and endswith("sites_program.c")) and .[2] > 0' "$SCRATCH/read"
is_true "code that was unmapped is named by its file" \
	'.[0].samples | map(select(.functions[0][0] == "plugin.so")) | length == 1 and .[0].values[3] == 200' "$SCRATCH/read"
id=$(readelf -n "$SCRATCH/program" | sed -n 's/.*Build ID: //p')
is_true "the program is the first mapping, with its build-id" \
	".[0].mappings[0] | (.file | endswith(\"/program\")) and .build_id == \"$id\" and .flags == [1, 1, 1, 1]" "$SCRATCH/read"
is_true "the plugin is a mapping, too" '.[0].mappings | any((.file | endswith("plugin.so")) and .build_id != "")' "$SCRATCH/read"

# The check can fail: one byte.
python3 - "$profile" "$SCRATCH/bent.pb.gz" <<'P'
import gzip, sys
b = bytearray(gzip.decompress(open(sys.argv[1], "rb").read()))
at = b.index(b"grow")
b[at:at + 4] = b"main"
open(sys.argv[2], "wb").write(gzip.compress(bytes(b)))
P
ok "a reader notices a string that is there twice" sh -c '! python3 tests/cli/export_read.py "$1" >/dev/null' - "$SCRATCH/bent.pb.gz"

# Where and how it is written.
echo kept >"$SCRATCH/old"
"$HEAPDUMP" export "$core" --to pprof -o "$SCRATCH/nowhere/x" 2>"$SCRATCH/said"
is "a folder that is not there: status 2" $? 2
"$HEAPDUMP" export "$core" --to pprof -o /dev/full 2>"$SCRATCH/said"
is "a full device: status 2" $? 2
ok "and says so" grep -q 'No space left' "$SCRATCH/said"
"$HEAPDUMP" export "$core" 2>"$SCRATCH/said"
is "without --to: status 2" $? 2
"$HEAPDUMP" export "$core" --to elf 2>"$SCRATCH/said"
is "to what it does not know: status 2" $? 2
ask export "$core" --to pprof -o "$SCRATCH/json.pb.gz" >"$SCRATCH/json"
is_true "--json says what was written" '.[0] | .to == "pprof" and .sites > 5 and .in_use_bytes > 100000' "$SCRATCH/json"
die "$SCRATCH/program" "$SCRATCH/plugin.so" crash
"$HEAPDUMP" export "$core" --to pprof -o "$SCRATCH/old" 2>"$SCRATCH/said"
is "a dump without a sampler: status 1" $? 1
is "and the file that was there is as it was" "$(cat "$SCRATCH/old")" kept
is "and nothing is beside it" "$(ls "$SCRATCH"/old* | wc -l)" 1

# pprof itself.
command -v go >/dev/null && [ -n "$(go tool -n pprof 2>/dev/null)" ] || {
	skip "pprof reads it" "go tool pprof is not here (golang-go)"
	done_testing
}
pprof()
{
	HOME=$SCRATCH PPROF_TMPDIR=$SCRATCH go tool pprof "$@" 2>"$SCRATCH/pprof.err"
}
pprof -top "$profile" >"$SCRATCH/go"
ok "pprof -top: bytes in use, by function" grep -q '97.66kB.*make_table' "$SCRATCH/go"
ok "pprof -top: its build-id and kind" grep -q "Type: inuse_space" "$SCRATCH/go"
is "pprof asks for no other file" "$(grep -ci 'could not\|error\|warning' "$SCRATCH/pprof.err")" 0
pprof -sample_index=alloc_objects -top "$profile" >"$SCRATCH/go"
ok "pprof -top: objects allocated, freed ones too" grep -q '^ *500 .*borrow' "$SCRATCH/go"
pprof -peek '^fresh$' "$profile" >"$SCRATCH/go"
ok "pprof -peek: who called, inlined" grep -q 'grow (inline)' "$SCRATCH/go"
pprof -list '^grow$' "$profile" >"$SCRATCH/go"
ok "pprof -list: beside the source" grep -q 'struct link \*l = fresh(100);' "$SCRATCH/go"
pprof -top -diff_base "$profile" "$profile" >"$SCRATCH/go"
ok "pprof -diff_base: nothing to itself" grep -q ' 0, 0% of ' "$SCRATCH/go"
pprof -traces "$profile" >"$SCRATCH/go"
ok "pprof -traces: the label" grep -q 'bytes: *100B' "$SCRATCH/go"
done_testing
