#!/bin/sh
# One program, linked, started and dumped in every way: the answers are the same, and what a kind of
# core cannot tell is said.
. "$(dirname "$0")/../lib/tap.sh"
need jq gcc python3
need_cores

victim=$PWD/tests/cli/cores_victim.c
cd "$SCRATCH" || exit 99
compile pie "$victim" -pthread
cp pie gone

# The heap that every core of the program must show; $said has its address of the list and its bytes.
same_heap='.[0].heap.in_use_chunk_bytes + .[0].heap.cached_chunk_bytes == $bytes and
	.[0].heap.leaked_objects == 10 and .[0].heap.leaked_bytes == 5040 and
	.[0].heap.lost_bytes == 0 and .[0].heap.mapping_held_objects == 0'

# NAME CORE SAID: the heap; info is the answer
check_heap()
{
	bytes=$(head -n 1 "$3" | cut -d' ' -f2)
	ask info "$2" >info
	is_true "$1: the heap is what the program said" "$bytes as \$bytes | $same_heap" info
}

no_warning()
{
	is_true "$1: nothing is warned of" '.[0].warnings == []' info
}

# NAME CORE SAID: the list is held by its variable
check_list()
{
	ask who "$2" "$(head -n 1 "$3" | cut -d' ' -f1)" >who
	is_true "$1: g_list holds the list" '.[0].path.steps[0].root | .class == "global" and .name == "g_list"' who
}

program_is()
{
	is_true "$1: the program is the executable" \
		"[.[0].modules[] | select(.executable).path] == [\"$2\"]" info
}

all()
{
	check_heap "$@"
	no_warning "$1"
	check_list "$@"
}

# --- How it is linked, and how started. ---

die "$SCRATCH/pie"
mv "$core" pie.core
cp "$folder/said" pie.said
all PIE pie.core pie.said
program_is PIE "$SCRATCH/pie"

loader=$(readelf -l pie | sed -n 's/.*interpreter: \(.*\)]/\1/p')
die "$loader" "$SCRATCH/pie"
all "started by ld.so" "$core" "$folder/said"
program_is "started by ld.so" "$SCRATCH/pie"

# Linked so that the static library is needed, which not every machine has.
for kind in no-pie static static-pie; do
	if ! gcc -O1 -g -pthread "-$kind" -o "$kind" "$victim" 2>/dev/null; then
		skip "$kind" "does not link here"
		continue
	fi
	die "$SCRATCH/$kind"
	cp "$core" "$kind.core"
	cp "$folder/said" "$kind.said"
	check_heap "$kind" "$core" "$folder/said"
	check_list "$kind" "$core" "$folder/said"
	program_is "$kind" "$SCRATCH/$kind"
done

die "$SCRATCH/gone" unlink
check_heap "a deleted executable" "$core" "$folder/said"
is_true "a deleted executable: it is missing, and said so" '
	(.[0].modules[] | select(.executable).state) == "missing" and
	(.[0].warnings | length) == 1 and (.[0].warnings[0] | test("^/.*/gone is not on this machine: .*--exe"))' info
ask who "$core" g_list --exe pie >who
is_true "a deleted executable: --exe stands in for it" '.[0].roots[0].root.name == "g_list"' who

# --- What its notes lack. ---

# CORE OUT TYPE…: the notes of these types get another type
cat >drop_notes.py <<'EOS'
import struct, sys
b = bytearray(open(sys.argv[1], 'rb').read())
drop = [int(t, 0) for t in sys.argv[3:]]
phoff, n = struct.unpack_from('<Q', b, 32)[0], struct.unpack_from('<H', b, 56)[0]
for i in range(n):
    kind, _, off, _, _, size = struct.unpack_from('<IIQQQQ', b, phoff + 56 * i)
    at = off
    while kind == 4 and at + 12 <= off + size:
        name, desc, note = struct.unpack_from('<III', b, at)
        if note in drop:
            struct.pack_into('<I', b, at + 8, 0x7777)
        at += 12 + (name + 3 & ~3) + (desc + 3 & ~3)
open(sys.argv[2], 'wb').write(b)
EOS
NT_PRSTATUS=1 NT_AUXV=6 NT_FILE=0x46494c45

for kind in pie static; do
	[ -f $kind.core ] || continue
	python3 drop_notes.py $kind.core cut.core $NT_FILE
	all "$kind without NT_FILE" cut.core $kind.said
	program_is "$kind without NT_FILE" "$SCRATCH/$kind"
	python3 drop_notes.py $kind.core cut.core $NT_AUXV
	all "$kind without auxv" cut.core $kind.said
	program_is "$kind without auxv" "$SCRATCH/$kind"
	python3 drop_notes.py $kind.core cut.core $NT_FILE $NT_AUXV
	check_heap "$kind without NT_FILE and auxv" cut.core $kind.said
	is_true "$kind without NT_FILE and auxv: that the executable has no name is said" '
		any(.[0].warnings[]; test("does not name the executable"))' info
	ask who cut.core g_list --exe $kind >who
	is_true "$kind without NT_FILE and auxv: --exe names it" '.[0].roots[0].root.name == "g_list"' who
