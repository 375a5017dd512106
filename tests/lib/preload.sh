# What the tests of the library in strangers' processes have beyond tests/lib/tap.sh:
#
#	. "$(dirname "$0")/../lib/tap.sh"
#	. tests/lib/preload.sh
#
#	$LIBRARY		what is preloaded
#	record OPTIONS PROG…	heapdump record
#	told NAME CMD…		runs CMD, whose lines "ok SENTENCE" and "not ok SENTENCE" (fixtures/preload.h) are
#				results; NAME comes before each. CMD must end with 0, having said something
#	allocator NAME		prints the path of a preloadable allocator (jemalloc, tcmalloc, mimalloc), if it is here

need gcc
unset LD_PRELOAD
for tap_variable in $(env | sed -n 's/^\(HEAPDUMP_[A-Z_]*\)=.*/\1/p'); do
	unset "$tap_variable"
done
LIBRARY=$(cd "${BUILD:-build}" && pwd)/libheapdump.so
FIXTURE="-D_GNU_SOURCE -Iinclude -Ifixtures -pthread -ldl"

record()
{
	"$HEAPDUMP" record "$@"
}

told()
{
	told_name=$1
	shift
	"$@" >"$SCRATCH/.told" 2>"$SCRATCH/.told.err"
	told_status=$?
	told_n=0
	while read -r told_line; do
		case $told_line in
		'ok '*) told_result=ok ;;
		'not ok '*) told_result='not ok' ;;
		*) continue ;;
		esac
		told_n=$((told_n + 1))
		tap_result "$told_result" "$told_name${told_line#*ok }"
	done <"$SCRATCH/.told"
	[ $told_status -eq 0 ] && [ $told_n -gt 0 ] && return
	tap_result 'not ok' "${told_name}the program ends well"
	{
		echo "exit status $told_status, $told_n results"
		cat "$SCRATCH/.told.err"
	} | tap_explain
}

allocator()
{
	case $1 in
	jemalloc) ls /usr/lib/*/libjemalloc.so.2 2>/dev/null | head -n 1 ;;
	tcmalloc) ls /usr/lib/*/libtcmalloc_minimal.so.4 2>/dev/null | head -n 1 ;;
	mimalloc) ls /usr/lib/*/libmimalloc.so.2* 2>/dev/null | head -n 1 ;;
	esac
}
