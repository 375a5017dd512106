#!/bin/sh
# A real core of more than 65,535 segments: their number stands in a section header (PN_XNUM).
. "$(dirname "$0")/../lib/tap.sh"
need jq gcc readelf
need_cores

cat >"$SCRATCH/many.c" <<'EOS'
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
enum { N = 70000, PAGE = 4096 };
void **g_last;
int main(void)
{
	char *p = mmap(NULL, (size_t)N * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (long i = 0; i < N; i += 2)
		if (mprotect(p + i * PAGE, PAGE, PROT_READ))
			return 1;
	g_last = (void **)(p + (long)(N - 1) * PAGE);
	*g_last = malloc(100);
	dprintf(1, "%p\n", *g_last);
	abort();
}
EOS
compile "$SCRATCH/many" "$SCRATCH/many.c"

limit=/proc/sys/vm/max_map_count
had=$(cat $limit 2>/dev/null) || skip_all "there is no $limit here"
if [ "$had" -lt 71000 ]; then
	{ echo 80000 >$limit; } 2>/dev/null || skip_all "a process may have $had mappings here, and that cannot be raised"
	trap 'echo "$had" >$limit; rm -rf "$SCRATCH"' EXIT
fi
die "$SCRATCH/many"
[ -n "$core" ] || skip_all "the program could not have its mappings"
readelf -h "$core" 2>/dev/null | grep -q '65535 (7' || skip_all "the kernel wrote no such core"

ask info "$core" >"$SCRATCH/info"
is_true "all segments are read" '.[0].dump.segments > 70000 and .[0].warnings == []' "$SCRATCH/info"
ask who "$core" "$(head -n 1 "$folder/said")" >"$SCRATCH/who"
is_true "what the last of 70,000 mappings holds is found from its variable" '
	.[0].path.steps | .[0].root.name == "g_last" and length == 3' "$SCRATCH/who"
head -c $(($(wc -c <"$core") - 64)) "$core" >"$SCRATCH/cut"
"$HEAPDUMP" info "$SCRATCH/cut" --no-cache >"$SCRATCH/out" 2>"$SCRATCH/err"
is "without the section header the core is refused in one line" "$? $(wc -l <"$SCRATCH/err")" "2 1"
ok "and the line says why" grep -q "more than 65,534 segments" "$SCRATCH/err"
done_testing
