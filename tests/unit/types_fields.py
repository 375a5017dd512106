"""For gdb: the layout of types, as gdb has read it.

Environment: TYPES, a file with a type's name per line. Prints, tab-separated:

    T name sizeof                    or T name -  where gdb does not know the type
    F depth name bitpos bitsize sizeof    its fields in order; depth + 1: of a field without a name
"""
import os

import gdb

RECORDS = (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION)


def fields(t, depth):
    for f in t.fields():
        try:
            bitpos = f.bitpos
        except (AttributeError, gdb.error):
            continue
        if bitpos is None:  # a virtual base
            continue
        name = "" if f.is_base_class else f.name or ""
        print("F", depth, name, bitpos, f.bitsize, f.type.sizeof, sep="\t")
        inner = f.type.strip_typedefs()
        if not name and not f.is_base_class and inner.code in RECORDS:
            fields(inner, depth + 1)


for line in open(os.environ["TYPES"], encoding="utf-8"):
    wanted = line.rstrip("\n")
    try:
        found = gdb.lookup_type(wanted).strip_typedefs()
    except gdb.error:
        print("T", wanted, "-", sep="\t")
        continue
    print("T", wanted, found.sizeof, sep="\t")
    if found.code in RECORDS:
        fields(found, 0)
