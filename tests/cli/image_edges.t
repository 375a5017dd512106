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
done_testing
