#!/bin/sh
# Libraries that come and go, and C++: its operators, exceptions, and libraries opened into programs in C.
. "$(dirname "$0")/../lib/tap.sh"
. tests/lib/preload.sh
need g++ jq

compile "$SCRATCH/first.so" -shared -fPIC -DPLUGIN=first fixtures/preload_plugins.c $FIXTURE
compile "$SCRATCH/second.so" -shared -fPIC -DPLUGIN=second fixtures/preload_plugins.c $FIXTURE
compile "$SCRATCH/plugins" fixtures/preload_plugins.c $FIXTURE
told '' record --rate all "$SCRATCH/plugins" loop 3000 "$SCRATCH/first.so"
told '' record --rate all "$SCRATCH/plugins" threads 100 "$SCRATCH/first.so" "$SCRATCH/second.so"

case $(cat /proc/sys/kernel/core_pattern) in
'|'* | /* | @*) skip "sites in libraries that are gone are named" "the kernel leaves cores elsewhere" ;;
*)
	die record --rate all "$SCRATCH/plugins" two "$SCRATCH/first.so" "$SCRATCH/second.so"
	is "another library where the first was: its object has another site" \
		"$(grep '^ok' "$folder/said" | wc -l)" 2
	ask top "$core" --by site >"$folder/sites" 2>"$folder/err"
	is_true "sites in libraries that are gone are named by their files" '
		[.[0].rows[] | select(.site.unmapped) | .site.module + " " + (.requested_bytes | tostring)] | sort ==
			["first.so 111", "second.so 222"]' "$folder/sites"
	;;
esac

g++ -O1 -g -std=c++17 -fno-builtin -D_Static_assert=static_assert -o "$SCRATCH/cxx" fixtures/preload_cxx.cc $FIXTURE >"$SCRATCH/said" 2>&1
g++ -O1 -g -std=c++17 -fno-builtin -D_Static_assert=static_assert -o "$SCRATCH/cxx.so" -shared -fPIC -DLIBRARY fixtures/preload_cxx.cc $FIXTURE >>"$SCRATCH/said" 2>&1
[ -s "$SCRATCH/cxx.so" ] || tap_explain <"$SCRATCH/said"
told 'libstdc++: ' record --rate all "$SCRATCH/cxx"

# as record does it, without the tool: a sanitized one runs under no other allocator
above()
{
	env LD_PRELOAD="$LIBRARY:$beneath" HEAPDUMP_RATE=all "$@"
}

for name in jemalloc tcmalloc mimalloc; do
	beneath=$(allocator $name)
	if [ -z "$beneath" ]; then
		skip "$name's operators are counted once" "$name is not here"
		continue
	fi
	throws=
	[ $name != mimalloc ] || throws=not # in C it has no exceptions, and aborts
	told "$name: " above "$SCRATCH/cxx" $throws
	told "$name, failures watched: " above HEAPDUMP_ON_MALLOC_FAILURE=1 HEAPDUMP_MAX_DUMPS=0 "$SCRATCH/cxx" $throws
done
cat >"$SCRATCH/opens.c" <<'C'
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv)
{
	void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
	int (*judge)(int) = library ? (int (*)(int))dlsym(library, "judge") : 0;

	return judge ? judge(0) : (fprintf(stderr, "%s\n", dlerror()), 1);
}
C
compile "$SCRATCH/opens" "$SCRATCH/opens.c" -ldl
told 'C++ in a program in C: ' record --rate all "$SCRATCH/opens" "$SCRATCH/cxx.so"
done_testing
