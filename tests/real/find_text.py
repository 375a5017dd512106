"""find_text.py CORE TEXT: the first 50 addresses in writable memory at which the core holds TEXT."""
import mmap
import struct
import sys

PT_LOAD, PF_W = 1, 2

with open(sys.argv[1], "rb") as f:
    core = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
text = sys.argv[2].encode()
(phoff,) = struct.unpack_from("<Q", core, 32)
entry_size, n_entries = struct.unpack_from("<HH", core, 54)
n_found = 0
for i in range(n_entries):
    kind, flags, offset, address, _, size = struct.unpack_from("<IIQQQQ", core, phoff + i * entry_size)
    if kind != PT_LOAD or not flags & PF_W:
        continue
    at = core.find(text, offset, offset + size)
    while at >= 0 and n_found < 50:
        print(hex(address + at - offset))
        n_found += 1
        at = core.find(text, at + 1, offset + size)
