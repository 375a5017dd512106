#!/bin/sh
# An image is an ELF core: whoever opens cores opens it without a complaint, and so do we.
. "$(dirname "$0")/../lib/tap.sh"
need gdb eu-readelf eu-stack eu-unstrip python3 jq
. tests/cli/image_common.sh

image threads
is "a program with threads of every kind is dumped, and all stopped" "$(dumped)" "0 5 0 0 0"
is "the times fit into each other" "$(said pause_known)" 1
is "the file is there alone, for its owner alone" \
	"$(cd "$SCRATCH/out" && stat -c '%n %a %s' *)" "image 600 $(said file_bytes)"

is "gdb has nothing to complain of" "$(complaints "$img")" ""
debugger "$img" -ex 'thread apply all bt' -ex 'info sharedlibrary' -ex 'p g_number' -ex 'p g_text' \
	-ex 'info threads' -ex 'p $_siginfo.si_signo' >"$SCRATCH/gdb"
is "gdb reads a variable" "$(sed -n 's/^\$1 = //p' "$SCRATCH/gdb")" 4711
is "gdb reads the heap" "$(sed -n 's/^\$2 = 0x[0-9a-f]* //p' "$SCRATCH/gdb")" '"hello from the heap"'
for f in blocked_in_read blocked_in_futex spinning in_handler in_a_handler heapdump_write main; do
	grep -q "^#[0-9]* .*\b$f (" "$SCRATCH/gdb" || echo "$f"
done >"$SCRATCH/missing"
is "gdb's backtraces reach every thread's own function" "$(cat "$SCRATCH/missing")" ""
is "the calling thread is gdb's current one" \
	"$(grep -c '^\* *1 .*LWP '"$(shows "$img" | awk '/^info tid/ { print $3 }')" "$SCRATCH/gdb")" 1
is "gdb finds the shared libraries" "$(grep -c 'Yes .*libc\.so\.6' "$SCRATCH/gdb")" 1

ok "eu-readelf prints headers and notes" eu-readelf -h -l -n "$img"
is "eu-readelf has nothing to complain of" "$(eu-readelf -h -l -n "$img" 2>&1 >/dev/null)" ""
is "eu-readelf sees all threads" "$(eu-readelf -n "$img" | grep -c PRSTATUS)" 5
eu-stack -e "$program" --core "$img" >"$SCRATCH/stack" 2>"$SCRATCH/complaint"
is "eu-stack has nothing to complain of" "$(cat "$SCRATCH/complaint")" ""
is "eu-stack sees all threads to their beginnings" \
	"$(grep -c -e '_start$' -e clone3$ "$SCRATCH/stack")" 5
eu-unstrip -n --core "$img" >"$SCRATCH/modules" 2>"$SCRATCH/complaint"
is "eu-unstrip has nothing to complain of" "$(cat "$SCRATCH/complaint")" ""
shows "$img" >"$SCRATCH/shown"
for id in $(awk '/^module/ { print $3 }' "$SCRATCH/shown"); do
	grep -q " $id@" "$SCRATCH/modules" || echo "$id"
done >"$SCRATCH/missing"
is "the build-ids of the modules are those that eu-unstrip finds" "$(cat "$SCRATCH/missing")" ""
is "libc is one of the modules" "$(grep -c '^module .*libc\.so\.6$' "$SCRATCH/shown")" 1

if [ -z "$san" ]; then
	ask info "$img" >"$SCRATCH/info"
	is_true "our own analyzer calls it an image, with all threads" \
		'.[0] | .format == "heapdump image" or (tostring | test("heapdump image"))' "$SCRATCH/info"
	image heap
	ask info "$img" >"$SCRATCH/info"
	# chunks in the tcache are in use to mallinfo2
	is_true "the heap in it is as large as mallinfo2 said at that moment" \
		".[0].heap | .in_use_chunk_bytes + .cached_chunk_bytes == $(said arena_in_use)" "$SCRATCH/info"
else
	skip "our own analyzer calls it an image, with all threads" "the heap is the sanitizer's"
	skip "the heap in it is as large as mallinfo2 said at that moment" "the heap is the sanitizer's"
fi

image single
is "a single thread is dumped as it called" "$(dumped)" "0 1 0 0 0"
is "its backtrace is whole" "$(debugger "$img" -ex bt | grep -c '^#.* main (')" 1
is "gdb has nothing to complain of then" "$(complaints "$img")" ""

"$program" threads fd:1 2>"$SCRATCH/said" | cat >"$img"
is "a pipe takes an image" "$(dumped) $(stat -c %s "$img")" "0 5 0 0 0 $(said file_bytes)"
is "gdb has nothing to complain of one that came through a pipe" "$(complaints "$img")" ""
is "memory came through the pipe" "$(debugger "$img" -ex 'p g_text' | grep -c 'hello from the heap')" 1

mkfifo "$SCRATCH/fifo"
cat "$SCRATCH/fifo" >"$img" &
# until its reader is there, it is refused
for i in 1 2 3 4 5 6 7 8 9 10; do
	timeout 60 "$program" single "$SCRATCH/fifo" 2>"$SCRATCH/said" && break
	sleep 0.2
done
wait
is "a FIFO by its path takes an image, and stays a FIFO" \
	"$(said rc) $(stat -c %s "$img") $(stat -c %F "$SCRATCH/fifo")" "0 $(said file_bytes) fifo"

rm -f "$img"
printf 'what was here before' >"$img"
dd if=/dev/zero bs=1M count=20 2>/dev/null | tr '\0' x >>"$img"
timeout 60 "$program" single fd:3 3<>"$img" 2>"$SCRATCH/said"
is "an open file is cut to the image's size" "$(said rc) $(stat -c %s "$img")" "0 $(said file_bytes)"
is "and has nothing of its old bytes in the holes" "$(complaints "$img"; LC_ALL=C grep -a -c xxxxxxxxxxxxxxxx "$img")" 0

if [ -z "$san" ]; then
	GLIBC_TUNABLES=glibc.malloc.hugetlb=1
	export GLIBC_TUNABLES
	image big 0 64
	unset GLIBC_TUNABLES
	is "a heap of huge pages is written like another" \
		"$(said rc) $(debugger "$img" -ex 'p g_big[0] == 0x62 && g_big[67108863] == 0x62' | tail -n 1)" '0 $1 = 1'
else
	skip "a heap of huge pages is written like another" "the heap is the sanitizer's"
fi
done_testing
