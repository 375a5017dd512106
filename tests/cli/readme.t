#!/bin/sh
# The README's transcripts are what the tool prints for the demo server's core.
#
#	UPDATE=1 tests/cli/readme.t		writes today's screens into README.md
. "$(dirname "$0")/../lib/tap.sh"
need python3 gcc
export HEAPDUMP

[ "$(uname -m)" = x86_64 ] || skip_all "the README's figures are of x86-64"
ok "the demo server dies and leaves a core" fixtures/demo_core.sh "$SCRATCH/demo"
ok "and so it does under heapdump record" env \
	DEMO_UNDER="$HEAPDUMP record --rate all --" fixtures/demo_core.sh "$SCRATCH/recorded"
mv "$SCRATCH/recorded/srv.core" "$SCRATCH/demo/recorded.core"
same_everywhere

if [ -n "${UPDATE:-}" ]; then
	scripts/transcript --update README.md "$SCRATCH/demo"
fi
ok "the README shows what the tool prints" scripts/transcript README.md "$SCRATCH/demo"

# The check above can fail: one digit, one line, one mixed-up address.
wrong()
{
	sed "$1" README.md >"$SCRATCH/wrong.md"
	! cmp -s README.md "$SCRATCH/wrong.md" && ! scripts/transcript "$SCRATCH/wrong.md" "$SCRATCH/demo" >/dev/null
}
ok "a wrong figure is noticed" wrong 's/5,000 objects leaked/5,001 objects leaked/'
ok "a missing line is noticed" wrong '/^shortest path/d'
ok "an address that stands for two is noticed" wrong '/^├─ 0x/s/0x[0-9a-f]*/0x7f0000000010/'

lines=$(wc -l <README.md)
ok "the README has 60 to 120 lines" test "$lines" -ge 60 -a "$lines" -le 120
done_testing
