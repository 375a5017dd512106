#!/bin/sh
# Types of objects, beside an independent reading: gdb scripts (walk_*.py) that walk redis', Lua's, SQLite's and
# memcached's own structures in the same core. What counts as right, and what types permit: types_compare.py.
#
# The four are built here with -g -O2 from Debian's sources, once per $BUILD: Debian's own binaries have no debug
# information. Figures are printed as comments, for docs/types.md.
. "$(dirname "$0")/../lib/tap.sh"
. tests/real/real.sh

need gdb
[ "$(gdb -nx -batch -ex 'python print(6 * 7)' 2>/dev/null)" = 42 ] || skip_all "this gdb has no python"
BUILD=${BUILD:-build}
case $BUILD in
/*) ;;
*) BUILD=$PWD/$BUILD ;;
esac
types=$BUILD/real/types

source_of()
{
	scripts/debian-source "$1" "$types/$1"
}

build_redis()
{
	source_of redis &&
		make -s -C "$types/redis/src" -j2 MALLOC=libc BUILD_TLS=no USE_SYSTEMD=no OPTIMIZATION=-O2 \
			DEBUG=-g redis-server &&
		cp "$types/redis/src/redis-server" "$types/program.redis"
}

# Debian's rules write the header; which name it has does not matter here.
build_lua()
{
	source_of lua5.4 &&
		echo '#define DEB_HOST_MULTIARCH "none"' >"$types/lua5.4/src/lua5.4-deb-multiarch.h" &&
		(cd "$types/lua5.4/src" &&
			gcc -g -O2 -DLUA_USE_POSIX -o "$types/program.lua" \
				$(ls ./*.c | grep -v luac.c) -lm)
}

build_sqlite()
{
	source_of sqlite3 && mkdir -p "$types/sqlite3/here" &&
		(cd "$types/sqlite3/here" && ../configure -q --disable-tcl --disable-readline &&
			make -s sqlite3.c sqlite3.h) &&
		gcc -g -O2 -D_HAVE_SQLITE_CONFIG_H -I"$types/sqlite3/here" -o "$types/program.sqlite" \
			tests/real/load_sqlite.c "$types/sqlite3/here/sqlite3.c" -lpthread -lm -ldl
}

build_memcached()
{
	source_of memcached &&
		(cd "$types/memcached" && ./configure -q --disable-docs --disable-coverage CFLAGS='-g -O2' &&
			make -s -j2 memcached) &&
		cp "$types/memcached/memcached" "$types/program.memcached"
}

serve_redis()
{
	"$1" --port 0 --unixsocket s --save '' --crash-log-enabled no --io-threads 2 &
	await test -S s
	python3 "$REAL/load_redis.py" s $!
	wait $!
}

serve_memcached()
{
	"$1" -u "$(id -un)" -p 0 -U 0 -s "$PWD/s" -m 64 -t 4 -P '' -r &
	await test -S s
	python3 "$REAL/load_memcached.py" s $!
	wait $!
}

run_lua()
{
	"$1" "$REAL/load_lua.lua"
}

run_sqlite()
{
	"$1" db
}

# compare NAME LOAD RIGHT-OF-PERMITTED CERTAIN-OBJECTS RIGHT-OF-ALL: its core, read in both ways, and the least that is so
compare()
{
	program=$types/program.$1
	[ -x "$program" ] || "build_$1" >"$SCRATCH/build.log" 2>&1 || {
		tail -n 5 "$SCRATCH/build.log" | tap_explain
		skip "$1" "its source cannot be had or built here"
		return
	}
	die "$2" "$program"
	"$BUILD/list_types" "$core" >"$folder/list"
	WALK_TO=$folder/walk gdb -nx -batch -ex "python import sys; sys.path.insert(0, '$REAL')" \
		-ex "python import walk_$1" "$program" "$core" >"$folder/gdb" 2>&1
	python3 "$REAL/types_compare.py" "$folder/list" "$folder/walk" >"$folder/compared"
	check "$@"
	python3 "$REAL/types_compare.py" --row "$1" "$folder/compared" | sed "s/^/# /"
}

check()
{
	is_true "$1: the walker knows nearly all of the heap, and never says two things" \
		'.[0] | .witnessed.share > 0.95 and .contradictions == []' "$folder/compared"
	is_true "$1: nothing that is certain is wrong" '.[0].certain_wrong == []' "$folder/compared"
	is_true "$1: at least $4 objects are certain" "(.[0].verdicts.right.certain.objects // 0) >= $4" \
		"$folder/compared"
	is_true "$1: of the bytes that types lead to, at least $3 have the right type" \
		".[0].permitted_right.share >= $3" "$folder/compared"
	is_true "$1: of all bytes, at least $5 have the right type" ".[0].right.share >= $5" "$folder/compared"
	is_true "$1: of what is likely, at most 3 % is wrong" \
		'.[0].verdicts | (.wrong.likely.bytes // 0) <= 0.03 * .right.likely.bytes' "$folder/compared"
}

compare redis serve_redis 0.99 5000 0.17
compare lua run_lua 0.92 0 0.94
compare sqlite run_sqlite 0.96 50 0.03
compare memcached serve_memcached 0.99 40 0.09
done_testing
