#!/bin/sh
# An object that only void * leads to is what the variable that its allocation was assigned to points to.
. "$(dirname "$0")/../lib/tap.sh"
need gcc jq python3
need_cores
[ "$(uname -m)" = x86_64 ] || skip_all 'places on the stack are found on x86-64 only'

# NAME: type, reason and how sure, of what the program has called so; "-": not known.
type_of()
{
	ask who "$core" "$(sed -n "s/^$1 //p" "$folder/said")" |
		jq -r '.object | if .type then "\(.type) \(.type_reason) \(.type_confidence)" else "-" end'
}

check()
{
	is "$1: the variable behind the call tells" "$(type_of direct)" 'struct direct site likely'
	is "$1: also behind a wrapper" "$(type_of wrapped)" 'struct wrapped site likely'
	is "$1: also behind a function that returns void *" "$(type_of passed)" 'struct passed site likely'
	is "$1: also where the function gives the result on" "$(type_of returned)" 'struct returned site likely'
	is "$1: several are an array" "$(type_of array)" 'struct direct[5] site likely'
	is "$1: void * says nothing" "$(type_of untyped)" -
	is "$1: nor does a type of another size" "$(type_of unfit)" -
	is "$1: nor what the caller is given" "$(type_of inner)" -
	is "$1: nor does what several types begin with" "$(type_of head)" -
	is "$1: a variable that points to it is believed rather" "$(type_of declared)" 'struct other variable certain'
	is "$1: one variable stands for all objects of its site" \
		"$(ask top "$core" --by type --limit 0 | jq -c '.rows[] | select(.type == "struct link") | .objects')" 100
}

# Overwrites bytes of the sections that say where variables and functions are, by a number.
cat >"$SCRATCH/damage.py" <<'P'
import random, struct, sys

path, seed = sys.argv[1], int(sys.argv[2])
data = bytearray(open(path, "rb").read())
random.seed(seed)
at, size, n, names = *struct.unpack_from("<Q", data, 40), *struct.unpack_from("<HHH", data, 58)
sections = [struct.unpack_from("<IIQQQQ", data, at + size * i) for i in range(n)]
text = sections[names][4]
for s in sections:
    name = data[text + s[0]:data.index(0, text + s[0])]
    if name in (b".debug_info", b".debug_loclists", b".debug_loc", b".debug_abbrev")[seed % 4:] and s[5]:
        for _ in range(random.randint(1, 30)):
            data[s[4] + random.randrange(s[5])] = random.choice((random.randrange(256), 0xff))
open(path, "wb").write(data)
P

# Damaged debug information under a sound core ends in an answer or a refusal, in time.
check_damage()
{
	cp "$SCRATCH/program" "$SCRATCH/sound"
	failed=
	for seed in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
		cp "$SCRATCH/sound" "$SCRATCH/program"
		python3 "$SCRATCH/damage.py" "$SCRATCH/program" $seed
		timeout 60 "$HEAPDUMP" top "$core" --by type >/dev/null 2>&1
		status=$?
		[ $status -le 2 ] || failed="$failed $seed:$status"
	done
	is "$1: damaged debug information harms nobody" "$failed" ''
}

for compiler in gcc clang; do
	command -v $compiler >/dev/null || {
		skip "$compiler" 'it is not here'
		continue
	}
	for level in -O0 -O1 -O2; do
		$compiler $level -g -o "$SCRATCH/program" tests/cli/site_types_program.c
		die "$HEAPDUMP" record --rate all -- "$SCRATCH/program"
		check "$compiler $level"
		[ $level != -O2 ] || check_damage "$compiler"
	done
done
done_testing
