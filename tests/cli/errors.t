#!/bin/sh
# What the tool does where it cannot answer: one line on stderr, and an exit status that says which kind
# of no it is. 0 answered, 1 not there, 2 usage or unreadable, 3 leaks --fail-over.
. "$(dirname "$0")/../lib/tap.sh"
need gcc jq
need_cores

compile "$SCRATCH/mix" tests/cli/screens_mix.c
die "$SCRATCH/mix"
cd "$folder" || exit 99
mv "$core" mix.core

# NAME STATUS WORD… : that exit status, nothing on stdout, one line on stderr that begins with the tool's name
# and has $says in it.
refuses()
{
	name=$1 want=$2
	shift 2
	"$HEAPDUMP" "$@" >out 2>err
	got=$?
	is "$name: exit status" $got "$want"
	is "$name: nothing on stdout" "$(head -c 200 out)" ''
	is "$name: what is said" "$(head -n 1 err)" "heapdump: $says"
	ok "$name: and at most how to go on" test "$(wc -l <err)" -le 2
}

# --- files ---
: >empty
head -c 30 mix.core >header
head -c 3000 mix.core >few
echo 'hello, this is no core at all, but long enough to have had a header' >text
mkdir folder
says='nothere: cannot open it: No such file or directory'
refuses "no such file" 2 info nothere
for file in empty header text folder "$SCRATCH/mix"; do
	"$HEAPDUMP" info $file >out 2>err
	is "$(basename $file): exit status" $? 2
	is "$(basename $file): nothing on stdout" "$(head -c 200 out)" ''
	is "$(basename $file): one line on stderr" "$(wc -l <err)" 1
	ok "$(basename $file): the line names the file" grep -q "^heapdump: $file: " err
done
"$HEAPDUMP" info few >out 2>err
ok "a core cut off in its headers is refused, or answered with a warning" sh -c \
	'case $1 in 0) grep -q "Caution\|warning" out ;; 2) test "$(wc -l <err)" = 1 ;; *) false ;; esac' - $?
cp mix.core forbidden && chmod 0 forbidden
chmod 755 "$SCRATCH" .
nobody=
[ "$(id -u)" != 0 ] || nobody='setpriv --reuid=65534 --clear-groups'
if $nobody "$HEAPDUMP" --version >/dev/null 2>&1; then
	$nobody "$HEAPDUMP" info forbidden >out 2>err
	is "a file that may not be read: exit status" $? 2
	is "a file that may not be read: what is said" "$(cat err)" \
		'heapdump: forbidden: cannot open it: Permission denied'
else
	skip "a file that may not be read" "root may read everything, and can be nobody else here"
fi

# --- the command line ---
says='what is the question?'
refuses "no word at all" 2
says='there is no command "frobnicate"'
refuses "an unknown command" 2 frobnicate mix.core
refuses "help of an unknown command" 2 help frobnicate
says='which FILE?'
refuses "no file" 2 info
says='which X?'
refuses "no X" 2 who mix.core
says='which ADDR?'
refuses "no address" 2 map mix.core
says='too many operands'
refuses "a second file" 2 info mix.core mix.core
says='too many operands: "5"'
refuses "five operands" 2 who 2 3 4 5
says='unknown option "--frobnicate"'
refuses "an unknown option" 2 info --frobnicate mix.core
says='unknown option "-x"'
refuses "an unknown letter" 2 info -xh mix.core
says='"--json=3": this option has no value'
refuses "a value for an option that has none" 2 info --json=3 mix.core
says='--limit needs a value'
refuses "no value for an option that needs one" 2 top mix.core --limit
for number in '' x 5x -5 99999999999999999999; do
	says="--limit needs a number, not \"$number\""
	refuses "--limit '$number'" 2 top mix.core "--limit=$number"
