#!/bin/sh
# The malloc family under the library, above glibc's malloc and above others.
. "$(dirname "$0")/../lib/tap.sh"
. tests/lib/preload.sh

compile "$SCRATCH/family" fixtures/preload_family.c $FIXTURE -Wno-deprecated-declarations
told '' record --rate all "$SCRATCH/family"

"$SCRATCH/family" outcomes >"$SCRATCH/want"
for rate in all 1k 512k off; do
	record --rate $rate "$SCRATCH/family" outcomes >"$SCRATCH/got"
	ok "what the standards leave open comes out as without the library, at rate $rate" \
		diff "$SCRATCH/want" "$SCRATCH/got"
done

for name in jemalloc tcmalloc mimalloc; do
	beneath=$(allocator $name)
	if grep -q -e -fsanitize "$BUILD/flags" 2>/dev/null; then
		skip "$name beneath us is served as it is" "a sanitized tool runs under no other allocator"
		continue
	fi
	if [ -z "$beneath" ]; then
		skip "$name beneath us is served as it is" "$name is not here"
		continue
	fi
	told "$name: " env LD_PRELOAD="$beneath" "$HEAPDUMP" record --rate all "$SCRATCH/family" lenient
	LD_PRELOAD=$beneath "$SCRATCH/family" outcomes >"$SCRATCH/want"
	LD_PRELOAD=$beneath "$HEAPDUMP" record --rate 1k "$SCRATCH/family" outcomes >"$SCRATCH/got"
	ok "$name: what the standards leave open comes out as without the library" \
		diff "$SCRATCH/want" "$SCRATCH/got"
	# in front of us it takes everything
	LD_PRELOAD=$beneath:$LIBRARY HEAPDUMP_RATE=all "$SCRATCH/family" outcomes >"$SCRATCH/got" 2>"$SCRATCH/err"
	ok "$name before us: the program runs as without the library" diff "$SCRATCH/want" "$SCRATCH/got"
	is "$name before us: one line says that nothing is sampled" \
		"$(grep -c 'heapdump: .*not sampled' "$SCRATCH/err")" 1
done

# A runtime that wants to be the first library, and finds what is wrong all the same.
cat >"$SCRATCH/careful.c" <<'C'
#include <stdlib.h>
int main(int n, char **v)
{
	volatile char *volatile p = malloc(100);

	if (n > 1)
		p[100] = 1;
	free((char *)p);
	return 7;
}
C
if echo 'int main(void) { return 0; }' | "${CC:-gcc}" -fsanitize=address -x c - -o "$SCRATCH/any" 2>/dev/null; then
	compile "$SCRATCH/careful" "$SCRATCH/careful.c" -fsanitize=address
	record --rate all "$SCRATCH/careful" >"$SCRATCH/said" 2>&1
	is "AddressSanitizer: a program runs as without the library" "$? $(grep -v 'not sampled' "$SCRATCH/said")" '7 '
	ASAN_OPTIONS=exitcode=66 record --rate all "$SCRATCH/careful" over >"$SCRATCH/said" 2>&1
	is "AddressSanitizer: an overflow is found" "$? $(grep -c 'ERROR: .*heap-buffer-overflow' "$SCRATCH/said")" '66 1'
else
	skip "AddressSanitizer: a program runs as without the library" "it is not here"
fi
done_testing
