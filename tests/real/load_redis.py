"""Fills a redis with each kind of value, leaves clients connected, and kills it.

    load_redis.py SOCKET PID
"""
import os
import signal
import socket
import sys
import time


class Client:
    """Pipelines: replies are read when a thousand commands have been gathered."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(sys.argv[1])
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

    def flush(self, answered=True):
        self.socket.sendall(b"".join(self.gathered))
        if answered:
            for _ in self.gathered:
                self.reply()
        self.gathered = []


def fill(c):
    for i in range(6000):
        c.say("SET", f"key:{i}", "x" * (i % 700))
        c.say("SET", f"number:{i % 500}", i)
    for i in range(1500):
        c.say("HSET", f"hash:{i}", *[x for k in range(6) for x in (f"field{k}", "v" * (20 * k))])
        c.say("RPUSH", f"list:{i % 50}", f"item-{i}" * 20)
        c.say("SADD", f"set:{i % 5}", f"member-{i}")
        c.say("SADD", f"numbers:{i % 5}", i)
        c.say("ZADD", "rank", i, f"player-{i}")
        c.say("ZADD", f"small:{i % 40}", i, f"player-{i}")
        c.say("XADD", "stream", "*", "n", i)
    c.say("HSET", "large", *[x for k in range(800) for x in (f"field{k}", "w" * (k % 90))])
    for i in range(0, 6000, 2):
        c.say("DEL", f"key:{i}")
    for i in range(0, 1500, 3):
        c.say("EXPIRE", f"hash:{i}", 1000)
    c.say("SELECT", 3)
    c.say("SET", "in-another", "database")
    c.say("SELECT", 0)
    c.say("XGROUP", "CREATE", "stream", "group", 0)
    c.say("XREADGROUP", "GROUP", "group", "consumer", "COUNT", 100, "STREAMS", "stream", ">")
    c.say("EVAL", "redis.call('SET', 'from-lua', string.rep('z', 5000)); return 1", 0)
    c.say("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function(keys, args) return 1 end)")
    c.say("CONFIG", "SET", "slowlog-log-slower-than", 0)
    for i in range(40):
        c.say("GET", f"key:{i}")
    c.say("CONFIG", "SET", "slowlog-log-slower-than", 10000)
    c.say("ACL", "SETUSER", "alice", "on", ">secret", "~alice:*", "+get", "+set")
    c.flush()


def stay():
    """Clients in each state: subscribed and not reading, in a transaction, blocked, named."""
    clients = [Client() for _ in range(12)]
    for i, c in enumerate(clients):
        c.say("CLIENT", "SETNAME", f"client-{i}")
        c.flush()
    for i, c in enumerate(clients[:4]):
        c.say("SUBSCRIBE", f"channel:{i % 2}")
        c.flush()
        c.say("PSUBSCRIBE", "chan*")
        c.flush()
    clients[4].say("WATCH", "key:1")
    clients[4].say("MULTI")
    clients[4].say("SET", "key:1", "changed")
    clients[4].say("INCR", "number:1")
    clients[4].flush()
    clients[5].say("BLPOP", "nothing", "nothing-else", 0)
    clients[5].flush(answered=False)
    for i in range(200):
        clients[6].say("PUBLISH", "channel:0", "p" * 3000)
    clients[6].flush()
    clients[7].socket.sendall(b"*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$100\r\nof-a-value")
    return clients


first = Client()
fill(first)
kept = stay()
time.sleep(1.5)
os.kill(int(sys.argv[2]), signal.SIGABRT)
