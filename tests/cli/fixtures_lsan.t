#!/bin/sh
# LeakSanitizer, asked at the very point where the program dies, and heapdump, asked about the core of
# the same program built without it: the same leaks, byte for byte. LeakSanitizer counts requested bytes,
# heapdump usable ones; the story knows both, so each is held against its own.
#
# Where the two differ, docs/leaks-compared.md says why, and this file tests the difference itself.
. "$(dirname "$0")/../lib/tap.sh"
need jq clang
need_cores
cd "$SCRATCH" || exit 99
echo 'int main(void) { return 0; }' >probe.c
clang -fsanitize=leak -o probe probe.c 2>/dev/null && ./probe 2>/dev/null ||
	skip_all "clang has no LeakSanitizer here (libclang-rt-dev)"
cd "$ROOT" || exit 99

bin=$SCRATCH/bin
mkdir "$bin"
CC=clang
compile "$bin/plugin.so" -fPIC -shared fixtures/plugin.c
for program in holders losses shapes churn; do
	for kind in plain leak; do
		sanitize=
		[ $kind = leak ] && sanitize=-fsanitize=leak
		compile "$bin/$program.$kind" $sanitize "fixtures/$program.c" fixtures/truth.c \
			-pthread -ldl "-Wl,-rpath,\$ORIGIN"
	done
done

# {objects, bytes, direct} of LeakSanitizer's report on stdin
lsan_totals()
{
	awk '
	/^Direct leak of/ { direct += $7; n += $7; bytes += $4 }
	/^Indirect leak of/ { n += $7; bytes += $4 }
	END { printf "{\"objects\": %d, \"bytes\": %d, \"direct\": %d}\n", n, bytes, direct }'
}

lsan_options=
# Both asked: lsan (totals), told (LeakSanitizer's program's truth), truth and info (the core's).
ask_both()
{
	program=$1 story=$2
	LSAN_OPTIONS=exitcode=0:max_leaks=0$lsan_options "$bin/$program.leak" "$story" "$SCRATCH/told" 2>&1 |
		lsan_totals >"$SCRATCH/lsan"
	die "$bin/$program.plain" "$story" truth
	cd "$folder" || exit 99
	mv "$SCRATCH/told" "$SCRATCH/lsan" .
	ask info "$core" $3 2>/dev/null | jq '{heap, warnings}' >info
}

leave()
{
	cd "$ROOT" || exit 99
	rm -rf "$folder"
}

same()
{
	ask_both "$@"
	is_true "$1 $2: both see the same objects leaked" \
		'.[0].objects == .[1].heap.leaked_objects' lsan info
	is_true "$1 $2: LeakSanitizer's bytes are the requested, heapdump's the usable ones" '
		.[0].bytes == .[1].lost.requested + .[1].lost_behind.requested and
		.[3].heap.leaked_bytes == .[2].lost.bytes + .[2].lost_behind.bytes and
		(.[1].lost.requested == .[2].lost.requested)' lsan told truth info
	case $2 in
	cycle | cycle-with-tail)
		is_true "$1 $2: a pure cycle has a head here and none there" \
			'.[0].direct == 0 and .[1].heap.directly_leaked_objects == 1' lsan info
		;;
	*)
		is_true "$1 $2: both see the same objects leaked directly" \
			'.[0].direct == .[1].heap.directly_leaked_objects' lsan info
		;;
	esac
	leave
}

differ()
{
	ask_both "$1" "$2" "$4"
	is_true "$1 $2: $3" '.[0] as $lsan | .[1].heap as $heap | '"$5" lsan info
	leave
}

for story in nothing single indirect cycle self cycle-with-tail cycle-with-lead shared pointing-in \
	long-list big below-top among-freed family; do
	same losses $story
done
for story in global static main-tls worker-tls plugin-tls worker-plugin-tls low-key high-key \
	worker-high-key stack worker-stack interior low-tag below-stack exited-stack \
	in-freed; do
	same holders $story
done
for story in list table tree shared-pool aligned two-ways; do
	same shapes $story
done
for story in live lossy early; do
	same churn $story
done

differ holders end "one past the end holds here, and is a leak there" '' \
	'$lsan.objects == 2 and $heap.leaked_objects == 1'
differ holders mapping "a mapping that a global holds is followed here, not there" '' \
	'$lsan.objects == 6 and $heap.leaked_objects == 1'
differ holders shared-memory "shared memory is followed here, not there" '' \
	'$lsan.objects == 6 and $heap.leaked_objects == 1'
differ holders unreached-mapping "what only an unreached mapping holds is told apart here" '' \
	'$lsan.objects == $heap.leaked_objects + $heap.mapping_held_objects'
differ holders high-tag "who knows the tag's bits sees through them" \
	'--pointer-mask ffff000000000000' '$lsan.objects == 6 and $heap.leaked_objects == 1'
lsan_options=:use_globals=0
differ holders global "without globals both find what they held leaked" \
	'--without-roots global' '$lsan.objects == 6 and $heap.leaked_objects == 6'
lsan_options=:use_stacks=0
differ holders stack "without stacks both find what they held leaked" \
	'--without-roots stack' '$lsan.objects == 6 and $heap.leaked_objects == 6'
done_testing
