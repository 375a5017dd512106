#!/bin/sh
# python3's own test suite with the library in every process of it: each test ends as without.
. "$(dirname "$0")/../lib/tap.sh"
. tests/lib/preload.sh

# Debian's: it is what the package with the suite belongs to.
python=/usr/bin/python3
need "$python" jq
unset PYTHONHOME PYTHONPATH PYTHONMALLOC
"$python" -c 'import test.test_dict, test.test_subprocess' 2>/dev/null ||
	skip_all "python3's test suite is not here"

MODULES='test_dict test_list test_set test_re test_json test_struct test_array test_deque test_bytes
	test_pickle test_descr test_generators test_exceptions test_traceback test_itertools test_functools
	test_gc test_weakref test_threading test_thread test_queue test_subprocess test_fork1 test_wait3
	test_multiprocessing_main_handling test_signal test_select test_fcntl test_mmap test_os test_posix
	test_tempfile test_import test_sys test_tracemalloc test_ctypes test_zlib test_bz2 test_lzma'
# Tests that wait for half a minute, or want gigabytes.
LEFT_OUT='-i test_siginterrupt_off -i *StressTest* -i *ItimerTest* -i *bigmem* -i *4G'

# Test and outcome, a line each, of a run's report.
cat >"$SCRATCH/outcomes.py" <<'PY'
import sys
import xml.etree.ElementTree as tree

for case in tree.parse(sys.argv[1]).iter("testcase"):
    outcome = [e.tag for e in case if not e.tag.startswith("system-")] or [case.get("result")]
    print(case.get("name"), case.get("status"), *outcome)
PY

# suite NAME WORDS… of what the suite runs under; the modules are $modules
suite()
{
	name=$1
	shift
	mkdir "$SCRATCH/$name"
	(cd "$SCRATCH/$name" && set -f && TMPDIR="$PWD" "$@" "$python" -m test -j3 --timeout 300 \
		--junit-xml "$SCRATCH/$name.xml" $LEFT_OUT $modules) >"$SCRATCH/$name.log" 2>&1 </dev/null
	echo $? >"$SCRATCH/$name.status"
	"$python" "$SCRATCH/outcomes.py" "$SCRATCH/$name.xml" | sort >"$SCRATCH/$name.outcomes"
}

# as_plain SENTENCE NAME PLAIN: the run PLAIN without the library
as_plain()
{
	ok "$1: $(wc -l <"$SCRATCH/$3.outcomes") tests end as without the library" \
		diff "$SCRATCH/$3.outcomes" "$SCRATCH/$2.outcomes"
	is "$1: and so does the suite" "$(cat "$SCRATCH/$2.status")" "$(cat "$SCRATCH/$3.status")"
	is "$1: the library has nothing to say" "$(grep -h heapdump: "$SCRATCH/$2.log" | sort -u)" ''
	grep -A 12 -e '^ERROR:' -e '^FAIL:' -e Traceback "$SCRATCH/$2.log" | tap_explain
}

modules=$MODULES
suite plain
[ "$(wc -l <"$SCRATCH/plain.outcomes")" -gt 5000 ] || {
	tail -n 30 "$SCRATCH/plain.log" | tap_explain
	skip_all "python3's test suite does not run here"
}
suite usual "$HEAPDUMP" record --rate 512k
as_plain 'at --rate 512k' usual plain
suite every "$HEAPDUMP" record --rate all
as_plain 'at --rate all' every plain

# Every process leaves an image at its end, so fewer of them.
modules='test_json test_gc test_struct test_threading'
LEFT_OUT="$LEFT_OUT -i *subprocess* -i *fork*"
suite few
suite image "$HEAPDUMP" record --rate all --at-exit --growth 8m --out "$SCRATCH/%p.%n.core"
as_plain 'with images' image few
image=$(ls -S "$SCRATCH"/*.core | head -n 1)
ask info "$image" >"$SCRATCH/info" 2>&1
is_true 'with images: they can be read' '.[0] | .sampler.samples > 100 and .heap.in_use_objects > 100' "$SCRATCH/info"
done_testing
