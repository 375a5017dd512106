"""redis 7.0: the keyspace, clients, commands, ACL users, the event loop, both of its Luas."""
import gdb

import walk
from walk import block, chain, content, lookup, mention, number, variable

SDS_HEADER = (1, 3, 5, 9, 17)
# the first has no debug information, as no code names it
SDS_TYPE = ["bytes"] + [f"struct sdshdr{n}" for n in (8, 16, 32, 64)]
STRING, LIST, SET, ZSET, HASH, MODULE, STREAM = range(7)
RAW, INT, HT, ZIPMAP, OLD_LIST, ZIPLIST, INTSET, SKIPLIST, EMBSTR, QUICKLIST, STREAMS, LISTPACK = range(12)
robj = lookup("struct redisObject")
u8 = lookup("unsigned char").pointer()


def sds(pointer):
    at = number(pointer)
    if at:
        kind = int(gdb.Value(at - 1).cast(u8).dereference()) & 7
        walk.say(at - SDS_HEADER[kind], SDS_TYPE[kind], "open", pointer, "inside")


def nothing(pointer):
    pass


def text(pointer):
    content(pointer)


def plain(name):
    t = lookup(name)
    return lambda pointer: block(pointer, t)


def dictionary(pointer, key=sds, value=nothing):
    d = block(pointer, lookup("struct dict"))
    if d is None:
        return
    for i in range(2):
        exponent = int(d["ht_size_exp"][i])
        table = d["ht_table"][i]
        if exponent < 0 or block(table, shape="array") is None:
            continue
        for bucket in range(1 << exponent):
            for entry in chain(table[bucket], "next", shape="open"):
                key(entry["key"])
                value(entry["v"]["val"])


def double_list(pointer, value):
    head = block(pointer, lookup("struct list"))
    if head is None:
        return
    for node in chain(head["head"], "next"):
        mention(node["prev"])
        value(node["value"])
    mention(head["tail"])


def radix_tree(pointer, value):
    tree = block(pointer, lookup("struct rax"))
    if tree is None:
        return
    waiting = [tree["head"]]
    children = lookup("struct raxNode").pointer().pointer()
    while waiting:
        node = block(waiting.pop(), shape="open")
        if node is None:
            continue
        size = int(node["size"])
        at = number(node) + 4 + size + (8 - (size + 4) % 8) % 8
        n = 1 if int(node["iscompr"]) else size
        # the pointers are laid behind the characters by hand: no declaration says so
        slots = gdb.Value(at).cast(children)
        for i in range(n):
            waiting.append(walk.undeclared((slots + i).dereference()))
        if int(node["iskey"]) and not int(node["isnull"]):
            value(gdb.Value(at + 8 * n).cast(lookup("void").pointer().pointer()).dereference())


def quicklist(pointer):
    q = block(pointer, lookup("struct quicklist"), "open")
    if q is None:
        return
    for node in chain(q["head"], "next"):
        content(node["entry"])
        mention(node["prev"])
    mention(q["tail"])


def sorted_set(pointer):
    z = block(pointer, lookup("struct zset"))
    if z is None:
        return
    dictionary(z["dict"])
    skips = block(z["zsl"])
    nodes = [skips["header"]]
    while nodes:
        node = block(nodes.pop(), shape="open")
        if node is None:
            continue
        sds(node["ele"])
        # the header has all levels, others have at least the lowest, which links them all
        nodes.append(node["level"][0]["forward"])
        mention(node["backward"], shape="open")
    mention(skips["tail"], shape="open")


def stream_nack(pointer):
    nack = block(pointer, lookup("struct streamNACK"))
    if nack is not None:
        stream_consumer(nack["consumer"])


def stream_consumer(pointer):
    consumer = block(pointer, lookup("struct streamConsumer"))
    if consumer is not None:
        sds(consumer["name"])
        radix_tree(consumer["pel"], stream_nack)


def stream_group(pointer):
    group = block(pointer, lookup("struct streamCG"))
    if group is not None:
        radix_tree(group["pel"], stream_nack)
        radix_tree(group["consumers"], stream_consumer)


def stream(pointer):
    s = block(pointer, lookup("struct stream"))
    if s is not None:
        radix_tree(s["rax"], text)
        radix_tree(s["cgroups"], stream_group)


