#!/bin/sh
# What may be around a program: valgrind, limits of its resources, other preloaded libraries.
. "$(dirname "$0")/../lib/tap.sh"
. tests/lib/preload.sh

cat >"$SCRATCH/c.c" <<'C'
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static void *run(void *arg)
{
	char *v[200];
	for (int i = 0; i < 200; i++)
		v[i] = realloc(strdup("first"), (size_t)i * 100 + 6);
	for (int i = 0; i < 200; i++)
		free(v[i]);
	return arg;
}
#include "heapdump.h"
#pragma weak heapdump_write
int main(void)
{
	pthread_attr_t small;
	pthread_t t;
	char *p = NULL;
	void *q;

	pthread_attr_init(&small);
	if (pthread_attr_setstacksize(&small, PTHREAD_STACK_MIN) || pthread_create(&t, &small, run, NULL) || pthread_join(t, NULL))
		return 1;
	for (int i = 1; i < 20; i++)
		memset(p = realloc(p, (size_t)i * 100000), i, (size_t)i * 100000);
	if (posix_memalign(&q, 4096, 100000))
		return 1;
	printf("%d %d\n", p[77], *(char *)memset(q, 5, 100000));
	free(p);
	free(q);
	/* by a call of its own: refused under valgrind, and it goes on */
	if (getenv("UNDER_VALGRIND") && (!heapdump_write || heapdump_write("/tmp/never", NULL, NULL) != -ENOSYS))
		return 4;
	return 3;
}
C
cat >"$SCRATCH/cxx.cc" <<'C'
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>
int main()
{
	std::vector<std::string> v;
	for (int i = 0; i < 1000; i++)
		v.push_back(std::string(i, 'x'));
	try {
		throw std::runtime_error("thrown");
	} catch (std::exception &e) {
		std::cout << e.what() << v.size() << std::endl;
	}
	return 3;
}
C
compile "$SCRATCH/c" "$SCRATCH/c.c" -Iinclude -pthread
g++ -g -O1 "$SCRATCH/cxx.cc" -o "$SCRATCH/cxx" 2>/dev/null || cp "$SCRATCH/c" "$SCRATCH/cxx"

# With valgrind's own malloc, which is said, and with the hooks alive.
under_valgrind()
{
	"$@" >"$SCRATCH/got" 2>"$SCRATCH/err"
	echo "$? $(cat "$SCRATCH/got")"
}
for program in c cxx; do
	want="3 $("$SCRATCH/$program")"
	for rate in all 512k; do
		if ! command -v valgrind >/dev/null; then
			skip "valgrind: a program runs at rate $rate" "valgrind is not here"
			continue
		fi
		export HEAPDUMP_RATE=$rate HEAPDUMP_AT_EXIT=1 UNDER_VALGRIND=1
		is "valgrind: $program runs and has no error at rate $rate" \
			"$(under_valgrind valgrind -q --error-exitcode=9 --trace-children=yes env LD_PRELOAD="$LIBRARY" "$SCRATCH/$program")" "$want"
		is "valgrind: it is said that nothing is sampled, and no image made" \
			"$(grep -c -e 'heapdump: .*not sampled' -e 'heapdump: no images under valgrind' "$SCRATCH/err") $(wc -l <"$SCRATCH/err")" '2 2'
		is "valgrind without a malloc of its own: $program runs and has no error at rate $rate" \
			"$(under_valgrind valgrind -q --error-exitcode=9 --trace-children=yes --soname-synonyms=somalloc=nouserintercepts \
				env LD_PRELOAD="$LIBRARY" "$SCRATCH/$program")" "$want"
		is "valgrind without a malloc of its own: only images are refused" "$(cat "$SCRATCH/err")" 'heapdump: no images under valgrind'
		unset HEAPDUMP_RATE HEAPDUMP_AT_EXIT UNDER_VALGRIND
	done
done

# Address space, data, descriptors: as much as the program itself needs, and little more.
want="3 $("$SCRATCH/c")"
limited()
{
	sh -c 'ulimit "$1" "$2" && shift 2 && exec "$@"' - "$@" 2>&1
	echo "$?"
}
for rate in off 512k all; do
	for limit in '-v 32768' '-v 65536' '-v 262144' '-d 16384' '-d 65536' '-n 4' '-n 5' '-n 8' '-s 64'; do
		is "a program runs within ulimit $limit, at rate $rate" \
			"$(limited $limit env HEAPDUMP_RATE=$rate LD_PRELOAD="$LIBRARY" "$SCRATCH/c")" \
			"$(limited $limit env "$SCRATCH/c")"
	done
done
is "an image is made with eight descriptors" "$(limited -n 8 env HEAPDUMP_AT_EXIT=1 HEAPDUMP_OUT="$SCRATCH/%e.core" \
	LD_PRELOAD="$LIBRARY" "$SCRATCH/c"; ls "$SCRATCH/c.core")" "$("$SCRATCH/c"; echo 3; echo "$SCRATCH/c.core")"

# Others that are preloaded, before and behind.
others=$(ls /usr/libexec/coreutils/libstdbuf.so /usr/lib/*/libeatmydata.so.1 /usr/lib/*/faketime/libfaketimeMT.so.1 2>/dev/null)
for other in $others $(allocator jemalloc) $(allocator tcmalloc) $(allocator mimalloc); do
	for order in "$LIBRARY:$other" "$other:$LIBRARY"; do
		told=$(HEAPDUMP_RATE=all FAKETIME='2001-02-03 04:05:06' LD_PRELOAD=$order sh -c '"$0"; echo $?; exec date +%Y' "$SCRATCH/c" 2>/dev/null)
		is "beside $(basename "$other"): a program runs" "$told" \
			"$(FAKETIME='2001-02-03 04:05:06' LD_PRELOAD=$other sh -c '"$0"; echo $?; exec date +%Y' "$SCRATCH/c" 2>/dev/null)"
	done
done
done_testing
