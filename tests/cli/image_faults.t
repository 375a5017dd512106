#!/bin/sh
# What goes wrong: an error code or another way, never half a file, never a harmed program.
. "$(dirname "$0")/../lib/tap.sh"
need gdb python3
. tests/cli/image_common.sh

left()
{
	echo $(ls -A "${1:-$SCRATCH/out}")
}
ENOENT=-2 EACCES=-13 EFBIG=-27 ENOSPC=-28 EISDIR=-21 EPIPE=-32

mkdir "$SCRATCH/empty"
timeout 60 "$program" threads "$SCRATCH/none/image" 2>"$SCRATCH/said"
is "a folder that is not there: an error" "$(said rc)" $ENOENT
timeout 60 "$program" threads "$SCRATCH/empty" 2>"$SCRATCH/said"
is "a folder instead of a file: an error" "$(said rc) $(left "$SCRATCH/empty")" "$EISDIR "
timeout 60 "$program" threads /dev/full 2>"$SCRATCH/said"
is "a full device: an error" "$(said rc)" $ENOSPC
timeout 60 "$program" threads fd:3 3>/dev/full 2>"$SCRATCH/said"
is "a full device as a descriptor: an error" "$(said rc)" $ENOSPC
timeout 60 "$program" threads fd:1 2>"$SCRATCH/said" | head -c 10 >/dev/null
is "a pipe whose reader has gone: an error, and no SIGPIPE" "$(said rc)" $EPIPE
image small-files
is "RLIMIT_FSIZE: an error, and no SIGXFSZ" "$(said rc) $(said alive) $(left)" "$EFBIG 1 "
image small-files 3
is "RLIMIT_FSIZE in place" "$(said rc) $(said alive) $(left)" "$EFBIG 1 "
MAX_BYTES=1000000
export MAX_BYTES
image big 0 8
is "more than the caller's limit: an error" "$(said rc) $(left)" "$EFBIG "
unset MAX_BYTES
echo before >"$img"
timeout 60 "$program" small-files "$img" 2>"$SCRATCH/said"
is "a file that was there stays when the dump fails" "$(said rc) $(cat "$img")" "$EFBIG before"
timeout 60 "$program" single "$img" 2>"$SCRATCH/said"
is "and is replaced when it succeeds" "$(said rc) $(left) $(stat -c %s "$img")" "0 image $(said file_bytes)"
timeout 120 "$program" churn-of-mappings /dev/null 0 10 2>"$SCRATCH/said"
is "mappings that come while they are read: no error" "$(said failed)" 0

if [ "$(id -u)" = 0 ]; then
	chmod 755 "$SCRATCH" "$SCRATCH/out"
	image nobody
	is "a folder that cannot be written to: an error" "$(said rc) $(left)" "$EACCES "
	mkdir "$SCRATCH/small"
	if mount -t tmpfs -o size=4m none "$SCRATCH/small" 2>/dev/null; then
		timeout 60 "$program" big "$SCRATCH/small/image" 0 32 2>"$SCRATCH/said"
		is "a file system that is too small: an error, before anything is stopped" \
			"$(said rc) $(left "$SCRATCH/small") $(said data_bytes)" "$ENOSPC  0"
		dd if=/dev/zero of="$SCRATCH/small/other" bs=1k count=3900 2>/dev/null
		timeout 60 "$program" threads "$SCRATCH/small/image" 2>"$SCRATCH/said"
		is "a file system that fills up: an error" "$(said rc) $(left "$SCRATCH/small")" "$ENOSPC other"
		mount -o remount,ro "$SCRATCH/small"
		timeout 60 "$program" threads "$SCRATCH/small/image" 2>"$SCRATCH/said"
		is "a read-only file system: an error" "$(said rc)" -30
		umount "$SCRATCH/small"
	else
		skip "a file system that is too small: an error, before anything is stopped" "no mount here"
		skip "a file system that fills up: an error" "no mount here"
		skip "a read-only file system: an error" "no mount here"
	fi
else
	skip "a folder that cannot be written to: an error" "needs root"
	skip "file systems that are full or read-only" "needs root"
fi

if [ "$(id -u)" = 0 ] && [ -z "$san" ]; then
	chmod 777 "$SCRATCH/out"
	image few-tasks 0 1
	is "RLIMIT_NPROC refuses the fork: written in place" "$(dumped)" "0 3 0 1 0"
	is "gdb has nothing to complain of" "$(complaints "$img")" ""
	image few-tasks 0 0
	is "RLIMIT_NPROC refuses the helper: the caller does it alone, by signal" "$(dumped)" "0 3 0 1 1"
	is "gdb has nothing to complain of that" "$(complaints "$img")" ""
	NOT_DUMPABLE=1
	export NOT_DUMPABLE
	image few-tasks 0 9
	is "a process that is not dumpable: by signal" "$(dumped)" "0 3 0 0 1"
	is "gdb has nothing to complain of this one" "$(complaints "$img")" ""
	unset NOT_DUMPABLE
else
	skip "RLIMIT_NPROC and a process that is not dumpable" "needs root, and no sanitizer"
fi

done_testing