done
python3 drop_notes.py pie.core cut.core $NT_PRSTATUS
check_threads='any(.[0].warnings[]; test("names no threads")) and .[0].heap.in_use_objects > 1300'
ask info cut.core >info
is_true "without registers the heap is walked, and that threads are unknown is said" "$check_threads" info

die sh -c "echo 0x3 >/proc/self/coredump_filter; exec $SCRATCH/pie"
python3 drop_notes.py "$core" cut.core $NT_FILE
all "without ELF headers and NT_FILE" cut.core "$folder/said"
program_is "without ELF headers and NT_FILE" "$SCRATCH/pie"

# --- Packed. ---

for packer in zstd lz4 gzip; do
	if ! command -v $packer >/dev/null; then
		skip "$packer" "$packer is not here"
		continue
	fi
	$packer -q -c pie.core >packed
	ask info pie.core | jq 'del(.heapdump, .dump)' >plain
	ask info packed >info
	is_true "$packer: the core tells the same as the plain one" "
		.[1].dump.packing == \"$packer\" and (.[1] | del(.heapdump, .dump)) == .[0]" plain info
	head -c $(($(wc -c <packed) / 2)) packed >half
	ask info half >info
	is "$packer: half of it is read" $? 0
	is_true "$packer: half of it is read, and said to be cut off" \
		'any(.[0].warnings[]; test("data end early"))' info
done

# --- gcore. ---

# OPTION: the core of a process that waits, by gcore
by_gcore()
{
	"$SCRATCH/pie" wait >said &
	pid=$!
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ -s said ] || sleep 0.1
	done
	gcore $1 -o by_gcore $pid >/dev/null 2>&1
	kill -KILL $pid
	wait $pid 2>/dev/null
	mv "by_gcore.$pid" by_gcore.core 2>/dev/null
}
for option in '' -a; do
	if ! command -v gcore >/dev/null || ! by_gcore $option || [ ! -f by_gcore.core ]; then
		skip "gcore $option" "gcore is not here, or may not trace"
		continue
	fi
	all "gcore $option" by_gcore.core said
	is_true "gcore $option: it is told" '.[0].dump.format == "gcore" and .[0].process.signal == 0' info
	rm -f by_gcore.core
done

# --- Truncated. ---

size=$(wc -c <pie.core)
phdrs_end=$((64 + 56 * $(od -An -tu2 -j56 -N2 pie.core)))
for cut in 63 64 200 $phdrs_end $((phdrs_end + 1000)) $((size / 8)) $((size / 4)) $((size / 2)) \
	$((size * 9 / 10)) $((size - 4096)) $((size - 1)); do
	head -c "$cut" pie.core >cut.core
	"$HEAPDUMP" info cut.core --json --no-cache >info 2>err
	rc=$?
	if [ "$cut" -lt 120 ]; then
		is "cut at $cut: refused in one line" "$rc $(wc -l <err) $(wc -c <info)" "2 1 0"
		continue
	fi
	is "cut at $cut: read, without a word on stderr" "$rc $(wc -l <err)" "0 0"
	is_true "cut at $cut: said to be truncated, and how much is missing" '
		.[0].dump.truncated and any(.[0].warnings[]; test("cut off at|ends inside"))' info
	for command in leaks top tree; do
		"$HEAPDUMP" $command cut.core --no-cache >out 2>err
		is "cut at $cut: $command answers" $? 0
	done
done
head -c $((size - 1)) pie.core >cut.core
check_heap "a core without its last byte" cut.core pie.said

# --- Sparse, and larger than memory. ---

cat >sparse.c <<'EOS'
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
void **g_far;
int main(void)
{
	char *p = mmap(0, 64ul << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return 1;
	g_far = (void **)(p + (40ul << 30));
	*g_far = malloc(100);
	printf("%p\n", *g_far);
	fflush(stdout);
	abort();
}
EOS
compile sparse sparse.c
die "$SCRATCH/sparse"
if [ -z "$core" ] || [ "$(wc -c <"$core")" -lt 68719476736 ] || [ "$(du -m "$core" | cut -f1)" -gt 100 ]; then
	skip "a sparse core of 64 GiB" "there is none here: no such mapping, or no sparse files"
else
	cat >peak.py <<'EOS'
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=open('who', 'w'), check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
EOS
	peak=$(python3 peak.py "$HEAPDUMP" who "$core" "$(head -n 1 "$folder/said")" --json --no-cache --no-debuginfod)
	ok "a sparse core of 64 GiB is read in less than 1 GB of memory" [ "$peak" -lt 1024 ]
	is_true "in a sparse core what stands behind 40 GiB of nothing is found" '
		.[0].path.steps | .[0].root.name == "g_far" and length == 3' who
	rm -f "$core"
fi
done_testing
