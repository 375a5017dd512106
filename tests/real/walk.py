"""What gdb scripts of this folder say of a program's heap: walk_redis.py and its like.

    WALK_TO=FILE gdb -nx -batch -ex 'python import sys; sys.path.insert(0, "tests/real")' \
        -ex 'python import walk_redis' PROGRAM CORE

One line a block and pointer to it, tabs between:

    address  true type  shape  slot  link

The walkers know the programs, and nothing of heapdump: they read tags, encodings and counts as the program itself
does. Type: as gdb has it, typedefs resolved ("struct dictEntry", "struct dictEntry *"), "bytes" for text and what
is packed by hand. Shape: "one", "array" of such, "open": one, and more behind it (a flexible array, or what the program
lays there by itself). Slot: the address of the pointer, 0: it is not in memory as such. Link: what the pointer's
declaration says of the block:

    declared   its type
    erased     void *, char *, a type that it is cast from: what it points to is in the program's logic only
    member     it points to a member of the block, and to its type
    inside     it points behind the block's start, where no type says something is

Lines "head  type  other": the type begins with the other one; "alias  name  type": a typedef.
"""
import os

import gdb

out = open(os.environ["WALK_TO"], "w")
seen, visited, pools = {}, set(), []
names = {}


def name_of(t):
    """The type's name without typedefs; those without a tag by their typedef."""
    s = str(t)
    if s in names:
        return names[s]
    plain = t.unqualified()
    stripped = plain.strip_typedefs()
    if stripped.code == gdb.TYPE_CODE_PTR:
        name = name_of(stripped.target()) + " *"
    elif stripped.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
        word = "struct " if stripped.code == gdb.TYPE_CODE_STRUCT else "union "
        name = word + stripped.tag if stripped.tag else str(plain)
    else:
        name = str(stripped.unqualified())
    names[s] = name
    if s != name:
        out.write(f"alias\t{s}\t{name}\n")
    return name


def heads(t):
    """The type, and what it begins with."""
    while True:
        t = t.strip_typedefs()
        yield name_of(t)
        if t.code not in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION) or not t.fields():
            return
        t = t.fields()[0].type


def begins_with(true, *others):
    """Types that it begins with without naming them as a member."""
    out.write("".join(f"head\t{true}\t{other}\n" for other in others))


def number(pointer):
    return int(pointer) & (1 << 64) - 1


described = set()


def describe(t):
    """What a type begins with, for the comparison."""
    true, *others = heads(t)
    if true not in described:
        described.add(true)
        begins_with(true, *others)


def say(at, true, shape, pointer, link):
    slot = number(pointer.address) if pointer.address is not None else 0
    if link in ("declared", "member") and not slot:
        link = "erased"
    if not at or any(lo <= at < hi for lo, hi in pools):
        return
    known = seen.setdefault(at, [])
    if (true, link) not in known or (link in ("declared", "member") and len(known) < 4):
        known.append((true, link))
        out.write(f"{at:#x}\t{true}\t{shape}\t{slot:#x}\t{link}\n")


def undeclared(pointer):
    """The pointer, as one that no declaration leads to."""
    return gdb.Value(number(pointer)).cast(pointer.type)


def pool(pointer, size):
    """A block that the program gives out in parts, by its own allocator: the parts are no blocks."""
    say(number(pointer), "pool", "one", pointer, "erased")
    pools.append((number(pointer), number(pointer) + int(size)))


def mention(pointer, true=None, shape="one"):
    """A pointer to the start of a block of that type (a gdb.Type; None: as it is declared).

    Returns it as a pointer to that type; None: it is NULL."""
    at = number(pointer)
    if not at:
        return None
    declared = pointer.type.strip_typedefs().target()
    true = declared if true is None else true
    say(at, name_of(true), shape, pointer, "declared" if name_of(declared) == name_of(true) else "erased")
    describe(true)
    return pointer.cast(true.pointer())


def block(pointer, true=None, shape="one"):
    """The same; and None if it was met before, so that each is looked into once."""
    p = mention(pointer, true, shape)
    if p is None or number(p) in visited:
        return None
    visited.add(number(p))
    return p


def content(pointer, back=0):
    """Text, or what is packed by hand; the pointer points that far behind the block's start."""
    at = number(pointer)
    if at:
        declared = pointer.type.strip_typedefs().target().strip_typedefs()
        is_scalar = declared.code in (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_CHAR, gdb.TYPE_CODE_FLT)
        true = name_of(declared) if is_scalar and declared.sizeof > 1 else "bytes"
        say(at - back, true, "array", pointer, "inside" if back else "declared" if is_scalar else "erased")


def lookup(name):
    return gdb.lookup_type(name)


def variable(name):
    return gdb.parse_and_eval(name)


def chain(pointer, link, true=None, shape="one"):
    """A list that ends in NULL, each node a block."""
    while number(pointer):
        node = block(pointer, true, shape)
        if node is None:
            return
        yield node
        pointer = node[link]
