#!/bin/sh
# Where an image goes: descriptors of every kind, links, and what is left where it fails.
. "$(dirname "$0")/../lib/tap.sh"
need gdb python3
source=image_edges
. tests/cli/image_common.sh
EBADF=-9 EFBIG=-27 ENOSPC=-28

to()
{
	rm -f "$SCRATCH/out"/*
	what=$1
	shift
	timeout 120 "$program" "$what" "$@" 2>"$SCRATCH/said"
}

to nonblocking -
is "a pipe that does not block is waited for" "$(said rc) $(said read)" "0 $(said file_bytes)"
to nonblocking - 1
is "in place, too" "$(said rc) $(said in_place) $(said read)" "0 1 $(said file_bytes)"

printf 'before' >"$SCRATCH/file"
to single fd:3 3<"$SCRATCH/file"
is "a descriptor that is not open for writing: an error" "$(said rc) $(cat "$SCRATCH/file")" "$EBADF before"
MAX_BYTES=4096
export MAX_BYTES
to single fd:3 3<>"$SCRATCH/file"
is "a file keeps what is behind its descriptor when the image is refused" "$(said rc) $(cat "$SCRATCH/file")" "$EFBIG before"
unset MAX_BYTES
to single fd:3 3<>"$SCRATCH/file"
is "an image takes the place of what is behind the descriptor" \
	"$(said rc) $(stat -c %s "$SCRATCH/file")" "0 $(said file_bytes)"
{
	printf 'head'
	to single fd:1
} >"$SCRATCH/file"
is "and stands behind what is before it" \
	"$(said rc) $(stat -c %s "$SCRATCH/file") $(head -c 8 "$SCRATCH/file" | tr -d '\177')" \
	"0 $(($(said file_bytes) + 4)) headELF"
printf 'before' >"$SCRATCH/file"
(
	ulimit -f 100
	printf 'head' >&3
	to single fd:3
) 3<>"$SCRATCH/file"
is "an image that fails is cut off again" "$(said rc) $(cat "$SCRATCH/file")" "$EFBIG head"
done_testing
