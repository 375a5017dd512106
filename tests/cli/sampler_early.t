#!/bin/sh
# Allocations before the library is ready, and a library that comes late.
. "$(dirname "$0")/../lib/tap.sh"
. tests/lib/preload.sh

quiet="-fno-builtin -Wno-unused-function"
compile "$SCRATCH/early" fixtures/preload_early.c $FIXTURE $quiet
compile "$SCRATCH/first.so" -shared -fPIC -DEARLY_LIBRARY fixtures/preload_early.c $FIXTURE $quiet
compile "$SCRATCH/dlsym.so" -shared -fPIC -DEARLY_DLSYM fixtures/preload_early.c $FIXTURE $quiet

export HEAPDUMP_RATE=all
told '' env LD_PRELOAD="$LIBRARY" "$SCRATCH/early"
told 'behind us: ' env LD_PRELOAD="$LIBRARY:$SCRATCH/first.so" "$SCRATCH/early"
told 'before us: ' env LD_PRELOAD="$SCRATCH/first.so:$LIBRARY" "$SCRATCH/early"
told 'dlsym allocates: ' env LD_PRELOAD="$SCRATCH/dlsym.so:$LIBRARY:$SCRATCH/first.so" "$SCRATCH/early"
for name in jemalloc tcmalloc mimalloc; do
	[ -n "$(allocator $name)" ] || continue
	told "above $name: " env LD_PRELOAD="$LIBRARY:$(allocator $name):$SCRATCH/first.so" "$SCRATCH/early"
done
unset HEAPDUMP_RATE

# There malloc's address is that of the program's own jump to it.
echo 'int main(int n, char **v) { void *malloc(unsigned long), *(*volatile get)(unsigned long) = malloc; return !get(n); }' \
	>"$SCRATCH/fixed.c"
compile "$SCRATCH/fixed" "$SCRATCH/fixed.c" -w -fno-builtin -fno-pic -no-pie
is 'a program at a fixed address has our malloc, and nothing is said' "$(record "$SCRATCH/fixed" 2>&1; echo $?)" 0

# dlopen: the program's malloc is bound already, images can be had
cat >"$SCRATCH/late.c" <<'C'
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include "preload.h"
int main(int argc, char **argv)
{
	void *before = malloc(100);
	void *library = dlopen(argv[1], RTLD_NOW);
	int (*write_image)(const char *, const void *, void *) =
		(int (*)(const char *, const void *, void *))dlsym(library, "heapdump_write");

	check(library && write_image, "dlopen loads it");
	free(before);
	free(malloc(1 << 20));
	check(write_image && write_image(argv[2], NULL, NULL) == 0, "and it writes images");
	check(dlclose(library) == 0, "dlclose is survived");
	free(malloc(100));
	return 0;
}
C
compile "$SCRATCH/late" "$SCRATCH/late.c" $FIXTURE
told 'a library that comes late: ' "$SCRATCH/late" "$LIBRARY" "$SCRATCH/late.core"
is "a library that comes late says that it samples nothing" "$(grep -c 'not sampled' "$SCRATCH/.told.err")" 1
ask info "$SCRATCH/late.core" >"$SCRATCH/late.json"
is_true "the image of a late library can be read" '.[0].heap.in_use_objects > 0' "$SCRATCH/late.json"
done_testing
