# What every .t file of the command line begins with:
#
#	. "$(dirname "$0")/../lib/tap.sh"
#
# It stands in the repository's root then, and has
#
#	$HEAPDUMP	the tool under test: $HEAPDUMP, else $BUILD/heapdump, else build/heapdump
#	$SCRATCH	a folder of this run's own, removed at the end
#	ok NAME CMD…		passes if CMD succeeds (its output is shown if not)
#	is NAME GOT WANT	passes if the strings are equal
#	is_true NAME FILTER FILE…	passes if jq -s FILTER over the files is true; else shows them
#	skip NAME REASON	a test that could not be run
#	skip_all REASON		ends the file: nothing in it can be run here
#	need CMD…		skip_all unless all of these commands are here
#	done_testing		prints the plan; the exit status says whether all passed
#
#	compile OUT SOURCES and flags…	gcc -O1 -g (or $CC); stops the file if it does not compile
#	die CMD…		runs CMD in a folder of its own under $SCRATCH with cores on; $core is its core,
#				$folder the folder
#	die_in FOLDER CMD…	the same in a folder that is already there
#	need_cores		skip_all unless the kernel leaves cores in the current folder
#	ask WORD… >FILE		the tool's answer as JSON, without cache and network
#	same_everywhere		from here on $HEAPDUMP asks its questions without debug information of the system's, which
#				is here or not; libc's alone takes five times as long as all else
#
# Cores never touch the tree. Where the kernel hands cores to a program (core_pattern is a pipe), files
# that need one are skipped with that reason.

cd "$(dirname "$0")/../.." || exit 99
HEAPDUMP=${HEAPDUMP:-${BUILD:-build}/heapdump}
case $HEAPDUMP in
/*) ;;
*) HEAPDUMP=$PWD/$HEAPDUMP ;;
esac
ROOT=$PWD
SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/heapdump-t.XXXXXX") || exit 99
trap 'rm -rf "$SCRATCH"' EXIT
trap 'exit 130' INT TERM
tap_n=0 tap_failed=0
unset DEBUGINFOD_URLS
export LC_ALL=C.UTF-8

tap_result()
{
	tap_n=$((tap_n + 1))
	[ "$1" = ok ] || tap_failed=$((tap_failed + 1))
	echo "$1 $tap_n - $2"
}

tap_explain()
{
	sed 's/^/# /' | head -n 40
}

ok()
{
	tap_name=$1
	shift
	if "$@" >"$SCRATCH/.out" 2>&1; then
		tap_result ok "$tap_name"
	else
		tap_result 'not ok' "$tap_name"
		{
			echo "failed ($?): $*"
			cat "$SCRATCH/.out"
		} | tap_explain
	fi
}

is()
{
	if [ "$2" = "$3" ]; then
		tap_result ok "$1"
	else
		tap_result 'not ok' "$1"
		printf 'got:  %s\nwant: %s\n' "$2" "$3" | tap_explain
	fi
}

is_true()
{
	tap_name=$1 tap_filter=$2
	shift 2
	if jq -es "$tap_filter" "$@" >"$SCRATCH/.out" 2>&1; then
		tap_result ok "$tap_name"
	else
		tap_result 'not ok' "$tap_name"
		{
			echo "is not so: $tap_filter" | head -n 3
			head -n 3 "$SCRATCH/.out"
			for tap_file; do
				echo "$tap_file:"
				jq -c . "$tap_file" 2>&1 | cut -c 1-3000
			done
		} | tap_explain
	fi
}

skip()
{
	tap_result ok "$1 # SKIP $2"
}

skip_all()
{
	echo "1..0 # SKIP $1"
	exit 0
}

need()
{
	for tap_tool; do
		command -v "$tap_tool" >/dev/null || skip_all "$tap_tool is not here"
	done
}

need_cores()
{
	case $(cat /proc/sys/kernel/core_pattern) in
	'|'* | /* | @*) skip_all "the kernel leaves cores elsewhere: core_pattern is not a plain name" ;;
	esac
	[ "$(sh -c 'ulimit -c unlimited 2>/dev/null && ulimit -c')" = unlimited ] ||
		skip_all "cores are limited here"
}

done_testing()
{
	echo "1..$tap_n"
	[ $tap_failed -eq 0 ]
	exit
}

compile()
{
	tap_name=$1
	shift
	"${CC:-gcc}" -O1 -g -o "$tap_name" "$@" >"$SCRATCH/.out" 2>&1 || {
		tap_explain <"$SCRATCH/.out"
		echo "Bail out! $tap_name does not compile"
		exit 98
	}
}

die()
{
	die_in "$(mktemp -d "$SCRATCH/die.XXXXXX")" "$@"
}

die_in()
{
	folder=$1
	shift
	rm -f "$folder"/core*
	# the inner shell must not exec, or the outer one would report the death on stderr
	(cd "$folder" && ulimit -c unlimited && "$@"; :) >"$folder/said" 2>&1
	core=$(ls "$folder"/core* 2>/dev/null | head -n 1)
	[ -n "$core" ] || tap_explain <"$folder/said"
}

same_everywhere()
{
	cat >"$SCRATCH/heapdump" <<-END
	#!/bin/sh
	case \$1 in
	info | top | leaks | who | map | tree | show) exec '$HEAPDUMP' "\$@" --debug-dir /nonexistent ;;
	esac
	exec '$HEAPDUMP' "\$@"
	END
	chmod +x "$SCRATCH/heapdump"
	export HEAPDUMP="$SCRATCH/heapdump"
}

# One question, as JSON. The cache stays out of it.
ask()
{
	"$HEAPDUMP" "$@" --json --no-cache --no-debuginfod
}
