#!/bin/sh
# docs/format-image.md has the tables that include/heapimage.h has, with the compiler's offsets.
. "$(dirname "$0")/../lib/tap.sh"
need python3 gcc

ok "the page's tables are those of the header" scripts/format-tables --check docs/format-image.md
scripts/format-tables --asserts >"$SCRATCH/asserts.c"
ok "their offsets and sizes are the compiler's" gcc -Iinclude -o "$SCRATCH/asserts" "$SCRATCH/asserts.c"
is "every field is asserted" "$(grep -c _Static_assert "$SCRATCH/asserts.c")" \
	"$(grep -c '^| [0-9]* | [0-9]* | `' docs/format-image.md)"

# The checks above can fail.
sed 's/^| 8 | 2 | `method`/| 10 | 2 | `method`/' docs/format-image.md >"$SCRATCH/wrong.md"
not()
{
	! "$@"
}
ok "a wrong offset on the page is noticed" not scripts/format-tables --check "$SCRATCH/wrong.md"
sed 's/time_ns) == 24/time_ns) == 28/' "$SCRATCH/asserts.c" >"$SCRATCH/wrong.c"
ok "and one of the script's by the compiler" not gcc -Iinclude -o "$SCRATCH/asserts" "$SCRATCH/wrong.c"

# Types of notes and the segment, too.
sed -n 's/.*HEAPIMAGE_NOTE_\([A-Z]*\) = \(0x[0-9a-f]*\),.*/| \2 | \1 |/p' include/heapimage.h >"$SCRATCH/types"
is "every type of note is on the page" "$(grep -c -F -f "$SCRATCH/types" docs/format-image.md)" "$(wc -l <"$SCRATCH/types")"
ok "the segment's type is on the page" grep -q "$(sed -n 's/#define PT_HEAPDUMP //p' include/heapimage.h)" docs/format-image.md
done_testing
