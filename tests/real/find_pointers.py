"""find_pointers.py CORE ADDR SIZE…: for each object the places in the file, outside the object, whose eight
bytes, aligned or not, are an address in it or its end. Slow and simple on purpose."""
import mmap
import re
import struct
import sys

PT_LOAD = 1

with open(sys.argv[1], "rb") as f:
    core = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
(phoff,) = struct.unpack_from("<Q", core, 32)
entry_size, n_entries = struct.unpack_from("<HH", core, 54)


def file_offset(address):
    for i in range(n_entries):
        kind, _, offset, start, _, size = struct.unpack_from("<IIQQQQ", core, phoff + i * entry_size)
        if kind == PT_LOAD and start <= address < start + size:
            return address - start + offset
    return sys.exit(f"{address:#x} is not in the core")


for address, size in zip(sys.argv[2::2], sys.argv[3::2]):
    address, size = int(address, 0), int(size)
    own = file_offset(address)
    words = b"|".join(re.escape(struct.pack("<Q", address + i)) for i in range(size + 1))
    for m in re.finditer(words, core, re.S):
        if not own <= m.start() < own + size:
            print(f"{address:#x}: at {m.start():#x} in the file")
