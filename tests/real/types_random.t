#!/bin/sh
# Random programs that know what each of their objects is (types_random.py): what is certain is right.
#
# With TYPES_SEEDS="from to" others are tried, with TYPES_FLAGS=--stale such as point to what was freed (then what is
# certain may be wrong). Figures are printed as comments.
. "$(dirname "$0")/../lib/tap.sh"
. tests/real/real.sh

BUILD=${BUILD:-build}
case $BUILD in
/*) ;;
*) BUILD=$PWD/$BUILD ;;
esac

# try SEED FLAGS… (of the generator): compared by what the program says, $folder/compared
try()
{
	python3 "$REAL/types_random.py" "$@" >"$SCRATCH/program.c"
	optimise=-O$(($1 / 3 % 3))
	compile "$SCRATCH/program" "$optimise" -w "$SCRATCH/program.c"
	die "$SCRATCH/program" truth reached-by-roots-only
	"$BUILD/list_types" "$core" >"$folder/list"
	python3 "$REAL/types_compare.py" "$folder/list" "$folder/truth" >"$folder/compared"
	jq -c 'del(.groups)' "$folder/compared" >"$SCRATCH/compared.$1"
	rm -rf "$folder"
}

TYPES_FLAGS=${TYPES_FLAGS:-}
set -- ${TYPES_SEEDS:-1 12}
seeds=$(seq "$1" "$2")

for seed in $seeds; do
	# each third dies while it builds its heap
	if [ $((seed % 3)) = 0 ]; then
		try "$seed" --midway $TYPES_FLAGS
	else
		try "$seed" $TYPES_FLAGS
	fi
done
is_true 'every object of the programs is compared' 'all(.witnessed.share == 1 and .contradictions == [])' \
	"$SCRATCH"/compared.*
is_true 'of honest programs nothing that is certain is wrong' 'map(.certain_wrong) | add == []' "$SCRATCH"/compared.*
is_true 'and some objects are certain' 'map(.verdicts.right.certain.objects // 0) | add > 100' "$SCRATCH"/compared.*
is_true 'of what is likely, at least 99 of 100 objects are what is said' '
	map(.verdicts) | (map(.right.likely.objects // 0) | add) as $right |
	(map((.wrong.likely.objects // 0) + (.general.likely.objects // 0)) | add) as $other |
	$right > 1000 and $other * 99 <= $right' "$SCRATCH"/compared.*
jq -s -r '[.[].verdicts | to_entries[] | .key as $verdict | .value | to_entries[] |
	{what: "\($verdict) \(.key)", n: .value.objects}] | group_by(.what) |
	map("\(.[0].what) \(map(.n) | add)") | "# objects: " + join(", ")' "$SCRATCH"/compared.*
done_testing
