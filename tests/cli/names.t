#!/bin/sh
# What things are called.
. "$(dirname "$0")/../lib/tap.sh"
need jq gcc strip
need_cores

# A program without symbols has one root from .dynamic to the end of .bss.
cat >"$SCRATCH/plain.c" <<'C'
#include <stdio.h>
#include <stdlib.h>

char g_data[256] = "data";
void *g_before[64], *g_word;

int main(void)
{
	g_word = malloc(1000);
	dprintf(1, "%p %p\n", g_word, (void *)&g_word);
	free(malloc(1000 + (size_t)g_data[0]));
	abort();
}
C
compile "$SCRATCH/plain" "$SCRATCH/plain.c"
strip "$SCRATCH/plain"
die "$SCRATCH/plain"
cd "$folder" || exit 99
read -r object word <said
ask who core* "$object" >who
is_true "the section of a root without a name is the one that the word lies in" "
	.[0].path.steps[0].root | .word == \"$word\" and .name == null and .section == \".bss\" and .offset > 256" who
is "it stands on the screen" "$("$HEAPDUMP" who core* "$object" | grep -m 1 -c "global  .*(\.bss of plain)")" 1
done_testing
