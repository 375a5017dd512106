#!/bin/sh
# Every screen in screens.md is what the tool prints.
#
#	UPDATE=1 tests/cli/screens.t		writes today's screens into it
. "$(dirname "$0")/../lib/tap.sh"
need python3 gcc jq
need_cores
[ "$(uname -m)" = x86_64 ] || skip_all "the screens are of x86-64"

same_everywhere

dir=$SCRATCH/screens
mkdir "$dir"
compile "$dir/values" fixtures/values.c
die_in "$dir" ./values
mv "$core" "$dir/values.core"
for program in holders losses shapes; do
	# by an absolute name: the files of variables are named by their last two parts
	compile "$dir/$program" "fixtures/$program.c" fixtures/truth.c -pthread -ldl
done

# What a story's program wrote down, as variables: $STORY_KEY, with _ for -.
take()
{
	program=$1
	shift
	for story; do
		die_in "$dir" "./$program" "$story" "$story.truth"
		mv "$core" "$dir/$story.core" || exit 98
		eval "$(jq -r '.story as $s | .watched[] | ($s + "_" + .key | gsub("-"; "_")) + "=" + .addr |
			"export " + .' "$dir/$story.truth")"
	done
}

take shapes table list tree two-ways shared-pool
take losses nothing indirect cycle-with-tail
compile "$dir/mix" tests/cli/screens_mix.c
die_in "$dir" ./mix
mv "$core" "$dir/mix.core"
take holders stack register main-tls worker-high-key interior end high-tag unreached-mapping mapping

# What no screen has: looked up in the JSON.
look()
{
	export "$1=$(jq -r "$3" "$dir/$2.json")"
	case $(eval "echo \$$1") in
	0x*) ;;
	*) is "$1 is an address" "$(eval "echo \$$1")" 0x ;;
	esac
}

hex='def hex: [recurse(if . > 15 then . / 16 | floor else empty end) % 16] | reverse |
	map("0123456789abcdef"[.:. + 1]) | "0x" + add;
	def number: ltrimstr("0x") | explode | reduce .[] as $c (0; . * 16 + ($c | if . > 96 then . - 87 else . - 48 end));'
for story in table stack mapping; do
	ask info "$dir/$story.core" >"$dir/$story.json"
done
ask who "$dir/table.core" g_table >"$dir/variable.json"
ask map "$dir/table.core" "$table_value" >"$dir/value.json"
ask who "$dir/mapping.core" "$mapping_first" >"$dir/path.json"
look g_table_addr variable '.roots[0].root.addr'
look state table '.heap.arenas[0].addr'
look code table "$hex"'.threads[0].frames[] | select(.function == "main") | (.pc | number - 1 | hex)'
look free value "$hex .mapping.end | number - 64 | hex"
look live stack "$hex .threads[0].sp | number + 16 | hex"
look below stack "$hex .threads[0].sp | number - 8192 | hex"
look mapping path '[.path.steps[].object | select(.kind? == "unknown mapping")][0].addr'
export "inside=$(ask show "$dir/values.core" g_values.inside | jq -r .asked)"
export "flags=$(ask show "$dir/values.core" g_values.bits | jq -r .asked)"
export "g_access_addr=$(ask show "$dir/values.core" g_access | jq -r .addr)"
export register_held="$(jq -r '.watched[0].addr' "$dir/register.truth")"

[ -z "${UPDATE:-}" ] || scripts/transcript --update tests/cli/screens.md "$dir"
ok "every screen is what screens.md shows" scripts/transcript tests/cli/screens.md "$dir"
is "no screen ends a line with a blank" "$(grep -n '^[^#].* $' tests/cli/screens.md)" ''
done_testing
