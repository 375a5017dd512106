#!/bin/sh
# Where the files of a core's modules are looked for, that only the right build is used, and that the
# analysis goes on without.
. "$(dirname "$0")/../lib/tap.sh"
need jq gcc objcopy readelf
need_cores

victim=$PWD/tests/cli/cores_victim.c
cd "$SCRATCH" || exit 99
mkdir home elsewhere
compile full "$victim" -pthread
compile other "$victim" -pthread -O2
objcopy --only-keep-debug full whole.debug
objcopy --strip-all --add-gnu-debuglink=whole.debug full stripped
id=$(readelf -n full | sed -n 's/.*Build ID: //p')
[ -n "$id" ] || skip_all "this compiler writes no build-id"
short=$(echo "$id" | cut -c 1-2) rest=$(echo "$id" | cut -c 3-)

cp stripped home/prog
die "$SCRATCH/home/prog"
mv "$core" elsewhere/core
core=$SCRATCH/elsewhere/core
list=$(head -n 1 "$folder/said" | cut -d' ' -f1)

# What the executable's module says, in "module"; OPTIONS may follow.
look()
{
	ask info "$core" "$@" >info
	jq '.modules[] | select(.path | endswith("/home/prog"))' info >module
}

# NAME STATE FILE DEBUG-FILE (null: none)
module_is()
{
	is_true "$1" "
		.[0].state == \"$2\" and .[0].file == $3 and .[0].debug_file == $4" module
	is_true "$1: the heap is the same" '.[0].heap.in_use_objects > 1300 and .[0].heap.leaked_bytes == 5040' info
}

# NAME OPTIONS…: functions, lines and variables are known
all_names()
{
	tap_what=$1
	shift
	ask who "$core" "$list" "$@" >who
	is_true "$tap_what: variables have names and lines" '.[0].path.steps[0].root |
		.name == "g_list" and (.file | endswith("cores_victim.c")) and .line > 0' who
	is_true "$tap_what: frames have functions and lines" '
		any(.[0].threads[0].frames[]; .function == "main" and (.file | endswith("cores_victim.c")))' info
}

# --- The file itself. ---

look
module_is "the file where the process had it" found "\"$SCRATCH/home/prog\"" null
ask who "$core" "$list" >who
is_true "without symbols a global is its module's, unnamed" '
	.[0].path.steps[0].root | .class == "global" and .name == null and .module == "prog"' who

mv home/prog elsewhere/prog
look
module_is "a file beside the core" found "\"$SCRATCH/elsewhere/prog\"" null

mkdir -p root/"$SCRATCH"/home
mv elsewhere/prog root/"$SCRATCH"/home/prog
look
module_is "a file that is nowhere" missing null null
is_true "a file that is nowhere is said" "
	.[0].warnings | length == 1 and (.[0] | test(\"home/prog is not on this machine.*--exe\"))" info
is "a file that is nowhere: who answers" "$(ask who "$core" "$list" | jq -r .object.state)" reachable
look --sysroot root
module_is "a file under --sysroot" found "\"root$SCRATCH/home/prog\"" null
is_true "a file under --sysroot is no reason to warn" '.[0].warnings == []' info
look --exe stripped
module_is "a file by --exe" found '"stripped"' null

look --exe other
module_is "--exe of another build" "other build" null null
is_true "--exe of another build is said, with both build-ids" '
	any(.[0].warnings[]; test("other is another build \\([0-9a-f]{8}; the process ran '"$(echo "$id" | cut -c 1-8)"'\\)"))' info
cp other home/prog
look
module_is "another build in the place of the file" "other build" null null
look --sysroot root
module_is "another build in its place, and the right one under --sysroot" found "\"root$SCRATCH/home/prog\"" null
look --exe nowhere
module_is "--exe that is not there" "other build" null null

for odd in fifo folder empty text; do
	rm -rf home/prog
	case $odd in
	fifo) mkfifo home/prog ;;
	folder) mkdir home/prog ;;
	empty) : >home/prog ;;
	text) echo text >home/prog ;;
	esac
	look
	module_is "in the place of the file: $odd" missing null null
done
rm -rf home/prog

# --- Separate debug files. ---

