#!/bin/sh
# Words of stacks and registers are called by the variables that they are.
. "$(dirname "$0")/../lib/tap.sh"
need jq "${CC:-gcc}"
need_cores

# NAME TEST FILTER: what is true of a root at the head of a path to the object that the program has called
# NAME.
named()
{
	ask who "$core" "$(sed -n "s/^$1 //p" "$folder/said")" >"$SCRATCH/who.$1" 2>/dev/null
	jq -c '[.path, .others[]?] | map(.steps[0].root)' "$SCRATCH/who.$1" >"$SCRATCH/roots.$1"
	is_true "$2" ".[0] | any(.[]; $3)" "$SCRATCH/roots.$1"
}

${CC:-gcc} -O0 -g -o "$SCRATCH/plain" tests/cli/locals_program.c -pthread
die "$SCRATCH/plain"
named parameter 'a parameter has its name' \
	'.class == "stack" and .function == "hold" and .variable == "parameter" and (has("variable_frame") | not)'
named member 'a member of a local has its path' \
	'.variable == "request" and .path == ".conn" and .function == "hold"'
named on_stack 'a parameter on the stack of the caller belongs to the frame that was called' \
	'.variable == "on_stack" and .function == "main" and .variable_function == "hold"'
named in_thread 'a local of another thread has its name' \
	'.variable == "in_thread" and .function == "work"'
named of_thread 'a thread-local of a function has its name' '.class == "tls" and (.name | test("of_thread"))'
named of_static 'a static of a function has its name' '.class == "global" and (.name | test("of_static"))'
"$HEAPDUMP" who "$core" "$(sed -n 's/^member //p' "$folder/said")" >"$SCRATCH/text"
ok 'the screen shows variable and member' grep -q '  request\.conn .*\[frame+0x' "$SCRATCH/text"

# a word of the local's own storage
word=$(jq -r '.[] | select(.variable == "request").word' "$SCRATCH/roots.member")
ask map "$core" "$word" >"$SCRATCH/map"
is_true 'map says which local a word is' '.[0].root | .variable == "request" and .path == ".conn"' "$SCRATCH/map"

if [ "$(uname -m)" = x86_64 ]; then
	for level in -O1 -O2; do
		${CC:-gcc} $level -fno-omit-frame-pointer -g -o "$SCRATCH/fast" tests/cli/locals_program.c -pthread
		die "$SCRATCH/fast"
		named saved "$level: a saved register is the variable that a caller has in it" \
			'.class == "stack" and .function == "spill" and .variable == "saved" and .variable_function == "keep" and .variable_frame > .frame'
		named inlined "$level: a variable of an inlined function is said to be its" \
			'.variable == "inlined" and .variable_function == "inside"'
	done
else
	skip 'saved registers' 'the program spills those of x86-64'
fi
done_testing
