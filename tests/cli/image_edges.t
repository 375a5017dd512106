#!/bin/sh
# Programs with what few programs have: their images, and they themselves afterwards.
. "$(dirname "$0")/../lib/tap.sh"
need gdb python3
source=image_edges
. tests/cli/image_common.sh
ENOMEM=-12

image no-memory 0 20
is "no memory for a dump: an error, and nothing stays mapped" "$(said rc) $(said more_mappings)" "$ENOMEM 0"

# a byte of the page that is there, a byte of the one that is not
byte()
{
	debugger "$img" -ex "p/x *(char *)(0x$(said "$1" | cut -d- -f1) + $2)" | sed -n 's/^\$1 = //p'
}
lists()
{
	shows "$img" | grep -c "^range $(said shared) $1\$"
}
image userfault
if [ -n "$(said private)" ]; then
	is "a handler of page faults that is not told of forks: a snapshot" \
		"$(dumped) $(byte private 1) $(byte private 4096)" "0 2 0 0 0 0x55 0x0"
	image userfault 0 1
	is "one that is told: in place" "$(dumped) $(byte private 1) $(byte private 4096)" "0 2 0 1 0 0x55 0x0"
	is "and what only the handler could give is listed" "$(lists 1)" 1
	image userfault 0 3
	is "with a filter of system calls: by signal" "$(dumped)" "0 2 0 1 1"
else
	skip "a handler of page faults that is not told of forks: a snapshot" "no userfaultfd here"
fi

# the three pages; the image is as small as they are
pages()
{
	size=$(stat -c %s "$img")
	far=$((15 << 40))
	debugger "$img" -ex "p/x *(char *)(0x$(said sparse | cut -d- -f1) + 4096)" \
		-ex "p/x *(char *)(0x$(said sparse | cut -d- -f1) + $far)" \
		-ex "p/x *(char *)(0x$(said sparse | cut -d- -f1) + $far + 8192)" |
		sed -n 's/^\$[123] = //p' | tr '\n' ' '
	[ "$size" -lt 100000000 ] || echo "$size bytes"
}
image sparse 4 0
if [ -n "$(said sparse)" ]; then
	is "20 TiB of shared memory with three pages: no more is stored" "$(said rc) $(pages)" "0 0x11 0x22 0x33 "
	image sparse 5 0
	is "in place, too" "$(said rc) $(said in_place) $(pages)" "0 1 0x11 0x22 0x33 "
else
	skip "20 TiB of shared memory with three pages: no more is stored" "not to be had here"
fi
if [ -n "$(said sparse)" ] && [ "$(id -u)" = 0 ]; then
	chmod 755 "$SCRATCH"
	chmod 777 "$SCRATCH/out"
	for how in 1 2 4 6; do
		image sparse 4 $how
		is "the same as root, with its file closed or without one; as nobody ($how)" \
			"$(said rc) $(pages)" "0 0x11 0x22 0x33 "
	done
	image sparse 4 5
	is "as nobody with the file closed, what the page tables tell" "$(said rc) $(pages)" "0 0x11 0x22 0x0 "
else
	skip "the same as root, with its file closed or without one; as nobody" "needs root"
fi
done_testing