def value_of(o):
    kind, encoding, p = int(o["type"]), int(o["encoding"]), o["ptr"]
    if encoding == RAW:
        sds(p)
    elif encoding in (INTSET,):
        block(p, lookup("struct intset"), "open")
    elif encoding == LISTPACK:
        content(p)
    elif encoding == HT:
        dictionary(p, sds, sds if kind == HASH else nothing)
    elif encoding == SKIPLIST:
        sorted_set(p)
    elif encoding == QUICKLIST:
        quicklist(p)
    elif encoding == STREAMS:
        stream(p)
    elif encoding not in (INT, EMBSTR):
        raise ValueError(f"encoding {encoding}")


def object_(pointer):
    at = number(pointer)
    if not at:
        return
    o = pointer.cast(robj.pointer())
    # the text of a short string stands in the same block
    if block(pointer, robj, "open" if int(o["encoding"]) == EMBSTR else "one") is not None:
        value_of(o)


def array_of_objects(pointer, n):
    if block(pointer, shape="array") is not None:
        for i in range(n):
            object_(pointer[i])


def connection(pointer):
    block(pointer, lookup("struct connection"))


def client(pointer):
    c = block(pointer, lookup("struct client"))
    if c is None:
        return
    connection(c["conn"])
    object_(c["name"])
    for field in ("querybuf", "peerid", "sockname"):
        sds(c[field])
    array_of_objects(c["argv"], int(c["argc"]))
    double_list(c["reply"], reply_block)
    content(c["buf"])
    commands = c["mstate"]["commands"]
    if block(commands, shape="array") is not None:
        for i in range(int(c["mstate"]["count"])):
            array_of_objects(commands[i]["argv"], int(commands[i]["argc"]))
    dictionary(c["bpop"]["keys"], object_)
    double_list(c["watched_keys"], watched)
    dictionary(c["pubsub_channels"], object_)
    dictionary(c["pubsubshard_channels"], object_)
    double_list(c["pubsub_patterns"], object_)
    for field in ("client_list_node", "pending_read_list_node", "mem_usage_bucket_node"):
        mention(c[field])
    user(c["user"])


def reply_block(pointer):
    block(pointer, lookup("clientReplyBlock"), "open")


def watched(pointer):
    w = block(pointer, lookup("struct watchedKey"))
    if w is not None:
        object_(w["key"])
        client(w["client"])
        mention(w["db"], shape="array")


def clients_of(pointer):
    double_list(pointer, client)


def user(pointer):
    u = block(pointer, lookup("user"))
    if u is not None:
        sds(u["name"])
        double_list(u["passwords"], sds)
        double_list(u["selectors"], selector)
        object_(u["acl_string"])


def selector(pointer):
    s = block(pointer, lookup("aclSelector"))
    if s is not None:
        double_list(s["patterns"], key_pattern)
        double_list(s["channels"], sds)


def key_pattern(pointer):
    p = block(pointer, lookup("keyPattern"))
    if p is not None:
        sds(p["pattern"])


commands_seen = set()


def command(pointer):
    at = number(pointer)
    if not at or at in commands_seen:
        return
    commands_seen.add(at)
    c = pointer.cast(lookup("struct redisCommand").pointer())
    sds(c["fullname"])
    histogram(c["latency_histogram"])
    dictionary(c["subcommands_dict"], sds, command)


def histogram(pointer):
    h = block(pointer)
    if h is not None:
        content(h["counts"])


def slow(pointer):
    s = block(pointer, lookup("struct slowlogEntry"))
    if s is not None:
        array_of_objects(s["argv"], int(s["argc"]))
        sds(s["cname"])
        sds(s["peerid"])


def function(pointer):
    f = block(pointer, lookup("struct functionInfo"))
    if f is not None:
        sds(f["name"])
        library(f["li"])
        block(f["function"], lookup("struct luaFunctionCtx"))


def library(pointer):
    li = block(pointer, lookup("struct functionLibInfo"))
    if li is not None:
        sds(li["name"])
        sds(li["code"])
        engine(li["ei"])
        dictionary(li["functions"], sds, function)


def engine(pointer):
    e = block(pointer, lookup("struct engineInfo"))
    if e is not None:
        sds(e["name"])
        lua = block(e["engine"])
        block(lua["engine_ctx"], lookup("struct luaEngineCtx"))
        client(e["c"])


