"""memcached 1.6: connections, threads, the hash table, slab pages, caches of buffers, loggers, prefixes.

libevent has no debug information here, so what it allocates is not looked at.
"""
import gdb

import walk
from walk import block, chain, content, lookup, mention, number, pool, variable

# what a slab page begins with, if its first chunk is in use
walk.begins_with("pool", "struct _stritem", "struct _strchunk")


def slabs():
    page = int(variable("settings.slab_page_size"))
    for i in range(64):
        k = variable("slabclass")[i]
        if block(k["slab_list"], shape="array") is not None:
            for s in range(int(k["slabs"])):
                pool(k["slab_list"][s], page)


def items():
    block(variable("primary_hashtable"), shape="array")
    block(variable("old_hashtable"), shape="array")


def buffers(pointer, true=None):
    """A cache_t, and its free buffers: linked through their first word, whatever they were."""
    c = block(pointer)
    if c is None:
        return
    content(c["name"])
    free = c["head"]["stqh_first"]
    while number(free):
        if true is None:
            content(free)
        else:
            mention(free, true, "open" if true.name == "mc_resp_bundle" else "one")
        free = free["c_next"]["stqe_next"]


def thread(t):
    q = block(t["ev_queue"])
    if q is not None:
        buffers(q["cache"], lookup("struct conn_queue_item"))
        for _ in chain(q["head"]["stqh_first"], "i_next"):
            pass
    buffers(t["rbuf_cache"])
    buffers(t["io_cache"], lookup("struct _io_pending_t"))
    bundle = t["open_bundle"]
    while number(bundle):
        # allocated as a read buffer of 16 KiB
        if block(bundle, shape="open") is None:
            break
        mention(bundle["prev"], shape="open")
        bundle = bundle["next"]
    logger(t["l"])
    bump(t["lru_bump_buf"])


def logger(pointer):
    for p in chain(pointer, "next"):
        mention(p["prev"])
        block(p["buf"], shape="open")


def bump(pointer):
    b = block(pointer, lookup("lru_bump_buf"))
    if b is not None:
        block(b["buf"], shape="open")
        bump(b["next"])
        bump(b["prev"])


def connection(pointer):
    c = block(pointer)
    if c is None:
        return
    content(c["rbuf"])
    content(c["stats"]["buffer"])
    mention(c["thread"], shape="array")
    connection(c["next"])
    for field in ("resp", "resp_head"):
        r = c[field]
        if number(r):
            bundle = r["bundle"]
            block(bundle, shape="open")
            if number(r["write_and_free"]):
                content(r["write_and_free"])


def prefixes():
    table = variable("prefix_stats")
    low, high = table.type.range()
    for i in range(low, high + 1):
        for p in chain(table[i], "next"):
            content(p["prefix"])


def everything():
    slabs()
    items()
    conns = variable("conns")
    block(conns, shape="array")
    for i in range(int(variable("max_fds"))):
        connection(conns[i])
    connection(variable("listen_conn"))
    threads = variable("threads")
    block(threads, shape="array")
    for i in range(int(variable("settings.num_threads"))):
        thread(threads[i])
    block(variable("item_locks"), shape="array")
    logger(variable("logger_stack_head"))
    for i in range(20):
        w = block(variable("watchers")[i])
        if w is not None:
            mention(w["c"], lookup("struct conn"))
            block(w["buf"], shape="open")
    bump(variable("bump_buf_head"))
    prefixes()
    for f in variable("settings").type.strip_typedefs().fields():
        if str(f.type) == "char *":
            content(variable("settings")[f.name])


everything()
