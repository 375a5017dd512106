#!/bin/sh
# Threads and signal handlers, each counted exactly at --rate all.
. "$(dirname "$0")/../lib/tap.sh"
. tests/lib/preload.sh

compile "$SCRATCH/threads" fixtures/preload_threads.c $FIXTURE
told '' record --rate all "$SCRATCH/threads"
told 'by libunwind: ' record --rate all --unwind libunwind "$SCRATCH/threads" allocates

compile "$SCRATCH/plain.so" -shared -fPIC -fno-builtin fixtures/preload_plain.c
compile "$SCRATCH/signals" fixtures/preload_signals.c $FIXTURE
if grep -q -e -fsanitize "$BUILD/flags" 2>/dev/null; then
	skip "handlers that allocate are counted exactly" "a sanitized tool runs under no other allocator"
else
	told '' env LD_PRELOAD="$SCRATCH/plain.so" "$HEAPDUMP" record --rate all "$SCRATCH/signals"
fi
done_testing
