#!/bin/sh
# libheapdump, as a program meets it, and make install.
. "$(dirname "$0")/../lib/tap.sh"
need gcc nm readelf make
BUILD=${BUILD:-build}
version=$("$HEAPDUMP" --version | sed 's/^heapdump //')

exported=$(nm -D --defined-only "$BUILD/libheapdump.so" | awk '{ print $3 }' | grep -v '^heapdump_')
is "the library exports nothing that is not heapdump_…" "$exported" ""
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

# A library built with sanitizers wants its programs built so too.
san=$(grep -o -e '-fsanitize=[^ ]*' "$BUILD/flags")

# Into a folder, as a packager does it; "-o all": what is built is what is tested.
ok "make install installs below DESTDIR" make -s -o all BUILD="$BUILD" DESTDIR="$SCRATCH/root" PREFIX=/usr install
usr=$SCRATCH/root/usr
is "the installed tool is the tool" "$("$usr/bin/heapdump" --version)" "heapdump $version"
pages=0
for page in docs/man/*.1; do
	cmp -s "$page" "$usr/share/man/man1/${page##*/}" && pages=$((pages + 1))
done
is "every man page is installed" "$pages" "$(ls docs/man/*.1 | wc -l)"

compile "$SCRATCH/shared" "$SCRATCH/user.c" $san -I"$usr/include" -L"$usr/lib" -lheapdump
compile "$SCRATCH/static" "$SCRATCH/user.c" $san -I"$usr/include" "$usr/lib/libheapdump.a"
g++ -o "$SCRATCH/cxx" -x c++ "$SCRATCH/user.c" -x none $san -I"$usr/include" "$usr/lib/libheapdump.a" 2>"$SCRATCH/said"
is "a program finds the installed library, of the tool's version" \
	"$(LD_LIBRARY_PATH=$usr/lib "$SCRATCH/shared")" "$version"
is "a program can be linked with the archive" "$("$SCRATCH/static")" "$version"
is "the header serves C++ too" "$("$SCRATCH/cxx")" "$version"
done_testing
