#!/bin/sh
# What an image tells beside memory, read by a second reader that knows only docs/format-image.md.
. "$(dirname "$0")/../lib/tap.sh"
need gdb python3
. tests/cli/image_common.sh

image threads
shows "$img" >"$SCRATCH/shown"
info()
{
	sed -n "s/^info $1 //p" "$SCRATCH/shown"
}
is "the format is 1.0" "$(info major).$(info minor) $(info size)" "1.0 96"
is "it was forked, after ptrace, by a call" "$(info method) $(info freeze) $(info trigger)" "1 1 1"
is "it counts its threads" "$(info n_threads) $(info n_not_stopped)" "5 0"
is "the pause has its parts" \
	"$([ "$(info pause_ns)" -ge $(($(info stop_ns) + $(info fork_ns))) ] && echo yes)" yes
is "the reason is the caller's" "$(sed -n 's/^why //p' "$SCRATCH/shown")" "the test wants it"
is "threads have their names" \
	"$(sed -n 's/^thread [0-9]* 1 //p' "$SCRATCH/shown" | sort | tr '\n' ' ')" \
	"handler image_program reader spinner waiter "
is "the caller is the first thread" "$(awk '/^thread/ { print $2; exit }' "$SCRATCH/shown")" "$(info tid)"
is "the lists are in a segment that is no memory" "$(awk '/^lists/ { print $4, $5 }' "$SCRATCH/shown")" "0 0"
is "the lists are the end of the file" \
	"$(awk '/^lists/ { print $2 + $3 }' "$SCRATCH/shown")" "$(stat -c %s "$img")"
anchor=$(sed -n 's/^anchor \([0-9a-f]*\) 512$/\1/p' "$SCRATCH/shown")
is "the sampler's anchor is in the memory it names" \
	"$(debugger "$img" -ex "p (char *)0x${anchor:-0}" | grep -c HEAPDUMP-ANCHOR)" 1
is "segments are in order and apart" "$(sed -n 's/^load //p' "$SCRATCH/shown" | python3 -c '
import sys
end = 0
for line in sys.stdin:
    lo, hi = (int(x, 16) for x in line.split()[0].split("-"))
    if lo < end: print("overlap at", hex(lo))
    end = hi')" ""

why()
{
	shows "$img" | awk -v range="$(said "$1")" '/^range/ && $2 == range { print $3 }'
}
image mappings
is "mappings of every kind are dumped" "$(said rc)" 0
is "MADV_DONTDUMP is left out, and listed" "$(why dontdump)" 3
is "MADV_DONTFORK is not in a snapshot, and listed" "$(why dontfork)" 2
is "MADV_WIPEONFORK is not in a snapshot, and listed" "$(why wiped)" 2
is "shared memory is listed as of another moment" "$(why shared)" 6
is "what is left out has its segment all the same" \
	"$(shows "$img" | grep -c -e "^load $(said dontdump) 0$" -e "^load $(said dontfork) 0$")" 2
is "a word that epoll holds is listed" \
	"$(shows "$img" | grep -c "^word 1 $(said epoll) 1122334455667788$")" 1
is "a word that a timer holds is listed" \
	"$(shows "$img" | grep -c "^word 2 0 -1 $(said timer_word)$")" 1
if [ -z "$san" ]; then
	is "64 GiB in which two pages were touched make no large file" \
		"$([ "$(said file_bytes)" -lt 100000000 ] && echo yes)" yes
else
	skip "64 GiB in which two pages were touched make no large file" "the sanitizer has sparse mappings"
fi
sparse=0x$(said sparse | cut -d- -f1)
is "and the two pages are in it" \
	"$(debugger "$img" -ex "p *(char *)($sparse + (40ull << 30))" -ex "p *(char *)$sparse" | sed -n 's/^\$[12] = //p' | tr '\n' ' ')" \
	"7 '\\a' 85 'U' "

image mappings 1
is "in place, nothing is missing but what the program left out" \
	"$(said in_place) $(why dontdump) $(why dontfork) $(why wiped) $(why shared)" "1 3   "
image mappings 8
is "without shared memory, it is listed as left out" "$(why shared)" 5

image unreadable
is "a page that cannot be read is skipped, and listed" "$(said rc) $(why lost)" "0 1"
is "and the image says so" "$(($(shows "$img" | sed -n 's/^info consistency //p') & 2))" 2
is "gdb has nothing to complain of" "$(complaints "$img")" ""
timeout 60 "$program" unreadable fd:1 2>"$SCRATCH/said" | cat >"$img"
is "a pipe's image lists it too" "$(said rc) $(why lost)" "0 1"

# the last page before a guard page, and the first
pages()
{
	guarded=0x$(said guarded | cut -d- -f1)
	debugger "$img" -ex "p/x *(char *)$guarded" -ex "p/x *(char *)($guarded + 1998 * 4096)" |
		sed -n 's/^\$[12] = //p' | tr '\n' ' '
}
image guarded
if [ -n "$(said guarded)" ]; then
	is "memory between guard pages is in the image" "$(said rc) $(pages)" "0 0x55 0x55 "
	image guarded 1
	is "in place, too" "$(said rc) $(pages)" "0 0x55 0x55 "
	image guarded 0 1
	is "and where pages are looked up one by one" "$(said rc) $(pages)" "0 0x55 0x55 "
else
	skip "memory between guard pages is in the image" "no MADV_GUARD_INSTALL before Linux 6.13"
fi
done_testing
