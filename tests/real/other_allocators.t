#!/bin/sh
# Heaps of allocators that the tool cannot parse: the allocator is named, with the bytes that are not
# understood; never a silent zero, and never libc's idle malloc in its stead.
. "$(dirname "$0")/../lib/tap.sh"
need jq gcc python3
need_cores
unset LD_PRELOAD

# The core is of an allocator called $2, at least $3 bytes of memory are said not to be parsed.
check_named()
{
	[ -n "$core" ] || {
		is "$1 leaves a core" no yes
		return
	}
	ask info "$core" >"$folder/info" 2>"$folder/err"
	is_true "$1: $2 is named" ".[0].heap.unknown_allocators | any(.name == \"$2\")" "$folder/info"
	is_true "$1: more than $3 bytes are said not to be parsed" "
		.[0] | .heap.unknown_bytes > $3 and
		(.warnings | any(contains(\"$2\") and contains(\"not parsed\")))" "$folder/info"
	is_true "$1: no object is claimed for libc's malloc" '
		.[0].heap | .allocator == null and .in_use_objects == 0 and .leaked_objects == 0' \
		"$folder/info"
	# Text is what people see: the name must stand there, too.
	ok "$1: the screen names $2" sh -c "'$HEAPDUMP' info --no-debuginfod '$core' | grep -q '$2'"
}

cat >"$SCRATCH/table.c" <<'C'
#include <stdio.h>
#include <stdlib.h>

struct node { struct node *next; char text[100]; };
struct node *g_list;

int main(void)
{
	for (int i = 0; i < 100000; i++) {
		struct node *n = calloc(1, sizeof(*n) + (size_t)(i % 7) * 50);

		n->next = g_list;
		snprintf(n->text, sizeof(n->text), "node %d", i);
		g_list = n;
	}
	abort();
}
C
compile "$SCRATCH/table" "$SCRATCH/table.c"

preloaded()
{
	library=$(ls /usr/lib/*/$2 2>/dev/null | head -n 1)
	if [ -z "$library" ]; then
		skip "$1 preloaded" "$2 is not here"
		return
	fi
	die env LD_PRELOAD="$library" "$SCRATCH/table"
	check_named "$1 preloaded" "$1" 10000000
}

preloaded jemalloc libjemalloc.so.2
preloaded tcmalloc 'libtcmalloc_minimal.so.4'
preloaded mimalloc 'libmimalloc.so.2*'

if command -v musl-gcc >/dev/null; then
	CC=musl-gcc compile "$SCRATCH/musl" "$SCRATCH/table.c"
	die "$SCRATCH/musl"
	check_named 'a program of musl-gcc' musl 10000000
	CC=musl-gcc compile "$SCRATCH/musl-static" -static "$SCRATCH/table.c"
	die "$SCRATCH/musl-static"
	check_named 'a static program of musl-gcc' musl 10000000
else
	skip 'a program of musl-gcc' 'musl-gcc is not here'
fi

# As Debian ships it, redis-server is linked with jemalloc.
serve()
{
	redis-server --port 0 --unixsocket s --save '' --crash-log-enabled no &
	tries=0
	while [ ! -S s ] && [ $tries -lt 100 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
	python3 -c '
import socket
s = socket.socket(socket.AF_UNIX)
s.connect("s")
f = s.makefile("rb")
for i in range(20000):
    s.sendall(b"SET key%d %s\r\n" % (i, b"v" * (i % 500 + 1)))
    f.readline()'
	kill -ABRT $!
	wait $!
}

if ! command -v redis-server >/dev/null; then
	skip "Debian's redis-server" 'it is not here'
elif ! ldd "$(command -v redis-server)" | grep -q jemalloc; then
	skip "Debian's redis-server" 'here it is not linked with jemalloc'
else
	die serve
	check_named "Debian's redis-server" jemalloc 3000000
fi
done_testing
