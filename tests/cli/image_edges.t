#!/bin/sh
# Programs with what few programs have: their images, and they themselves afterwards.
. "$(dirname "$0")/../lib/tap.sh"
need gdb python3
source=image_edges
. tests/cli/image_common.sh
ENOMEM=-12

image no-memory 0 20
is "no memory for a dump: an error, and nothing stays mapped" "$(said rc) $(said more_mappings)" "$ENOMEM 0"
done_testing
