#!/bin/sh
# Processes: fork, vfork, spawn, exec; how a recorded program ends; programs that raise their privileges.
. "$(dirname "$0")/../lib/tap.sh"
. tests/lib/preload.sh

compile "$SCRATCH/fork" fixtures/preload_fork.c $FIXTURE
told '' record --rate all "$SCRATCH/fork"

# Everything a parent may see of a child.
cat >"$SCRATCH/end.c" <<'C'
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	int n = atoi(argv[2]);
	char *p = malloc(100000);

	strcpy(p, "said\n");
	if (write(1, p, 5) != 5)
		return 99;
	if (!strcmp(argv[1], "exit"))
		exit(n);
	if (!strcmp(argv[1], "_exit"))
		_exit(n);
	if (!strcmp(argv[1], "abort"))
		abort();
	if (!strcmp(argv[1], "double"))
		free(p), free(p);
	kill(getpid(), n);
	return n;
}
C
compile "$SCRATCH/end" "$SCRATCH/end.c" -w
for how in 'exit 0' 'exit 7' '_exit 255' 'abort 0' 'double 0' 'kill 9' 'kill 11' 'kill 15' 'kill 1' 'kill 10'; do
	want=$(cd "$SCRATCH" && sh -c '"$@" 2>&1; echo $?' - "$SCRATCH/end" $how 2>/dev/null)
	got=$(cd "$SCRATCH" && sh -c '"$@" 2>&1; echo $?' - "$HEAPDUMP" record --rate all "$SCRATCH/end" $how 2>/dev/null)
	is "a program ends as without the library: $how" "$got" "$want"
done
is "a program gets its arguments as they are" \
	"$(record -- printf '%s,' --rate 'a b' '' '*' -- '$x')" "$(printf '%s,' --rate 'a b' '' '*' -- '$x')"
is "standard input and output are the program's" "$(echo text | record tr a-z A-Z | record cat)" TEXT

# Descriptors are numbered in the order of their opening, and a daemon closes those that it does not know.
for how in auto libunwind frames; do
	is "a program has the file descriptors that it has without the library, unwinding by $how" \
		"$(record --unwind $how ls /proc/self/fd <&-)" "$(ls /proc/self/fd <&-)"
done

# The loader ignores LD_PRELOAD for who gains privileges: for another user, this program does.
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	cp "$SCRATCH/fork" "$SCRATCH/setuid"
	chmod 4755 "$SCRATCH/setuid"
	chmod 755 "$SCRATCH"
	as_nobody="setpriv --reuid 65534 --regid 65534 --clear-groups"
	$as_nobody env LD_PRELOAD="$LIBRARY" HEAPDUMP_RATE=nonsense "$SCRATCH/setuid" recorded 2>"$SCRATCH/err"
	is "a set-user-ID program is not recorded" $? 0
	is "and nothing is said of its environment" "$(grep -c heapdump: "$SCRATCH/err")" 0
	$as_nobody "$HEAPDUMP" record "$SCRATCH/setuid" recorded 2>"$SCRATCH/err"
	is "record refuses a set-user-ID program" "$? $(grep -c 'set-user-ID' "$SCRATCH/err")" '2 1'

	# linked with it, the library is there and leaves the environment alone
	cat >"$SCRATCH/linked.c" <<'C'
#include <heapdump.h>
#include <stdlib.h>
int main(void)
{
	struct heapdump_stats s = {.size = sizeof(s)};
	char *p = malloc(1 << 20);

	return heapdump_get_stats(&s) || s.interval || s.samples_taken || heapdump_set_interval(1) ||
	       heapdump_name_root(p, 8, "x") == 0 || heapdump_announce(p, 8, "x") == 0;
}
C
	compile "$SCRATCH/linked" "$SCRATCH/linked.c" -Iinclude "${BUILD:-build}/libheapdump.a" -ldl -pthread
	chmod 4755 "$SCRATCH/linked"
	if [ "$($as_nobody find "$SCRATCH" -name linked 2>/dev/null)" ]; then
		$as_nobody env HEAPDUMP_RATE=all HEAPDUMP_SIGNAL=USR1 "$SCRATCH/linked" 2>"$SCRATCH/err"
		is "a set-user-ID program that is linked with the library is not sampled" $? 0
	fi
else
	skip "a set-user-ID program is not recorded" "needs root and setpriv"
fi
done_testing
