#!/bin/sh
# Programs nobody here wrote are dumped while they work: not a request is lost. And while they stand still: the figures
# are their own, and those of a core that gdb writes of them.
. "$(dirname "$0")/../lib/tap.sh"
. tests/real/real.sh
cd "$SCRATCH" || exit 1
HEAPDUMP=${HEAPDUMP:-heapdump}

# Nothing of ours is left in process $1.
undisturbed()
{
	python3 "$REAL/../cli/dump_left.py" "$1"
}

# dumps $1 until the benchmark, $2, has ended, at most twenty times; how many: $n_dumps
dump_during()
{
	n_dumps=0
	: >failed
	: >pauses
	while [ $n_dumps -lt 20 ] && [ -d "/proc/$2" ]; do
		"$HEAPDUMP" dump --no-sync --json -o image "$1" >said 2>&1 || cat said >>failed
		jq -r .pause_ns said >>pauses
		n_dumps=$((n_dumps + 1))
		sleep 0.1
	done
	wait "$2"
	benchmark=$?
}

ask_redis()
{
	redis-cli -s "$PWD/redis.socket" "$@"
}

benchmark_redis()
{
	redis-benchmark -s "$PWD/redis.socket" -c 20 -n 600000 -t incr --csv >"$1" 2>&1
}

if command -v redis-server >/dev/null && command -v redis-benchmark >/dev/null; then
	redis-server --port 0 --unixsocket "$PWD/redis.socket" --save '' --daemonize no >redis.log 2>&1 &
	redis=$!
	await test -S redis.socket
	ask_redis debug populate 300000 key 100 >/dev/null
	benchmark_redis alone
	ask_redis flushdb >/dev/null
	ask_redis debug populate 300000 key 100 >/dev/null
	ask_redis config resetstat >/dev/null
	benchmark_redis dumped &
	dump_during $redis $!
	is "redis: every image is written" "$(cat failed)" ''
	ok "redis: there was more than one" [ $n_dumps -gt 1 ]
	is "redis: every client is content" "$benchmark $(grep -c '^"INCR' dumped)" '0 1'
	is "redis: not a request is lost" "$(ask_redis get counter:__rand_int__)" 600000
	is "redis: none fails" "$(ask_redis info stats | tr -d '\r' | sed -n 's/^total_error_replies://p')" 0
	is "redis: nothing of ours is left in it" "$(undisturbed $redis)" ''
	echo "# $n_dumps dumps, the longest pause $(sort -n pauses | tail -n 1) ns"
	echo "# without: $(grep -h '"test"' alone) $(grep -h INCR alone)"
	echo "# with:    $(grep -h INCR dumped)"
	kill $redis
	wait $redis
else
	skip redis "redis-server and redis-benchmark are not here"
fi

cat >site.conf <<CONF
daemon off; master_process on; worker_processes 1; pid $PWD/nginx.pid; error_log $PWD/nginx.log;
events { worker_connections 64; }
http { access_log off; client_body_temp_path $PWD/b; proxy_temp_path $PWD/p; fastcgi_temp_path $PWD/f;
uwsgi_temp_path $PWD/u; scgi_temp_path $PWD/s;
server { listen unix:$PWD/nginx.socket; location / { return 200 "well\n"; } } }
CONF
cat >requests.py <<'PY'
import http.client, socket, sys
class Local(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(sys.argv[1])
c = Local("x")
for i in range(20000):
    c.request("GET", "/")
    r = c.getresponse()
    if r.status != 200 or r.read() != b"well\n":
        sys.exit(f"request {i}: {r.status}")
    if r.will_close:
        c.close()
PY
if command -v nginx >/dev/null; then
	nginx -c "$PWD/site.conf" -e nginx.log >/dev/null 2>&1 &
	nginx=$!
	await test -S nginx.socket
	sleep 0.3
	python3 requests.py nginx.socket 2>requests.log &
	requests=$!
	worker=$(pgrep -P $nginx | head -n 1)
	dump_during "$worker" $requests
	is "nginx: every image of a worker is written" "$(cat failed)" ''
	is "nginx: not a request is lost" "$benchmark $(cat requests.log)" '0 '
	"$HEAPDUMP" dump --no-sync -o image $nginx >said 2>&1
	is "nginx: the master, in sigsuspend, is dumped" $? 0
	kill -HUP $nginx
	await sh -c "! pgrep -P $nginx | grep -qx $worker"
	is "nginx: and hears a signal: there is a new worker" "$(pgrep -P $nginx | grep -cvx $worker)" 1
	kill $nginx
	wait $nginx
else
	skip nginx "nginx is not here"
fi

# What stands still: its own figures, and another's core of it.
stand()
{
	PYTHONMALLOC=malloc $BED /usr/bin/python3 -c '
import collections, json, re, time
kept = [json.loads(json.dumps({"k%d" % i: list(range(i % 50)), "s": "x" * i})) for i in range(3000)]
half = kept[::2]
del kept
open("up", "w").close()
time.sleep(600)' &
	python=$!
	await test -e up
	await_sleep $python
	"$HEAPDUMP" dump --no-sync -o image $python >said 2>&1
	gcore -o theirs $python >gcore.log 2>&1
	finish $python
}
die stand
core=$folder/image
check_account "python, running"
theirs=$(ls "$folder"/theirs.* 2>/dev/null | head -n 1)
if [ -n "$theirs" ]; then
	for question in top leaks; do
		"$HEAPDUMP" $question --json "$core" | jq 'del(.heapdump, .image, .dump, .file)' >ours.json
		"$HEAPDUMP" $question --json "$theirs" | jq 'del(.heapdump, .image, .dump, .file)' >theirs.json
		is_true "python, running: $question answers" '.[0] | length > 0' ours.json
		is "python, running: the answer of $question is the one for gdb's core of it" "$(diff ours.json theirs.json | head -n 20)" ''
	done
else
	skip "the answers are those for gdb's core of it" "gcore is not here, or wrote none"
fi
done_testing
