#!/usr/bin/env python3
"""What an image says of itself, written from docs/format-image.md alone and from no code of ours.

    image_lists.py IMAGE       "info KEY VALUE", "thread TID STATE NAME", "module LO-HI BUILDID PATH",
                               "word KIND FD TARGET WORD", "range LO-HI WHY", "load LO-HI FILESZ", "why TEXT"
"""
import struct
import sys

INFO = ("major minor size method freeze consistency trigger pid tid time_ns monotonic_ns pause_ns "
        "stop_ns fork_ns n_threads n_not_stopped rss_bytes").split()
NAMES = {3: "threads", 4: "modules", 5: "kernel", 6: "ranges"}


def text(raw):
    return raw.split(b"\0")[0].decode()


def entries(data, note):
    off, size, n, entry_size, n_cut, _ = struct.unpack_from("<QQIIII", note)
    if n * entry_size > size or off + size > len(data):
        raise SystemExit("a list leaves the file")
    if n_cut:
        print("cut", n_cut)
    return [data[off + i * entry_size:off + (i + 1) * entry_size] for i in range(n)]


def show(data, kind, desc):
    if kind == 1:
        for key, value in zip(INFO, struct.unpack_from("<HHI4HII5QIIQ", desc)):
            print("info", key, value)
    elif kind == 2:
        print("anchor %x %d" % struct.unpack_from("<QQ", desc))
    elif kind == 7:
        print("why", desc.decode())
    elif kind in NAMES:
        for e in entries(data, desc):
            if kind == 3:
                tid, state, name = struct.unpack_from("<II16s", e)
                print("thread", tid, state, text(name))
            elif kind == 4:
                lo, hi, _, _, n, build_id, _, _, path = struct.unpack_from("<QQIIB31sII64s", e)
                print("module %x-%x %s %s" % (lo, hi, build_id[:n].hex() or "-", text(path)))
            elif kind == 5:
                word, what, fd, target, _ = struct.unpack_from("<QIiiI", e)
                print("word", what, fd, target, "%x" % word)
            elif kind == 6:
                lo, hi, why, _ = struct.unpack_from("<QQII", e)
                if lo != hi:
                    print("range %x-%x %d" % (lo, hi, why))


def notes(data, off, size):
    at, end = off, off + size
    while at + 12 <= end:
        n, desc_size, kind = struct.unpack_from("<III", data, at)
        name = text(data[at + 12:at + 12 + n])
        desc = at + 12 + (n + 3 & ~3)
        if name == "HEAPDUMP":
            show(data, kind & 0xffff, data[desc:desc + desc_size])
        at = desc + (desc_size + 3 & ~3)


def main():
    data = open(sys.argv[1], "rb").read()
    phoff, = struct.unpack_from("<Q", data, 32)
    phnum, = struct.unpack_from("<H", data, 56)
    for i in range(phnum):
        kind, _, off, vaddr, _, filesz, memsz, _ = struct.unpack_from("<IIQQQQQQ", data, phoff + i * 56)
        if kind == 4:
            notes(data, off, filesz)
        elif kind == 1:
            print("load %x-%x %d" % (vaddr, vaddr + memsz, filesz))
        elif kind == 0x68640001:
            print("lists", off, filesz, vaddr, memsz)


main()