def database(db):
    dictionary(db["dict"], sds, object_)
    dictionary(db["expires"], sds)
    dictionary(db["blocking_keys"], object_, clients_of)
    dictionary(db["ready_keys"], object_)
    dictionary(db["watched_keys"], object_, lambda p: double_list(p, watched))
    double_list(db["defrag_later"], sds)


def event_loop(pointer):
    el = block(pointer)
    block(el["events"], shape="array")
    block(el["fired"], shape="array")
    api = block(el["apidata"], lookup("struct aeApiState"))
    block(api["events"], shape="array")
    for _ in chain(el["timeEventHead"], "next"):
        pass


def server(s):
    if block(s["db"], shape="array") is not None:
        for i in range(int(s["dbnum"])):
            database(s["db"][i])
    clients_of(s["clients"])
    for field in ("clients_to_close", "clients_pending_write", "clients_pending_read", "slaves", "monitors",
                  "postponed_clients", "unblocked_clients", "clients_waiting_acks"):
        clients_of(s[field])
    client(s["current_client"])
    radix_tree(s["clients_index"], client)
    radix_tree(s["clients_timeout_table"], nothing)
    radix_tree(s["errors"], plain("struct redisError"))
    dictionary(s["commands"], sds, command)
    dictionary(s["orig_commands"], sds, command)
    dictionary(s["moduleapi"], nothing)
    dictionary(s["sharedapi"])
    dictionary(s["module_configs_queue"])
    dictionary(s["migrate_cached_sockets"])
    dictionary(s["latency_events"])
    dictionary(s["pubsub_channels"], object_, clients_of)
    dictionary(s["pubsub_patterns"], object_, clients_of)
    dictionary(s["pubsubshard_channels"], object_, clients_of)
    double_list(s["slowlog"], slow)
    double_list(s["loadmodule_queue"], nothing)
    double_list(s["ready_keys"], nothing)
    event_loop(s["el"])
    for f in s.type.strip_typedefs().fields():
        if str(f.type) == "char *":
            content(s[f.name])
        elif str(f.type) == "sds":
            sds(s[f.name])
    for f in ("executable", "configfile"):
        content(s[f])
    argv = s["exec_argv"]
    if block(argv, shape="array") is not None:
        i = 0
        while number(argv[i]):
            content(argv[i])
            i += 1


def shared(s):
    for f in s.type.strip_typedefs().fields():
        v = s[f.name]
        t = v.type.strip_typedefs()
        if t.code == gdb.TYPE_CODE_ARRAY:
            low, high = t.range()
            if str(t.target()).startswith("robj"):
                for i in range(low, high + 1):
                    object_(v[i])
        elif str(f.type) == "robj *":
            object_(v)
        elif str(f.type) == "sds":
            sds(v)


def functions(pointer):
    ctx = block(pointer)
    dictionary(ctx["libraries"], sds, library)
    dictionary(ctx["functions"], sds, function)
    dictionary(ctx["engines_stats"], sds, plain("struct functionsLibEngineStats"))


def script(pointer):
    s = block(pointer, lookup("struct luaScript"))
    if s is not None:
        object_(s["body"])


def eval_context(lctx):
    client(lctx["lua_client"])
    dictionary(lctx["lua_scripts"], sds, script)


def everything():
    server(variable("server"))
    shared(variable("shared"))
    eval_context(variable("lctx"))
    functions(variable("curr_functions_lib_ctx"))
    dictionary(variable("engines"), sds, engine)
    radix_tree(variable("Users"), user)
    user(variable("DefaultUser"))
    radix_tree(variable("commandId"), nothing)
    dictionary(variable("configs"), sds, plain("struct standardConfig"))
    for name in ("UsersToLoad", "ACLLog", "modules", "moduleUnblockedClients", "moduleKeyspaceSubscribers",
                 "moduleCommandFilters", "RedisModule_EventListeners", "moduleEventLoopOneShots"):
        v = variable(name)
        (dictionary if name == "modules" else lambda p: double_list(p, nothing))(v)
    for i in range(3):
        double_list(variable("bio_jobs")[i], nothing)
    for i in range(int(variable("server.io_threads_num"))):
        double_list(variable("io_threads_list")[i], client)
    block(variable("EvictionPoolLRU"), shape="array")


everything()
