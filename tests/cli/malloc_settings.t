#!/bin/sh
# Heaps under the settings that malloc has (GLIBC_TUNABLES, MALLOC_…, mallopt), of hundreds of threads, trimmed,
# of a forked child, of two libcs: the walk's figures are those of the process (tests/real/odd_heaps.c,
# deathbed.c), and nothing is leaked.
. "$(dirname "$0")/../lib/tap.sh"
need jq gcc
need_cores
unset GLIBC_TUNABLES LD_PRELOAD

compile "$SCRATCH/odd_heaps" tests/real/odd_heaps.c -pthread -ldl
compile "$SCRATCH/second_libc.so" -DSECOND_LIBC -fPIC -shared tests/real/odd_heaps.c
compile "$SCRATCH/deathbed.so" -fPIC -shared tests/real/deathbed.c

# odd NAME HOW [SETTING…]
odd()
{
	name=$1 how=$2
	shift 2
	die env DEATHBED=bed LD_PRELOAD="$SCRATCH/deathbed.so" "$@" \
		"$SCRATCH/odd_heaps" "$how" "$SCRATCH/second_libc.so"
	[ -n "$core" ] || {
		is "$name leaves a core" no yes
		return
	}
	ask info "$core" 2>"$folder/err" | jq '{heap, warnings}' >"$folder/info"
}

check_odd()
{
	odd "$@"
	is_true "$name: all figures are the process's own, nothing is leaked" '
		.[0] as $b | .[1].heap as $h |
		$h.in_use_objects == $b.census.objects and $h.in_use_bytes == $b.census.bytes and
		$h.in_use_chunk_bytes + $h.cached_chunk_bytes ==
			$b.mallinfo2.uordblks + $b.mallinfo2.hblkhd and
		$h.mmapped_chunks == $b.mallinfo2.hblks and $h.leaked_objects == 0 and
		.[1].warnings == []' "$folder/bed" "$folder/info"
	rm -rf "$folder"
}

check_odd 'malloc as it is' threads
for tunable in tcache_count=0 tcache_count=1000 tcache_max=65000 mxfast=0 mxfast=160 hugetlb=1 hugetlb=2 \
	arena_max=1 mmap_threshold=1024 mmap_max=0 top_pad=0 perturb=85; do
	check_odd "glibc.malloc.$tunable" threads "GLIBC_TUNABLES=glibc.malloc.$tunable"
done
check_odd 'MALLOC_MMAP_MAX_=0 with MALLOC_PERTURB_' threads MALLOC_MMAP_MAX_=0 MALLOC_PERTURB_=170
check_odd mallopt mallopt
check_odd 'malloc_trim' trim
check_odd 'a forked child' fork
check_odd 'four hundred threads' many

# The census is that of the first libc; the second says itself what it has.
odd 'a second libc by dlmopen' dlmopen
second=$(sed -n 1p "$folder/said")
is_true 'a second libc by dlmopen: the objects of both are there, nothing is leaked' "
	.[0].census.objects + ${second:-0} == .[1].heap.in_use_objects and
	.[1].heap.leaked_objects == 0 and .[1].warnings == []" "$folder/bed" "$folder/info"
done_testing
