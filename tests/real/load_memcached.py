"""Fills a memcached, leaves connections in different states, and kills it.

    load_memcached.py SOCKET PID
"""
import os
import signal
import socket
import sys
import time


def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    return s, s.makefile("rb")


def ask(s, f, line):
    s.sendall(line + b"\r\n")
    return f.readline()


s, f = connect()
ask(s, f, b"stats detail on")
for i in range(20000):
    value = b"y" * (i % 900)
    s.sendall(b"set user%d:key%d 0 0 %d noreply\r\n%s\r\n" % (i % 50, i, len(value), value))
s.sendall(b"set large 0 0 900000 noreply\r\n%s\r\n" % (b"z" * 900000))
for i in range(0, 20000, 3):
    s.sendall(b"delete user%d:key%d noreply\r\n" % (i % 50, i))
ask(s, f, b"version")
kept = [connect() for _ in range(80)]
for i, (s, f) in enumerate(kept):
    ask(s, f, b"version")
    if i % 4 == 1:
        s.sendall(b"set half%d 0 0 5000\r\n%s" % (i, b"h" * 1000))
    elif i % 4 == 2:
        s.sendall(b"get " + b" ".join(b"user%d:key%d" % (k % 50, k) for k in range(1, 60)) + b"\r\n")
    elif i == 3:
        ask(s, f, b"watch fetchers mutations")
time.sleep(1.5)
os.kill(int(sys.argv[2]), signal.SIGABRT)
