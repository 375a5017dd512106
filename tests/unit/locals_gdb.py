# What gdb knows of locals, one line a scalar:
#
#	value TID FRAME FUNCTION NAME OFFSET HEX
#	perhaps …	what gdb knows by other means: through a chain of tail calls, arrays whose size is a
#			variable, floating point that the caller computes; and what it does not know: clang
#			lists registers up to the end of a call that changes them, and gdb shows what is in
#			them now
#
# FRAME counts frames that are none of inlined functions. Statics are left out. In gdb with a core.
import struct

import gdb

SCALARS = (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_ENUM, gdb.TYPE_CODE_CHAR,
           gdb.TYPE_CODE_BOOL, gdb.TYPE_CODE_FLT, gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF)


def leaves(value, off):
    """(offset, bytes) of every scalar that has a value."""
    kind = value.type.strip_typedefs()
    if kind.code in SCALARS:
        if value.is_optimized_out or "synthetic pointer" in str(value):
            return
        if kind.code == gdb.TYPE_CODE_FLT:
            yield off, struct.pack({4: "<f", 8: "<d"}[kind.sizeof], float(value))
        elif kind.code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
            yield off, int(value.referenced_value().address).to_bytes(8, "little")
        else:
            yield off, (int(value) % (1 << 8 * kind.sizeof)).to_bytes(kind.sizeof, "little")
    elif kind.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
        for field in kind.fields():
            if not hasattr(field, "bitpos") or field.bitsize:
                continue
            yield from leaves(value[field], off + field.bitpos // 8)
    elif kind.code == gdb.TYPE_CODE_ARRAY:
        low, high = kind.range()
        for i in range(low, high + 1):
            yield from leaves(value[i], off + (i - low) * kind.target().sizeof)


STATIC = (gdb.SYMBOL_LOC_STATIC, gdb.SYMBOL_LOC_TYPEDEF, gdb.SYMBOL_LOC_LABEL, gdb.SYMBOL_LOC_BLOCK)


def word_of(symbol, value, frame, level):
    older = frame.older()
    while older and older.type() == gdb.INLINE_FRAME:
        older = older.older()
    kind = symbol.type.strip_typedefs()
    if older and older.type() == gdb.TAILCALL_FRAME or kind.dynamic or not kind.sizeof \
            or kind.code == gdb.TYPE_CODE_FLT \
            or kind.code == gdb.TYPE_CODE_ARRAY and kind.sizeof == kind.target().sizeof \
            or level and value.address is None and "clang" in (symbol.symtab.producer or ""):
        return "perhaps"
    return "value"


def show(tid, level, frame):
    try:
        block = frame.block()
    except RuntimeError:
        return
    while block and not block.is_static and not block.is_global:
        for symbol in block:
            if symbol.addr_class in STATIC:
                continue
            try:
                value = symbol.value(frame)
                word = word_of(symbol, value, frame, level)
                for off, data in leaves(value, 0):
                    print(word, tid, level, frame.name().replace(" ", ""),
                          symbol.name, off, data.hex())
            except gdb.error as why:
                print("none", tid, level, frame.name(), symbol.name, why)
        if block.function:
            break
        block = block.superblock


gdb.execute("set backtrace past-main on")
for thread in gdb.selected_inferior().threads():
    thread.switch()
    f, level = gdb.newest_frame(), 0
    while f:
        if f.type() != gdb.TAILCALL_FRAME:
            show(thread.ptid[1], level, f)
        if f.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
            level += 1
        f = f.older()