done
says='--depth needs a number, not "deep"'
refuses "--depth deep" 2 tree mix.core --depth deep
says='--fail-over needs a number, not "1t"'
refuses "--fail-over 1t" 2 leaks mix.core --fail-over 1t
says='--fail-over: "99999999999g" is too large'
refuses "--fail-over 99999999999g" 2 leaks mix.core --fail-over 99999999999g
says='--pointer-mask needs a number, not "top"'
refuses "--pointer-mask top" 2 info mix.core --pointer-mask top
says='--without-roots: "heap" is no class (global, tls, registered, kernel, stack, register, mapping)'
refuses "--without-roots heap" 2 info mix.core --without-roots stack,heap
says='--by cannot be "color"; heapdump help tells what it can be'
refuses "--by color" 2 top mix.core --by color
says='--color cannot be "red"; heapdump help tells what it can be'
refuses "--color=red" 2 top mix.core --color=red
says='info has no option --fail-over'
refuses "an option of another command" 2 info mix.core --fail-over 1
says='"0xzz" is not an address (0x followed by hex digits)'
refuses "an address that is none" 2 who mix.core 0xzz
refuses "an address that is none, for map" 2 map mix.core 0xzz

# --- what is not there ---
says='mix.core: no variable or type is named "g_nothing" in what was found of symbol tables and debug information'
refuses "no such variable" 1 who mix.core g_nothing
refuses "no such variable, for tree" 1 tree mix.core g_nothing
says='mix.core: 0x10: is in no object'
refuses "no object for tree" 1 tree mix.core 0x10
"$HEAPDUMP" map mix.core 0x10 >out 2>err
is "nothing mapped: exit status" $? 1
is "nothing mapped: the answer says so" "$(cat out)" '0x10  not mapped'
is "nothing mapped: so does stderr" "$(cat err)" 'heapdump: mix.core: 0x10: nothing is mapped there'

# Two static variables of one name.
mkdir twins && cd twins || exit 99
echo '#include <stdlib.h>
static void *volatile t_pool; void a(void) { t_pool = malloc(40); }' >one.c
echo '#include <stdlib.h>
void a(void); static void *volatile t_pool; int main(void) { a(); t_pool = malloc(50); abort(); }' >two.c
compile two one.c two.c
die_in . ./two
mv "$core" two.core
"$HEAPDUMP" who two.core t_pool >out 2>err
is "an ambiguous name: exit status" $? 1
ok "an ambiguous name: both are listed with their addresses" grep -q \
	'^heapdump: two.core: "t_pool" names 2 variables: 0x[0-9a-f]* in two, 0x[0-9a-f]* in two$' err
ok "by its file it is not ambiguous" "$HEAPDUMP" who two.core one.c:t_pool
addresses=$(grep -o '0x[0-9a-f]*' err)
is "two addresses are listed" "$(echo $addresses | wc -w)" 2
for address in $addresses; do
	"$HEAPDUMP" who two.core "$address" >out 2>&1
	ok "an address from that list can be pasted back" grep -q '^global  t_pool  .*(.bss of two' out
done
cd .. || exit 99

# --- exit status 3 ---
bytes=$("$HEAPDUMP" leaks --json mix.core | jq .leaked_bytes)
status_of()
{
	"$HEAPDUMP" "$@" >out 2>err
	echo $?
}
is "more leaked than --fail-over: 3" "$(status_of leaks mix.core --fail-over $((bytes - 1)))" 3
is "as much leaked as --fail-over: 0" "$(status_of leaks mix.core --fail-over "$bytes")" 0
is "--fail-over with a unit" "$(status_of leaks --fail-over 1k mix.core)$(status_of leaks --fail-over 1M mix.core)" 30
is "--fail-over 0 fails for any leak" "$(status_of leaks mix.core --fail-over 0)" 3
is "--fail-over with --json: 3, and the JSON is whole" "$(status_of leaks mix.core --json --fail-over 0)$(jq .leaked_bytes out)" "3$bytes"
is "leaks alone do not fail" "$(status_of leaks mix.core)" 0

