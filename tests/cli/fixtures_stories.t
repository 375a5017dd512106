#!/bin/sh
# Every story of the fixtures: what the tool says of its core is what the program said of itself.
# In-use objects and bytes against a census of every call (tests/real/deathbed.c), chunk bytes against
# mallinfo2, leaks and mapping-held against the story, holders by `who` on each watched object.
. "$(dirname "$0")/../lib/tap.sh"
need jq gcc
need_cores

bin=$SCRATCH/bin
mkdir "$bin"
compile "$bin/plugin.so" -fPIC -shared fixtures/plugin.c
compile "$bin/deathbed.so" -fPIC -shared tests/real/deathbed.c
for program in holders losses shapes churn; do
	compile "$bin/$program" "fixtures/$program.c" fixtures/truth.c -pthread -ldl "-Wl,-rpath,\$ORIGIN"
done
compile "$bin/truth.o" -c fixtures/truth.c
CC=g++ compile "$bin/classes" fixtures/classes.cc "$bin/truth.o"

stories_of()
{
	"$bin/$1" 2>&1 | sed -n 's/^\t//p'
}

options_of()
{
	case $1 in
	high-tag) echo --pointer-mask ffff000000000000 ;;
	esac
}

# The account of the heap.
check_heap()
{
	is_true "$1: objects and bytes in use are those of the census" '
		.[0].census as $c | .[1].heap as $h |
		$h.in_use_objects == $c.objects and $h.in_use_bytes == $c.bytes' bed info
	is_true "$1: chunk bytes in use and cached are what mallinfo2 said" '
		.[0].mallinfo2 as $m | .[1].heap as $h |
		$h.in_use_chunk_bytes + $h.cached_chunk_bytes == $m.uordblks + $m.hblkhd and
		$h.mmapped_chunks == $m.hblks and $h.mmapped_bytes == $m.hblkhd' bed info
	is_true "$1: what malloc_info adds up to differs by flag bits only" '
		.[0].malloc_info as $m | .[1].heap as $h |
		($h.in_use_chunk_bytes + $h.cached_chunk_bytes - $h.mmapped_bytes -
		 ($m.system - $m.free)) as $d |
		$d >= 0 and $d <= 7 * ($h.free_chunks + ($h.arenas | length))' bed info
}

# The account of what is lost.
check_leaks()
{
	is_true "$1: leaked, directly leaked and mapping-held are the story" '
		.[0] as $t | .[1].heap as $h |
		$h.leaked_objects == $t.lost.objects + $t.lost_behind.objects and
		$h.leaked_bytes == $t.lost.bytes + $t.lost_behind.bytes and
		$h.directly_leaked_objects == $t.lost.objects and
		$h.indirectly_leaked_objects == $t.lost_behind.objects and
		$h.mapping_held_objects == $t.in_mapping.objects and
		$h.mapping_held_bytes == $t.in_mapping.bytes and
		$h.reachable_objects == $h.in_use_objects - $h.leaked_objects - $h.mapping_held_objects
		' truth info
	is_true "$1: nothing was warned of" '.[0].warnings == []' info
}

# Each watched object is held as the story says, by the root that it names.
check_watched()
{
	watched=$(jq -r '.watched[] | .key + " " + .addr' truth)
	[ -n "$watched" ] || return 0
	echo "$watched" | while read -r key addr; do
		ask who "$core" "$addr" $options --no-types >"who-$key" 2>>err
		jq -n --slurpfile w "who-$key" --slurpfile t truth --arg key "$key" '
			{told: ($t[0].watched[] | select(.key == $key)), state: $w[0].object.state,
			 root: ($w[0].path.steps[0].root // {}), hops: $w[0].path.hops,
			 retained: $w[0].object.retained}'
	done | jq -s . >watched
	is_true "$1: every watched object is held by whom the story says" '
		.[0] | map(
			if .told.holder == "nobody" then
				.state == "leaked directly" or .state == "leaked indirectly"
			elif .told.holder == "mapping" then
				.state == "held by an unreached mapping"
			elif .told.holder == "register" then
				.root.class == "register" and .root.register == .told.name
			elif .told.holder == "stack" then
				.root.class == "stack" and .root.function == .told.name
			else
				.root.class == .told.holder and
				(.told.name == null or .root.name == .told.name)
			end) | all' watched
}

# Numbers that only some stories have: the length of a path, what is retained.
check_numbers()
{
	is_true "$1: path lengths and retained sizes are the story" '
		.[0] as $t | .[1] as $watched |
		[$t.numbers | to_entries[] | .value as $v |
		 if .key == "hops" then
			$watched[] | select(.told.key == "last") | .hops == $v
		 elif .key | startswith("retained_") then
			(.key | ltrimstr("retained_")) as $key |
			$watched[] | select(.told.key == $key) | .retained == $v
		 else empty end] | all' truth watched
}

run_story()
{
	program=$1 story=$2 options=$(options_of "$2")
	die env DEATHBED=bed LD_PRELOAD="$bin/deathbed.so" "$bin/$program" "$story" truth
	[ -n "$core" ] || {
		is "$program $story leaves a core" no yes
		return
	}
	cd "$folder" || exit 99
	ask info "$core" $options 2>err | jq '{heap, warnings}' >info
	if [ "$story" = damaged ]; then
		check_damaged "$program $story"
	else
		check_heap "$program $story"
		check_leaks "$program $story"
		check_watched "$program $story"
		[ "$(jq '.numbers | length' truth)" -eq 0 ] || check_numbers "$program $story"
	fi
	cd "$ROOT" || exit 99
	rm -rf "$folder"
}

# The object whose size word is gone is lost, its neighbours are not, and the place is named.
check_damaged()
{
	is_true "$1: all objects but the damaged one are found" '
		.[0].census as $c | .[1].heap as $h |
		$h.in_use_objects < $c.objects and $h.in_use_objects >= $c.objects - 2 and
		$h.lost_bytes > 0 and $h.lost_bytes < 1000' bed info
	where=$(printf '0x%x' "$(jq '.numbers.damaged_chunk' truth)")
	is_true "$1: a warning names the damaged chunk $where" \
		".[0].warnings | any(contains(\"$where\"))" info
	check_watched "$1"
}

for program in holders losses shapes churn; do
	for story in $(stories_of $program); do
		run_story $program "$story"
	done
done
run_story classes live
run_story classes lossy
done_testing
