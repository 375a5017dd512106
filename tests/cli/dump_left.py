#!/usr/bin/env python3
"""What a dump left behind in a process: prints a line for each thread that does not run on, and for each snapshot.

    dump_left.py PID [dead]        dead: snapshots that are only entries of the process table are none
"""
import os
import sys
import time


def fields(path):
    try:
        text = open(path).read()
    except OSError:
        return None
    return text[text.rindex(")") + 2:].split()


def status(path):
    try:
        return dict(line.split(":", 1) for line in open(path) if ":" in line)
    except OSError:
        return None


pid = int(sys.argv[1])
for tid in os.listdir(f"/proc/{pid}/task"):
    s = status(f"/proc/{pid}/task/{tid}/status")
    if s and (s["State"].split()[0] in "tT" or s["TracerPid"].strip() != "0"):
        print(f"thread {tid} is", s["State"].strip(), "traced by", s["TracerPid"].strip())

# a snapshot is a child whose end is not signalled: field 38 of stat, 35 behind the name
for _ in range(50):
    left = []
    for name in os.listdir("/proc"):
        f = fields(f"/proc/{name}/stat") if name.isdigit() else None
        if f and int(f[1]) == pid and f[35] == "0" and (f[0] != "Z" or not sys.argv[2:]):
            left.append(f"snapshot {name} is left, {f[0]}")
    if not left:
        break
    time.sleep(0.02)
for line in left:
    print(line)
