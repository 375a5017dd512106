#!/bin/sh
# Other releases of libc, as Debian ships them (stripped): their own packages, unpacked into a folder and
# started through their own ld.so. The walker's own test runs under each, then stories of the fixtures
# with a census.
. "$(dirname "$0")/../lib/tap.sh"
. tests/real/real.sh
build=$(realpath "${BUILD:-build}")
releases=$build/real/glibc
test_glibc=$build/tests/unit/test_glibc
[ -x "$test_glibc" ] || skip_all "no $test_glibc: make units"

scripts/glibc-releases fetch "$releases" 2.31 2.41 >"$SCRATCH/fetch.log" 2>&1 || {
	tap_explain <"$SCRATCH/fetch.log"
	skip_all 'the packages of other releases cannot be had: no network?'
}
scripts/glibc-releases fetch "$releases" sid >>"$SCRATCH/fetch.log" 2>&1 || :

# What is linked with the oldest runs under all.
link=$(scripts/glibc-releases link "$releases/2.31")
compile_old()
{
	name=$1
	shift
	compile "$name.o" -pthread -I. -c "$1"
	shift
	compile "$name" -nodefaultlibs "$name.o" "$@" $link
}
compile "$SCRATCH/truth.o" -c fixtures/truth.c
compile "$SCRATCH/deathbed.o" -fPIC -c tests/real/deathbed.c
compile "$SCRATCH/deathbed-old.so" -shared -nodefaultlibs "$SCRATCH/deathbed.o" $link
compile_old "$SCRATCH/victim" tests/unit/glibc_victim.c
for program in churn losses holders; do
	compile_old "$SCRATCH/$program" "fixtures/$program.c" "$SCRATCH/truth.o" "-Wl,-rpath,\$ORIGIN"
done
compile_old "$SCRATCH/odd_heaps" tests/real/odd_heaps.c
compile "$SCRATCH/plugin.so" -fPIC -shared fixtures/plugin.c

# Every scenario of the unit test, its victim under another libc.
check_scenarios()
{
	HEAPDUMP_TEST_VICTIM="$ROOT/scripts/glibc-releases run $2 $SCRATCH/victim" \
		CMOCKA_MESSAGE_OUTPUT=TAP "$test_glibc" >"$SCRATCH/tap" 2>&1
	ok "$1: the walker's own test passes" sh -c "
		grep '^not ok' '$SCRATCH/tap' | grep -v '# SKIP' && { cat '$SCRATCH/tap'; exit 1; }
		[ \$(grep -c '^ok' '$SCRATCH/tap') -gt 15 ]"
}

check_story()
{
	die env DEATHBED=bed "$ROOT/scripts/glibc-releases" run "$2" --preload "$SCRATCH/deathbed-old.so" \
		"$SCRATCH/$3" "$4" truth
	check_account "$1: $3 $4"
	is_true "$1: $3 $4: leaks are the story" '
		.[0] as $t | .[1].heap as $h |
		$h.leaked_objects == $t.lost.objects + $t.lost_behind.objects and
		$h.leaked_bytes == $t.lost.bytes + $t.lost_behind.bytes and
		$h.directly_leaked_objects == $t.lost.objects' "$folder/truth" "$folder/info"
	rm -rf "$folder"
}

# Threads under settings of malloc; since 2.42 a thread cache may keep what has a mapping of its own.
check_settings()
{
	die env DEATHBED=bed "GLIBC_TUNABLES=glibc.malloc.$3" "$ROOT/scripts/glibc-releases" run "$2" \
		--preload "$SCRATCH/deathbed-old.so" "$SCRATCH/odd_heaps" threads
	check_account "$1: glibc.malloc.$3"
	check_no_leak "$1: glibc.malloc.$3"
	rm -rf "$folder"
}

for folder_of in "$releases/2.31" "$releases/2.41" "$releases/sid"; do
	[ -d "$folder_of" ] || continue
	version=$(scripts/glibc-releases version "$folder_of")
	case $version in
	2.31 | 2.41 | 2.43) ;;
	*)
		# what unstable has changes: no reason to fail for those who changed nothing
		skip "glibc $version" 'not a release that we know'
		continue
		;;
	esac
	check_scenarios "glibc $version" "$folder_of"
	for story in live lossy early; do
		check_story "glibc $version" "$folder_of" churn $story
	done
	for story in single family below-top big; do
		check_story "glibc $version" "$folder_of" losses $story
	done
	for story in main-tls worker-tls plugin-tls low-key high-key worker-high-key worker-stack; do
		check_story "glibc $version" "$folder_of" holders $story
	done
	for setting in tcache_count=0 tcache_max=4000000 mmap_threshold=1024; do
		check_settings "glibc $version" "$folder_of" $setting
	done
	check_story "glibc $version" "$folder_of" holders exited-stack
done
done_testing
