"""Lua 5.4: from the main thread's global state along the collector's lists, each object by its tag."""
import gdb

import walk
from walk import content, lookup, mention, number, variable

SHORT, LONG, TABLE, LUA_CLOSURE, C_CLOSURE, USERDATA, THREAD, UPVALUE, PROTO = 4, 0x14, 5, 6, 0x26, 7, 8, 9, 10
BEFORE_THREAD = number(gdb.parse_and_eval("&((LX *)0)->l"))
KINDS = {SHORT: ("TString", "open"), LONG: ("TString", "open"), TABLE: ("Table", "one"),
         LUA_CLOSURE: ("LClosure", "open"), C_CLOSURE: ("CClosure", "open"), USERDATA: ("Udata", "open"),
         UPVALUE: ("UpVal", "one"), PROTO: ("Proto", "one"), THREAD: ("lua_State", "one")}
TYPE = {kind: (lookup(name), shape) for kind, (name, shape) in KINDS.items()}
# what these are declared as where it is not known yet: a header that each of them repeats
for name in {name for name, _ in KINDS.values()}:
    walk.begins_with("struct " + name, "struct GCObject", "union GCUnion")
for name in ("LClosure", "CClosure"):
    walk.begins_with("struct " + name, "union Closure")


def thread_at(pointer):
    """A thread lies behind some bytes of the embedder's; the main one in one block with the global state."""
    at = number(pointer)
    if at:
        is_main = at == number(state["mainthread"])
        is_declared = walk.name_of(pointer.type.strip_typedefs().target()) == "struct lua_State"
        walk.say(at - BEFORE_THREAD, "struct LG" if is_main else "struct LX", "one", pointer,
                 "member" if is_declared else "inside")


def collected(pointer):
    """A pointer to an object that may be of any kind."""
    if number(pointer):
        kind = int(pointer["tt"]) & 0x3f
        if kind == THREAD:
            thread_at(pointer)
        else:
            mention(pointer, *TYPE[kind])


def value(v):
    if int(v["tt_"]) & 0x40:
        collected(v["value_"]["gc"])


def typed(pointer, shape="one"):
    mention(pointer, None, shape)


def values(pointer, n):
    typed(pointer, "array")
    for i in range(n):
        value(pointer[i])


def table(t):
    slots = int(t["alimit"])
    if int(t["flags"]) & 0x80 and slots & (slots - 1):
        slots = 1 << slots.bit_length()
    values(t["array"], slots)
    if number(t["node"]) != dummy:
        typed(t["node"], "array")
        for i in range(1 << int(t["lsizenode"])):
            node = t["node"][i]
            value(node["i_val"])
            if int(node["u"]["key_tt"]) & 0x40:
                collected(node["u"]["key_val"]["gc"])
    typed(t["metatable"])


def prototype(p):
    values(p["k"], int(p["sizek"]))
    content(p["code"])
    typed(p["p"], "array")
    for i in range(int(p["sizep"])):
        typed(p["p"][i])
    for field in ("upvalues", "abslineinfo", "locvars"):
        typed(p[field], "array")
    for i in range(int(p["sizeupvalues"])):
        typed(p["upvalues"][i]["name"], "open")
    for i in range(int(p["sizelocvars"])):
        typed(p["locvars"][i]["varname"], "open")
    content(p["lineinfo"])
    typed(p["source"], "open")


def thread(t):
    typed(t["stack"], "array")
    at, end = t["stack"], number(t["top"])
    while number(at) and number(at) < end:
        value(at.dereference()["val"])
        at = at + 1
    info = t["base_ci"]["next"]
    while number(info):
        typed(info)
        typed(info["previous"])
        info = info["next"]
    up = t["openupval"]
    while number(up):
        typed(up)
        up = up["u"]["open"]["next"]


def lua_closure(c):
    typed(c["p"])
    for i in range(int(c["nupvalues"])):
        typed((c["upvals"][0].address + i).dereference())


def c_closure(c):
    for i in range(int(c["nupvalues"])):
        value((c["upvalue"][0].address + i).dereference())


def userdata(u):
    typed(u["metatable"])
    for i in range(int(u["nuvalue"])):
        value((u["uv"][0].address + i).dereference()["uv"])


def string(s):
    if int(s["tt"]) & 0x3f == SHORT:
        typed(s["u"]["hnext"], "open")


def upvalue(u):
    if number(u["v"]) == number(u["u"]["value"].address):
        value(u["u"]["value"])


INSIDE = {SHORT: string, LONG: string, TABLE: table, LUA_CLOSURE: lua_closure, C_CLOSURE: c_closure, USERDATA: userdata,
          THREAD: thread, UPVALUE: upvalue, PROTO: prototype}


def everything():
    for name in ("allgc", "finobj", "tobefnz", "fixedgc"):
        o = state[name]
        while number(o):
            collected(o)
            kind = int(o["tt"]) & 0x3f
            INSIDE[kind](o.cast(TYPE[kind][0].pointer()).dereference())
            o = o["next"]
    thread(state["mainthread"])
    typed(state["strt"]["hash"], "array")
    for i in range(int(state["strt"]["size"])):
        typed(state["strt"]["hash"][i], "open")
    value(state["l_registry"])
    thread_at(main)
    thread_at(state["mainthread"])
    for i in range(9):
        typed(state["mt"][i])
    for i in range(25):
        typed(state["tmname"][i], "open")


main = variable("globalL")
state = main["l_G"].dereference()
dummy = number(gdb.parse_and_eval("&dummynode_"))
everything()
