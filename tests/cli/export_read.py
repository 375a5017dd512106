#!/usr/bin/env python3
"""Reads a profile.proto (gzip) without a library, checks that it is whole, and prints it as JSON.

    export_read.py FILE     {"types", "samples": [{"functions", "values", "bytes"}], "mappings", "period", …}
"""
import gzip
import json
import sys

bad = []


def must(holds, sentence):
    if not holds:
        bad.append(sentence)


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, at


def fields(data):
    """(number, value) of a message: an int, or bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 2:
            size, at = varint(data, at)
            must(at + size <= len(data), "a field overruns its message")
            value, at = data[at:at + size], at + size
        else:
            raise ValueError(f"wire type {key & 7}")
        yield key >> 3, value


def packed(data):
    at, out = 0, []
    while at < len(data):
        value, at = varint(data, at)
        out.append(value)
    return out


def message(data, repeated=()):
    out = {n: [] for n in repeated}
    for number, value in fields(data):
        if number in repeated:
            out[number].append(value)
        else:
            out[number] = value
    return out


profile = message(gzip.decompress(open(sys.argv[1], "rb").read()), repeated=(1, 2, 3, 4, 5, 6, 13))
strings = [s.decode("utf-8") for s in profile[6]]
must(strings[0] == "", "the first string is not empty")
must(len(set(strings)) == len(strings), "a string is there twice")


def by_id(number, repeated=()):
    out = {}
    for data in profile[number]:
        m = message(data, repeated)
        must(m.get(1, 0) != 0 and m.get(1) not in out, f"an id of field {number} is 0 or there twice")
        out[m[1]] = m
    return out


mappings, locations, functions = by_id(3), by_id(4, repeated=(4,)), by_id(5)
types = [(strings[m[1]], strings[m[2]]) for m in map(message, profile[1])]
samples, used = [], set()
for data in profile[2]:
    s = message(data, repeated=(3,))
    stack = []
    for l in packed(s[1]):
        used.add(l)
        for line in map(message, locations[l][4]):
            f = functions[line[1]]
            stack.append([strings[f[2]], strings[f.get(4, 0)], line.get(2, 0), strings[f.get(3, 0)]])
        must(locations[l].get(2, 0) in mappings or not locations[l].get(2), "a location is in no mapping")
    values = packed(s[2])
    must(len(values) == len(types), "a sample has another number of values than there are types")
    label = next((message(d) for d in s[3]), {})
    samples.append({"functions": stack, "values": values, "bytes": label.get(3),
                    "label": [strings[label.get(1, 0)], strings[label.get(4, 0)]]})
for m in mappings.values():
    must(m[2] < m[3], "a mapping is empty")
for l in locations.values():
    m = mappings.get(l.get(2))
    must(not m or m[2] <= l[3] < m[3], "a location is outside its mapping")
json.dump({
    "types": types, "samples": samples, "period": profile.get(12), "time_nanos": profile.get(9, 0),
    "period_type": [strings[v] for v in message(profile[11]).values()], "default": strings[profile[14]],
    "sums": [sum(s["values"][i] for s in samples) for i in range(len(types))],
    "mappings": [{"file": strings[m.get(5, 0)], "build_id": strings[m.get(6, 0)], "flags": [m.get(n, 0) for n in (7, 8, 9, 10)]}
                 for m in mappings.values()],
    "unused_locations": len(set(locations) - used), "bad": bad}, sys.stdout)
sys.exit(bool(bad))
