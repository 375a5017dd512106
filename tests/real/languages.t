#!/bin/sh
# Interpreters as Debian ships them, with hundreds of thousands of objects of a scripted load: what the
# tool says of the core is what the process counted itself.
. "$(dirname "$0")/../lib/tap.sh"
. tests/real/real.sh

# A million objects, eight threads that hold a part of them, every other of some freed again.
cat >"$SCRATCH/load.py" <<'PY'
import os, threading, time

class Node:
    def __init__(self, n):
        self.n = n
        self.next = None

go_on = threading.Event()
ready = threading.Semaphore(0)

def work(i):
    mine = [{"key": j, "values": [j] * 3} for j in range(15000)]
    ready.release()
    go_on.wait()

for i in range(8):
    threading.Thread(target=work, args=(i,), daemon=True).start()
for i in range(8):
    ready.acquire()
table = {"-".join(["heapdump", "marker", str(i)]) * 3: Node(i) for i in range(50000)}
junk = [bytearray(10 + i % 3000) for i in range(20000)]
del junk[::2]
time.sleep(0.5)
os.abort()
PY
python=/usr/bin/python3
if [ -x $python ]; then
	die $BED PYTHONMALLOC=malloc $python "$SCRATCH/load.py"
	check_account python3
	check_size python3 800000
	check_no_leak python3
	check_holder 'python3: a key of a global dict is held by the runtime, and by that dict' \
		heapdump-marker-4711heapdump '
		.path.steps[0].root.name == "_PyRuntime" and
		(.dominators.chain | map(.object.size // 0) | max) > 1000000'
else
	skip python3 'no /usr/bin/python3'
fi

cat >"$SCRATCH/load.pl" <<'PL'
my %table = map { join("-", "heapdump", "marker", $_) => { n => $_, list => [1, 2, $_] } } 0 .. 100000;
my @strings = map { "x" x ($_ % 500) } 0 .. 100000;
delete $table{join("-", "heapdump", "marker", 2 * $_)} for 0 .. 20000;
@strings = grep { length($_) > 250 } @strings;
our @code = map { eval "sub { \$_[0] + $_ }" } 0 .. 3000;
kill "ABRT", $$;
sleep 10;
PL
if command -v perl >/dev/null; then
	die $BED perl "$SCRATCH/load.pl"
	check_account perl
	check_size perl 300000
	check_no_leak perl
	check_holder 'perl: a key of a lexical hash is held by a variable of perl' heapdump-marker-4711 '
		.path.steps[0].root | .class == "global" and .module == "perl" and .section == ".bss"'
else
	skip perl 'perl is not here'
fi

cat >"$SCRATCH/load.lua" <<'LUA'
local table_of = {}
for i = 1, 150000 do
	table_of[table.concat({ "heapdump", "marker", i }, "-"):rep(3)] = { i, next = { i }, f = function() return i end }
end
for i = 1, 50000 do
	table_of[table.concat({ "heapdump", "marker", 2 * i }, "-"):rep(3)] = nil
end
local threads = {}
for i = 1, 2000 do
	threads[i] = coroutine.create(function(x) local y = { x }; coroutine.yield(y); return y end)
	coroutine.resume(threads[i], i)
end
collectgarbage("step")
os.execute("kill -ABRT $PPID")
LUA
if command -v lua5.4 >/dev/null; then
	die $BED lua5.4 "$SCRATCH/load.lua"
	check_account lua
	check_size lua 300000
	check_no_leak lua
	check_holder 'lua: a key of a local table is held by a variable of lua' \
		heapdump-marker-4711heapdump '
		.path.steps[0].root | .class == "global" and .module == "lua5.4" and .section == ".bss"'
else
	skip lua 'lua5.4 is not here'
fi
done_testing
