#!/bin/sh
# What a dump says of itself is an attacker's: no name, path, argument or string in it acts on the
# terminal, and the JSON stays valid UTF-8.
. "$(dirname "$0")/../lib/tap.sh"
need gcc jq objcopy iconv
need_cores

esc=$(printf '\033')
turn=$(printf '\342\200\256')
csi=$(printf '\302\233')
evil="evil${esc}]0;owned$(printf '\a')${turn}${csi}31m
line"
bytes=$(printf 'bytes\377\300\200')
cat >"$SCRATCH/evil.c" <<'C'
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
void *g_plain[4];
void f_plain(void) {}
int main(int argc, char **argv)
{
	g_plain[0] = malloc(100);
	*(void **)g_plain[0] = (void *)f_plain;
	g_plain[1] = strdup("text \033[31m with an escape\nand more");
	g_plain[2] = strdup("plain text\nof two lines\r");
	prctl(PR_SET_NAME, argv[1]);
	abort();
}
C
folder=$SCRATCH/$evil$bytes
mkdir "$folder" || exit 98
compile "$SCRATCH/evil.o" -c "$SCRATCH/evil.c"
objcopy --redefine-sym "g_plain=g_${esc}[31mred${turn}" --redefine-sym "f_plain=f_$bytes${esc}c$(printf '%0500d' 0)" "$SCRATCH/evil.o" ||
	skip_all "objcopy cannot rename a symbol so"
compile "$folder/$evil" "$SCRATCH/evil.o"
(cd "$folder" && ulimit -c unlimited && "./$evil" "${esc}[2J" "$evil" "$bytes"; :) >"$SCRATCH/said" 2>&1
core=$SCRATCH/evil.core
for f in "$folder"/core*; do
	mv "$f" "$core"
done
[ -e "$core" ] || skip_all "no core was left"

# What must not be on a terminal: control characters but newline, C1 and turning marks as UTF-8, and bytes
# that are no UTF-8.
acts()
{
	LC_ALL=C grep -q "$(printf '[\001-\010\013-\037\177]')" "$1" ||
		LC_ALL=C grep -q "$(printf '\302[\200-\237]')" "$1" ||
		LC_ALL=C grep -q "$turn" "$1" || ! iconv -f UTF-8 -t UTF-8 "$1" >/dev/null 2>&1
}

harmless()
{
	"$HEAPDUMP" "$@" --no-debuginfod >"$SCRATCH/out" 2>&1
	! acts "$SCRATCH/out"
}

valid()
{
	"$HEAPDUMP" "$@" --json --no-debuginfod >"$SCRATCH/out" 2>/dev/null
	iconv -f UTF-8 -t UTF-8 "$SCRATCH/out" >/dev/null && jq . "$SCRATCH/out" >/dev/null && ! acts "$SCRATCH/out"
}

printf 'a\033[31mb\n' >"$SCRATCH/bad"
ok "an escape sequence would be noticed" acts "$SCRATCH/bad"
printf 'a\302\23331mb\n' >"$SCRATCH/bad"
ok "so would one of eight bits" acts "$SCRATCH/bad"

root=$("$HEAPDUMP" top --by root "$core" --json | jq -r '[.rows[].root | select(.name != null and (.name | startswith("g_")))][0].addr')
ok "the hostile variable is a root" test "$root" != null
object=$("$HEAPDUMP" who "$core" "$root" --json | jq -r '.roots[0].holds[0].object.addr')
for command in info top "top --by module" "top --by root" leaks tree "who $root" "who $object" "map $root" \
	"map $object" "map 0x10"; do
	set -- $command
	word=$1
	shift
	case $word in
	who | map)
		ok "$word prints nothing that acts" harmless "$word" "$core" "$@"
		ok "$word --json is valid" valid "$word" "$core" "$@"
		;;
	*)
		ok "$command prints nothing that acts" harmless "$word" "$core" "$@"
		ok "$command --json is valid" valid "$word" "$core" "$@"
		;;
	esac
done

"$HEAPDUMP" who "$core" "$root" >"$SCRATCH/out"
ok "the name is there, spelled out" grep -qF 'g_\x1b[31mred\xe2\x80\xae' "$SCRATCH/out"
"$HEAPDUMP" info "$core" >"$SCRATCH/out"
ok "the path is there, spelled out" grep -q '^program  .*evil\\x1b\]0;owned\\x07\\xe2\\x80\\xae\\xc2\\x9b31m\\nline' "$SCRATCH/out"
ok "no argument begins a line" sh -c '! grep -q "^line" "$1"' - "$SCRATCH/out"

"$HEAPDUMP" who "$core" "$object" >"$SCRATCH/out"
ok "a symbol of 500 characters is cut" grep -q ' B object   retained .*   \[f_bytes.\{40,52\}…\]$' "$SCRATCH/out"

# Names that the user gives come back in errors.
ok "a file of a hostile name that is not there" harmless info "$evil"
ok "a hostile command" harmless "$evil" "$core"
ok "a hostile option" harmless info "--$evil"
ok "a hostile variable" harmless who "$core" "$evil"
ok "a hostile value" harmless top "$core" --by "$evil"
ok "a hostile core name" harmless leaks "$folder/nothing"
LC_ALL=C "$HEAPDUMP" info "$core" >"$SCRATCH/out"
is "without UTF-8 all of it is ASCII" "$(LC_ALL=C grep -c '[^ -~]' "$SCRATCH/out")" 0
done_testing
