#!/bin/sh
# libheapdump, as a program meets it, and make install.
. "$(dirname "$0")/../lib/tap.sh"
need gcc nm readelf make
BUILD=${BUILD:-build}
version=$("$HEAPDUMP" --version | sed 's/^heapdump //')

# what it interposes: the malloc family, operator new and delete, dlclose, what installs seccomp filters
family='aligned_alloc calloc dlclose free free_aligned_sized free_sized malloc malloc_usable_size memalign
posix_memalign prctl pvalloc realloc reallocarray syscall valloc'
exported=$(nm -D --defined-only "$BUILD/libheapdump.so" | awk '{ print $3 }' | grep -v -e '^heapdump_' -e '^_Z[nd][wal]' | sort)
is "the library exports heapdump_…, what it interposes, and nothing else" "$(echo $exported)" "$(echo $family)"
is "the library's soname is libheapdump.so.0" \
	"$(readelf -d "$BUILD/libheapdump.so" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')" libheapdump.so.0

cat >"$SCRATCH/user.c" <<'C'
#include <heapdump.h>
#include <stdio.h>
int main(void)
{
	return puts(heapdump_version()) < 0;
}
C


# Into a folder, as a packager does it; "-o all": what is built is what is tested.
ok "make install installs below DESTDIR" make -s -o all BUILD="$BUILD" DESTDIR="$SCRATCH/root" PREFIX=/usr install
usr=$SCRATCH/root/usr
is "the installed tool is the tool" "$("$usr/bin/heapdump" --version)" "heapdump $version"
pages=0
for page in docs/man/*.1; do
	cmp -s "$page" "$usr/share/man/man1/${page##*/}" && pages=$((pages + 1))
done
is "every man page is installed" "$pages" "$(ls docs/man/*.1 | wc -l)"

compile "$SCRATCH/shared" "$SCRATCH/user.c" -I"$usr/include" -L"$usr/lib" -lheapdump
compile "$SCRATCH/static" "$SCRATCH/user.c" -I"$usr/include" "$usr/lib/libheapdump.a"
g++ -o "$SCRATCH/cxx" -x c++ "$SCRATCH/user.c" -x none -I"$usr/include" "$usr/lib/libheapdump.a" 2>"$SCRATCH/said"
is "a program finds the installed library, of the tool's version" \
	"$(LD_LIBRARY_PATH=$usr/lib "$SCRATCH/shared")" "$version"
is "a program can be linked with the archive" "$("$SCRATCH/static")" "$version"
is "the header serves C++ too" "$("$SCRATCH/cxx")" "$version"
done_testing
