#!/bin/sh
# Servers on libc's malloc, under load from their clients: redis and memcached.
. "$(dirname "$0")/../lib/tap.sh"
. tests/real/real.sh

# The clients: redis_load.py SOCKET, memcached_load.py SOCKET.
cat >"$SCRATCH/redis_load.py" <<'PY'
import socket
import sys

class Client:
    """Pipelines: replies are read when a thousand commands have been gathered."""
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.replies = self.socket.makefile("rb")
        self.gathered = []

    def say(self, *words):
        words = [str(w).encode() for w in words]
        self.gathered.append(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        if len(self.gathered) >= 1000:
            self.flush()

    def reply(self):
        line = self.replies.readline()
        if line[:1] == b"$" and int(line[1:]) >= 0:
            self.replies.read(int(line[1:]) + 2)
        elif line[:1] == b"*":
            for _ in range(int(line[1:])):
                self.reply()
        elif line[:1] == b"-":
            sys.exit(line)

    def flush(self):
        self.socket.sendall(b"".join(self.gathered))
        for _ in self.gathered:
            self.reply()
        self.gathered = []

c = Client(sys.argv[1])
for i in range(150000):
    c.say("SET", f"key:{i}", "x" * (i % 700))
for i in range(20000):
    c.say("HSET", f"hash:{i}", *[x for k in range(6) for x in (f"field{k}", "v" * (20 * k))])
    c.say("RPUSH", f"list:{i % 500}", f"item-{i}")
    c.say("SADD", f"set:{i % 300}", f"member-{i}")
    c.say("ZADD", "rank", i, f"player-{i}")
    c.say("XADD", "stream", "*", "n", i)
for i in range(0, 150000, 2):
    c.say("DEL", f"key:{i}")
for i in range(0, 20000, 3):
    c.say("EXPIRE", f"hash:{i}", 1000)
c.say("SET", "marker", "heapdump-marker-" + "4711")
c.say("EVAL", "redis.call('SET', 'from-lua', string.rep('z', 5000)); return 1", 0)
c.flush()
PY
cat >"$SCRATCH/memcached_load.py" <<'PY'
import socket
import sys

for n in range(20):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    f = s.makefile("rb")
    for i in range(5000):
        value = b"y" * (i % 900) + b"heapdump-" + b"marker-%d-%d." % (n, i)
        s.sendall(b"set key%d-%d 0 0 %d noreply\r\n%s\r\n" % (n, i, len(value), value))
    s.sendall(b"version\r\n")
    f.readline()
PY

serve_redis()
{
	$BED "$redis" --port 0 --unixsocket s --save '' --crash-log-enabled no --io-threads 4 &
	await test -S s
	python3 "$SCRATCH/redis_load.py" s
	finish $!
}

# Debian's redis-server has jemalloc (see other_allocators.t), so the same source is built once more.
redis_source=${BUILD:-build}/real/redis
redis=$PWD/$redis_source/src/redis-server
case $redis_source in
/*) redis=$redis_source/src/redis-server ;;
esac
build_redis()
{
	scripts/debian-source redis "$redis_source" &&
		make -s -C "$redis_source/src" -j2 MALLOC=libc BUILD_TLS=no USE_SYSTEMD=no \
			OPTIMIZATION=-O1 DEBUG=-g redis-server
}
[ -x "$redis" ] || build_redis >"$SCRATCH/redis.log" 2>&1
if [ -x "$redis" ]; then
	die serve_redis
	check_account redis
	check_size redis 800000
	check_no_leak redis
	check_holder 'redis: a value is held by the global server, through the keyspace' \
		heapdump-marker-4711 '
		.path.steps[0].root.name == "server" and (.path.steps[0].root.file | endswith("server.c")) and
		.path.guesses == 0 and (.dominators.count > 2)'
	ask top "$core" --by root >"$folder/top"
	is_true 'redis: server is among the roots that retain much' \
		'.[0].rows | any(.root.name == "server" and .root.retained > 10000)' "$folder/top"
else
	tap_explain <"$SCRATCH/redis.log"
	skip redis "its source cannot be had or built here"
fi

serve_memcached()
{
	$BED memcached -u "$(id -un)" -p 0 -U 0 -s "$PWD/s" -m 256 -t 4 -P '' &
	await test -S s
	python3 "$SCRATCH/memcached_load.py" s
	finish $!
}

if command -v memcached >/dev/null; then
	die serve_memcached
	check_account memcached
	check_no_leak memcached
	check_holder 'memcached: an item is held by a global' heapdump-marker-7-4711. \
		'.path.steps[0].root.class == "global" and .path.steps[0].root.module == "memcached"'
else
	skip memcached 'memcached is not here'
fi
done_testing
