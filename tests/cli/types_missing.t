#!/bin/sh
# Without debug information every command answers, and says in a line what it lacks; with --no-types it
# says nothing of types, and the numbers are the same.
. "$(dirname "$0")/../lib/tap.sh"
need gcc jq
need_cores

compile "$SCRATCH/with" fixtures/values.c
"${CC:-gcc}" -O1 -s -o "$SCRATCH/without" fixtures/values.c
"${CC:-gcc}" -O1 -g -c -o "$SCRATCH/values.o" fixtures/values.c
"${CC:-gcc}" -o "$SCRATCH/symbols" "$SCRATCH/values.o" && strip --strip-debug "$SCRATCH/symbols"

says()
{
	"$HEAPDUMP" "$@" --no-debuginfod >"$SCRATCH/out" 2>"$SCRATCH/err" || { cat "$SCRATCH/err"; return 1; }
	grep -q "^Types are not known: $program has no debug information here" "$SCRATCH/out"
}

for program in without symbols; do
	die "$SCRATCH/$program"
	address=$(ask top "$core" | jq -r '.rows[0].example.addr')
	for words in top 'top --by type' leaks tree "who $address" "map $address" "show $address"; do
		set -- $words
		name=$1
		shift
		last=$*
		[ "$name" = top ] && { ok "$program: $words says what it lacks" says top "$core" $last; continue; }
		ok "$program: $words says what it lacks" says $name "$core" $last
	done
done
ok "show of a variable shows its words, and where they lead" sh -c '"$@" | grep -q "+0x0 .*→ 840 B object"' - \
	"$HEAPDUMP" show "$core" g_values
ask info "$core" >"$SCRATCH/info"
is_true "info says that the program has none" '.[0].modules[] | select(.executable) | .debug_information == false' "$SCRATCH/info"

program=with
die "$SCRATCH/with"
ask info "$core" >"$SCRATCH/info"
is_true "and that another has" '.[0].modules[] | select(.executable) | .debug_information' "$SCRATCH/info"
"$HEAPDUMP" top "$core" >"$SCRATCH/out"
is "where there is some, nothing is said" "$(grep -c '^Types are not' "$SCRATCH/out")" 0
ask leaks "$core" >"$SCRATCH/typed"
ask leaks "$core" --no-types >"$SCRATCH/untyped"
is_true "with --no-types the numbers are the same" '(.[0] | del(.types_missing, .types_missing_count, .rows)) == (.[1] | del(.rows))' \
	"$SCRATCH/typed" "$SCRATCH/untyped"
ask top "$core" --no-types >"$SCRATCH/untyped"
is_true "and no types are told" '[.. | objects | has("type")] | any | not' "$SCRATCH/untyped"
ask who "$core" g_values --no-types >"$SCRATCH/untyped"
is_true "nor members of paths" '[.. | objects | has("type")] | any | not' "$SCRATCH/untyped"
"$HEAPDUMP" who "$core" 'struct node' --no-types >"$SCRATCH/out" 2>&1
is "nor is a type found by name" $? 1
done_testing
