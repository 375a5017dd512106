#!/bin/sh
# The man pages: their examples are what the tool prints for the program that heapdump(1) shows, their
# options are those of --help, and they can be rendered.
#
#	UPDATE=1 tests/cli/man.t		writes today's screens into the pages
. "$(dirname "$0")/../lib/tap.sh"
need python3 gcc jq setarch
export HEAPDUMP
pages=docs/man/heapdump.1
for name in info top leaks who map show tree; do
	pages="$pages docs/man/heapdump-$name.1"
done
commands=$("$HEAPDUMP" help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p' | grep -vx help)

# What --help says of a command, and what a page has: --word, one a line.
options_of_help()
{
	"$HEAPDUMP" $1 --help | grep -o -e '--[a-z][a-z-]*' | sort -u
}

options_of_page()
{
	sed 's/\\-/-/g; s/\\f[BPRI]//g' "$1" | grep '^\.B\|^\.TP\|^--' | grep -o -e '--[a-z][a-z-]*' | sort -u
}

# $1 without the lines of $2
without()
{
	printf '%s\n' "$1" | grep -vxF -e "$2" | tr '\n' ' ' | sed 's/^ *//; s/ *$//'
}

everywhere=$(options_of_help)
page=$(options_of_page docs/man/heapdump.1)
own=$(for name in $commands; do options_of_help "$name"; done | sort -u)
is "the page heapdump has every option of heapdump help" "$(without "$everywhere" "$page")" ''
is "the page heapdump has no option that heapdump help lacks" "$(without "$page" "$everywhere
$own
--help
--version")" ''
for name in $commands; do
	help=$(options_of_help $name)
	page=$(options_of_page docs/man/heapdump-$name.1)
	is "the page of $name has its own options" "$(without "$(without "$help" "$everywhere" | tr ' ' '\n')" "$page")" ''
	is "the page of $name has no option that its help lacks" "$(without "$page" "$help")" ''
	ok "the page heapdump leads to that of $name" grep -q "^.BR heapdump..$name (1)" docs/man/heapdump.1
done
is "there are at least seven commands" "$(echo $commands | cut -d' ' -f1-7)" 'info top leaks who map show tree'

if command -v groff >/dev/null; then
	for page in docs/man/*; do
		is "groff has nothing to say of $page" "$(groff -K utf8 -man -Tutf8 -ww -z "$page" 2>&1)" ''
	done
else
	skip "the pages render without warnings" "groff is not here"
fi

[ "$(uname -m)" = x86_64 ] || {
	skip "the examples are true" "the pages' figures are of x86-64"
	done_testing
}
need_cores
mkdir "$SCRATCH/demo"
sed -n '/^#include <stdio.h>/,/^\.EE/{/^\.EE/!p;}' docs/man/heapdump.1 | sed 's/\\-/-/g; s/\\e/\\/g' >"$SCRATCH/demo/sessions.c"
(cd "$SCRATCH/demo" && "${CC:-gcc}" -g -o sessions sessions.c) || {
	is "the program of the examples compiles" no yes
	done_testing
}
shift=
setarch -R true 2>/dev/null && shift='setarch -R'
die_in "$SCRATCH/demo" $shift ./sessions
mv "$core" "$SCRATCH/demo/sessions.core"
same_everywhere
[ -z "${UPDATE:-}" ] || scripts/transcript --update $pages "$SCRATCH/demo"
ok "the examples show what the tool prints" scripts/transcript $pages "$SCRATCH/demo"

# The check can fail: one digit, one line.
wrong()
{
	sed "$1" docs/man/heapdump-leaks.1 >"$SCRATCH/wrong.1"
	! cmp -s docs/man/heapdump-leaks.1 "$SCRATCH/wrong.1" && ! scripts/transcript "$SCRATCH/wrong.1" "$SCRATCH/demo" >/dev/null
}
ok "a wrong figure in a page is noticed" wrong 's/in 500 groups/in 501 groups/'
ok "a missing line in a page is noticed" wrong '/^No root reaches it/d'
done_testing