# --- where the answer goes ---
if [ -c /dev/full ]; then
	for command in info top leaks tree "who mix.core g_jobs" "map mix.core 0x10" help; do
		case $command in
		*' '* | help) set -- $command ;;
		*) set -- "$command" mix.core ;;
		esac
		"$HEAPDUMP" "$@" >/dev/full 2>err
		is "$1 into a full disk: exit status" $? 2
		ok "$1 into a full disk: it says so" grep -q '^heapdump: cannot write the answer: No space left' err
		"$HEAPDUMP" "$@" --json >/dev/full 2>err
		is "$1 --json into a full disk: exit status" $? 2
	done
else
	skip "a full disk" "/dev/full is not here"
fi
# The reader is gone before the first byte; SIGPIPE ignored, as under many a service manager.
sh -c 'trap "" PIPE; ("$1" info mix.core 2>err; echo $? >status) | sleep 0' - "$HEAPDUMP"
case $(cat status) in
0) skip "a closed pipe is an error" "the pipe was faster" ;;
*)
	is "a closed pipe: exit status" "$(cat status)" 2
	is "a closed pipe: it says so" "$(cat err)" 'heapdump: cannot write the answer: Broken pipe'
	;;
esac
"$HEAPDUMP" info mix.core >&- 2>err
is "no stdout at all: exit status" $? 2

# --- colour and letters ---
esc=$(printf '\033')
colored()
{
	"$@" 2>&1 | grep -q "$esc"
}
plain()
{
	! colored "$@"
}
ok "no colour into a pipe" plain "$HEAPDUMP" info mix.core
ok "--color colours" colored "$HEAPDUMP" info mix.core --color
ok "--color=always colours, NO_COLOR or not" colored env NO_COLOR=1 "$HEAPDUMP" info mix.core --color=always
ok "--color=never does not" plain "$HEAPDUMP" info mix.core --color=never
if script -qc true /dev/null >/dev/null 2>&1; then
	on_terminal()
	{
		script -qec "$*" /dev/null </dev/null
	}
	ok "colour on a terminal" colored on_terminal env TERM=xterm "$HEAPDUMP" leaks mix.core
	on_terminal env TERM=xterm NO_COLOR=1 "$HEAPDUMP" leaks mix.core 2>/dev/null >screen
	ok "not with NO_COLOR" sh -c '! grep -q "$1\[[0-9]*m" screen' - "$esc"
	ok "progress on a terminal" grep -q 'walking the heap' screen
else
	skip "colour on a terminal" "script is not here"
fi
uncolored()
{
	"$HEAPDUMP" "$@" --color=always | sed "s/$esc\[[0-9]*m//g" >colored
	"$HEAPDUMP" "$@" >plain
	cmp colored plain
}
ok "colour carries nothing that the text does not: leaks" uncolored leaks mix.core
ok "colour carries nothing that the text does not: who" uncolored who mix.core g_jobs
for command in info top leaks "who mix.core g_jobs" tree "top --by root" help; do
	case $command in
	who* | help) set -- $command ;;
	*) set -- $command mix.core ;;
	esac
	LC_ALL=C "$HEAPDUMP" "$@" >screen
	is "$1 prints ASCII where the locale has no UTF-8" "$(LC_ALL=C grep -c '[^ -~]' screen)" 0
done

# --- the same bytes ---
for command in "info mix.core" "top mix.core" "leaks mix.core" "who mix.core g_jobs" "tree mix.core" "info --json mix.core" "tree --json mix.core"; do
	"$HEAPDUMP" $command >one
	"$HEAPDUMP" $command >two
	ok "two runs print the same bytes: $command" cmp one two
done
"$HEAPDUMP" --json info mix.core >one
"$HEAPDUMP" info mix.core --json >two
ok "options may stand anywhere" cmp one two
is "--version" "$("$HEAPDUMP" --version | grep -c '^heapdump [0-9]*\.[0-9]*\.[0-9]*$')" 1
cd "$ROOT" || exit 99
done_testing