cp stripped home/prog
cp whole.debug home/
look
module_is "debuglink, beside the file" found "\"$SCRATCH/home/prog\"" "\"$SCRATCH/home/whole.debug\""
all_names "debuglink, beside the file"

mkdir home/.debug
mv home/whole.debug home/.debug/
look
module_is "debuglink, in .debug" found "\"$SCRATCH/home/prog\"" "\"$SCRATCH/home/.debug/whole.debug\""
all_names "debuglink, in .debug"
objcopy --only-keep-debug other home/.debug/whole.debug
look
module_is "debuglink to another build is not followed" found "\"$SCRATCH/home/prog\"" null
rm -r home/.debug

mkdir -p dbg/"$SCRATCH"/home
cp whole.debug dbg/"$SCRATCH"/home/
look --debug-dir dbg
module_is "debuglink, in the debug folder" found "\"$SCRATCH/home/prog\"" "\"dbg$SCRATCH/home/whole.debug\""
rm -r dbg

mkdir -p dbg/.build-id/"$short"
for form in plain zlib zlib-gnu; do
	by_id=dbg/.build-id/$short/$rest.debug
	cp whole.debug "$by_id"
	[ $form = plain ] || objcopy --compress-debug-sections=$form whole.debug "$by_id"
	look --debug-dir dbg
	module_is "by build-id, $form" found "\"$SCRATCH/home/prog\"" "\"$by_id\""
	all_names "by build-id, $form" --debug-dir dbg
done

mv dbg/.build-id root/
look --sysroot root --debug-dir ''
is_true "by build-id under the sysroot" ".[0].debug_file == \"root/.build-id/$short/$rest.debug\"" module
mkdir -p root/usr/lib/debug
mv root/.build-id root/usr/lib/debug/
look --sysroot root
is_true "by build-id under the sysroot's debug folder" "
	.[0].debug_file == \"root/usr/lib/debug/.build-id/$short/$rest.debug\"" module
rm home/prog
mkdir -p dbg2
mv root/usr/lib/debug/.build-id dbg2/
look --debug-dir dbg2
module_is "a debug file without its file" missing null "\"dbg2/.build-id/$short/$rest.debug\""
all_names "a debug file without its file" --debug-dir dbg2

# --- debuginfod. ---

cat >server.py <<'EOS'
import http.server, sys
class H(http.server.BaseHTTPRequestHandler):
    files = {'/buildid/%s/executable' % sys.argv[1]: 'stripped', '/buildid/%s/debuginfo' % sys.argv[1]: 'whole.debug'}
    def do_GET(self):
        open('asked', 'a').write(self.path + '\n')
        body = open(self.files[self.path], 'rb').read() if self.path in self.files else b''
        self.send_response(200 if body else 404)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_HEAD = do_GET
    def log_message(self, *a):
        pass
s = http.server.ThreadingHTTPServer(('127.0.0.1', 0), H)
open('port.new', 'w').write(str(s.server_port))
import os
os.rename('port.new', 'port')
s.serve_forever()
EOS
if ! command -v python3 >/dev/null ||
	! python3 -c 'import ctypes; ctypes.CDLL("libdebuginfod.so.1")' 2>/dev/null; then
	skip "debuginfod" "there is no libdebuginfod.so.1 here"
	done_testing
fi
python3 server.py "$id" 2>/dev/null &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$SCRATCH"' EXIT
for _ in $(seq 50); do
	[ -f port ] || sleep 0.1
done
export DEBUGINFOD_CACHE_PATH="$SCRATCH/cache" DEBUGINFOD_URLS="http://127.0.0.1:$(cat port)"

look
module_is "--no-debuginfod" missing null null
ok "--no-debuginfod: nobody was asked" [ ! -f asked ]
"$HEAPDUMP" info "$core" --json --no-cache >info
jq '.modules[] | select(.path | endswith("/home/prog"))' info >module
module_is "from debuginfod" found "\"$SCRATCH/cache/$id/executable\"" "\"$SCRATCH/cache/$id/debuginfo\""
"$HEAPDUMP" who "$core" "$list" --json --no-cache >who
is_true "from debuginfod: variables have names" '.[0].path.steps[0].root.name == "g_list"' who
done_testing
