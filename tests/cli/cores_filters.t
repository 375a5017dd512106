#!/bin/sh
# Kernel cores under every coredump_filter: the heap's figures are the same wherever its pages are in
# the dump, and where they are not, the answer says so.
. "$(dirname "$0")/../lib/tap.sh"
need jq gcc
need_cores
[ -w /proc/self/coredump_filter ] || skip_all "there is no /proc/self/coredump_filter here"

compile "$SCRATCH/victim" tests/cli/cores_victim.c -pthread

# The core of one filter: $SCRATCH/FILTER.core, .info, .said
dump()
{
	die sh -c "echo 0x$1 >/proc/self/coredump_filter; exec $SCRATCH/victim"
	mv "$core" "$SCRATCH/$1.core"
	head -n 1 "$folder/said" >"$SCRATCH/$1.said"
	ask info "$SCRATCH/$1.core" >"$SCRATCH/$1.info"
	rc=$?
}

figures='def figures: [.in_use_objects, .in_use_bytes, .in_use_chunk_bytes, .cached_chunk_bytes,
	.internal_chunks, .free_chunk_bytes, .mmapped_bytes, (.arenas | length)];
	def outcome: [.reachable_objects, .leaked_objects, .leaked_bytes, .directly_leaked_objects];'

cd "$SCRATCH" || exit 99
dump 33
is_true "the default filter: chunk bytes are mallinfo2's, ten objects leaked, no warning" "
	.[0].heap.in_use_chunk_bytes + .[0].heap.cached_chunk_bytes == $(cut -d' ' -f2 33.said) and
	.[0].heap.leaked_objects == 10 and .[0].heap.leaked_bytes == 5040 and .[0].warnings == []" 33.info

# 1 anonymous private, 2 anonymous shared, 4 and 8 files, 10 ELF headers, 20 and 40 huge pages, 80 and 100 DAX
for f in 3 13 23 37 3f 7f ff 1ff; do
	dump $f
	is_true "filter $f: the heap, what is leaked, and the frames are those of the default filter" "
		$figures (.[0].heap | figures) == (.[1].heap | figures) and
		(.[0].heap | outcome) == (.[1].heap | outcome) and
		[.[0].threads[0].frames[].function] == [.[1].threads[0].frames[].function] and
		[.[0].threads[] | .tls_blocks] == [.[1].threads[] | .tls_blocks] and
		.[1].warnings == []" 33.info $f.info
done

for f in 1 11 21; do
	dump $f
	is_true "filter $f, without shared memory: the heap is the same" \
		"$figures (.[0].heap | figures) == (.[1].heap | figures)" 33.info $f.info
	is_true "filter $f: what only shared memory holds seems leaked, and a warning says why" '
		.[0].heap.leaked_objects == 11 and (.[0].warnings | length) == 1 and
		(.[0].warnings[0] | test("^4096 bytes of writable memory .* not in the dump:"))' $f.info
done

for f in 0 2 4 8 10 30 32; do
	dump $f
	is "filter $f, without private memory: the core is read" $rc 0
	is_true "filter $f: the answer says that the heap is not in the dump" '
		.[0].heap.in_use_objects == 0 and
		any(.[0].warnings[]; test("not in the dump, the heap among them"))' $f.info
	ask map $f.core "$(cut -d' ' -f1 $f.said)" >map
	is_true "filter $f: map says that an object's address is mapped and not in the dump" \
		'.[0].mapping.access == "rw-" and .[0].mapping.dumped == false' map
done
done_testing
