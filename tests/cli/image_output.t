#!/bin/sh
# Where an image goes: descriptors of every kind, links, and what is left where it fails.
. "$(dirname "$0")/../lib/tap.sh"
need gdb python3
source=image_edges
. tests/cli/image_common.sh
EACCES=-13 EBADF=-9 EISDIR=-21 ELOOP=-40 EFBIG=-27 ENOSPC=-28

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

rm -f "$SCRATCH/out"/*
mkdir "$SCRATCH/far" "$SCRATCH/far/deep"
echo before >"$SCRATCH/far/image"
ln "$SCRATCH/far/image" "$SCRATCH/other"
ln -s ../far/second "$img"
ln -s image "$SCRATCH/far/second"
# what is in the two folders
both()
{
	echo $(ls -A "$SCRATCH/out") / $(ls -A "$SCRATCH/far")
}
timeout 60 "$program" single "$img" 2>"$SCRATCH/said"
is "links are followed: the file behind them is replaced, not written over" \
	"$(said rc) $(stat -c '%F %s' "$SCRATCH/far/image") $(cat "$SCRATCH/other") $(both)" \
	"0 regular file $(said file_bytes) before image / deep image second"
rm "$SCRATCH/far/image"
timeout 60 "$program" single "$img" 2>"$SCRATCH/said"
is "a link to nothing: the file is made there" \
	"$(said rc) $(stat -c '%F %s' "$SCRATCH/far/image") $(both)" \
	"0 regular file $(said file_bytes) image / deep image second"
ln -sfn ../far/deep "$img"
timeout 60 "$program" single "$img" 2>"$SCRATCH/said"
is "a link to a folder: an error" "$(said rc) $(both)" "$EISDIR image / deep image second"
ln -sfn image "$img"
timeout 60 "$program" single "$img" 2>"$SCRATCH/said"
is "a link to itself: an error" "$(said rc) $(both)" "$ELOOP image / deep image second"
if [ "$(id -u)" = 0 ]; then
	ln -sfn ../far/image "$img"
	chown -h 65534 "$img"
	echo before >"$SCRATCH/far/image"
	timeout 60 "$program" single "$img" 2>"$SCRATCH/said"
	is "somebody else's link: an error" "$(said rc) $(cat "$SCRATCH/far/image") $(both)" \
		"$EACCES before image / deep image second"
else
	skip "somebody else's link: an error" "needs root"
fi
{
	printf 'head'
	timeout 60 "$program" single /dev/stdout 2>"$SCRATCH/said"
} >"$SCRATCH/file"
is "/dev/stdout is the descriptor" "$(said rc) $(stat -c %s "$SCRATCH/file") $(stat -c %F /dev/stdout)" \
	"0 $(($(said file_bytes) + 4)) symbolic link"
done_testing
